//! Consuming: messages are taken, dealt with, and only then acknowledged.

use std::time::Duration;

use async_nats::jetstream::{AckKind, Message, consumer::pull};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::{
    Bus, Unavailable,
    publish::{REPLY_TO, TRACEPARENT},
};

/// A message taken from a stream and not yet acknowledged.
#[derive(Debug)]
pub struct Taken {
    message: Message,
    /// Its place in the stream.
    pub sequence: u64,
    /// When the stream had it.
    pub stored_at: Timestamp,
    /// How often it was delivered, this time included.
    pub deliveries: u64,
}

impl Taken {
    fn new(message: Message) -> Result<Self, Unavailable> {
        let info = message.info().map_err(Unavailable::because("reading a message"))?;
        let (sequence, deliveries) = (info.stream_sequence, info.delivered.unsigned_abs());
        let nanos = info.published.unix_timestamp_nanos();
        let stored_at = Timestamp::from_nanosecond(nanos)
            .map_err(Box::from)
            .map_err(Unavailable::because("reading a message's time"))?;
        Ok(Self { message, sequence, stored_at, deliveries })
    }

    /// The subject it came on.
    pub fn subject(&self) -> &str {
        self.message.subject.as_str()
    }

    /// The raw body.
    pub fn body(&self) -> &Bytes {
        &self.message.payload
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.message.payload)
    }

    /// The trace it belongs to.
    pub fn traceparent(&self) -> Option<&str> {
        self.header(TRACEPARENT)
    }

    /// Where its sender waits for an answer.
    pub fn reply_to(&self) -> Option<&str> {
        self.header(REPLY_TO)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.message.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str)
    }

    /// Says that it is dealt with. A lost ack means a redelivery, which must change nothing.
    pub async fn ack(&self) {
        self.say(AckKind::Ack).await;
    }

    /// Asks for it again after `delay`.
    pub async fn later(&self, delay: Duration) {
        self.say(AckKind::Nak(Some(delay))).await;
    }

    /// Says that work on it goes on.
    pub async fn working(&self) {
        self.say(AckKind::Progress).await;
    }

    async fn say(&self, kind: AckKind) {
        if let Err(error) = self.message.ack_with(kind).await {
            tracing::debug!(%error, "an acknowledgement could not be sent");
        }
    }
}

impl Bus {
    /// How many messages a stream holds.
    pub async fn held(&self, stream: &'static str) -> Result<u64, Unavailable> {
        let stream = self
            .jetstream
            .get_stream(stream)
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("counting what a stream holds"))?;
        Ok(stream.cached_info().state.messages)
    }

    /// Takes a message out of a stream for good, which is kept elsewhere by now.
    pub async fn forget(&self, stream: &'static str, sequence: u64) -> Result<(), Unavailable> {
        let stream = self
            .jetstream
            .get_stream_no_info(stream)
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("finding a stream"))?;
        let forgotten = stream.delete_message(sequence).await;
        forgotten
            .map(drop)
            .map_err(Box::from)
            .map_err(Unavailable::because("taking a message out of its stream"))
    }

    /// Messages of a durable consumer, as they come. The stream ends or errs when the consumer or
    /// the connection is lost; the caller starts over.
    pub async fn consume(
        &self,
        stream: &'static str,
        config: pull::Config,
        batch: usize,
    ) -> Result<impl Stream<Item = Result<Taken, Unavailable>> + Send + use<>, Unavailable> {
        let consumer = self
            .jetstream
            .create_consumer_on_stream(config, stream)
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("creating a consumer"))?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(batch)
            .expires(Duration::from_secs(2))
            .heartbeat(Duration::from_millis(900))
            .messages()
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("consuming"))?;
        Ok(messages.map(|message| {
            let message = message.map_err(Box::from).map_err(Unavailable::because("consuming"))?;
            Taken::new(message)
        }))
    }
}
