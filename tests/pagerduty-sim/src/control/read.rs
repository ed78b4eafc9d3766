//! Owns the reading of what happened: calls, deliveries, incidents in full, what is still on its way.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{refused, shown};
use crate::incident::Status;
use crate::journal::{Attempt, Call};
use crate::shape::rest;
use crate::shared::Shared;
use crate::world::World;

/// Which calls are asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CallFilter {
    pub(crate) since_seq: u64,
    pub(crate) method: Option<String>,
    pub(crate) path_prefix: Option<String>,
    /// Only calls with violations.
    pub(crate) violating: bool,
}

impl CallFilter {
    pub(crate) fn admits(&self, call: &Call) -> bool {
        call.seq > self.since_seq
            && self.method.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(&call.method))
            && self.path_prefix.as_ref().is_none_or(|it| call.path.starts_with(it.as_str()))
            && (!self.violating || !call.violations.is_empty())
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeliveryFilter {
    since_seq: u64,
    incident: Option<String>,
    event_type: Option<String>,
    outcome: Option<String>,
}

impl DeliveryFilter {
    fn admits(&self, attempt: &Attempt) -> bool {
        attempt.seq > self.since_seq
            && self.incident.as_ref().is_none_or(|it| *it == attempt.incident)
            && self.event_type.as_ref().is_none_or(|it| *it == attempt.event_type)
            && self.outcome.as_ref().is_none_or(|it| *it == attempt.outcome)
    }
}

pub(super) async fn calls(
    State(shared): State<Arc<Shared>>,
    Query(filter): Query<CallFilter>,
) -> Response {
    let world = shared.lock();
    let found: Vec<_> = world.journal.calls().filter(|it| filter.admits(it)).collect();
    shown(StatusCode::OK, &json!({ "calls": found }))
}

pub(super) async fn deliveries(
    State(shared): State<Arc<Shared>>,
    Query(filter): Query<DeliveryFilter>,
) -> Response {
    let world = shared.lock();
    let found: Vec<_> = world.journal.attempts().filter(|it| filter.admits(it)).collect();
    shown(StatusCode::OK, &json!({ "deliveries": found }))
}

pub(super) async fn all_incidents(State(shared): State<Arc<Shared>>) -> Response {
    shown(StatusCode::OK, &json!({ "incidents": shared.peek(incidents) }))
}

pub(super) async fn one_incident(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Response {
    let found = shared.peek(|world| incident(world, &world.incidents.find(&id)?.id));
    match found {
        Some(incident) => shown(StatusCode::OK, &json!({ "incident": incident })),
        None => refused(StatusCode::NOT_FOUND, "no such incident"),
    }
}

pub(super) async fn what_is_pending(State(shared): State<Arc<Shared>>) -> Response {
    let waiting = pending(&shared);
    shown(StatusCode::OK, &json!({ "pending": waiting.len(), "webhooks": waiting }))
}

pub(super) async fn counts(State(shared): State<Arc<Shared>>) -> Response {
    let mut state = shared.peek(state);
    if let Some(members) = state.as_object_mut() {
        members.insert("pending".to_owned(), json!(shared.lanes().waiting().count()));
    }
    shown(StatusCode::OK, &state)
}

/// Every incident in full, oldest first.
pub(crate) fn incidents(world: &World) -> Vec<Value> {
    world.incidents.iter().filter_map(|it| incident(world, &it.id)).collect()
}

/// An incident in full: what REST shows with everything included, and what hangs on it.
pub(crate) fn incident(world: &World, id: &str) -> Option<Value> {
    let incident = world.incidents.get(id)?;
    let include = ["body", "conference_bridge", "custom_fields"];
    let mut out = rest::incident(world, incident, &include);
    let members = out.as_object_mut()?;
    let notes = incident.notes.iter().map(|note| rest::note(world, note));
    members.insert("notes".to_owned(), notes.collect());
    let updates = incident.status_updates.iter().map(|it| rest::status_update(world, it));
    members.insert("status_updates".to_owned(), updates.collect());
    Some(out)
}

/// The webhooks that are not delivered yet.
pub(crate) fn pending(shared: &Shared) -> Vec<Value> {
    let now = Instant::now();
    let lanes = shared.lanes();
    let one = |it: &crate::webhooks::Delivery| {
        let due_in = it.due.saturating_duration_since(now).as_millis();
        json!({
            "webhook_id": it.webhook_id,
            "event_id": it.event_id,
            "event_type": it.event_type,
            "subscription": it.subscription,
            "incident": it.resource,
            "attempts": it.attempts,
            "due_in_ms": u64::try_from(due_in).unwrap_or(u64::MAX),
        })
    };
    lanes.waiting().map(one).collect()
}

/// How much there is of everything.
pub(crate) fn state(world: &World) -> Value {
    let with = |status| world.incidents.iter().filter(|it| it.status == status).count();
    json!({
        "seed": world.minter.seed,
        "incidents": world.incidents.len(),
        "triggered": with(Status::Triggered),
        "acknowledged": with(Status::Acknowledged),
        "resolved": with(Status::Resolved),
        "log_entries": world.log.len(),
        "subscriptions": world.subscriptions.len(),
        "calls": world.journal.calls().count(),
        "deliveries": world.journal.attempts().count(),
    })
}
