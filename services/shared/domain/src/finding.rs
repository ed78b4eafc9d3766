//! What was found by looking: a record as it was read, and what its history tells of how it came to
//! be so, as far as that may not have been told by anybody.
//!
//! The history is what a webhook would have announced, only later and to the second: it says who
//! changed a field and when, so such a change is judged as an announced one. The reading is a
//! reading like any other.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    event::{ForeignNote, Reading},
    field::Field,
    id::{IntegrationId, RecordId},
    incident::Actor,
    lens::Foreign,
};

/// How exactly a history tells the time.
pub const GRAIN: SignedDuration = SignedDuration::from_secs(1);

/// A record, found by looking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The same for each report of the same.
    pub id: String,
    /// The integration.
    pub integration: IntegrationId,
    /// When the history was had, on our clock; the record was read after that.
    pub heard: Timestamp,
    /// The record as it was read.
    pub reading: Reading,
    /// What its history tells, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Entry>,
    /// Notes it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<FoundNote>,
    /// Whether an incident may begin with it, where the record is linked to none.
    #[serde(default)]
    pub begins: bool,
}

/// One line of a record's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id over there.
    pub id: String,
    /// The second in which it happened, on the external clock; of several in one second, each is a
    /// little later than the one before it.
    pub at: Timestamp,
    /// Who did it, as far as is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// Whether the record came to be by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begins: bool,
    /// The field it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Field>,
    /// What that became, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Foreign>,
    /// Whether a webhook should have told of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announced: bool,
}

/// A note that was found on a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundNote {
    /// The note.
    #[serde(flatten)]
    pub note: ForeignNote,
    /// When it was written, on the external clock.
    pub at: Timestamp,
    /// Who wrote it, as far as is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

/// Something that a webhook should have told, and that was first heard of by looking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// The integration.
    pub integration: IntegrationId,
    /// Its id over there.
    pub entry: String,
    /// When it happened, on the external clock.
    pub occurred_at: Timestamp,
    /// When it was found, on our clock.
    pub found_at: Timestamp,
}

/// How far an integration's history has been looked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// On the external clock: whatever happened before this was found and dealt with, but for what
    /// is still owed.
    pub reached: Timestamp,
    /// The records that could not be read when it was their turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<Owed>,
}

/// A record that is still to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owed {
    /// The record.
    pub record: RecordId,
    /// From when on its history is to be read, on the external clock.
    pub since: Timestamp,
}
