//! Calls as bytes, so that one hand makes them all.

use bytes::{Buf, BufMut};
use prost::Message as _;
use tandem_proto::FILE_DESCRIPTOR_SET;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// Messages as they are on the wire.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

/// A request without its organisation; none where its first field is something else.
pub(super) fn without_org(call: &str, request: &[u8]) -> Option<Vec<u8>> {
    let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let (service, method) = call.split_once('/').unwrap();
    let services = set.file.iter().flat_map(|file| &file.service);
    let service = services.into_iter().find(|it| it.name() == service).unwrap();
    let method = service.method.iter().find(|it| it.name() == method).unwrap();
    let name = method.input_type().rsplit('.').next().unwrap();
    let messages = set.file.iter().flat_map(|file| &file.message_type);
    let message = messages.into_iter().find(|it| it.name() == name).unwrap();
    let has_org = message.field.iter().any(|it| it.name() == "org" && it.number() == 1);
    // The first field is written first: a tag, a length below 128, the text.
    let org =
        request.first().filter(|tag| has_org && **tag == 0x0a).and_then(|_| request.get(1))?;
    request.get(2 + usize::from(*org)..).map(<[u8]>::to_vec)
}
