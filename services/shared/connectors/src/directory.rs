//! What an external account has that people ask for: who is on call, users, services, policies.
//!
//! Plain data in the words every such system has, as it travels from the egress to whoever asked.
//! Ids are the external side's own and opaque.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something by its id, and what people call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name; the id where it has none.
    pub name: String,
}

/// A user of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The user's id.
    pub id: String,
    /// The user's name; the id where there is none.
    pub name: String,
    /// The address they log in with, where it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they may do, in the external side's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// Somebody's turn to be on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who is on call.
    pub person: Person,
    /// By which schedule; none for somebody who stands in the policy directly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Named>,
    /// In which escalation policy.
    pub policy: Named,
    /// At which of its levels; the first is 1.
    pub level: u32,
    /// Since when; none where it has no beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when; none where it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A service, which incidents are created in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its id.
    pub id: String,
    /// Its name; the id where there is none.
    pub name: String,
    /// How it stands with it, in the external side's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Whether incidents can be created in it.
    pub takes_incidents: bool,
    /// The policy its incidents are escalated by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Named>,
}

/// An escalation policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// Its name; the id where there is none.
    pub name: String,
    /// Its levels, the first to be asked first.
    pub levels: Vec<Level>,
}

/// One level of an escalation policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// After how many minutes without an answer the next level is asked.
    pub delay_min: u64,
    /// Whom it asks: users and schedules.
    pub targets: Vec<Named>,
}

/// A priority of incidents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priority {
    /// Its id.
    pub id: String,
    /// Its name, which is what counts.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
