//! Owns the making of events: their bytes, and which subscriptions get them.
//!
//! Bytes are made at the moment of the change and frozen. An event over 256 KiB is lost; notes and
//! status updates are cut so that the body stays within 55 KiB.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

use super::{Delivery, Subscription};
use crate::clock;
use crate::incident::{Actor, Agent, Incident};
use crate::minter::Kind;
use crate::shape::reference::{Refs, Surface};
use crate::shape::webhook::{Envelope, Event, IncidentData, NoteData, StatusUpdateData};
use crate::world::World;

/// Delivery is guaranteed up to here.
pub(crate) const TRIM_ABOVE: usize = 56_320;
/// Delivery is not even tried above.
const DROP_ABOVE: usize = 256 * 1024;
const UNKNOWN_TYPE: &str = "incident.telepathy.sensed";

/// Emits an event that shows an incident as it is now.
pub(crate) fn incident(
    world: &mut World,
    id: &str,
    event_type: &'static str,
    actor: &Actor,
    now: Timestamp,
) {
    let data = {
        let Some(incident) = world.incidents.get(id) else { return };
        raw(&IncidentData::of(world, incident))
    };
    about_raw(world, id, event_type, actor, now, data.as_deref());
}

/// Emits an event about something that hangs on an incident.
pub(crate) fn about(
    world: &mut World,
    id: &str,
    event_type: &'static str,
    actor: &Actor,
    now: Timestamp,
    data: &impl Serialize,
) {
    about_raw(world, id, event_type, actor, now, raw(data).as_deref());
}

/// Emits `incident.annotated`, its content cut to fit.
pub(crate) fn note(world: &mut World, id: &str, note_id: &str, actor: &Actor, now: Timestamp) {
    let data = {
        let Some(incident) = world.incidents.get(id) else { return };
        let Some(note) = incident.notes.iter().find(|note| note.id == note_id) else { return };
        let reference = Refs::new(world, Surface::Webhook).incident(incident);
        fitting(&note.content, |content, trimmed| {
            raw(&NoteData {
                incident: reference.clone(),
                id: note_id,
                content,
                trimmed,
                kind: "incident_note",
            })
        })
    };
    about_raw(world, id, "incident.annotated", actor, now, data.as_deref());
}

/// Emits `incident.status_update_published`, its message cut to fit.
pub(crate) fn status_update(
    world: &mut World,
    id: &str,
    update_id: &str,
    message: &str,
    actor: &Actor,
    now: Timestamp,
) {
    let data = {
        let Some(incident) = world.incidents.get(id) else { return };
        let reference = Refs::new(world, Surface::Webhook).incident(incident);
        fitting(message, |message, trimmed| {
            raw(&StatusUpdateData {
                incident: reference.clone(),
                id: update_id,
                message,
                trimmed,
                kind: "incident_status_update",
            })
        })
    };
    about_raw(world, id, "incident.status_update_published", actor, now, data.as_deref());
}

/// Emits an event about a service or anything else that is no incident.
pub(crate) fn service(
    world: &mut World,
    service: &str,
    event_type: &str,
    actor: &Actor,
    now: Timestamp,
    data: &impl Serialize,
) {
    let teams = world.account.service(service).map(|it| it.teams.clone()).unwrap_or_default();
    let covers = |filter: &super::Filter| match filter {
        super::Filter::Account => true,
        super::Filter::Service(id) => id == service,
        super::Filter::Team(id) => teams.contains(id),
    };
    let receivers = receivers(world, |it| it.wants(event_type) && covers(&it.filter));
    let Some(data) = raw(data) else { return };
    queue(world, receivers, service, event_type, actor, now, &data);
}

/// Emits to one subscription whatever events it wants.
pub(crate) fn ping(world: &mut World, subscription: &str, agent: &Value, now: Timestamp) {
    let data =
        crate::shape::webhook::PingData { message: "Hello from your friend Pagey!", kind: "ping" };
    let Some(data) = raw(&data) else { return };
    let id = world.minter.event_id();
    let body = body(&id, "pagey.ping", now, agent.clone(), None, &data);
    push(world, vec![subscription.to_owned()], subscription, &id, "pagey.ping", &body);
}

fn about_raw(
    world: &mut World,
    id: &str,
    event_type: &str,
    actor: &Actor,
    now: Timestamp,
    data: Option<&RawValue>,
) {
    let Some(data) = data else { return };
    let at = occurred_at(world, id, now);
    if world.knobs.webhooks.unknown_event {
        let everyone = receivers_of(world, id, |it| it.active);
        queue(world, everyone, id, UNKNOWN_TYPE, actor, at, data);
    }
    let receivers = receivers_of(world, id, |it| it.wants(event_type));
    queue(world, receivers, id, event_type, actor, at, data);
}

/// Events of one incident are at least a millisecond apart, unless told otherwise.
fn occurred_at(world: &mut World, id: &str, now: Timestamp) -> Timestamp {
    let equal = world.knobs.behaviour.equal_occurred_at;
    let Some(incident) = world.incidents.get_mut(id) else { return now };
    let next = incident.last_event_at.and_then(|last| {
        last.checked_add(SignedDuration::from_millis(1)).ok().filter(|next| *next > now)
    });
    let at = if equal { now } else { next.unwrap_or(now) };
    incident.last_event_at = Some(at);
    at
}

fn receivers_of(
    world: &World,
    incident: &str,
    wants: impl Fn(&Subscription) -> bool,
) -> Vec<String> {
    let Some(incident) = world.incidents.get(incident) else { return Vec::new() };
    // A change of service is told to those who watched the old one too.
    let before: Option<&Incident> = incident.previous.as_deref();
    let covers = |it: &Subscription| {
        it.filter.covers(incident) || before.is_some_and(|before| it.filter.covers(before))
    };
    receivers(world, |it| wants(it) && covers(it))
}

fn receivers(world: &World, wanted: impl Fn(&Subscription) -> bool) -> Vec<String> {
    world.subscriptions.iter().filter(|it| wanted(it)).map(|it| it.id.clone()).collect()
}

fn queue(
    world: &mut World,
    receivers: Vec<String>,
    resource: &str,
    event_type: &str,
    actor: &Actor,
    at: Timestamp,
    data: &RawValue,
) {
    let id = world.minter.event_id();
    let agent = if world.knobs.webhooks.agent_null {
        Value::Null
    } else {
        Refs::new(world, Surface::Webhook).agent(&actor.agent)
    };
    let body = body(&id, event_type, at, agent, actor.client.as_ref(), data);
    push(world, receivers, resource, &id, event_type, &body);
}

fn body(
    id: &str,
    event_type: &str,
    at: Timestamp,
    agent: Value,
    client: Option<&Value>,
    data: &RawValue,
) -> Bytes {
    let event = Event {
        id,
        kind: event_type,
        resource_type: event_type.split('.').next().unwrap_or_default(),
        occurred_at: clock::millis(at),
        agent,
        client,
        data,
    };
    // An envelope of strings and JSON always serialises.
    serde_json::to_vec(&Envelope { event }).unwrap_or_default().into()
}

fn push(
    world: &mut World,
    receivers: Vec<String>,
    resource: &str,
    event_id: &str,
    event_type: &str,
    body: &Bytes,
) {
    for subscription in receivers {
        let (shortest, longest) = world.options.webhook_delay_ms;
        let wait = world.minter.between(Kind::Delay, shortest, longest);
        let due = Instant::now() + Duration::from_millis(wait + world.knobs.webhooks.delay_ms);
        let delivery = Delivery {
            webhook_id: world.minter.uuid(Kind::Webhook),
            event_id: event_id.to_owned(),
            event_type: event_type.to_owned(),
            subscription,
            resource: resource.to_owned(),
            body: body.clone(),
            due,
            since: due,
            attempts: 0,
            copies: world.knobs.webhooks.duplicate,
        };
        match lost(world, &delivery) {
            Some(why) => world.journal.attempt(super::send::lost(&delivery, why)),
            None => world.outbox.push(delivery),
        }
    }
}

/// Why a webhook is never even tried.
fn lost(world: &mut World, delivery: &Delivery) -> Option<&'static str> {
    let subscription = world.subscriptions.iter().find(|it| it.id == delivery.subscription);
    let knobs = &mut world.knobs.webhooks;
    if knobs.drop {
        return Some("the drop knob is on");
    }
    if knobs.drop_next > 0 {
        knobs.drop_next -= 1;
        return Some("the drop_next knob is on");
    }
    if subscription.is_none_or(|it| it.disabled(Instant::now())) {
        return Some("the subscription is disabled");
    }
    (delivery.body.len() > DROP_ABOVE).then_some("the body is over 256 KiB")
}

/// Makes data whose text is cut as far as needed, at a character boundary.
fn fitting(
    text: &str,
    make: impl Fn(&str, bool) -> Option<Box<RawValue>>,
) -> Option<Box<RawValue>> {
    // The envelope around the data needs some room.
    let room = TRIM_ABOVE - 1024;
    let mut end = text.len();
    loop {
        let data = make(text.get(..end)?, end < text.len())?;
        let excess = data.get().len().saturating_sub(room);
        if excess == 0 || end == 0 {
            return Some(data);
        }
        // Every source byte takes at most six when escaped; never cut less than needed in the end.
        end = end.saturating_sub(excess.div_ceil(6).max(1));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
    }
}

fn raw(data: &impl Serialize) -> Option<Box<RawValue>> {
    to_raw_value(data).ok()
}

/// The agent of a ping: a bare user reference.
pub(crate) fn ping_agent(world: &World, agent: &Agent) -> Value {
    match agent {
        Agent::User(id) if !world.knobs.behaviour.ping_agent_null => {
            json!({ "id": id, "type": "user_reference" })
        }
        _ => Value::Null,
    }
}
