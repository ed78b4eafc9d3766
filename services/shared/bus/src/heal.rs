//! How far the healer has come: kept by the reconciler in Postgres, asked for by the egress.
//!
//! The egress has no store, so it begins each round by asking. It says besides how far it has come
//! since, and only when all that it found before that was dealt with ([`Bus::dealt_with`]): taken
//! in, or set aside as a dead letter. So nothing needs to be ordered against anything: a lost
//! request moves nothing, a lost stream moves nothing, another copy begins where the first one was
//! known to be, and what is found twice is taken in once.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tandem_domain::{
    finding::Cursor,
    id::{Connector, IntegrationId},
};

use crate::{Bus, Unavailable, subjects, topology};

/// Who of the copies answers.
const GROUP: &str = "healing";

/// How far a healer has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// From where to where in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// That every open record was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<Swept>,
}

/// A step through the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Where it began, on the external clock.
    pub from: Timestamp,
    /// Where it ended.
    pub to: Cursor,
}

/// A look at every open record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// When it began, on our clock.
    pub since: Timestamp,
    /// How many there are.
    pub records: u64,
    /// How many calls it took.
    pub calls: u64,
}

/// How far a healer is known to have come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// What came to be before this was there before anybody looked, on our clock.
    pub began: Timestamp,
    /// How far in the history.
    pub cursor: Cursor,
    /// Every open record was looked at since then, on our clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<Timestamp>,
}

/// A healer that waits to be told.
#[derive(Debug)]
pub struct Telling {
    /// The integration.
    pub integration: IntegrationId,
    /// How far it has come.
    pub progress: Progress,
    reply_to: async_nats::Subject,
}

/// A place in the stream of what happens, which is another one after the broker lost its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    created: i128,
    sequence: u64,
}

/// What became of everything up to a place in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dealt {
    /// All of it was taken in or set aside.
    Yes,
    /// Some of it still waits.
    NotYet,
    /// The stream it was in is gone.
    Lost,
}

impl Bus {
    /// Tells how far a healer has come; gives how far that is known, `None` where nobody answers.
    pub async fn heal(
        &self,
        connector: &Connector,
        integration: IntegrationId,
        progress: &Progress,
        within: Duration,
    ) -> Option<Known> {
        self.request(subjects::healing(connector, integration), progress, within).await
    }

    /// The healers that tell how far they have come, from now on; each is heard by one copy.
    pub async fn healers(
        &self,
    ) -> Result<impl Stream<Item = Telling> + Send + Unpin + use<>, Unavailable> {
        let told = self.requests(subjects::HEALING, GROUP, "listening to healers").await?;
        let telling =
            |(integration, progress, reply_to)| Telling { integration, progress, reply_to };
        Ok(told.map(telling))
    }

    /// Tells a healer how far it is known to have come.
    pub async fn heal_on(&self, telling: Telling, known: &Known) {
        if let Ok(body) = serde_json::to_vec(known) {
            self.tell(telling.reply_to.to_string(), body.into()).await;
        }
    }

    /// The end of the stream of what happens, as it is now.
    pub async fn mark(&self) -> Result<Mark, Unavailable> {
        let (created, state) = self.inbound().await?;
        Ok(Mark { created, sequence: state.last_sequence })
    }

    /// What became of everything up to a mark. What is dealt with leaves the stream, so what is
    /// first in it now tells; a mark in a stream that is gone cannot be reached any more.
    pub async fn dealt_with(&self, mark: Mark) -> Result<Dealt, Unavailable> {
        let (created, state) = self.inbound().await?;
        Ok(if created != mark.created || state.last_sequence < mark.sequence {
            Dealt::Lost
        } else if state.messages == 0 || state.first_sequence > mark.sequence {
            Dealt::Yes
        } else {
            Dealt::NotYet
        })
    }

    async fn inbound(&self) -> Result<(i128, async_nats::jetstream::stream::State), Unavailable> {
        let stream = self
            .jetstream
            .get_stream(topology::IN)
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("asking for the stream of what happens"))?;
        let info = stream.cached_info();
        Ok((info.created.unix_timestamp_nanos(), info.state.clone()))
    }
}

impl Mark {
    /// Whether this is a later mark of the same stream as an earlier one. It is not where the stream
    /// is another one, nor where the broker came back with less of it than there was.
    pub const fn follows(&self, earlier: &Self) -> bool {
        self.created == earlier.created && self.sequence >= earlier.sequence
    }
}
