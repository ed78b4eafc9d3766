//! Webhooks v3: one delivery becomes one observation.
//!
//! What a delivery must have is an `event` with id, type and time; everything else may be missing,
//! null or odd and is then not observed. Texts are made storable here and nowhere later.

mod lenient;
mod remark;
mod wire;

use std::collections::BTreeMap;

use http::HeaderMap;
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tandem_domain::{
    event::{ForeignNote, Observation, Snapshot, Summoned},
    field::Field,
    id::RecordId,
    incident::{Actor, Side},
    lens::{Foreign, ranked},
};

use self::{
    lenient::{Object, Text},
    wire::{Body, Data, Event, FieldValue, Reference},
};
use super::{event_type::EventType, signature};
use crate::inbound::{Arrival, Inbound, NotADelivery, Refusal, Sample, Verified};

/// The header with the delivery's id, the same on each redelivery. It is not signed.
const DELIVERY_HEADER: &str = "x-webhook-id";
/// The header with the subscription's id. It is not signed either.
const SENDER_HEADER: &str = "x-webhook-subscription";
/// The longest id or type that is kept as it is; PagerDuty's are under 40.
const ID_MAX: usize = 128;
/// What the self-check signs: a ping, as PagerDuty sends one on demand.
const SAMPLE: &[u8] = br#"{"event":{"id":"SELFCHECK","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-01-01T00:00:00Z","agent":null,"client":null,"data":{"message":"a self-check","type":"ping"}}}"#;

/// PagerDuty's webhooks v3.
#[derive(Debug, Clone, Copy)]
pub struct Webhooks;

impl Inbound for Webhooks {
    fn verify<'a>(
        &self,
        headers: &HeaderMap,
        body: &'a [u8],
        secrets: &[SecretString],
    ) -> Result<Verified<'a>, Refusal> {
        signature::verify(headers, body, secrets)
    }

    fn decode(
        &self,
        verified: &Verified<'_>,
        headers: &HeaderMap,
        arrival: Arrival,
    ) -> Result<Vec<Observation>, NotADelivery> {
        let body: Object<Body<'_>> =
            serde_json::from_slice(verified.body()).map_err(NotADelivery::Json)?;
        let event = body.get().and_then(|body| body.event.get());
        let event = event.ok_or(NotADelivery::Lacks { part: "event object" })?;
        observe(event, headers, arrival).map(|observation| vec![observation])
    }

    fn is_signed(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(signature::HEADER)
    }

    fn sender(&self, headers: &HeaderMap) -> Option<String> {
        let sender = headers.get(SENDER_HEADER)?.to_str().ok()?;
        (!sender.is_empty()).then(|| opaque(sender))
    }

    fn sample(&self, secret: &SecretString) -> Sample {
        let mut headers = HeaderMap::new();
        headers.insert(signature::HEADER, signature::sign(std::slice::from_ref(secret), SAMPLE));
        Sample { headers, body: SAMPLE }
    }

    fn label(&self, event_type: &str) -> &'static str {
        EventType::of(event_type).name()
    }
}

fn observe(
    event: &Event<'_>,
    headers: &HeaderMap,
    arrival: Arrival,
) -> Result<Observation, NotADelivery> {
    let lacks = |part| NotADelivery::Lacks { part };
    let id = opaque(event.id.raw().ok_or_else(|| lacks("event id"))?);
    let event_type = opaque(event.kind.raw().ok_or_else(|| lacks("event type"))?);
    let occurred_at = time(&event.occurred_at).ok_or_else(|| lacks("time of the event"))?;
    let delivery = headers.get(DELIVERY_HEADER).and_then(|value| value.to_str().ok());
    let delivery = delivery.filter(|text| !text.is_empty()).map_or_else(|| id.clone(), opaque);

    let kind = EventType::of(&event_type);
    let nothing = Data::default();
    let data = event.data.get().unwrap_or(&nothing);
    let record = record(data);
    let snapshot = match kind {
        EventType::CustomFieldsUpdated => record.clone().map(|id| labels(id, data)),
        _ => record.clone().filter(|_| data.is_incident()).map(|id| snapshot(id, data)),
    };
    let shows = |field: &Field| snapshot.as_ref().is_some_and(|it| it.fields.contains_key(field));
    let lost = record.is_none() && event_type.starts_with("incident.");
    Ok(Observation {
        integration: arrival.integration,
        delivery,
        event: id,
        occurred_at,
        arrived: arrival.at,
        actor: event.agent.get().map(actor),
        record_title: title(data),
        edited: edited(kind).or_else(|| edited_label(kind, data)).filter(shows),
        begins: kind == EventType::Triggered,
        note: (kind == EventType::Annotated).then(|| note(data)).flatten(),
        remark: if lost {
            Some(format!("{event_type} names no incident"))
        } else {
            remark::remark(kind, &event_type, data)
        },
        summons: summons(kind, data),
        event_type,
        record,
        snapshot,
    })
}

/// That people were brought in.
fn summons(kind: EventType, data: &Data<'_>) -> Option<Summoned> {
    match kind {
        EventType::Escalated => Some(Summoned::Escalated),
        EventType::ResponderAdded => {
            Some(Summoned::Asked { message: data.message.raw().map(str::to_owned) })
        }
        _ => None,
    }
}

/// The one field whose change an event announces. A priority decides the severity.
const fn edited(kind: EventType) -> Option<Field> {
    match kind {
        EventType::Acknowledged
        | EventType::Unacknowledged
        | EventType::Resolved
        | EventType::Reopened => Some(Field::Status),
        EventType::PriorityUpdated => Some(Field::Severity),
        EventType::Reassigned => Some(Field::AssignedTo),
        EventType::Delegated => Some(Field::EscalationPolicy),
        _ => None,
    }
}

/// The custom field whose change is announced, where it is one alone.
fn edited_label(kind: EventType, data: &Data<'_>) -> Option<Field> {
    let mut changed = data.changed_custom_fields.iter().filter_map(Object::get);
    match (kind, changed.next(), changed.next()) {
        (EventType::CustomFieldsUpdated, Some(only), None) => label_field(only),
        _ => None,
    }
}

fn label_field(field: &FieldValue<'_>) -> Option<Field> {
    field.name.raw()?.parse().ok().map(Field::Label)
}

/// What an event about custom fields shows: all of them, and nothing else.
fn labels(record: RecordId, data: &Data<'_>) -> Snapshot {
    let shown = data.custom_fields.iter().filter_map(Object::get);
    let fields = shown.filter_map(|field| {
        let value = Foreign { value: field.value.joined()?, label: None };
        Some((label_field(field)?, value))
    });
    Snapshot {
        record,
        fields: fields.collect(),
        assignees: Vec::new(),
        number: None,
        url: None,
        key: None,
        service: None,
        teams: Vec::new(),
        changed_by: None,
        created_at: None,
    }
}

/// The incident it is about: itself, or the one it refers to.
fn record(data: &Data<'_>) -> Option<RecordId> {
    let id = if data.is_incident() { data.id.raw() } else { data.incident()?.id.raw() };
    id?.parse().ok()
}

fn title(data: &Data<'_>) -> Option<String> {
    if data.is_incident() { data.title.clean() } else { data.incident()?.summary.clean() }
}

fn snapshot(record: RecordId, data: &Data<'_>) -> Snapshot {
    let mut fields = BTreeMap::new();
    let texts = [(Field::Title, &data.title), (Field::Status, &data.status)];
    for (field, text) in texts {
        fields.extend(text.clean().map(|text| (field, Foreign::plain(text))));
    }
    let priority = data.priority.get().and_then(|priority| priority.summary.clean());
    let severity = data.urgency.clean().map(|urgency| ranked(&urgency, priority.as_deref()));
    fields.extend(severity.map(|severity| (Field::Severity, Foreign::plain(severity))));
    fields.extend(assigned_to(data).map(|assigned| (Field::AssignedTo, assigned)));
    let policy = data.escalation_policy.get().and_then(reference);
    fields.extend(policy.map(|policy| (Field::EscalationPolicy, policy)));
    let assignees = data.assignees.get().into_iter().flatten();
    let assignees = assignees.filter_map(|assignee| assignee.get()?.id.clean());
    let teams = data.teams.get().into_iter().flatten();
    Snapshot {
        record,
        fields,
        assignees: assignees.collect(),
        number: data.number.raw().and_then(|number| number.parse::<u32>().ok()).map(u64::from),
        url: data.html_url.clean(),
        key: data.incident_key.clean(),
        service: data.service.get().and_then(reference),
        teams: teams.filter_map(|team| reference(team.get()?)).collect(),
        changed_by: None,
        created_at: time(&data.created_at),
    }
}

/// The first assignee. PagerDuty empties the list when an incident is resolved, which nobody did:
/// then it is not observed.
fn assigned_to(data: &Data<'_>) -> Option<Foreign> {
    let assignees = data.assignees.get()?;
    match assignees.first() {
        _ if data.status.raw() == Some("resolved") => None,
        None => Some(Foreign::empty()),
        Some(first) => first.get().and_then(reference),
    }
}

fn reference(reference: &Reference<'_>) -> Option<Foreign> {
    Some(Foreign { value: Some(reference.id.clean()?), label: reference.summary.clean() })
}

fn note(data: &Data<'_>) -> Option<ForeignNote> {
    let id = opaque(data.id.raw()?);
    let text = data.content.clean().unwrap_or_default();
    Some(ForeignNote { id, text, trimmed: data.trimmed.raw() == Some("true") })
}

fn actor(agent: &Reference<'_>) -> Actor {
    let (id, name) = (agent.id.clean(), agent.summary.clean());
    Actor { id, name, ..Actor::unnamed(Side::External) }
}

/// A time since the epoch: nothing PagerDuty tells of is older, and not every store could hold it.
fn time(text: &Text<'_>) -> Option<Timestamp> {
    text.raw()?.parse().ok().filter(|at| *at >= Timestamp::UNIX_EPOCH)
}

/// An id as it can be stored and compared; one that is longer than any real one becomes its hash.
fn opaque(text: &str) -> String {
    if text.len() <= ID_MAX {
        text.replace('\0', "\u{fffd}")
    } else {
        format!("sha256-{}", hex::encode(Sha256::digest(text)))
    }
}

#[cfg(test)]
mod tests;
