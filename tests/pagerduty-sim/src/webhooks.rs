//! Owns webhooks: who subscribes, what is emitted, in which order it is sent, how it is signed.
//!
//! Order is kept per subscription and incident; nothing is kept across them.

pub(crate) mod emit;
pub(crate) mod lanes;
pub(crate) mod send;
pub(crate) mod sign;
pub(crate) mod subscription;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

pub(crate) use subscription::{Filter, Subscription};

/// One webhook on its way to one subscription; its id and its bytes never change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) webhook_id: String,
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) subscription: String,
    /// The incident, or whatever else it is about.
    pub(crate) resource: String,
    #[serde(with = "text")]
    pub(crate) body: Bytes,
    /// Not to be sent before.
    #[serde(with = "crate::clock::wall")]
    pub(crate) due: Instant,
    /// When the first attempt was possible: retries end 48 h later.
    #[serde(with = "crate::clock::wall")]
    pub(crate) since: Instant,
    pub(crate) attempts: u32,
    /// How many more times it is sent after it was accepted.
    pub(crate) copies: u32,
}

/// Serde's view of a body: JSON is text, and comes back byte for byte.
mod text {
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serializer, ser};

    pub(super) fn serialize<S: Serializer>(body: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(std::str::from_utf8(body).map_err(ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        String::deserialize(from).map(Bytes::from)
    }
}
