//! What people see of a resource: every field in details, a few of them in lists.
//!
//! Incidents are here; the other nouns have files beside this one.

use serde::Serialize;
use tandem_proto::json::{Incident, RecordRef, TimelineEntry};

/// A thing that can be shown to people.
pub(crate) trait Rows {
    /// The rows that are the columns of a list.
    const COLUMNS: &'static [&'static str];

    /// Name and text of each field, in the order in which they are read.
    fn rows(&self) -> Vec<(&'static str, String)>;
}

/// An incident as a call that edits it answers.
#[derive(Debug, Serialize)]
pub(crate) struct Answered {
    #[serde(flatten)]
    pub(crate) incident: Incident,
    /// Whether the edit was accepted but not yet judged.
    pub(crate) pending: bool,
}

/// An incident as a watch sees it.
#[derive(Debug, Serialize)]
pub(crate) struct Watched {
    pub(crate) event: String,
    pub(crate) sequence: i64,
    pub(crate) incident: Incident,
}

impl Rows for Incident {
    const COLUMNS: &'static [&'static str] =
        &["id", "severity", "status", "title", "assigned_to", "created"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let labels: Vec<String> =
            self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let links: Vec<String> = self.links.iter().map(counterpart).collect();
        vec![
            ("id", self.id.clone()),
            ("org", self.org.clone()),
            ("title", self.title.clone()),
            ("description", self.description.clone()),
            ("severity", word(self.severity)),
            ("status", word(self.status)),
            ("assigned_to", text(self.assigned_to.as_ref())),
            ("escalation_policy", text(self.escalation_policy.as_ref())),
            ("incident_type", text(self.incident_type.as_ref())),
            ("labels", labels.join(", ")),
            ("links", links.join(", ")),
            ("etag", self.etag.clone()),
            ("created", text(self.create_time.as_ref())),
            ("updated", text(self.update_time.as_ref())),
        ]
    }
}

impl Rows for Answered {
    const COLUMNS: &'static [&'static str] = Incident::COLUMNS;

    fn rows(&self) -> Vec<(&'static str, String)> {
        self.incident.rows()
    }
}

impl Rows for Watched {
    const COLUMNS: &'static [&'static str] =
        &["updated", "event", "id", "severity", "status", "title"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("updated", text(self.incident.update_time.as_ref())),
            ("event", self.event.clone()),
            ("id", self.incident.id.clone()),
            ("severity", word(self.incident.severity)),
            ("status", word(self.incident.status)),
            ("title", self.incident.title.clone()),
        ]
    }
}

impl Rows for TimelineEntry {
    const COLUMNS: &'static [&'static str] = &["time", "kind", "side", "author", "text"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("time", text(self.time.as_ref())),
            ("kind", self.kind.clone()),
            ("side", word(self.side)),
            ("author", text(self.author.as_ref())),
            ("text", self.text.clone()),
        ]
    }
}

/// `prod-pd #42`, or the record's id where it has no number, or what it waits for.
fn counterpart(link: &RecordRef) -> String {
    match (&link.number, &link.record) {
        (Some(number), _) => format!("{} #{number}", link.integration),
        (None, Some(record)) => format!("{} {record}", link.integration),
        (None, None) => format!("{} (not yet created)", link.integration),
    }
}

pub(super) fn word(word: Option<&str>) -> String {
    word.unwrap_or_default().to_owned()
}

pub(super) fn text<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

pub(super) fn yes(value: bool) -> String {
    (if value { "yes" } else { "no" }).to_owned()
}
