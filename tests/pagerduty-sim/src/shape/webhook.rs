//! Owns the bodies of webhooks: the envelope and the data of each kind of event.
//!
//! Members come in the order of real captures, the JSON is compact, and a body is never made twice:
//! what is signed is what was first written.

pub(crate) mod staged;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::reference::{Refs, Surface};
use crate::clock;
use crate::incident::{Bridge, Incident, Status, Urgency, Word};
use crate::knobs::ReopenedAt;
use crate::world::World;

#[derive(Serialize)]
pub(crate) struct Envelope<'a> {
    pub(crate) event: Event<'a>,
}

#[derive(Serialize)]
pub(crate) struct Event<'a> {
    pub(crate) id: &'a str,
    #[serde(rename = "event_type")]
    pub(crate) kind: &'a str,
    pub(crate) resource_type: &'a str,
    pub(crate) occurred_at: String,
    pub(crate) agent: Value,
    pub(crate) client: Option<&'a Value>,
    pub(crate) data: &'a RawValue,
}

/// The data of an event about an incident itself.
#[derive(Serialize)]
pub(crate) struct IncidentData<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "self")]
    api: String,
    html_url: String,
    number: u64,
    status: Status,
    incident_key: Option<&'a str>,
    created_at: String,
    #[serde(skip_serializing_if = "Reopened::absent")]
    reopened_at: Reopened,
    title: &'a str,
    service: Value,
    assignees: Vec<Value>,
    escalation_policy: Value,
    teams: Vec<Value>,
    priority: Option<Value>,
    urgency: Urgency,
    conference_bridge: Option<&'a Bridge>,
    resolve_reason: Option<ResolveReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_type: Option<Value>,
}

/// The three ways in which `reopened_at` has been seen.
#[derive(Serialize)]
#[serde(untagged)]
enum Reopened {
    At(String),
    Null,
    Absent,
}

impl Reopened {
    fn absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

#[derive(Serialize)]
struct ResolveReason {
    #[serde(rename = "type")]
    kind: &'static str,
    incident: Value,
}

impl<'a> IncidentData<'a> {
    pub(crate) fn of(world: &'a World, incident: &'a Incident) -> Self {
        let refs = Refs::new(world, Surface::Webhook);
        let knobs = &world.knobs.webhooks;
        let reopened_at = incident.reopened_at.map(clock::seconds);
        Self {
            id: &incident.id,
            kind: "incident",
            api: refs.api(&format!("incidents/{}", incident.id)),
            html_url: refs.html(&format!("incidents/{}", incident.id)),
            number: incident.number,
            status: incident.status,
            incident_key: incident.key.as_deref(),
            created_at: clock::seconds(incident.created_at),
            reopened_at: match knobs.reopened_at {
                ReopenedAt::WhenReopened => reopened_at.map_or(Reopened::Absent, Reopened::At),
                ReopenedAt::Null => reopened_at.map_or(Reopened::Null, Reopened::At),
                ReopenedAt::Absent => Reopened::Absent,
            },
            title: &incident.title,
            service: refs.service(&incident.service),
            assignees: incident.assignees().map(|id| refs.user(id)).collect(),
            escalation_policy: refs.policy(&incident.policy),
            teams: incident.teams.iter().map(|id| refs.team(id)).collect(),
            priority: incident.priority.as_deref().map(|id| refs.priority(id)),
            urgency: incident.urgency,
            conference_bridge: incident.bridge.as_ref(),
            resolve_reason: resolve_reason(world, incident, refs),
            incident_type: (!knobs.incident_type_absent)
                .then(|| json!({ "name": incident.type_name })),
        }
    }
}

fn resolve_reason(world: &World, incident: &Incident, refs: Refs<'_>) -> Option<ResolveReason> {
    let target = world.incidents.get(&incident.merged_into.as_ref()?.incident)?;
    Some(ResolveReason { kind: "merge_resolve_reason", incident: refs.incident(target) })
}

/// The data of `incident.annotated`.
#[derive(Serialize)]
pub(crate) struct NoteData<'a> {
    pub(crate) incident: Value,
    pub(crate) id: &'a str,
    pub(crate) content: &'a str,
    pub(crate) trimmed: bool,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// The data of `incident.status_update_published`.
#[derive(Serialize)]
pub(crate) struct StatusUpdateData<'a> {
    pub(crate) incident: Value,
    pub(crate) id: &'a str,
    pub(crate) message: &'a str,
    pub(crate) trimmed: bool,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// The data of `pagey.ping`.
#[derive(Serialize)]
pub(crate) struct PingData {
    pub(crate) message: &'static str,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// The data of `incident.conference_bridge.updated`, shaped unlike the incident's own field.
#[derive(Serialize)]
pub(crate) struct BridgeData {
    pub(crate) incident: Value,
    pub(crate) conference_numbers: Vec<Value>,
    pub(crate) conference_url: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// The data of `incident.responder.added` and `.replied`.
#[derive(Serialize)]
pub(crate) struct ResponderData {
    pub(crate) incident: Value,
    pub(crate) user: Value,
    pub(crate) escalation_policy: Value,
    pub(crate) message: String,
    pub(crate) state: Word,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// The data of `incident.custom_field_values.updated`.
#[derive(Serialize)]
pub(crate) struct FieldValuesData {
    pub(crate) incident: Value,
    pub(crate) custom_fields: Vec<Value>,
    pub(crate) changed_custom_fields: Vec<Value>,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// Custom field values as webhooks show them: only those that were ever set.
pub(crate) fn field_values(world: &World, values: &BTreeMap<String, Value>) -> Vec<Value> {
    let one = |field: &crate::account::CustomField| {
        let value = values.get(&field.id)?;
        Some(json!({
            "data_type": field.data_type,
            "field_type": field.field_type,
            "id": field.id,
            "name": field.name,
            "namespace": "incidents",
            "type": "field_value",
            "value": value,
        }))
    };
    world.account.fields.iter().filter_map(one).collect()
}

/// The data of `service.created`, `.updated` and `.deleted`.
#[derive(Serialize)]
pub(crate) struct ServiceData {
    html_url: String,
    id: String,
    #[serde(rename = "self")]
    api: String,
    summary: String,
    alert_creation: &'static str,
    teams: Vec<Value>,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Makes the data of an event about a service.
pub(crate) fn service(world: &World, id: &str) -> Option<ServiceData> {
    let service = world.account.service(id)?;
    let refs = Refs::new(world, Surface::Webhook);
    Some(ServiceData {
        html_url: refs.html(&format!("services/{id}")),
        id: service.id.clone(),
        api: refs.api(&format!("services/{id}")),
        summary: service.name.clone(),
        alert_creation: "create_alerts_and_incidents",
        teams: service.teams.iter().map(|team| refs.team(team)).collect(),
        kind: "service",
    })
}

/// The data of `service.custom_field_values.updated`.
#[derive(Serialize)]
pub(crate) struct ServiceFieldsData {
    service: Value,
    custom_fields: Vec<Value>,
    changed_custom_fields: Vec<Value>,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Makes the data of a change of a service's custom fields; services have one made-up field.
pub(crate) fn service_fields(world: &World, id: &str) -> ServiceFieldsData {
    let field = |value: Value| {
        json!({
            "data_type": "string",
            "field_type": "single_value",
            "id": "PSVFLD1",
            "name": "tier",
            "namespace": "services",
            "type": "field_value",
            "value": value,
        })
    };
    ServiceFieldsData {
        service: Refs::new(world, Surface::Webhook).service(id),
        custom_fields: vec![field(json!("gold"))],
        changed_custom_fields: vec![field(Value::Null)],
        kind: "service_field_values",
    }
}
