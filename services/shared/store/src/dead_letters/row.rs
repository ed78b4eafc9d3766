//! How a letter lies in its row.

use tandem_domain::id::{DeadLetterId, IntegrationId, LinkId, ReplayId};
use uuid::Uuid;

use super::{Kind, Letter, State, Stored, Way};
use crate::{StoreError, rows::Place};

/// A row of `dead_letters`, whole.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) sequence: i64,
    pub(super) stored_at: jiff_sqlx::Timestamp,
    pub(super) direction: String,
    pub(super) org: Option<String>,
    pub(super) integration: Option<Uuid>,
    pub(super) link: Option<Uuid>,
    pub(super) record: Option<String>,
    pub(super) kind: String,
    pub(super) version: Option<i64>,
    pub(super) source: Option<String>,
    pub(super) delivery: Option<String>,
    pub(super) event: Option<String>,
    pub(super) cause: String,
    pub(super) cause_group: String,
    pub(super) at: jiff_sqlx::Timestamp,
    pub(super) traceparent: Option<String>,
    pub(super) subject: String,
    pub(super) original: String,
    pub(super) request: Option<serde_json::Value>,
    pub(super) answer: Option<serde_json::Value>,
    pub(super) attempts: i64,
    pub(super) follows: Option<Uuid>,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) replays: i64,
    pub(super) edited: Option<String>,
    pub(super) replay: Option<Uuid>,
    pub(super) changed_at: jiff_sqlx::Timestamp,
}

impl Row {
    pub(super) fn stored(self) -> Result<Stored, StoreError> {
        let place = Place { table: "dead_letters", row: self.id };
        let state = State::of(&self.state).ok_or_else(|| place.broken("state", self.state))?;
        let way = Way::of(&self.direction);
        let way = way.ok_or_else(|| place.broken("direction", self.direction))?;
        let names = (self.source, self.delivery, self.event);
        let kind = match (self.kind.as_str(), self.version, names) {
            ("event", _, (Some(source), Some(delivery), Some(event))) => {
                Kind::Event { source, delivery, event }
            }
            ("state", Some(version), _) => {
                Kind::State { version: place.count("version", version)? }
            }
            ("act", ..) => Kind::Act,
            ("unreadable", ..) => Kind::Unreadable,
            _ => return Err(place.broken("kind", self.kind)),
        };
        let letter = Letter {
            id: DeadLetterId::from_uuid(self.id),
            sequence: place.count("sequence", self.sequence)?,
            stored_at: self.stored_at.to_jiff(),
            way,
            org: self.org,
            integration: self.integration.map(IntegrationId::from_uuid),
            link: self.link.map(LinkId::from_uuid),
            record: self.record,
            kind,
            cause: self.cause,
            group: self.cause_group,
            at: self.at.to_jiff(),
            traceparent: self.traceparent,
            subject: self.subject,
            original: self.original,
            request: self.request,
            answer: self.answer,
            attempts: place.count("attempts", self.attempts)?,
        };
        Ok(Stored {
            letter,
            state,
            reason: self.reason,
            replays: place.count("replays", self.replays)?,
            edited: self.edited,
            follows: self.follows.map(DeadLetterId::from_uuid),
            replay: self.replay.map(ReplayId::from_uuid),
            changed_at: self.changed_at.to_jiff(),
        })
    }
}

impl Way {
    /// The word it is stored as.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::In, Self::Out].into_iter().find(|way| way.name() == name)
    }
}

impl State {
    /// The word it is stored as.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Superseded => "superseded",
            Self::Discarded => "discarded",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let all = [Self::Open, Self::Replayed, Self::Superseded, Self::Discarded];
        all.into_iter().find(|state| state.name() == name)
    }
}

impl Kind {
    /// The word it is stored as.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Event { .. } => "event",
            Self::State { .. } => "state",
            Self::Act => "act",
            Self::Unreadable => "unreadable",
        }
    }

    pub(super) const fn version(&self) -> Option<u64> {
        match self {
            Self::State { version } => Some(*version),
            Self::Event { .. } | Self::Act | Self::Unreadable => None,
        }
    }

    pub(super) fn names(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        match self {
            Self::Event { source, delivery, event } => (Some(source), Some(delivery), Some(event)),
            Self::State { .. } | Self::Act | Self::Unreadable => (None, None, None),
        }
    }
}
