//! Owns what an incident is: its fields, its notes, its people, and the words of its states.
//!
//! Nothing here changes an incident; that is the business of [`crate::change`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many versions of an incident are kept for reads that lag behind.
const VERSIONS: usize = 100;

/// A word out of a closed list: written down in this program, or read from a state file.
pub(crate) type Word = Cow<'static, str>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Triggered,
    Acknowledged,
    Resolved,
}

impl Status {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "triggered" => Some(Self::Triggered),
            "acknowledged" => Some(Self::Acknowledged),
            "resolved" => Some(Self::Resolved),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Urgency {
    High,
    Low,
}

impl Urgency {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "high" => Some(Self::High),
            "low" => Some(Self::Low),
            _ => None,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }
}

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Agent {
    User(String),
    Service(String),
    /// The Events API integration of a service.
    Integration(String),
    /// Nobody: time-outs, rules, an account key that names no one.
    Automation,
}

/// Who does something, and by which way.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) agent: Agent,
    /// The `channel.type` of log entries: `api`, `website`, `timeout`, `auto`.
    pub(crate) channel: &'static str,
    /// The event's `client`.
    pub(crate) client: Option<Value>,
}

impl Actor {
    pub(crate) fn user(id: &str, channel: &'static str) -> Self {
        Self { agent: Agent::User(id.to_owned()), channel, client: None }
    }

    pub(crate) fn user_id(&self) -> Option<&str> {
        match &self.agent {
            Agent::User(id) => Some(id),
            _ => None,
        }
    }
}

/// A user and since when: an assignment or an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Since {
    pub(crate) user: String,
    pub(crate) at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) id: String,
    pub(crate) content: String,
    pub(crate) by: Agent,
    pub(crate) channel: Word,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Bridge {
    pub(crate) conference_number: Option<String>,
    pub(crate) conference_url: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StatusUpdate {
    pub(crate) id: String,
    pub(crate) message: String,
    pub(crate) subject: Option<String>,
    pub(crate) html_message: Option<String>,
    pub(crate) by: Agent,
    pub(crate) at: Timestamp,
}

/// A person asked to help.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Responder {
    pub(crate) user: String,
    pub(crate) requester: String,
    pub(crate) message: String,
    /// `pending`, `joined`, `declined` or `user_cancelled`.
    pub(crate) state: Word,
    pub(crate) at: Timestamp,
}

/// What a merged incident was merged into.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MergedInto {
    pub(crate) incident: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Incident {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) status: Status,
    pub(crate) key: Option<String>,
    /// The dedup key of the alert it was made from.
    pub(crate) alert_key: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) reopened_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) last_status_change_at: Timestamp,
    pub(crate) last_status_change_by: Agent,
    pub(crate) service: String,
    pub(crate) assignments: Vec<Since>,
    pub(crate) direct: bool,
    pub(crate) acknowledgements: Vec<Since>,
    pub(crate) policy: String,
    pub(crate) level: usize,
    pub(crate) teams: Vec<String>,
    pub(crate) priority: Option<String>,
    pub(crate) urgency: Urgency,
    /// The name of its type, `incident_default` unless typed.
    pub(crate) type_name: String,
    pub(crate) bridge: Option<Bridge>,
    pub(crate) merged_into: Option<MergedInto>,
    pub(crate) notes: Vec<Note>,
    pub(crate) status_updates: Vec<StatusUpdate>,
    pub(crate) responders: Vec<Responder>,
    pub(crate) custom_fields: BTreeMap<String, Value>,
    pub(crate) snoozed_until: Option<Timestamp>,
    /// Positions in the account's log.
    pub(crate) log: Vec<usize>,
    /// The last `occurred_at` emitted, so that the next one is later.
    pub(crate) last_event_at: Option<Timestamp>,
    /// Grows with every acknowledge and snooze, so that a timer of an earlier one does nothing.
    pub(crate) timer_epoch: u64,
    /// The incident before its last change, which holds the one before that, for as long as reads lag
    /// behind; a state file leaves it out.
    #[serde(skip)]
    pub(crate) previous: Option<Box<Self>>,
}

impl Incident {
    pub(crate) fn open(&self) -> bool {
        self.status != Status::Resolved
    }

    /// Keeps what it is now as its previous version, and of those before it what a read may still show.
    pub(crate) fn keep_version(&mut self, horizon: Timestamp) {
        let older = self.previous.take();
        let mut version = Box::new(self.clone());
        version.previous = older;
        version.forget_before(horizon);
        self.previous = Some(version);
    }

    /// Forgets the versions that were over at that instant.
    fn forget_before(&mut self, horizon: Timestamp) {
        let mut version = self;
        for _ in 1..VERSIONS {
            if version.updated_at <= horizon {
                break;
            }
            let Some(older) = version.previous.as_deref_mut() else { return };
            version = older;
        }
        version.previous = None;
    }

    /// What it was at an instant; nothing before there was any.
    pub(crate) fn at(&self, instant: Timestamp) -> Option<&Self> {
        let mut version = self;
        while version.updated_at > instant {
            match version.previous.as_deref() {
                Some(older) => version = older,
                // The oldest version that is kept stands for all before it.
                None => return (version.created_at <= instant).then_some(version),
            }
        }
        Some(version)
    }

    pub(crate) fn assignees(&self) -> impl Iterator<Item = &str> {
        self.assignments.iter().map(|assignment| assignment.user.as_str())
    }
}

/// One line of the account's log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogEntry {
    pub(crate) id: String,
    /// The type without `_log_entry`.
    pub(crate) kind: Word,
    pub(crate) at: Timestamp,
    pub(crate) agent: Agent,
    pub(crate) channel: Word,
    pub(crate) incident: String,
    pub(crate) service: String,
    pub(crate) summary: String,
    /// Further members of the entry or its channel.
    pub(crate) details: Value,
}
