//! Publishing: returns only when the message is on the broker's disk.

use async_nats::{
    HeaderMap,
    header::NATS_MESSAGE_ID,
    jetstream::context::{PublishError, PublishErrorKind},
};
use bytes::Bytes;
use serde::Serialize;

use crate::Bus;

/// The W3C trace context header, the same word in HTTP and NATS.
pub const TRACEPARENT: &str = "traceparent";
/// Where the reconciler answers an edit's author. The broker's own reply field carries acks.
pub const REPLY_TO: &str = "Tandem-Reply-To";

/// A message on its way out.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where it goes; from [`crate::subjects`].
    pub subject: String,
    /// `Nats-Msg-Id`: derived from the cause, so that a retry is the same message.
    pub id: String,
    /// The W3C trace context to carry along.
    pub traceparent: Option<String>,
    /// Where an answer is awaited, see [`REPLY_TO`].
    pub reply_to: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Outgoing {
    /// A message with a JSON body.
    pub fn json<T: Serialize>(
        subject: String,
        id: String,
        body: &T,
    ) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(body)?.into();
        Ok(Self { subject, id, traceparent: None, reply_to: None, body })
    }

    /// The same message within a trace.
    #[must_use]
    pub fn traced(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent;
        self
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, self.id.as_str());
        if let Some(traceparent) = &self.traceparent {
            headers.insert(TRACEPARENT, traceparent.as_str());
        }
        if let Some(reply_to) = &self.reply_to {
            headers.insert(REPLY_TO, reply_to.as_str());
        }
        headers
    }
}

/// What the broker says of a message it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the stream.
    pub sequence: u64,
    /// Whether the stream had it already.
    pub duplicate: bool,
}

/// Why a message is not known to be stored. It may still be: publish it again under the same id.
#[derive(Debug, thiserror::Error)]
pub enum NotStored {
    /// There is no connection to the broker.
    #[error("nats is not connected")]
    Disconnected,
    /// The broker did not acknowledge in time.
    #[error("nats did not acknowledge in time")]
    TimedOut(#[source] PublishError),
    /// The message is larger than the broker takes.
    #[error("the message is larger than nats takes")]
    TooLarge(#[source] PublishError),
    /// The broker refused, because the stream is full or missing.
    #[error("nats refused the message")]
    Refused(#[source] PublishError),
}

impl From<PublishError> for NotStored {
    fn from(error: PublishError) -> Self {
        match error.kind() {
            PublishErrorKind::TimedOut => Self::TimedOut(error),
            PublishErrorKind::MaxPayloadExceeded => Self::TooLarge(error),
            _ => Self::Refused(error),
        }
    }
}

impl NotStored {
    /// The same once more, for another message that met the same fate.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Disconnected => Self::Disconnected,
            Self::TimedOut(error) | Self::TooLarge(error) | Self::Refused(error) => {
                PublishError::from(error.kind()).into()
            }
        }
    }
}

impl Bus {
    /// Publishes to a stream and waits for its word that the message is on disk.
    pub async fn publish(&self, message: Outgoing) -> Result<Stored, NotStored> {
        // Without this the client would buffer the message and send it long after we said no.
        if !self.connected() {
            return Err(NotStored::Disconnected);
        }
        let headers = message.headers();
        let ack = self.jetstream.publish_with_headers(message.subject, headers, message.body);
        let ack = ack.await?.await?;
        Ok(Stored { sequence: ack.sequence, duplicate: ack.duplicate })
    }

    /// Sends without a stream: answers to whoever waits right now. Nobody may rely on it.
    pub async fn tell(&self, subject: String, body: Bytes) {
        if let Err(error) = self.client.publish(subject, body).await {
            tracing::debug!(%error, "an answer could not be sent");
        }
    }
}
