//! What the outside is told: public events, as `CloudEvents` 1.0 in structured JSON.
//!
//! The envelope follows the `CloudEvents` specification, version 1.0.2, sections 2 and 3, and its
//! `sequence` extension: a number per incident, so that a subscriber can restore order and see
//! gaps. `incidents.v1.<org>.<incident>.<event>` is at least once: `id` recognises repeats.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    field::{Field, Value},
    id::{IncidentId, LinkId, NoteId, Org, RecordId},
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

/// What a public event tells besides the incident as it is by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum News {
    /// Fields changed.
    Changes {
        /// Each of them.
        changes: Vec<FieldChange>,
    },
    /// A note was added.
    Note {
        /// Its id.
        note: NoteId,
        /// Its text.
        text: String,
        /// Who wrote it.
        by: Actor,
    },
    /// It was joined to a record.
    Link {
        /// The link.
        link: LinkId,
        /// The integration's handle.
        integration: String,
        /// The record.
        record: RecordId,
    },
    /// People were brought in on a record.
    Summons {
        /// The link.
        link: LinkId,
        /// The integration's handle.
        integration: String,
        /// Who, in words for people.
        text: String,
        /// Who brought them in.
        by: Actor,
    },
}

/// An incident as the outside sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    id: IncidentId,
    org: Org,
    title: Value,
    description: Value,
    severity: Value,
    status: Value,
    assigned_to: Value,
    escalation_policy: Value,
    incident_type: Option<String>,
    labels: BTreeMap<String, String>,
    revision: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<&Incident> for Shown {
    fn from(incident: &Incident) -> Self {
        let value = |field| incident.value(field).map(str::to_owned);
        let labels = incident.labels().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            id: incident.id,
            org: incident.org.clone(),
            title: value(Field::Title),
            description: value(Field::Description),
            severity: value(Field::Severity),
            status: value(Field::Status),
            assigned_to: value(Field::AssignedTo),
            escalation_policy: value(Field::EscalationPolicy),
            incident_type: incident.incident_type.clone(),
            labels: labels.collect(),
            revision: incident.revision,
            created_at: incident.created_at,
            updated_at: incident.updated_at,
        }
    }
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
    /// What it tells.
    pub news: News,
    /// The incident by then.
    pub shown: Shown,
}

/// The `CloudEvents` envelope in structured JSON.
#[derive(Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: IncidentId,
    time: Timestamp,
    datacontenttype: &'static str,
    sequence: String,
    sequencetype: &'static str,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    news: &'a News,
    incident: &'a Shown,
}

impl PublicEvent {
    /// Its id: the incident and the sequence, so the same event always has the same one.
    pub fn id(&self) -> String {
        format!("{}-{}", self.incident, self.sequence)
    }

    /// What is sent of it.
    pub fn cloud_event(&self) -> CloudEvent<'_> {
        CloudEvent {
            specversion: "1.0",
            id: self.id(),
            source: format!("/tandem/orgs/{}", self.org),
            kind: format!("tandem.incident.{}.v1", self.happening.name()),
            subject: self.incident,
            time: self.at,
            datacontenttype: "application/json",
            sequence: format!("{:020}", self.sequence),
            sequencetype: "Integer",
            data: Data { news: &self.news, incident: &self.shown },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_has_one_name_in_subjects_types_and_json() {
        use Happening::{Created, Escalated, Linked, Noted, Updated};
        let all = [Created, Updated, Noted, Linked, Escalated];
        for happening in all {
            assert_eq!(serde_json::to_value(happening).unwrap(), happening.name());
        }
        assert_eq!(
            all.map(Happening::name),
            ["created", "updated", "noted", "linked", "escalated"]
        );
    }
}
