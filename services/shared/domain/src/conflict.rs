//! A disagreement somebody has to settle: both values are kept, and the field is frozen on its link.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    field::{Field, Value},
    id::{ConflictId, IncidentId, IntegrationId, LinkId},
    incident::Actor,
    lens::Foreign,
};

/// Why a conflict was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Both sides had moved, and the strategy is manual review.
    BothMoved,
    /// The field went back and forth between two writers.
    Flapping,
}

/// Where a conflict stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Somebody has to decide.
    Open,
    /// Somebody decided.
    Resolved,
    /// The sides came to agree by themselves.
    Agreed,
    /// The link was taken apart, so there is nothing left to settle.
    Moot,
}

/// What one side says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The value, as a platform value; none where the external one has no partner or is empty.
    pub value: Value,
    /// The value in the external side's words.
    pub external: Foreign,
    /// Who set it.
    pub by: Actor,
    /// When they did at the latest, on their clock.
    pub at: Timestamp,
}

/// What somebody decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "snake_case")]
pub enum Choice {
    /// The platform's value.
    Platform,
    /// The external side's value.
    External,
    /// A third value, as a platform value.
    Value {
        /// The value.
        value: Value,
    },
}

/// How a conflict ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// What was decided; none where nobody had to.
    pub choice: Option<Choice>,
    /// What the platform holds since.
    pub value: Value,
    /// Who decided.
    pub by: Actor,
    /// When it ended, on our clock.
    pub at: Timestamp,
}

/// A disagreement about one field of one link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Its id.
    pub id: ConflictId,
    /// The incident.
    pub incident: IncidentId,
    /// The link.
    pub link: LinkId,
    /// The link's integration.
    pub integration: IntegrationId,
    /// The field.
    pub field: Field,
    /// Why it was opened.
    pub reason: Reason,
    /// Where it stands.
    pub standing: Standing,
    /// What the platform says, as far as known by now.
    pub platform: Candidate,
    /// What the external side says, as far as known by now.
    pub external: Candidate,
    /// What both last agreed on, in the external side's words; none where they never did.
    pub base: Option<Value>,
    /// When it was opened, on our clock.
    pub opened_at: Timestamp,
    /// How it ended, where it did.
    pub ending: Option<Ending>,
}
