//! Answers of REST v2, read leniently: a member that is missing or of another type is not observed.
//!
//! A snapshot made here means the same, field by field, as one made from a webhook: severity is the
//! urgency, `assigned_to` the first assignee, and a resolved record shows no assignee, because
//! resolving empties them. NUL, which cannot be stored, becomes U+FFFD.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;
use tandem_domain::{
    event::Snapshot,
    field::Field,
    lens::{Foreign, ranked},
};

use super::{
    custom_fields::custom_fields,
    directory::{Page, read},
};

/// A note as REST shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its id.
    pub id: String,
    /// Its text.
    pub content: String,
    /// When it was written, on PagerDuty's clock.
    pub created_at: Option<Timestamp>,
    /// Who wrote it.
    pub by: Option<Foreign>,
}

/// The record in the answer to a read, a creation or a change; none where the answer holds none.
pub fn incident(answer: &Json) -> Option<Snapshot> {
    snapshot(answer.get("incident")?)
}

/// The records on a page of a list, as far as a list shows them: no description, no custom fields.
pub fn incidents(answer: &Json) -> Option<Page<Snapshot>> {
    read(answer, "incidents", snapshot)
}

/// The record created under `key` among those a lookup found; none in it where there is none.
///
/// The outer `None` says that the answer is not a list. The lookup also matches keys of alerts, so
/// the record's own key decides; of several, an open one is taken, then the latest.
pub fn under_key(answer: &Json, key: &str) -> Option<Option<Snapshot>> {
    let found = answer.get("incidents")?.as_array()?;
    let own = found.iter().filter_map(snapshot).filter(|it| it.key.as_deref() == Some(key));
    Some(own.max_by_key(|it| (!resolved(it), it.number)))
}

/// The note in the answer to adding one; none where the answer holds none.
pub fn note(answer: &Json) -> Option<Note> {
    one_note(answer.get("note")?)
}

/// The notes of a record; none where the answer is not a list of them.
pub fn notes(answer: &Json) -> Option<Vec<Note>> {
    Some(answer.get("notes")?.as_array()?.iter().filter_map(one_note).collect())
}

/// Somebody who was asked to help with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responder {
    /// What they were told.
    pub message: String,
    /// When they were asked, on PagerDuty's clock.
    pub requested_at: Option<Timestamp>,
}

/// Everybody who was asked to help with the record in an answer; none where it holds no record.
pub fn responders(answer: &Json) -> Option<Vec<Responder>> {
    let all = answer.get("incident")?.get("incidents_responders").and_then(Json::as_array);
    let one = |responder: &Json| Responder {
        message: text(responder, "message").unwrap_or_default(),
        requested_at: time(responder, "requested_at"),
    };
    Some(all.into_iter().flatten().map(one).collect())
}

/// The id of the user with an address among those a search found; none in it where there is none.
///
/// The outer `None` says that the answer is not a list.
pub fn user_of(answer: &Json, email: &str) -> Option<Option<String>> {
    let all = answer.get("users")?.as_array()?;
    let theirs =
        |user: &&Json| text(user, "email").is_some_and(|it| it.eq_ignore_ascii_case(email));
    Some(all.iter().find(theirs).and_then(|user| text(user, "id")))
}

fn one_note(note: &Json) -> Option<Note> {
    let content = text(note, "content").unwrap_or_default();
    let (created_at, by) = (time(note, "created_at"), reference(note.get("user")));
    Some(Note { id: text(note, "id")?, content, created_at, by })
}

fn snapshot(incident: &Json) -> Option<Snapshot> {
    let mut snapshot = Snapshot {
        record: text(incident, "id")?.parse().ok()?,
        fields: BTreeMap::new(),
        assignees: assignees(incident),
        number: incident.get("incident_number").and_then(Json::as_u64),
        url: text(incident, "html_url"),
        key: text(incident, "incident_key"),
        service: reference(incident.get("service")),
        teams: teams(incident),
        changed_by: reference(incident.get("last_status_change_by")).and_then(|by| by.value),
        created_at: time(incident, "created_at"),
    };
    let plain = |name| text(incident, name).map(Foreign::plain);
    let policy = reference(incident.get("escalation_policy"));
    let shown = [
        (Field::Title, plain("title")),
        (Field::Severity, severity(incident)),
        (Field::Status, plain("status")),
        (Field::EscalationPolicy, policy),
    ];
    let shown = shown.into_iter().filter_map(|(field, value)| Some((field, value?)));
    snapshot.fields.extend(shown);
    let labels = custom_fields(incident).into_iter().flatten();
    snapshot.fields.extend(labels.map(|(name, field)| (Field::Label(name), field.value)));
    if !resolved(&snapshot) {
        snapshot.fields.extend(assignee(incident).map(|assignee| (Field::AssignedTo, assignee)));
    }
    Some(snapshot)
}

fn resolved(snapshot: &Snapshot) -> bool {
    let status = snapshot.fields.get(&Field::Status);
    status.and_then(|status| status.value.as_deref()) == Some("resolved")
}

/// Urgency, and the priority where there is one.
fn severity(incident: &Json) -> Option<Foreign> {
    let priority = incident.get("priority").and_then(|priority| text(priority, "summary"));
    Some(Foreign::plain(ranked(&text(incident, "urgency")?, priority.as_deref())))
}

/// Everyone it is assigned to.
fn assignees(incident: &Json) -> Vec<String> {
    let assignments = incident.get("assignments").and_then(Json::as_array).into_iter().flatten();
    assignments.filter_map(|assignment| text(assignment.get("assignee")?, "id")).collect()
}

/// The teams it concerns.
fn teams(incident: &Json) -> Vec<Foreign> {
    let teams = incident.get("teams").and_then(Json::as_array).into_iter().flatten();
    teams.filter_map(|team| reference(Some(team))).collect()
}

/// The first assignee; empty where the list is, not observed where there is no list.
fn assignee(incident: &Json) -> Option<Foreign> {
    match incident.get("assignments")?.as_array()?.first() {
        Some(first) => reference(first.get("assignee")),
        None => Some(Foreign::empty()),
    }
}

fn reference(to: Option<&Json>) -> Option<Foreign> {
    Some(Foreign { value: Some(text(to?, "id")?), label: text(to?, "summary") })
}

fn text(of: &Json, name: &str) -> Option<String> {
    Some(of.get(name)?.as_str()?.replace('\0', "\u{FFFD}"))
}

fn time(of: &Json, name: &str) -> Option<Timestamp> {
    of.get(name)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payments() -> Json {
        json!({
            "id": "Q1T7M4Z0KD82WB", "type": "incident", "incident_number": 4821,
            "html_url": "https://northwind-ops.pagerduty.com/incidents/Q1T7M4Z0KD82WB",
            "title": "Payments\u{0} fail", "urgency": "high", "status": "triggered",
            "created_at": "2026-03-02T09:14:07Z", "incident_key": "inc-7f3a91",
            "service": { "id": "PCHK0UT", "type": "service_reference", "summary": "Checkout API" },
            "assignments": [
                { "at": "2026-03-02T09:14:07Z", "assignee": { "id": "PRY4M2A", "summary": "Priya" } },
                { "at": "2026-03-02T09:14:07Z", "assignee": { "id": "PT0M4S1", "summary": "Tomas" } },
            ],
            "escalation_policy": { "id": "PEPCHK1", "summary": "Checkout primary" },
            "teams": [{ "id": "PTEAM77", "summary": "Payments" }],
        })
    }

    #[test]
    fn a_page_of_records_leaves_out_what_is_none_and_says_whether_more_follow() {
        let page = incidents(&json!({ "incidents": [payments(), {}], "more": true })).unwrap();
        let alone = incident(&json!({ "incident": payments() })).unwrap();
        assert_eq!((page.items, page.more), (vec![alone], true));
        assert_eq!(incidents(&json!({ "incident": payments() })), None);
    }

    #[test]
    fn a_record_is_read_field_by_field() {
        let snapshot = incident(&json!({ "incident": payments() })).unwrap();
        let reference = |id: &str, label: &str| Foreign {
            value: Some(id.to_owned()),
            label: Some(label.to_owned()),
        };
        assert_eq!(snapshot.fields[&Field::Title], Foreign::plain("Payments\u{FFFD} fail"));
        assert_eq!(snapshot.fields[&Field::Severity], Foreign::plain("high"));
        assert_eq!(snapshot.fields[&Field::Status], Foreign::plain("triggered"));
        assert_eq!(snapshot.fields[&Field::AssignedTo], reference("PRY4M2A", "Priya"));
        let policy = reference("PEPCHK1", "Checkout primary");
        assert_eq!(snapshot.fields[&Field::EscalationPolicy], policy);
        assert_eq!(snapshot.number, Some(4821));
        assert_eq!(snapshot.teams, [reference("PTEAM77", "Payments")]);
        assert_eq!(snapshot.key.as_deref(), Some("inc-7f3a91"));
        assert_eq!(snapshot.service, Some(reference("PCHK0UT", "Checkout API")));
        assert_eq!(snapshot.created_at, "2026-03-02T09:14:07Z".parse().ok());
    }

    #[test]
    fn resolving_empties_the_assignees_without_anybody_being_unassigned() {
        let mut incident = payments();
        incident["assignments"] = json!([]);
        let open = snapshot(&incident).unwrap();
        assert_eq!(open.fields[&Field::AssignedTo], Foreign::empty());
        incident["status"] = json!("resolved");
        assert!(!snapshot(&incident).unwrap().fields.contains_key(&Field::AssignedTo));
    }

    #[test]
    fn what_has_an_unexpected_type_is_not_observed() {
        let odd = json!({
            "id": "Q1", "title": 7, "urgency": null, "status": ["x"], "incident_number": "4821",
            "service": "PCHK0UT", "assignments": {}, "created_at": "yesterday",
        });
        let snapshot = snapshot(&odd).unwrap();
        assert!(snapshot.fields.is_empty() && snapshot.service.is_none());
        assert!(incident(&json!({ "incident": { "title": "no id" } })).is_none());
        assert!(incident(&json!("<html>")).is_none());
    }

    #[test]
    fn a_lookup_takes_the_records_own_key_and_an_open_one_first() {
        let record = |id: &str, key: &str, status: &str, number: u64| json!({ "id": id, "incident_key": key, "status": status, "incident_number": number });
        let answer = json!({ "incidents": [
            record("QALERT", "of an alert", "triggered", 9),
            record("QOLD", "k", "resolved", 1),
            record("QOPEN", "k", "acknowledged", 2),
            record("QLATE", "k", "resolved", 3),
        ]});
        let found = |answer: &Json, key| under_key(answer, key).unwrap().map(|it| it.record);
        assert_eq!(found(&answer, "k"), "QOPEN".parse().ok());
        assert_eq!(found(&answer, "other"), None);
        assert_eq!(found(&json!({ "incidents": [] }), "k"), None);
        assert!(under_key(&json!({ "error": "x" }), "k").is_none());
    }

    #[test]
    fn notes_are_read_with_their_ids() {
        let answer = json!({ "notes": [
            { "id": "PN1", "content": "a\u{0}b", "created_at": "2026-03-02T09:14:07Z" },
            { "content": "no id" },
        ]});
        let created_at = "2026-03-02T09:14:07Z".parse().ok();
        let content = "a\u{FFFD}b".to_owned();
        let note_of = |id: &str| Note { id: id.to_owned(), content, created_at, by: None };
        assert_eq!(notes(&answer), Some(vec![note_of("PN1")]));
        assert_eq!(
            note(&json!({ "note": { "id": "PN2" } })).map(|note| note.id),
            Some("PN2".into())
        );
        assert!(note(&json!({})).is_none() && notes(&json!({})).is_none());
    }
}
