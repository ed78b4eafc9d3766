//! What happens: observations, receipts and edits, as they travel on `tandem.in.>`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    conflict::Choice,
    field::{Field, Value},
    finding::Finding,
    id::{ConflictId, EditId, IncidentId, IntegrationId, LinkId, NoteId, Org, RecordId},
    incident::{Actor, Side},
    lens::Foreign,
};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// An external side told us what it holds.
    Observation(Box<Observation>),
    /// The egress reports after a call.
    Receipt(Receipt),
    /// Somebody changed something on the platform.
    Edit(Edit),
    /// The healer found something that may not have been told.
    Finding(Box<Finding>),
}

/// What an external side holds in a record, as far as one message shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The record.
    pub record: RecordId,
    /// The fields that were shown; one that is absent was not observed, which is not "empty".
    pub fields: BTreeMap<Field, Foreign>,
    /// Everyone it is assigned to; the field `assigned_to` shows the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignees: Vec<String>,
    /// The number people call it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Where people find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The key it was created under, where somebody gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The service it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Foreign>,
    /// The teams it concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<Foreign>,
    /// Who changed its status last, by id, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// When the record came to be, on the external clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// A note as an external side shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignNote {
    /// Its id over there.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Whether the text was cut to fit the message.
    #[serde(default)]
    pub trimmed: bool,
}

/// A webhook, normalised: the state it shows and the change it announces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The integration it came in by.
    pub integration: IntegrationId,
    /// The delivery's id, the same on each redelivery.
    pub delivery: String,
    /// The event's id, the same over several deliveries.
    pub event: String,
    /// What the external side calls the event.
    pub event_type: String,
    /// When it happened, on the external clock.
    pub occurred_at: Timestamp,
    /// When ingress had it, on our clock.
    pub arrived: Timestamp,
    /// Who did it, as far as is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// The record it is about; none for what concerns the account or the connection itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordId>,
    /// The record's title where only a reference to it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_title: Option<String>,
    /// The state it shows, where it shows any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// The one field whose change it announces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Field>,
    /// Whether it tells that the record came to be, which is older than anything a call can show.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begins: bool,
    /// The note it announces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<ForeignNote>,
    /// A line for the timeline, for what maps to no field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// That people were brought in, where it tells so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summons: Option<Summoned>,
}

/// That people were brought in, as an external side tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "summoned", rename_all = "snake_case")]
pub enum Summoned {
    /// The record was handed on to a level of its escalation policy.
    Escalated,
    /// Somebody was asked to help.
    Asked {
        /// What they were told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
}

/// A snapshot read by a call of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Just before the request left, on our clock.
    pub sent: Timestamp,
    /// Just after the answer was in, on our clock.
    pub received: Timestamp,
    /// The answer's `Date`, in whole seconds of the external clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// What it showed.
    pub snapshot: Snapshot,
}

/// What became of one wanted field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was written.
    Sent,
    /// It already held the wanted value.
    Equal,
    /// It held something nobody expected, and was left alone.
    Unexpected,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A desired state was brought about, as far as each field's fate says.
    Settled {
        /// The version.
        version: u64,
        /// What the record held before; none when it was created.
        before: Option<Box<Reading>>,
        /// What it held after our write; none when nothing was written.
        after: Option<Box<Reading>>,
        /// Whether `after` is the answer to the very call that created the record.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        made: bool,
        /// What became of each wanted field.
        fates: BTreeMap<Field, Fate>,
        /// Whether an earlier attempt of unknown outcome may have taken effect, now or later.
        #[serde(default)]
        uncertain: bool,
        /// The versions whose writes were attempted before this one, the last few; their reports
        /// may still be under way.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        previous: Vec<u64>,
    },
    /// A note was added.
    Noted {
        /// The note's id on the platform.
        note: NoteId,
        /// Its id over there.
        foreign: String,
    },
    /// People were brought in.
    Summoned {
        /// The request's id on the platform.
        request: EditId,
        /// When the call that did it was answered, on our clock.
        received: Timestamp,
        /// What the record held after it, where the answer showed it.
        after: Option<Box<Reading>>,
    },
    /// The external side refused for good; a dead letter holds the details.
    Refused {
        /// The version, where a desired state was refused.
        version: Option<u64>,
        /// What the record held before, where it could be read.
        before: Option<Box<Reading>>,
        /// Why, in words for people.
        reason: String,
        /// Whether an earlier attempt of unknown outcome may have taken effect, now or later.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        uncertain: bool,
        /// The versions whose writes were attempted before this one, the last few.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        previous: Vec<u64>,
    },
}

impl Outcome {
    /// A refusal before anything was read or attempted.
    pub const fn refused(version: Option<u64>, reason: String) -> Self {
        Self::Refused { version, before: None, reason, uncertain: false, previous: Vec::new() }
    }
}

/// What the egress reports after it has dealt with one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The same for each report of the same work.
    pub id: String,
    /// The integration.
    pub integration: IntegrationId,
    /// The link.
    pub link: LinkId,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A change made on the platform side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Its id, the same when it is sent again.
    pub id: EditId,
    /// The organisation.
    pub org: Org,
    /// The incident.
    pub incident: IncidentId,
    /// When its author made it.
    pub at: Timestamp,
    /// Who made it; nobody is named by those whose name is known from elsewhere.
    #[serde(default = "unnamed")]
    pub author: Actor,
    /// What it changes.
    #[serde(flatten)]
    pub change: Change,
}

fn unnamed() -> Actor {
    Actor::unnamed(Side::Platform)
}

/// What an [`Edit`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Creates the incident.
    Create {
        /// Its first values; severity and status have defaults.
        fields: BTreeMap<Field, Value>,
        /// What kind of incident it is.
        #[serde(default)]
        incident_type: Option<String>,
        /// Free labels.
        #[serde(default)]
        labels: BTreeMap<String, String>,
    },
    /// Sets fields.
    Update {
        /// The fields and their new values.
        fields: BTreeMap<Field, Value>,
        /// The revision the author saw; where given and no longer true, the edit is refused.
        #[serde(default)]
        revision: Option<u64>,
    },
    /// Adds a note.
    Note {
        /// The note's id.
        note: NoteId,
        /// Its text.
        text: String,
    },
    /// Hands the incident on to a level of its escalation policy, on the external sides that carry
    /// escalations.
    Escalate {
        /// The level; the first is 1.
        level: u32,
        /// In this integration only.
        #[serde(default)]
        integration: Option<IntegrationId>,
    },
    /// Asks more people to help, on an external side that carries escalations.
    Page {
        /// What they are told.
        message: String,
        /// Who is asked, by the names the platform knows them by.
        #[serde(default)]
        users: Vec<String>,
        /// The escalation policies whose people on call are asked, by name.
        #[serde(default)]
        policies: Vec<String>,
        /// In this integration.
        #[serde(default)]
        integration: Option<IntegrationId>,
    },
    /// Decides a conflict.
    Resolve {
        /// The conflict.
        conflict: ConflictId,
        /// What was decided.
        #[serde(flatten)]
        choice: Choice,
    },
    /// Joins the incident to a record that is there already.
    Link {
        /// The integration.
        integration: IntegrationId,
        /// The record.
        record: RecordId,
    },
    /// Has the incident take part in an integration in which it has no link: a record is created
    /// for it there.
    TakePart {
        /// The integration.
        integration: IntegrationId,
        /// The revision the author saw; where given and no longer true, the edit is refused.
        #[serde(default)]
        revision: Option<u64>,
    },
    /// Takes a link apart; its record is left alone from then on.
    Unlink {
        /// The link.
        link: LinkId,
    },
    /// Compares both sides of a link again.
    Resync {
        /// The link.
        link: LinkId,
        /// Whether to read the record even where nothing seems to differ.
        #[serde(default)]
        read: bool,
    },
}

/// What the reconciler answers to an edit's author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// It was applied and is stored.
    Accepted {
        /// The incident's revision after it.
        revision: u64,
    },
    /// It was not applied.
    Refused {
        /// What kind of refusal it is.
        refusal: Refusal,
        /// Why, in words for people.
        message: String,
    },
}

/// The kinds of refusal an edit can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// There is no such incident in the organisation.
    Unknown,
    /// There is already an incident with that id.
    Exists,
    /// The author saw an older revision.
    Stale,
    /// A value does not fit its field.
    Unfit,
    /// The field is read-only here: the external side owns it, and that is enforced.
    ReadOnly,
    /// It is joined, or settled, already.
    Taken,
}

/// The first thing to be known of an event's JSON.
#[derive(Deserialize)]
struct Tagged {
    kind: Kind,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Observation,
    Receipt,
    Edit,
}

impl Event {
    /// Reads an event from JSON. Taking its kind first saves keeping everything that precedes it
    /// aside, which is how serde finds it; serde has the last word on what is wrong.
    pub fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        let read = || match serde_json::from_slice::<Tagged>(json)?.kind {
            Kind::Observation => serde_json::from_slice(json).map(Self::Observation),
            Kind::Receipt => serde_json::from_slice(json).map(Self::Receipt),
            Kind::Edit => serde_json::from_slice(json).map(Self::Edit),
        };
        read().or_else(|_: serde_json::Error| serde_json::from_slice(json))
    }

    /// Where its identity is kept unique: an integration, or the platform.
    pub fn source(&self) -> String {
        match self {
            Self::Observation(observation) => observation.integration.to_string(),
            Self::Receipt(receipt) => format!("receipts-{}", receipt.integration),
            Self::Edit(edit) => format!("edits-{}", edit.org),
            Self::Finding(finding) => format!("findings-{}", finding.integration),
        }
    }

    /// The id under which a repeated delivery is recognised.
    pub fn delivery(&self) -> String {
        match self {
            Self::Observation(observation) => observation.delivery.clone(),
            Self::Receipt(receipt) => receipt.id.clone(),
            Self::Edit(edit) => edit.id.to_string(),
            Self::Finding(finding) => finding.id.clone(),
        }
    }

    /// The id under which the same happening is recognised over several deliveries.
    pub fn identity(&self) -> String {
        match self {
            Self::Observation(observation) => observation.event.clone(),
            Self::Receipt(_) | Self::Edit(_) | Self::Finding(_) => self.delivery(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An observation, a receipt and an edit; and what is none of them.
    const READ: [&str; 7] = [
        r#"{"delivery": "d", "event": "e", "event_type": "t", "occurred_at": "2026-09-21T14:13:20Z",
            "arrived": "2026-09-21T14:13:21Z", "kind": "observation",
            "integration": "int_00000000000000000000000000000001", "more": [{"a": 1}]}"#,
        r#"{"kind": "receipt", "id": "r", "integration": "int_00000000000000000000000000000001",
            "link": "lnk_00000000000000000000000000000001", "outcome": "refused", "version": 3,
            "before": null, "reason": "no"}"#,
        r#"{"id": "edt_00000000000000000000000000000001", "org": "acme",
            "incident": "inc_00000000000000000000000000000001", "at": "2026-09-21T14:13:20Z",
            "author": {"side": "platform"}, "change": "update", "fields": {"title": "x"},
            "kind": "edit"}"#,
        r#"{"kind": "edit", "id": 7}"#,
        r#"{"kind": "rumour"}"#,
        r#"{"kind": "edit"} more"#,
        "[]",
    ];

    #[test]
    fn the_identity_of_an_event_is_kept_unique_in_a_place_for_its_kind() {
        let told = READ[..3].iter().map(|json| Event::from_json(json.as_bytes()).unwrap());
        let told: Vec<_> = told.map(|event| (event.source(), event.delivery())).collect();
        let integration = "int_00000000000000000000000000000001";
        let expected = [
            (integration.to_owned(), "d".to_owned()),
            (format!("receipts-{integration}"), "r".to_owned()),
            ("edits-acme".to_owned(), "edt_00000000000000000000000000000001".to_owned()),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn an_event_is_read_as_serde_reads_it_and_refused_in_its_words() {
        for (place, json) in READ.iter().enumerate() {
            let words = |error: serde_json::Error| error.to_string();
            let (ours, serdes) = (Event::from_json(json.as_bytes()), serde_json::from_str(json));
            assert_eq!(ours.is_ok(), place < 3, "{json}");
            assert_eq!(ours.map_err(words), serdes.map_err(words), "{json}");
        }
    }
}
