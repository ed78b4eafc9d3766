//! The platform's record: an incident, its field values, and who changed each of them last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    decision::Head,
    field::{Field, Value},
    id::{IncidentId, LinkId, Org},
};

/// One of the two sides that are kept in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Our incident platform.
    Platform,
    /// The external system an integration connects to.
    External,
}

/// Who did something, as far as the side it happened on tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The side it happened on.
    pub side: Side,
    /// The actor's id on that side; absent where the side does not say (automation, mostly).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name people know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their email address, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Actor {
    /// Somebody on `side` of whom nothing else is known.
    pub const fn unnamed(side: Side) -> Self {
        Self { side, id: None, name: None, email: None }
    }

    /// What to call them: name, email, id, or the side.
    pub fn label(&self) -> &str {
        let side = match self.side {
            Side::Platform => "platform",
            Side::External => "external",
        };
        self.name.as_deref().or(self.email.as_deref()).or(self.id.as_deref()).unwrap_or(side)
    }
}

/// A field's value on the platform ("ours"), with the revision it got it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// The value.
    pub value: Value,
    /// The incident's revision in which the value was set, also when it was set to what it was.
    pub rev: u64,
    /// When its author set it, on the author's clock.
    pub at: Timestamp,
    /// Who set it.
    pub by: Actor,
    /// When our stream had the edit that set it; edits take effect in that order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Timestamp>,
    /// That edit's place in the stream, which orders what came in the same instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u64>,
    /// Between which instants it was set, where the author's clock is not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<(Timestamp, Timestamp)>,
    /// The link it came through; none where it was set on the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<LinkId>,
}

/// The platform's record of one incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// The organisation it belongs to.
    pub org: Org,
    /// Every field that was ever set.
    pub fields: BTreeMap<Field, Owned>,
    /// What kind of incident it is, for example `infrastructure`; follows the service mapping.
    pub incident_type: Option<String>,
    /// Grows by one with each change; the etag clients see.
    pub revision: u64,
    /// The number of public events so far.
    pub sequence: u64,
    /// When it came to be, on the clock of the side it came from.
    pub created_at: Timestamp,
    /// When its last change was applied, on our clock.
    pub updated_at: Timestamp,
    /// The end of the chain of its decisions.
    pub chain: Head,
}

impl Incident {
    /// The value of a field; `None` is empty or never set.
    pub fn value(&self, field: Field) -> Option<&str> {
        self.fields.get(&field).and_then(|owned| owned.value.as_deref())
    }

    /// Its labels that are not empty.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().filter_map(|(field, owned)| match (field, &owned.value) {
            (Field::Label(name), Some(value)) => Some((name.as_str(), value.as_str())),
            _ => None,
        })
    }
}
