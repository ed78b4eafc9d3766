//! Owns the REST form of an incident and of what hangs on it: notes, status updates.
//!
//! It differs from the webhook form: `incident_number`, `assignments`, `summary`, no `assignees`.
//! Body, conference bridge and custom fields appear only when asked for.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::reference::{Refs, Surface};
use super::{log, objects};
use crate::clock;
use crate::incident::{Agent, Incident, Note, Responder, Since, Status, StatusUpdate};
use crate::world::World;

/// Writes an incident, with what `include[]` asks for.
pub(crate) fn incident(world: &World, incident: &Incident, include: &[&str]) -> Value {
    let refs = Refs::new(world, Surface::Rest);
    let first_log = incident.log.first().and_then(|position| world.log.get(*position));
    let mut out = json!({
        "id": incident.id,
        "type": "incident",
        "summary": format!("[#{}] {}", incident.number, incident.title),
        "self": refs.api(&format!("incidents/{}", incident.id)),
        "html_url": refs.html(&format!("incidents/{}", incident.id)),
        "incident_number": incident.number,
        "title": incident.title,
        "description": incident.title,
        "created_at": clock::seconds(incident.created_at),
        "updated_at": clock::seconds(incident.updated_at),
        "status": incident.status,
        "incident_key": incident.key,
        "service": refs.service(&incident.service),
        "assignments": since(refs, &incident.assignments, "assignee"),
        "assigned_via": if incident.direct { "direct_assignment" } else { "escalation_policy" },
        "last_status_change_at": clock::seconds(incident.last_status_change_at),
        "last_status_change_by": refs.agent(&incident.last_status_change_by),
        "resolved_at": incident.resolved_at.map(clock::seconds),
        "first_trigger_log_entry": first_log.map(|entry| log::reference(refs, entry)),
        "alert_counts": { "all": 0, "triggered": 0, "resolved": 0 },
        "is_mergeable": incident.open(),
        "incident_type": { "name": incident.type_name },
        "escalation_policy": refs.policy(&incident.policy),
        "teams": incident.teams.iter().map(|id| refs.team(id)).collect::<Vec<_>>(),
        "pending_actions": pending_actions(world, incident),
        "acknowledgements": since(refs, &incident.acknowledgements, "acknowledger"),
        "alert_grouping": null,
        "priority": incident.priority.as_deref().and_then(|id| objects::priority(refs, world, id)),
        "resolve_reason": resolve_reason(world, incident, refs),
        "incidents_responders": responders(refs, incident),
        "responder_requests": responder_requests(refs, incident),
        "urgency": incident.urgency,
    });
    if let Some(members) = out.as_object_mut() {
        for asked in include {
            if let Some((name, value)) = included(world, incident, asked) {
                members.insert(name.to_owned(), value);
            }
        }
    }
    out
}

fn included(world: &World, incident: &Incident, asked: &str) -> Option<(&'static str, Value)> {
    let refs = Refs::new(world, Surface::Rest);
    match asked {
        "body" => Some(("body", json!({ "type": "incident_body", "details": incident.body }))),
        "conference_bridge" => Some(("conference_bridge", json!(incident.bridge))),
        "custom_fields" => Some(("custom_fields", objects::field_values(world, incident))),
        "services" => objects::service(refs, world, &incident.service).map(|it| ("service", it)),
        "escalation_policies" => {
            objects::policy(refs, world, &incident.policy).map(|it| ("escalation_policy", it))
        }
        "teams" => {
            let teams = incident.teams.iter().filter_map(|id| objects::team(refs, world, id));
            Some(("teams", teams.collect()))
        }
        "assignees" | "users" => {
            Some(("assignments", full(world, refs, &incident.assignments, "assignee")))
        }
        "agents" => match &incident.last_status_change_by {
            Agent::User(id) => objects::user(refs, world, id),
            Agent::Service(id) => objects::service(refs, world, id),
            Agent::Integration(_) | Agent::Automation => None,
        }
        .map(|agent| ("last_status_change_by", agent)),
        "acknowledgers" => {
            let people = full(world, refs, &incident.acknowledgements, "acknowledger");
            Some(("acknowledgements", people))
        }
        "first_trigger_log_entries" => {
            let entry = world.log.get(*incident.log.first()?)?;
            Some(("first_trigger_log_entry", log::entry(world, entry, &["channels"])))
        }
        _ => None,
    }
}

fn since(refs: Refs<'_>, people: &[Since], role: &str) -> Vec<Value> {
    let one = |it: &Since| json!({ "at": clock::seconds(it.at), role: refs.user(&it.user) });
    people.iter().map(one).collect()
}

fn full(world: &World, refs: Refs<'_>, people: &[Since], role: &str) -> Value {
    let one = |it: &Since| {
        let user = objects::user(refs, world, &it.user);
        json!({ "at": clock::seconds(it.at), role: user.unwrap_or_else(|| refs.user(&it.user)) })
    };
    people.iter().map(one).collect()
}

/// What will happen by itself: an acknowledgement runs out, or the incident resolves.
fn pending_actions(world: &World, incident: &Incident) -> Vec<Value> {
    let service = world.account.service(&incident.service);
    let later = |at: Timestamp, seconds: u64| {
        at.checked_add(SignedDuration::from_secs(seconds.cast_signed())).ok()
    };
    let runs_out = || match incident.status {
        Status::Acknowledged => {
            later(incident.last_status_change_at, service?.acknowledgement_timeout_s?)
        }
        Status::Triggered | Status::Resolved => None,
    };
    let resolves = || match incident.reopened_at {
        None if incident.open() => later(incident.created_at, service?.auto_resolve_timeout_s?),
        _ => None,
    };
    let unacknowledge = incident.snoozed_until.or_else(runs_out).map(|at| ("unacknowledge", at));
    let resolve = resolves().map(|at| ("resolve", at));
    let both = unacknowledge.into_iter().chain(resolve);
    both.map(|(kind, at)| json!({ "type": kind, "at": clock::seconds(at) })).collect()
}

fn resolve_reason(world: &World, incident: &Incident, refs: Refs<'_>) -> Value {
    let into = incident.merged_into.as_ref();
    match into.and_then(|into| world.incidents.get(&into.incident)) {
        Some(target) => {
            json!({ "type": "merge_resolve_reason", "incident": refs.incident(target) })
        }
        None => Value::Null,
    }
}

fn responders(refs: Refs<'_>, incident: &Incident) -> Vec<Value> {
    let one = |responder: &Responder| {
        json!({
            "state": responder.state,
            "user": refs.user(&responder.user),
            "incident": refs.incident(incident),
            "requester": refs.user(&responder.requester),
            "requested_at": clock::seconds(responder.at),
            "updated_at": clock::seconds(responder.at),
            "message": responder.message,
        })
    };
    incident.responders.iter().map(one).collect()
}

/// Who was asked for help, grouped by the request; one request is one person's message at one time.
fn responder_requests(refs: Refs<'_>, incident: &Incident) -> Vec<Value> {
    let same = |a: &Responder, b: &Responder| {
        (a.at, &a.requester, &a.message) == (b.at, &b.requester, &b.message)
    };
    let requests = incident.responders.chunk_by(same).filter_map(|asked| {
        let first = asked.first()?;
        let targets = asked.iter().map(|responder| {
            let mut target = refs.user(&responder.user);
            let people = json!([{ "state": responder.state, "user": refs.user(&responder.user) }]);
            if let Some(members) = target.as_object_mut() {
                members.insert("incidents_responders".to_owned(), people);
            }
            json!({ "responder_request_target": target })
        });
        Some(json!({
            "incident": refs.incident(incident),
            "requester": refs.user(&first.requester),
            "requested_at": clock::seconds(first.at),
            "message": first.message,
            "responder_request_targets": targets.collect::<Vec<_>>(),
        }))
    });
    requests.collect()
}

/// Writes a note.
pub(crate) fn note(world: &World, note: &Note) -> Value {
    let refs = Refs::new(world, Surface::Rest);
    let channel = match note.channel.as_ref() {
        "website" => "The PagerDuty website or APIs",
        _ => "The PagerDuty API",
    };
    json!({
        "id": note.id,
        "user": refs.agent(&note.by),
        "channel": { "summary": channel },
        "content": note.content,
        "created_at": clock::seconds(note.created_at),
        "updated_at": clock::seconds(note.updated_at),
    })
}

/// Writes a status update.
pub(crate) fn status_update(world: &World, update: &StatusUpdate) -> Value {
    let refs = Refs::new(world, Surface::Rest);
    json!({
        "id": update.id,
        "message": update.message,
        "subject": update.subject,
        "html_message": update.html_message,
        "sender": refs.agent(&update.by),
        "created_at": clock::seconds(update.at),
    })
}
