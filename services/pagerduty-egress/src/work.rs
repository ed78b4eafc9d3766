//! A piece of work: one message from the broker, read and on its way to be carried out.

use bytes::Bytes;
use jiff::Timestamp;
use tandem_bus::{consume::Taken, subjects};
use tandem_connectors::pagerduty;
use tandem_domain::{
    id::{Connector, IntegrationId, LinkId, RecordId},
    incident::Actor,
    outbound::{Act, Desired},
};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// A record is to hold what is desired.
    State(Desired),
    /// Something is to be done once.
    Act(Act),
}

impl Task {
    /// Who caused it, as far as is known.
    pub const fn actor(&self) -> Option<&Actor> {
        match self {
            Self::State(desired) => desired.actor.as_ref(),
            Self::Act(act) => Some(&act.actor),
        }
    }
}

/// Where the kind stands in a subject.
const KIND: usize = 5;

/// Why a message is no work. The reason for the former might quote the message.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Its body is not what its subject says.
    #[error("the message cannot be read")]
    Body(#[from] serde_json::Error),
    /// Its subject names no kind of work there is.
    #[error("nothing here knows this kind of task")]
    Kind,
}

/// A task and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The task.
    pub task: Task,
    /// The message's body as it came.
    pub original: Bytes,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// When the broker had it, or had it first, where it was sent again.
    pub stored_at: Timestamp,
    /// Whether it was sent again because nothing was heard of it: it may have been done.
    pub sent_again: bool,
    /// Whether this very message was delivered before, perhaps to a copy that reported and died.
    pub delivered_before: bool,
}

/// What a message may say besides its task.
#[derive(Debug, Default, serde::Deserialize)]
struct Resent {
    /// When it was sent before, and nothing was heard of it since.
    #[serde(default)]
    again_since: Option<Timestamp>,
}

impl Work {
    /// Reads a message.
    pub fn read(taken: &Taken) -> Result<Self, Unreadable> {
        let task = match taken.subject().split('.').nth(KIND) {
            Some("state") => Task::State(taken.json()?),
            Some("act") => Task::Act(taken.json()?),
            _ => return Err(Unreadable::Kind),
        };
        let Resent { again_since } = taken.json().unwrap_or_default();
        Ok(Self {
            task,
            original: taken.body().clone(),
            traceparent: taken.traceparent().map(str::to_owned),
            stored_at: again_since.map_or(taken.stored_at, |since| since.min(taken.stored_at)),
            sent_again: again_since.is_some(),
            delivered_before: taken.deliveries > 1,
        })
    }

    /// The link it is about; all work of one link is done one piece at a time.
    pub const fn link(&self) -> LinkId {
        match &self.task {
            Task::State(desired) => desired.link,
            Task::Act(act) => act.link,
        }
    }

    /// The record it is about, where there is one already.
    pub const fn record(&self) -> Option<&RecordId> {
        match &self.task {
            Task::State(desired) => desired.record.as_ref(),
            Task::Act(act) => Some(&act.record),
        }
    }

    /// The integration it is for.
    pub const fn integration(&self) -> IntegrationId {
        match &self.task {
            Task::State(desired) => desired.integration,
            Task::Act(act) => act.integration,
        }
    }

    /// Before when it is not to be taken in hand.
    pub const fn not_before(&self) -> Option<Timestamp> {
        match &self.task {
            Task::State(desired) => desired.not_before,
            Task::Act(_) => None,
        }
    }

    /// Whether doing it twice would leave two of something.
    pub const fn creates(&self) -> bool {
        match &self.task {
            Task::State(desired) => desired.record.is_none(),
            Task::Act(_) => true,
        }
    }

    /// The same for each delivery of the same work: what reports of it derive their ids from.
    pub fn id(&self) -> String {
        match &self.task {
            Task::State(desired) => format!("{}-v{}", desired.link, desired.version),
            Task::Act(act) => act.id(),
        }
    }

    /// The subject it came on.
    pub fn subject(&self, connector: &Connector) -> String {
        match &self.task {
            Task::State(desired) => subjects::state(connector, desired.integration, desired.link),
            Task::Act(act) => subjects::act(connector, act.integration, act.link, &act.id()),
        }
    }
}

/// Whether an integration is this service's to serve.
pub fn is_ours(connector: &Connector) -> bool {
    connector.as_str() == pagerduty::NAME
}
