//! What the outside is told: public events, as `CloudEvents` 1.0 in structured JSON.
//!
//! The envelope follows the `CloudEvents` specification, version 1.0.2, sections 2 and 3, and its
//! `sequence` extension: a number per incident, so that a subscriber can restore order and see
//! gaps. `incidents.v1.<org>.<incident>.<event>` is at least once: `id` recognises repeats.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    field::{Field, Value},
    id::{IncidentId, Org},
    incident::{Actor, Incident},
};

/// What a public event says happened; the last token of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// The incident came to be.
    Created,
    /// Fields changed.
    Updated,
    /// A note was added.
    Noted,
    /// It was joined to an external record.
    Linked,
    /// People were brought in: it was handed on, or help was asked for.
    Escalated,
}

impl Happening {
    /// Its name in subjects and event types.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Noted => "noted",
            Self::Linked => "linked",
            Self::Escalated => "escalated",
        }
    }
}

/// One field's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The field.
    pub field: Field,
    /// Its value before.
    pub before: Value,
    /// Its value after.
    pub after: Value,
    /// Who changed it.
    pub by: Actor,
}

/// One public event before it is wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicEvent {
    /// The organisation.
    pub org: Org,
    /// The incident.
    pub incident: IncidentId,
    /// What happened.
    pub happening: Happening,
    /// Its number among the incident's events, from 1.
    pub sequence: u64,
    /// When the cause was accepted, on our clock.
    pub at: Timestamp,
    /// The content.
    pub data: serde_json::Value,
}

impl PublicEvent {
    /// Its id: the incident and the sequence, so the same event always has the same one.
    pub fn id(&self) -> String {
        format!("{}-{}", self.incident, self.sequence)
    }

    /// The `CloudEvents` envelope in structured JSON.
    pub fn cloud_event(&self) -> serde_json::Value {
        serde_json::json!({
            "specversion": "1.0",
            "id": self.id(),
            "source": format!("/tandem/orgs/{}", self.org),
            "type": format!("tandem.incident.{}.v1", self.happening.name()),
            "subject": self.incident,
            "time": self.at,
            "datacontenttype": "application/json",
            "sequence": format!("{:020}", self.sequence),
            "sequencetype": "Integer",
            "data": self.data,
        })
    }
}

/// An incident as the outside sees it.
pub fn incident_json(incident: &Incident) -> serde_json::Value {
    let fields =
        Field::ALL.into_iter().map(|field| (field.to_string(), incident.value(field).into()));
    let mut json: serde_json::Map<String, serde_json::Value> = fields.collect();
    json.insert("id".to_owned(), incident.id.to_string().into());
    json.insert("org".to_owned(), incident.org.as_str().into());
    json.insert("incident_type".to_owned(), incident.incident_type.clone().into());
    json.insert(
        "labels".to_owned(),
        serde_json::json!(incident.labels().collect::<std::collections::BTreeMap<_, _>>()),
    );
    json.insert("revision".to_owned(), incident.revision.into());
    json.insert("created_at".to_owned(), incident.created_at.to_string().into());
    json.insert("updated_at".to_owned(), incident.updated_at.to_string().into());
    json.into()
}
