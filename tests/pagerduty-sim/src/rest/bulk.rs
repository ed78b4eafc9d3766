//! Owns `PUT /incidents`: up to 250 updates, all or none unless told otherwise.

use serde_json::{Value, json};

use super::{Answer, Asked};
use crate::change::{Change, Patch, patch};
use crate::refusal::Refusal;
use crate::shape::rest;
use crate::world::World;

const MAX: usize = 250;

pub(super) fn update(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let list = asked.body.get("incidents").and_then(Value::as_array);
    let list = list.ok_or_else(|| Refusal::invalid("Incidents is missing."))?;
    if list.len() > MAX {
        return Err(Refusal::TooMany);
    }
    let mut patches = Vec::with_capacity(list.len());
    for object in list {
        let id =
            patch::text_at(object, &["id"]).ok_or_else(|| Refusal::invalid("Id is missing."))?;
        let id = super::writes::found(world, id)?;
        let mut patch = Patch::read(world, object)?;
        // Only the single update moves an incident to another service.
        patch.service = None;
        patches.push((id, patch));
    }
    let partial = world.knobs.behaviour.bulk_partial;
    if !partial {
        check_all(&asked.change(world), &patches)?;
    }
    for (id, patch) in &patches {
        asked.change(world).apply(id, patch)?;
    }
    let shown = patches.iter().filter_map(|(id, _)| world.incidents.get(id));
    let shown: Vec<_> = shown.map(|it| rest::incident(world, it, &[])).collect();
    Ok(Answer::ok(json!({ "incidents": shown })))
}

fn check_all(change: &Change<'_>, patches: &[(String, Patch)]) -> Result<(), Refusal> {
    let mut seen = std::collections::HashSet::new();
    for (id, patch) in patches {
        change.check(id, patch)?;
        // A second update of one incident cannot be checked before the first is done.
        if !seen.insert(id) {
            return Err(Refusal::Arguments("An incident occurs more than once".to_owned()));
        }
    }
    Ok(())
}
