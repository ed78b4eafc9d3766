//! What is to become of the external side: desired states and one-off acts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    field::{Field, Value},
    id::{EditId, IncidentId, IntegrationId, LinkId, NoteId, RecordId},
    incident::Actor,
};

/// What a field is to hold, in the external side's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The value it is to hold.
    pub value: Value,
    /// The values it may be found holding; anything else is an edit nobody has seen yet, and the
    /// field is then left alone and reported.
    pub expect: Vec<Value>,
}

/// How to create the record, while there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// The key it is looked up by before it is created, so that it is created once.
    pub key: String,
    /// The external service it belongs to.
    pub service: String,
    /// The title, which a record cannot be without even where the field is not to be written.
    #[serde(default)]
    pub title: String,
    /// The longer text, which some systems take at creation only.
    pub description: Option<String>,
}

/// Everything the external side should hold: complete, never a delta, with a growing version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The link.
    pub link: LinkId,
    /// The incident, for people who read along.
    pub incident: IncidentId,
    /// The integration.
    pub integration: IntegrationId,
    /// Only grows; a message with a lower one is void.
    pub version: u64,
    /// The record; `None` asks for its creation.
    pub record: Option<RecordId>,
    /// How to create it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    /// Not to be taken in hand before this, on our clock: a read that began earlier may be served
    /// from a copy that lags behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The fields. One that is absent is not to be touched. The record is read in any case.
    pub want: BTreeMap<Field, Want>,
    /// Who caused the last change, for connectors that can act on somebody's behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

/// A one-off action, done once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The link.
    pub link: LinkId,
    /// The integration.
    pub integration: IntegrationId,
    /// The record.
    pub record: RecordId,
    /// Who asked for it.
    pub actor: Actor,
    /// What to do.
    #[serde(flatten)]
    pub kind: ActKind,
}

/// What an [`Act`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum ActKind {
    /// Adds a note to the record.
    Note {
        /// The note's id on the platform.
        note: NoteId,
        /// Its text.
        text: String,
    },
    /// Asks more people to help with the record. What comes of it is told by the external side.
    Respond {
        /// The request's id on the platform.
        request: EditId,
        /// What they are told.
        message: String,
        /// Who is asked, by their external ids.
        #[serde(default)]
        users: Vec<String>,
        /// Whose people on call are asked: escalation policies, by their external ids.
        #[serde(default)]
        policies: Vec<String>,
    },
    /// Hands the record on to a level of its escalation policy. What comes of it is told by the
    /// external side.
    Escalate {
        /// The request's id on the platform.
        request: EditId,
        /// The level; the first is 1.
        level: u32,
    },
}

impl Act {
    /// The id that makes it one action however often it is sent.
    pub fn id(&self) -> String {
        match &self.kind {
            ActKind::Note { note, .. } => note.to_string(),
            ActKind::Respond { request, .. } | ActKind::Escalate { request, .. } => {
                request.to_string()
            }
        }
    }
}
