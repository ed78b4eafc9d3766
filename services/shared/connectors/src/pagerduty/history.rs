//! What is asked of PagerDuty to find what no webhook told: the account's log, the log of a record,
//! the list of what is open; and what the answers hold.
//!
//! A log entry says who did what, to the second (REST API, "log entries"). A list is a hint and no
//! observation: it may be served from an index that lags behind by more than a read does, so all it
//! is good for is to say which record to read.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use tandem_domain::{
    event::ForeignNote,
    field::Field,
    finding::{Entry, FoundNote},
    id::RecordId,
    incident::{Actor, Side},
    lens::Foreign,
};

use super::{
    defaults::{ACKNOWLEDGED, INITIAL_STATUS, RESOLVED},
    directory::{Page, page, read, text},
    record::Note,
    rest::{Request, read as read_record},
};

/// What belongs to the creation of a record happens within so much of it: PagerDuty tells seconds.
const AT_CREATION: SignedDuration = SignedDuration::from_secs(2);

/// What an entry says was done, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Triggered,
    Acknowledged,
    Unacknowledged,
    Resolved,
    Assigned,
    Delegated,
    UrgencyChanged,
    PriorityChanged,
    Annotated,
    Other,
}

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// The record it is about.
    pub record: RecordId,
    /// The second in which it happened, on PagerDuty's clock.
    pub at: Timestamp,
    actor: Option<Actor>,
    done: Done,
    assignee: Option<Foreign>,
}

impl Line {
    /// Whether it says that a note was added.
    pub fn annotates(&self) -> bool {
        self.done == Done::Annotated
    }
}

/// Asks for a page of the account's log since a time, newest first; up to `until`, where the page
/// before could not be followed by another.
pub fn log(since: Timestamp, until: Option<Timestamp>, offset: usize) -> Request {
    let mut request = page("/log_entries", offset);
    request.query.push(("since", since.to_string()));
    request.query.extend(until.map(|until| ("until", until.to_string())));
    request.query.push(("time_zone", "UTC".to_owned()));
    request.query.push(("include[]", "channels".to_owned()));
    request
}

/// Asks for a page of one record's log since a time, newest first.
pub fn record_log(record: &RecordId, since: Timestamp, offset: usize) -> Request {
    let path = format!("{}/log_entries", read_record(record).path);
    Request { path, ..log(since, None, offset) }
}

/// The entries in an answer, in its order. One that names no record is left out.
pub fn read_log(answer: &Json) -> Option<Page<Line>> {
    read(answer, "log_entries", |entry| {
        let kind = text(entry, "type")?;
        let kind = kind.trim_end_matches("_reference").trim_end_matches("_log_entry");
        let assignees = entry.get("assignees").and_then(Json::as_array);
        Some(Line {
            id: text(entry, "id")?,
            record: text(entry.get("incident")?, "id")?.parse().ok()?,
            at: text(entry, "created_at")?.parse().ok()?,
            actor: entry.get("agent").and_then(actor),
            done: done(kind, entry),
            assignee: assignees.and_then(|all| all.first()).and_then(reference),
        })
    })
}

fn done(kind: &str, entry: &Json) -> Done {
    match kind {
        "trigger" => Done::Triggered,
        "acknowledge" => Done::Acknowledged,
        "unacknowledge" => Done::Unacknowledged,
        "resolve" => Done::Resolved,
        "assign" => Done::Assigned,
        "delegate" => Done::Delegated,
        "urgency_change" => Done::UrgencyChanged,
        "annotate" => Done::Annotated,
        "field_value_change" if changes_priority(entry) => Done::PriorityChanged,
        _ => Done::Other,
    }
}

/// Where an entry names the field it changed is not documented; wherever that is, this finds it.
fn changes_priority(entry: &Json) -> bool {
    let places = [entry.get("channel"), entry.get("event_details"), Some(entry)];
    let named = |place: &Json| {
        ["name", "field", "field_name"]
            .into_iter()
            .filter_map(|name| text(place, name))
            .any(|name| name.eq_ignore_ascii_case("priority"))
    };
    places.into_iter().flatten().any(named)
}

fn actor(agent: &Json) -> Option<Actor> {
    let (id, name) = (text(agent, "id"), text(agent, "summary"));
    (id.is_some() || name.is_some()).then(|| Actor { id, name, ..Actor::unnamed(Side::External) })
}

fn reference(to: &Json) -> Option<Foreign> {
    Some(Foreign { value: Some(text(to, "id")?), label: text(to, "summary") })
}

/// The history of a record that came to be at `created_at`, from its lines, oldest first. Of several
/// in one second each is told a microsecond later than the one before it.
///
/// A record is triggered and assigned when it comes to be, and triggered again when it is reopened;
/// what tells the two apart is the time, and what came before.
pub fn history(lines: &[Line], created_at: Option<Timestamp>) -> Vec<Entry> {
    let created = created_at.and_then(|at| at.checked_add(AT_CREATION).ok());
    let (mut second, mut place) = (None, 0);
    let mut told = Vec::with_capacity(lines.len());
    let mut began = true;
    for line in lines {
        place = if second == Some(line.at) { place + 1 } else { 0 };
        second = Some(line.at);
        let at = line.at.checked_add(SignedDuration::from_micros(place)).unwrap_or(line.at);
        let of_creation = matches!(line.done, Done::Triggered | Done::Assigned | Done::Other);
        began &= of_creation && created.is_some_and(|until| line.at <= until);
        told.push(entry(line, at, began));
    }
    told
}

/// What a line tells; `began` says that it belongs to the record's coming to be.
fn entry(line: &Line, at: Timestamp, began: bool) -> Entry {
    let status = |status: &str| (Some(Field::Status), Some(Foreign::plain(status.to_owned())));
    let (edited, value) = match line.done {
        Done::Triggered | Done::Assigned if began => (None, None),
        Done::Triggered | Done::Unacknowledged => status(INITIAL_STATUS),
        Done::Acknowledged => status(ACKNOWLEDGED),
        Done::Resolved => status(RESOLVED),
        Done::Assigned => (Some(Field::AssignedTo), line.assignee.clone()),
        Done::Delegated => (Some(Field::EscalationPolicy), None),
        Done::UrgencyChanged | Done::PriorityChanged => (Some(Field::Severity), None),
        Done::Annotated | Done::Other => (None, None),
    };
    Entry {
        id: line.id.clone(),
        at,
        actor: line.actor.clone(),
        begins: line.done == Done::Triggered && began,
        announced: edited.is_some() && line.done != Done::UrgencyChanged,
        edited,
        value,
    }
}

/// Notes as they were found, oldest first: those that were written at `since` or later.
pub fn found_notes(notes: Vec<Note>, since: Timestamp) -> Vec<FoundNote> {
    let found = notes.into_iter().filter_map(|note| {
        let at = note.created_at.filter(|at| *at >= since)?;
        let actor = note.by.map(|by| Actor {
            id: by.value,
            name: by.label,
            ..Actor::unnamed(Side::External)
        });
        let note = ForeignNote { id: note.id, text: note.content, trimmed: false };
        Some(FoundNote { note, at, actor })
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|found| found.at);
    found
}

/// An open record as a list shows it: enough to see that it is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glimpse {
    /// The record.
    pub record: RecordId,
    /// Differs when anything shown differs.
    pub print: u64,
    /// When it changed last, on PagerDuty's clock, where that is told.
    pub updated_at: Option<Timestamp>,
    /// When it came to be.
    pub created_at: Option<Timestamp>,
}

/// Asks for a page of what is open, however old it is, oldest first.
pub fn open(offset: usize) -> Request {
    let mut request = page("/incidents", offset);
    let open = ["triggered", "acknowledged"].map(|status| ("statuses[]", status.to_owned()));
    request.query.extend(open);
    request.query.push(("date_range", "all".to_owned()));
    request.query.push(("sort_by", "created_at:asc".to_owned()));
    request
}

/// The records in an answer.
pub fn read_open(answer: &Json) -> Option<Page<Glimpse>> {
    const SHOWN: [&str; 9] = [
        "title",
        "status",
        "urgency",
        "priority",
        "assignments",
        "escalation_policy",
        "service",
        "updated_at",
        "last_status_change_at",
    ];
    read(answer, "incidents", |incident| {
        let mut print = DefaultHasher::new();
        for name in SHOWN {
            incident.get(name).map(ToString::to_string).hash(&mut print);
        }
        let time = |name| text(incident, name).and_then(|text| text.parse().ok());
        Some(Glimpse {
            record: text(incident, "id")?.parse().ok()?,
            print: print.finish(),
            updated_at: time("updated_at"),
            created_at: time("created_at"),
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn entry_of(kind: &str, id: &str, second: u32) -> Json {
        json!({
            "id": id, "type": format!("{kind}_log_entry"),
            "created_at": format!("2026-03-02T09:14:{second:02}Z"),
            "agent": { "id": "PRY4M2A", "summary": "Priya Raman", "type": "user_reference" },
            "incident": { "id": "Q1", "type": "incident_reference" },
            "assignees": [{ "id": "PT0M4S1", "summary": "Tomas Ilves" }],
            "channel": { "type": "website" },
        })
    }

    fn lines(entries: &[Json]) -> Vec<Line> {
        read_log(&json!({ "log_entries": entries, "more": false })).unwrap().items
    }

    #[test]
    fn an_entry_says_what_a_webhook_would_have_announced() {
        let mut priority = entry_of("field_value_change", "L6", 40);
        priority["channel"]["name"] = json!("priority");
        let lines = lines(&[
            entry_of("trigger", "L1", 7),
            entry_of("assign", "L2", 7),
            entry_of("acknowledge", "L3", 20),
            entry_of("assign", "L4", 30),
            entry_of("urgency_change", "L5", 30),
            priority,
            entry_of("trigger", "L7", 50),
            entry_of("notify", "L8", 51),
        ]);
        let history = history(&lines, Some(at("2026-03-02T09:14:07Z")));
        let told: Vec<_> = history
            .iter()
            .map(|it| {
                let value = it.value.as_ref().and_then(|value| value.value.clone());
                (it.begins, it.edited, value, it.announced)
            })
            .collect();
        let owned = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                (true, None, None, false),
                (false, None, None, false),
                (false, Some(Field::Status), owned("acknowledged"), true),
                (false, Some(Field::AssignedTo), owned("PT0M4S1"), true),
                (false, Some(Field::Severity), None, false),
                (false, Some(Field::Severity), None, true),
                (false, Some(Field::Status), owned("triggered"), true),
                (false, None, None, false),
            ]
        );
        assert_eq!(history[1].at, at("2026-03-02T09:14:07.000001Z"), "after the one before it");
        assert_eq!(history[2].at, at("2026-03-02T09:14:20Z"));
        assert_eq!(history[2].actor.as_ref().unwrap().name.as_deref(), Some("Priya Raman"));
    }

    #[test]
    fn what_comes_after_anything_else_is_no_part_of_the_beginning() {
        let lines = lines(&[
            entry_of("trigger", "L1", 7),
            entry_of("assign", "L2", 7),
            entry_of("resolve", "L3", 7),
            entry_of("trigger", "L4", 8),
            entry_of("assign", "L5", 8),
        ]);
        let history = history(&lines, Some(at("2026-03-02T09:14:07Z")));
        let edited: Vec<_> = history.iter().map(|it| (it.begins, it.edited)).collect();
        let (status, assigned) = (Some(Field::Status), Some(Field::AssignedTo));
        assert_eq!(
            edited,
            [(true, None), (false, None), (false, status), (false, status), (false, assigned)]
        );
    }

    #[test]
    fn what_names_no_record_or_no_time_is_left_out() {
        let mut nowhere = entry_of("resolve", "L1", 1);
        nowhere["incident"] = json!(null);
        let mut sometime = entry_of("resolve", "L2", 1);
        sometime["created_at"] = json!("yesterday");
        assert!(lines(&[nowhere, sometime, json!("odd")]).is_empty());
        assert!(read_log(&json!({ "error": "x" })).is_none());
    }

    #[test]
    fn requests_say_their_times_in_full() {
        let since = at("2026-03-02T09:14:07Z");
        let request = log(since, Some(at("2026-03-02T10:00:00Z")), 200);
        assert_eq!(
            request.address(),
            "/log_entries?limit=100&offset=200&since=2026-03-02T09:14:07Z\
             &until=2026-03-02T10:00:00Z&time_zone=UTC&include[]=channels"
        );
        let record = "Q/1".parse().unwrap();
        assert!(record_log(&record, since, 0).path.starts_with("/incidents/Q%2F1/log_entries"));
        let open = open(0).address();
        assert!(open.contains("statuses[]=triggered&statuses[]=acknowledged&date_range=all"));
    }

    #[test]
    fn a_glimpse_differs_when_anything_shown_differs() {
        let incident = json!({
            "id": "Q1", "title": "a", "status": "triggered", "urgency": "high", "priority": null,
            "updated_at": "2026-03-02T09:14:07Z",
        });
        let glimpse = |incident: &Json| {
            let page = read_open(&json!({ "incidents": [incident], "more": true })).unwrap();
            assert!(page.more);
            page.items[0].clone()
        };
        let before = glimpse(&incident);
        assert_eq!(glimpse(&incident), before);
        let mut retitled = incident.clone();
        retitled["title"] = json!("b");
        assert_ne!(glimpse(&retitled).print, before.print);
        let mut seen = incident;
        seen["last_seen_by"] = json!("x");
        assert_eq!(glimpse(&seen).print, before.print);
    }

    #[test]
    fn notes_are_found_from_a_time_on_in_their_order() {
        let note = |id: &str, text: &str| Note {
            id: id.to_owned(),
            content: id.to_lowercase(),
            created_at: text.parse().ok(),
            by: None,
        };
        let notes = vec![
            note("N3", "2026-03-02T09:14:09Z"),
            note("N2", "2026-03-02T09:14:08Z"),
            note("N1", "2026-03-02T09:14:07Z"),
            note("N0", "never"),
        ];
        let found = found_notes(notes, at("2026-03-02T09:14:08Z"));
        let ids: Vec<_> = found.iter().map(|found| found.note.id.as_str()).collect();
        assert_eq!(ids, ["N2", "N3"]);
    }
}
