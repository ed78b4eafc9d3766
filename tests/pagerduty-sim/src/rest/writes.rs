//! Owns the writes of single incidents: create, update, snooze, merge.

use serde_json::{Value, json};

use super::{Answer, Asked};
use crate::change::{New, Patch, patch};
use crate::incident::Urgency;
use crate::refusal::Refusal;
use crate::shape::reference::{Refs, Surface};
use crate::shape::rest;
use crate::world::World;

pub(super) fn create(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let missing = || Refusal::invalid("Incident could not be created");
    let object = asked.body.get("incident").ok_or_else(missing)?;
    let new = read_new(world, object)?;
    let id = asked.change(world).create(new)?;
    Ok(Answer::created(shown(world, &id)?))
}

fn read_new(world: &World, object: &Value) -> Result<New, Refusal> {
    let text = |path: &[&str]| patch::text_at(object, path).map(str::to_owned);
    let urgency = match text(&["urgency"]) {
        Some(name) => Some(Urgency::parse(&name).ok_or_else(patch::invalid_urgency)?),
        None => None,
    };
    let assignments = object.get("assignments").and_then(Value::as_array);
    let assignee = assignments.and_then(|list| patch::text_at(list.first()?, &["assignee", "id"]));
    Ok(New {
        title: text(&["title"]).unwrap_or_default(),
        service: text(&["service", "id"]).unwrap_or_default(),
        body: text(&["body", "details"]),
        key: text(&["incident_key"]),
        alert_key: None,
        urgency,
        priority: patch::priority(world, object)?.initial(),
        assignee: assignee.map(str::to_owned),
        policy: text(&["escalation_policy", "id"]),
        incident_type: text(&["incident_type", "name"]),
        bridge: patch::bridge(object).initial(),
    })
}

pub(super) fn update(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let id = found(world, asked.id())?;
    let object =
        asked.body.get("incident").ok_or_else(|| Refusal::invalid("Incident is missing."))?;
    let patch = Patch::read(world, object)?;
    asked.change(world).apply(&id, &patch)?;
    Ok(Answer::ok(shown(world, &id)?))
}

pub(super) fn snooze(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let id = found(world, asked.id())?;
    let seconds = asked.body.get("duration").and_then(Value::as_u64).unwrap_or(0);
    asked.change(world).snooze(&id, seconds)?;
    Ok(Answer::created(shown(world, &id)?))
}

pub(super) fn merge(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let target = found(world, asked.id())?;
    let list = asked.body.get("source_incidents").and_then(Value::as_array);
    let ids = list.into_iter().flatten().filter_map(|it| patch::text_at(it, &["id"]));
    let sources: Vec<_> = ids.map(str::to_owned).collect();
    asked.change(world).merge(&target, &sources)?;
    let incident = world.incidents.get(&target).ok_or(Refusal::IncidentNotFound)?;
    Ok(Answer::ok(json!({ "incident": Refs::new(world, Surface::Rest).incident(incident) })))
}

/// The id of the incident a path names.
pub(super) fn found(world: &World, id: &str) -> Result<String, Refusal> {
    world.incidents.find(id).map(|it| it.id.clone()).ok_or(Refusal::IncidentNotFound)
}

/// The answer of a write: the whole incident.
pub(super) fn shown(world: &World, id: &str) -> Result<Value, Refusal> {
    let incident = world.incidents.get(id).ok_or(Refusal::IncidentNotFound)?;
    Ok(json!({ "incident": rest::incident(world, incident, &[]) }))
}
