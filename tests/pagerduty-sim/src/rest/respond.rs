//! Owns the calls that bring people in: status updates, responder requests and their cancelling.

use serde_json::{Value, json};

use super::{Answer, Asked, writes};
use crate::change::patch::text_at;
use crate::clock;
use crate::incident::Word;
use crate::refusal::Refusal;
use crate::shape::reference::{Refs, Surface};
use crate::shape::rest;
use crate::world::World;

const ABILITY: &str = "coordinated_responding";

pub(super) fn publish(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let id = writes::found(world, asked.id())?;
    let text = |name: &str| text_at(&asked.body, &[name]).map(str::to_owned);
    let message = text("message").unwrap_or_default();
    let update =
        asked.change(world).publish(&id, &message, text("subject"), text("html_message"))?;
    let incident = world.incidents.get(&id).ok_or(Refusal::IncidentNotFound)?;
    let update = incident.status_updates.iter().find(|it| it.id == update);
    let update = update.ok_or(Refusal::NotFound)?;
    Ok(Answer::ok(json!({ "status_update": rest::status_update(world, update) })))
}

/// A target of a request: its reference, and the people it stands for.
struct Target {
    id: String,
    of_policy: bool,
    people: Vec<String>,
}

fn targets(world: &World, asked: &Asked) -> Result<Vec<Target>, Refusal> {
    if !world.account.abilities.contains(ABILITY) {
        return Err(Refusal::MissingAbility);
    }
    let list = asked.body.get("responder_request_targets").and_then(Value::as_array);
    let mut out = Vec::new();
    for target in list.into_iter().flatten() {
        let of = |name| text_at(target, &["responder_request_target", name]);
        let id = of("id").unwrap_or_default().to_owned();
        let of_policy = of("type").is_some_and(|kind| kind.starts_with("escalation_policy"));
        let people =
            if of_policy { world.account.on_call(&id, 1, asked.now) } else { vec![id.clone()] };
        out.push(Target { id, of_policy, people });
    }
    if out.is_empty() { Err(Refusal::invalid("Targets cannot be empty.")) } else { Ok(out) }
}

pub(super) fn request(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let id = writes::found(world, asked.id())?;
    let requester = text_at(&asked.body, &["requester_id"]).unwrap_or_default().to_owned();
    if world.account.user(&requester).is_none() {
        return Err(Refusal::RequesterNotFound);
    }
    let message = text_at(&asked.body, &["message"]).unwrap_or_default().to_owned();
    let targets = targets(world, asked)?;
    let people = || targets.iter().flat_map(|target| &target.people);
    if people().any(|user| world.account.user(user).is_none()) {
        return Err(Refusal::AssigneeNotFound);
    }
    for user in people() {
        asked.change(world).request_responder(&id, &requester, user, &message)?;
    }
    let incident = world.incidents.get(&id).ok_or(Refusal::IncidentNotFound)?;
    let refs = Refs::new(world, Surface::Rest);
    let shown = targets.iter().map(|target| {
        let people = target
            .people
            .iter()
            .map(|user| json!({ "state": "pending", "user": refs.user(user), "message": message }));
        let target_ref = reference(refs, target);
        json!({ "responder_request_target": {
            "type": target_ref.get("type"),
            "id": target_ref.get("id"),
            "summary": target_ref.get("summary"),
            "incidents_responders": people.collect::<Vec<_>>(),
        } })
    });
    Ok(Answer::ok(json!({ "responder_request": {
        "incident": refs.incident(incident),
        "requester": refs.user(&requester),
        "requested_at": clock::seconds(asked.now),
        "message": message,
        "responder_request_targets": shown.collect::<Vec<_>>(),
    } })))
}

pub(super) fn cancel(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let id = writes::found(world, asked.id())?;
    let targets = targets(world, asked)?;
    let mut shown = Vec::new();
    for target in &targets {
        let mut result = Word::from("not_found");
        for user in &target.people {
            result = asked.change(world).cancel_responder(&id, user)?;
        }
        let reference = reference(Refs::new(world, Surface::Rest), target);
        shown.push(json!({ "responder_request_target": reference, "result": result }));
    }
    Ok(Answer::ok(json!({ "responder_request_targets": shown })))
}

fn reference(refs: Refs<'_>, target: &Target) -> Value {
    if target.of_policy { refs.policy(&target.id) } else { refs.user(&target.id) }
}
