//! What joining two sides would come to, told before anything is done.
//!
//! A plan holds no rules of its own. Whatever would be reported, or asked of the reconciler, when it
//! is applied is put to [`reconcile`](crate::reconcile::reconcile) in memory, and what comes of it is
//! read off: so a plan says what would happen because it is what happens. What no line is about is
//! counted, with the reason: every record and every incident that was looked at is accounted for.

mod draft;
mod partners;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::partners::{Lone, Named, Partners};
use crate::{
    event::{Change, Edit, Event, Reading, Snapshot},
    field::{Field, Value},
    finding::Finding,
    id::{EditId, IncidentId, IntegrationId, LinkId, Mint, RecordId},
    incident::{Actor, Side},
    integration::Integration,
    link::link_of_key,
    reconcile::{Configs, State},
};

/// Both sides as they were seen.
#[derive(Debug)]
pub struct Sides<'a> {
    /// The integration.
    pub integration: &'a Integration,
    /// All integrations of its organisation.
    pub configs: &'a Configs,
    /// The platform's incidents that are not over, and whatever else the records are linked to or
    /// name by their keys.
    pub incidents: Vec<State>,
    /// The records that are open, and those linked to incidents that are not over.
    pub records: Vec<Reading>,
    /// When the plan is made, on our clock; nothing was read later.
    pub at: Timestamp,
}

/// What applying it would come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What would be done.
    pub lines: Vec<Line>,
    /// How many records and incidents stay as they are, by the reason.
    pub left_out: BTreeMap<String, u64>,
    /// How many linked pairs say the same.
    pub in_step: u64,
    /// How many linked pairs are being brought into step anyhow.
    pub under_way: u64,
    /// What has no counterpart on the other side.
    pub partners: Partners,
}

/// What kind of thing a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An incident begins with a record.
    CreateHere,
    /// A record is created for an incident.
    CreateThere,
    /// An incident and a record that belong together are linked.
    Link,
    /// What differs between an incident and its record is settled.
    Update,
}

impl Kind {
    /// All of them, in the order in which they are told and done.
    pub const ALL: [Self; 4] = [Self::Link, Self::Update, Self::CreateHere, Self::CreateThere];

    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateHere => "create_here",
            Self::CreateThere => "create_there",
            Self::Link => "link",
            Self::Update => "update",
        }
    }
}

/// One thing that would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What kind of thing.
    pub kind: Kind,
    /// The incident; none where it would begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// The incident's revision that this was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The record as it was seen; none where it would be created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<Snapshot>>,
    /// Whether the two are joined by an edit, because the record's key alone does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joins: bool,
    /// The title, for people.
    pub title: String,
    /// The service that a record would be created in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The values that would change, on either side.
    pub changes: Vec<Difference>,
    /// The fields about which somebody would have to decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Field>,
}

/// A value that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where.
    pub side: Side,
    /// The field, by the platform's name.
    pub field: Field,
    /// What it is, in that side's words.
    pub before: Value,
    /// What it would become.
    pub after: Value,
}

impl Line {
    /// What it is about, for people: the record, or the incident where there is none.
    pub fn about(&self) -> String {
        match (&self.record, self.incident) {
            (Some(record), _) => record.record.to_string(),
            (None, Some(incident)) => incident.to_string(),
            (None, None) => self.title.clone(),
        }
    }

    /// Whether another plan's line is about the same.
    pub fn is_about(&self, other: &Self) -> bool {
        let record = |line: &Self| line.record.as_ref().map(|record| record.record.clone());
        // An incident that is there by now was the one to begin.
        record(self) == record(other) && (record(self).is_some() || self.incident == other.incident)
    }

    /// What is asked of the reconciler to bring it about, where that is not a record's reading: the
    /// same edit however often it is asked for.
    pub fn edit(&self, integration: &Integration, ask: &Ask) -> Option<Edit> {
        let incident = self.incident?;
        let change = match (self.kind, &self.record) {
            (Kind::CreateThere, _) => {
                Change::TakePart { integration: integration.id, revision: self.revision }
            }
            (Kind::Link, Some(record)) if self.joins => {
                Change::Link { integration: integration.id, record: record.record.clone() }
            }
            _ => return None,
        };
        let (org, author, at) = (integration.org.clone(), ask.author.clone(), ask.at);
        Some(Edit { id: ask.id(incident), org, incident, at, author, change })
    }
}

/// Who has a plan applied.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What makes the edits of one plan others than those of the next.
    pub seed: String,
    /// Whose edits they are.
    pub author: Actor,
    /// When.
    pub at: Timestamp,
}

impl Ask {
    fn id(&self, incident: IncidentId) -> EditId {
        Mint::new(Timestamp::UNIX_EPOCH, format!("{} of {incident}", self.seed)).id()
    }
}

/// The finding that a record's reading is reported as.
pub fn finding(integration: IntegrationId, reading: &Reading, begins: bool) -> Finding {
    Finding {
        id: format!("{}-{}", reading.snapshot.record, reading.sent.as_microsecond()),
        integration,
        heard: reading.sent,
        reading: reading.clone(),
        history: Vec::new(),
        notes: Vec::new(),
        begins,
    }
}

/// Whether a record that is read again is what a plan was made of. What the plan did not show is no
/// matter: a single read shows more than a list.
pub fn is_as_planned(planned: &Snapshot, now: &Snapshot) -> bool {
    let same = |(field, seen): (&Field, &crate::lens::Foreign)| {
        now.fields.get(field).is_some_and(|value| value.value == seen.value)
    };
    planned.fields.iter().all(same)
        && planned.key == now.key
        && planned.assignees == now.assignees
        && planned.service.as_ref().map(|it| &it.value) == now.service.as_ref().map(|it| &it.value)
}

/// What would come of joining the sides.
pub fn plan(sides: Sides<'_>) -> Plan {
    draft::Draft::new(sides).finish()
}

/// Whether an incident is over: nothing is created for it any more.
fn is_over(state: &State) -> bool {
    matches!(state.incident.value(Field::Status), Some("resolved" | "closed"))
}

/// The incident that a record's key names, where it was created for one by somebody else.
pub fn incident_of_key(key: &str) -> Option<IncidentId> {
    key.starts_with("inc_").then(|| key.parse().ok()).flatten()
}

/// The link and the record that an integration's records are found by among incidents.
type Place = (LinkId, Option<RecordId>);

/// Where a record belongs.
enum Belongs {
    /// To the link of an incident, which it is joined to or joins by its key.
    To(IncidentId, Place),
    /// To an incident that it names.
    Named(IncidentId),
    /// Nowhere yet.
    Nowhere,
    /// It stays as it is.
    Out(&'static str),
}

/// The event of a reading.
fn event(integration: IntegrationId, reading: &Reading) -> Event {
    Event::Finding(Box::new(finding(integration, reading, true)))
}

/// The link that a record's key is of.
fn keyed(snapshot: &Snapshot) -> Option<LinkId> {
    snapshot.key.as_deref().and_then(link_of_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: Kind, incident: Option<u128>, record: Option<&str>) -> Line {
        let id = |number| IncidentId::from_uuid(uuid::Uuid::from_u128(number));
        let record = record.map(|record| {
            let shown = serde_json::json!({ "record": record, "fields": {} });
            Box::new(serde_json::from_value(shown).unwrap())
        });
        Line {
            kind,
            incident: incident.map(id),
            revision: None,
            record,
            joins: false,
            title: "slow".to_owned(),
            service: None,
            changes: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    #[test]
    fn a_kind_has_one_name_in_tables_and_json() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn lines_are_about_the_same_record_or_without_one_about_the_same_incident() {
        let about = |incident, record| line(Kind::Update, incident, record);
        assert!(about(Some(1), Some("R1")).is_about(&about(None, Some("R1"))));
        assert!(!about(Some(1), Some("R1")).is_about(&about(Some(1), Some("R2"))));
        assert!(!about(Some(1), Some("R1")).is_about(&about(Some(1), None)));
        assert!(about(Some(1), None).is_about(&about(Some(1), None)));
        assert!(!about(Some(1), None).is_about(&about(Some(2), None)));
        assert_eq!(about(Some(1), Some("R1")).about(), "R1");
        assert!(about(Some(1), None).about().starts_with("inc_"));
        assert_eq!(about(None, None).about(), "slow");
    }

    #[test]
    fn only_a_creation_there_and_a_link_that_a_key_does_not_make_are_edits() {
        let integration: Integration = serde_json::from_value(serde_json::json!({
            "id": "int_00000000000000000000000000000001", "org": "acme", "handle": "prod-pd",
            "name": "P", "connector": "x", "base_url": "", "direction": "bidirectional",
            "enabled": true, "strategy": "last_write_wins", "from_email": null, "rate_limit": 1,
            "backoff_multiplier": 1.0, "version": 1, "services": [], "fields": {},
        }))
        .unwrap();
        let author = Actor::unnamed(Side::Platform);
        let ask = Ask { seed: "s".to_owned(), author, at: Timestamp::UNIX_EPOCH };
        let change = |line: Line| line.edit(&integration, &ask).map(|edit| edit.change);
        let (keyed, both) = (line(Kind::Link, Some(1), Some("R1")), Some("R1"));
        assert_eq!(change(keyed.clone()), None);
        let linked = change(Line { joins: true, ..keyed });
        assert!(matches!(linked, Some(Change::Link { .. })), "{linked:?}");
        let made = change(line(Kind::CreateThere, Some(1), None));
        assert!(matches!(made, Some(Change::TakePart { .. })), "{made:?}");
        assert_eq!(change(Line { joins: true, ..line(Kind::Update, Some(1), both) }), None);
        assert_eq!(change(Line { joins: true, ..line(Kind::Link, None, both) }), None);
    }
}
