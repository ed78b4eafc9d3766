//! Owns the calls about notes; the list is not paged.

use serde_json::{Value, json};

use super::{Answer, Asked, writes};
use crate::change::patch;
use crate::refusal::Refusal;
use crate::shape::rest;
use crate::world::World;

pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let incident = asked.incident(world)?;
    // Newest first, as the web app shows them.
    let notes = incident.notes.iter().rev().map(|note| rest::note(world, note));
    Ok(Answer::ok(json!({ "notes": notes.collect::<Vec<_>>() })))
}

pub(super) fn create(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let id = writes::found(world, asked.id())?;
    let note = asked.change(world).annotate(&id, content(asked))?;
    Ok(Answer::ok(shown(world, &id, &note)?))
}

pub(super) fn update(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let id = writes::found(world, asked.id())?;
    asked.change(world).edit_note(&id, asked.sub_id(), content(asked))?;
    Ok(Answer::ok(shown(world, &id, asked.sub_id())?))
}

pub(super) fn delete(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let id = writes::found(world, asked.id())?;
    asked.change(world).delete_note(&id, asked.sub_id())?;
    Ok(Answer::empty(204))
}

fn content(asked: &Asked) -> &str {
    patch::text_at(&asked.body, &["note", "content"]).unwrap_or_default()
}

fn shown(world: &World, id: &str, note: &str) -> Result<Value, Refusal> {
    let incident = world.incidents.get(id).ok_or(Refusal::IncidentNotFound)?;
    let note = incident.notes.iter().find(|it| it.id == note).ok_or(Refusal::NotFound)?;
    Ok(json!({ "note": rest::note(world, note) }))
}
