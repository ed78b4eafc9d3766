//! Calls of REST v2 as data: what is asked for, never how it is sent.
//!
//! A request holds no credentials, so it can be shown in a dead letter as it is. Whatever a record
//! id holds, it stays one path segment. Paths, wrappers and required members follow the published
//! OpenAPI file of REST v2.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use tandem_domain::{
    event::Snapshot,
    field::{Field, LabelName, Value},
    id::RecordId,
    lens::parts,
    outbound::{Create, Want},
};

use super::{custom_fields::CustomField, defaults::INITIAL_STATUS, priority::Priorities};

/// The media type every call asks for; without it, PagerDuty may answer in an older form.
pub const ACCEPT: &str = "application/vnd.pagerduty+json;version=2";

/// The methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates.
    Post,
    /// Changes.
    Put,
    /// Deletes.
    Delete,
}

impl Method {
    /// Its name in HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One call, without its credentials.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// The path below the integration's base URL, escaped.
    pub path: String,
    /// The query, not yet escaped.
    pub query: Vec<(&'static str, String)>,
    /// The JSON body.
    pub body: Option<Json>,
}

impl Request {
    /// The path and the query, to be read by people.
    pub fn address(&self) -> String {
        let query: Vec<_> =
            self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, query.join("&"))
        }
    }

    fn get(path: String) -> Self {
        Self { method: Method::Get, path, query: Vec::new(), body: None }
    }
}

/// The value of the `Authorization` header that goes with an API key.
pub fn authorization(token: &str) -> String {
    format!("Token token={token}")
}

/// Reads a record.
pub fn read(record: &RecordId) -> Request {
    Request::get(format!("/incidents/{}", segment(record.as_str())))
}

/// Reads a record with its custom fields.
pub fn read_with_fields(record: &RecordId) -> Request {
    Request { query: vec![("include[]", "custom_fields".to_owned())], ..read(record) }
}

/// Reads the custom fields of a record, with their types.
pub fn custom_fields(record: &RecordId) -> Request {
    Request::get(format!("/incidents/{}/custom_fields/values", segment(record.as_str())))
}

/// Sets custom fields of a record: those of `changes` that are labels, as `known` says their types.
pub fn set_custom_fields(
    record: &RecordId,
    changes: &BTreeMap<Field, Value>,
    known: &BTreeMap<LabelName, CustomField>,
) -> Request {
    let set = changes.iter().filter_map(|(field, value)| {
        let Field::Label(name) = field else { return None };
        let value = known.get(name).map_or_else(|| json!(value), |field| field.json(value));
        Some(json!({ "name": name.as_str(), "value": value }))
    });
    let body = Some(json!({ "custom_fields": set.collect::<Vec<_>>() }));
    Request { method: Method::Put, body, ..custom_fields(record) }
}

/// Reads the account's priorities.
pub fn priorities() -> Request {
    let query = vec![("limit", "100".to_owned())];
    Request { query, ..Request::get("/priorities".to_owned()) }
}

/// Looks for the records that were created under a key, however long ago and whatever became of
/// them: without `date_range`, the list ends after a month.
pub fn find(key: &str) -> Request {
    let query = vec![("incident_key", key.to_owned()), ("date_range", "all".to_owned())];
    Request { query, ..Request::get("/incidents".to_owned()) }
}

/// Creates a record with what can be given at creation; the rest of what is wanted follows as a
/// [`change`]. A wanted priority is given where the account has it.
pub fn create(create: &Create, want: &BTreeMap<Field, Want>, priorities: &Priorities) -> Request {
    let mut incident = Map::new();
    incident.insert("type".to_owned(), json!("incident"));
    incident.insert("title".to_owned(), json!(create.title));
    for field in AT_CREATION {
        if let Some(want) = want.get(&field) {
            incident.extend(member(field, &want.value));
        }
    }
    let severity = want.get(&Field::Severity).and_then(|want| want.value.as_deref());
    if let Some(id) = severity.and_then(|severity| priorities.id(severity)) {
        let priority = json!({ "id": id, "type": "priority_reference" });
        incident.insert("priority".to_owned(), priority);
    }
    let service = json!({ "id": create.service, "type": "service_reference" });
    incident.insert("service".to_owned(), service);
    incident.insert("incident_key".to_owned(), json!(create.key));
    if let Some(details) = &create.description {
        let body = json!({ "type": "incident_body", "details": details });
        incident.insert("body".to_owned(), body);
    }
    let body = Some(json!({ "incident": incident }));
    Request { method: Method::Post, path: "/incidents".to_owned(), query: Vec::new(), body }
}

/// The wanted fields that [`create`] writes. Status is not among them: a record begins triggered.
pub const AT_CREATION: [Field; 2] = [Field::Title, Field::Severity];

/// The step that has to come before [`change`] where a resolved record is to be acknowledged.
///
/// It has nobody assigned any more, and acknowledged at once it would be the caller's. Triggered
/// first, it is its service's again.
pub fn reopening(held: &Snapshot, changes: &BTreeMap<Field, Value>) -> Option<Request> {
    let now = held.fields.get(&Field::Status).and_then(|held| held.value.as_deref());
    let then = changes.get(&Field::Status).and_then(Value::as_deref);
    let step = (now, then) == (Some("resolved"), Some("acknowledged"));
    let triggered = || BTreeMap::from([(Field::Status, Some(INITIAL_STATUS.to_owned()))]);
    step.then(|| change(held, &triggered()))
}

/// Changes fields of a record that holds `held` just now, all in one call.
pub fn change(held: &Snapshot, changes: &BTreeMap<Field, Value>) -> Request {
    let mut incident = Map::new();
    incident.insert("type".to_owned(), json!("incident"));
    for (field, value) in changes {
        match (field, value.as_deref()) {
            (Field::Severity, Some(value)) => incident.extend(severity(held, value)),
            _ => incident.extend(member(*field, value)),
        }
    }
    let acknowledges =
        changes.get(&Field::Status).and_then(Value::as_deref) == Some("acknowledged");
    let assigns =
        changes.contains_key(&Field::AssignedTo) || changes.contains_key(&Field::EscalationPolicy);
    if acknowledges && !assigns && !held.assignees.is_empty() {
        // Acknowledging by REST assigns the incident to whoever calls; the people who have it
        // keep it only if they are named.
        let kept = held.assignees.iter().map(|id| assignment(id));
        incident.insert("assignments".to_owned(), kept.collect());
    }
    let body = Some(json!({ "incident": incident }));
    Request { method: Method::Put, body, ..read(&held.record) }
}

/// The parts of a severity that differ from what is held: urgency, priority by its name, or both.
/// (A name is taken for the highest priority of that name, REST API reference of `PUT /incidents/{id}`.)
fn severity(held: &Snapshot, value: &str) -> Vec<(String, Json)> {
    let held = held.fields.get(&Field::Severity).and_then(|held| held.value.as_deref());
    let (held_urgency, held_priority) = held.map_or((None, None), |held| {
        let (urgency, priority) = parts(held);
        (Some(urgency), priority)
    });
    let (urgency, priority) = parts(value);
    let urgency = Some(("urgency", urgency)).filter(|(_, value)| held_urgency != Some(*value));
    let priority = priority.map(|priority| ("priority", priority));
    let priority = priority.filter(|(_, value)| held_priority != Some(*value));
    let changed = urgency.into_iter().chain(priority);
    changed.map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn assignment(id: &str) -> Json {
    json!({ "assignee": { "id": id, "type": "user_reference" } })
}

/// Reads the notes of a record; the answer comes in one piece.
pub fn notes(record: &RecordId) -> Request {
    Request::get(format!("/incidents/{}/notes", segment(record.as_str())))
}

/// Adds a note to a record.
pub fn add_note(record: &RecordId, text: &str) -> Request {
    let body = Some(json!({ "note": { "content": text } }));
    Request { method: Method::Post, body, ..notes(record) }
}

/// Asks people, and those on call for policies, to help with a record, in a user's name.
pub fn request_responders(
    record: &RecordId,
    requester: &str,
    message: &str,
    users: &[String],
    policies: &[String],
) -> Request {
    let target =
        |kind: &str, id: &String| json!({ "responder_request_target": { "id": id, "type": kind } });
    let users = users.iter().map(|id| target("user_reference", id));
    let policies = policies.iter().map(|id| target("escalation_policy_reference", id));
    let body = json!({
        "requester_id": requester, "message": message,
        "responder_request_targets": users.chain(policies).collect::<Vec<_>>(),
    });
    let path = format!("/incidents/{}/responder_requests", segment(record.as_str()));
    Request { method: Method::Post, path, query: Vec::new(), body: Some(body) }
}

/// Hands a record on to a level of its escalation policy.
pub fn escalate(record: &RecordId, level: u32) -> Request {
    let incident = json!({ "type": "incident", "escalation_level": level });
    Request { method: Method::Put, body: Some(json!({ "incident": incident })), ..read(record) }
}

/// Looks for a user by address.
pub fn find_user(email: &str) -> Request {
    let query = vec![("query", email.to_owned()), ("limit", "100".to_owned())];
    Request { query, ..Request::get("/users".to_owned()) }
}

/// Whether a field can be written on a record that exists.
pub const fn writable(field: Field) -> bool {
    match field {
        Field::Title
        | Field::Severity
        | Field::Status
        | Field::AssignedTo
        | Field::EscalationPolicy
        | Field::Label(_) => true,
        // The body is taken at creation only.
        Field::Description => false,
    }
}

/// A field's member in an incident's JSON; none for a field that cannot be written.
fn member(field: Field, value: &Value) -> Option<(String, Json)> {
    let (name, value) = match field {
        Field::Title => ("title", json!(value)),
        Field::Severity => ("urgency", json!(value.as_deref().map(|value| parts(value).0))),
        Field::Status => ("status", json!(value)),
        Field::AssignedTo => ("assignments", value.iter().map(|id| assignment(id)).collect()),
        Field::EscalationPolicy => {
            let one = |id| json!({ "id": id, "type": "escalation_policy_reference" });
            ("escalation_policy", value.as_ref().map_or(Json::Null, one))
        }
        Field::Description | Field::Label(_) => return None,
    };
    Some((name.to_owned(), value))
}

/// One path segment out of any text. PagerDuty's ids are letters and digits; anything else can
/// only be answered with "not found". A dot is escaped twice, because URL parsers take `%2e%2e`
/// for the parent folder.
pub(super) fn segment(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            b'.' => out.push_str("%252E"),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use tandem_domain::lens::Foreign;

    use super::*;
    use crate::pagerduty::{custom_fields, priority};

    fn want(value: &str) -> Want {
        Want { value: Some(value.to_owned()), expect: Vec::new() }
    }

    fn held(severity: &str, assignees: &[&str]) -> Snapshot {
        Snapshot {
            record: "Q1T7M4Z0KD82WB".parse().unwrap(),
            fields: BTreeMap::from([(Field::Severity, Foreign::plain(severity))]),
            assignees: assignees.iter().map(|id| (*id).to_owned()).collect(),
            number: None,
            url: None,
            key: None,
            service: None,
            teams: Vec::new(),
            changed_by: None,
            created_at: None,
        }
    }

    /// The members of a change besides its type.
    fn changed(held: &Snapshot, field: Field, value: &str) -> Json {
        let request = change(held, &BTreeMap::from([(field, Some(value.to_owned()))]));
        let mut body = request.body.unwrap();
        let mut incident = body["incident"].take();
        incident.as_object_mut().unwrap().remove("type");
        incident
    }

    #[test]
    fn a_severity_is_written_in_the_parts_that_differ() {
        let held = held("high+P1", &[]);
        let severity = |value| changed(&held, Field::Severity, value);
        assert_eq!(severity("high+P2"), json!({"priority": "P2"}));
        assert_eq!(severity("low+P3"), json!({"urgency": "low", "priority": "P3"}));
        assert_eq!(severity("low+P1"), json!({"urgency": "low"}));
    }

    #[test]
    fn acknowledging_takes_the_incident_from_nobody() {
        let acknowledged = changed(&held("high", &["PA", "PB"]), Field::Status, "acknowledged");
        let expected = json!({"status": "acknowledged", "assignments": [
            {"assignee": {"id": "PA", "type": "user_reference"}},
            {"assignee": {"id": "PB", "type": "user_reference"}},
        ]});
        assert_eq!(acknowledged, expected);
        let resolved = changed(&held("high", &["PA"]), Field::Status, "resolved");
        assert_eq!(resolved, json!({"status": "resolved"}));
    }

    #[test]
    fn a_creation_carries_what_can_be_given_and_leaves_the_status_out() {
        let how = Create {
            key: "tandem-lnk_1".to_owned(),
            service: "P123ABC".to_owned(),
            title: "Payments fail".to_owned(),
            description: Some("since 9:14".to_owned()),
        };
        let wanted = BTreeMap::from([
            (Field::Title, want("Payments fail")),
            (Field::Severity, want("high")),
            (Field::Status, want("acknowledged")),
        ]);
        let body = create(&how, &wanted, &Priorities::default()).body.unwrap();
        let expected = json!({ "incident": {
            "type": "incident", "title": "Payments fail", "urgency": "high",
            "service": { "id": "P123ABC", "type": "service_reference" },
            "incident_key": "tandem-lnk_1",
            "body": { "type": "incident_body", "details": "since 9:14" },
        }});
        assert_eq!(body, expected);
    }

    #[test]
    fn a_creation_names_the_priority_that_is_wanted() {
        let how = Create {
            key: "k".to_owned(),
            service: "P123ABC".to_owned(),
            title: "Payments fail".to_owned(),
            description: None,
        };
        let wanted = BTreeMap::from([(Field::Severity, want("high+P1"))]);
        let all = json!({ "priorities": [{ "id": "PPRI001", "name": "P1" }] });
        let known = priority::priorities(&all).unwrap();
        let incident = create(&how, &wanted, &known).body.unwrap()["incident"].take();
        assert_eq!(incident["urgency"], "high");
        let reference = json!({ "id": "PPRI001", "type": "priority_reference" });
        assert_eq!(incident["priority"], reference);
    }

    #[test]
    fn labels_are_set_by_name_and_type() {
        let label = |name: &str| Field::Label(name.parse().unwrap());
        let changes = BTreeMap::from([
            (Field::Title, Some("not here".to_owned())),
            (label("users"), Some("12".to_owned())),
            (label("region"), None),
        ]);
        let known = json!({ "custom_fields": [
            { "name": "users", "data_type": "integer", "field_type": "single_value", "value": 1 },
        ] });
        let known = custom_fields::custom_fields(&known).unwrap();
        let request = set_custom_fields(&"Q1".parse().unwrap(), &changes, &known);
        assert_eq!(request.path, "/incidents/Q1/custom_fields/values");
        let expected = json!({ "custom_fields": [
            { "name": "region", "value": null }, { "name": "users", "value": 12 },
        ] });
        assert_eq!(request.body, Some(expected));
    }

    #[test]
    fn a_change_carries_the_given_fields_and_nothing_else() {
        let changes = BTreeMap::from([
            (Field::Status, Some("resolved".to_owned())),
            (Field::AssignedTo, Some("PRY4M2A".to_owned())),
            (Field::Description, Some("cannot travel".to_owned())),
        ]);
        let request = change(&held("high", &["PT0M4S1"]), &changes);
        assert_eq!((request.method, &*request.path), (Method::Put, "/incidents/Q1T7M4Z0KD82WB"));
        let assignee = json!({ "assignee": { "id": "PRY4M2A", "type": "user_reference" } });
        let expected = json!({ "incident": {
            "type": "incident", "status": "resolved", "assignments": [assignee],
        }});
        assert_eq!(request.body, Some(expected));
    }

    #[test]
    fn no_record_id_leaves_its_path_segment() {
        for (id, path) in [
            ("a/../b?c#d", "/incidents/a%2F%252E%252E%2Fb%3Fc%23d"),
            ("..", "/incidents/%252E%252E"),
            ("%2e", "/incidents/%252e"),
        ] {
            assert_eq!(read(&id.parse().unwrap()).path, path);
        }
    }
}
