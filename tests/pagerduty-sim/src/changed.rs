//! Owns the telling of what a call changed: each incident it touched, held against what it was before.
//!
//! Asked for and held already is no change, so a call that was repeated for safety's sake changes nothing.
//! What is compared is what a caller can set; clocks, the log and timers are left out.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::incident::Incident;
use crate::world::World;

/// One thing that a call changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The id of the incident.
    pub incident: String,
    /// What of it: `incident` when the call created it; a member such as `title` or `status`; `note`,
    /// `status_update`, `responder` or `custom_field` when the call added or set one of those;
    /// `note_edited` and `note_deleted`.
    pub field: String,
    /// What it is now.
    pub value: Value,
}

/// Tells what became of the incidents that were touched.
pub(crate) fn tell(world: &World, touched: &[String]) -> Vec<Changed> {
    let incidents = touched.iter().filter_map(|id| world.incidents.get(id));
    incidents.flat_map(of_incident).collect()
}

fn of_incident(now: &Incident) -> Vec<Changed> {
    let mut found = Vec::new();
    match now.previous.as_deref() {
        None => found.push(("incident", members(now).into_iter().collect())),
        Some(before) => {
            let pairs = members(before).into_iter().zip(members(now));
            let differ = pairs.filter(|((_, before), (_, now))| before != now);
            found.extend(differ.map(|(_, (field, value))| (field, value)));
            attached(before, now, &mut found);
        }
    }
    let told = |(field, value): (&str, Value)| Changed {
        incident: now.id.clone(),
        field: field.to_owned(),
        value,
    };
    found.into_iter().map(told).collect()
}

/// The members that have one value each, always in this order.
fn members(of: &Incident) -> Vec<(&'static str, Value)> {
    let bridge = of.bridge.as_ref();
    vec![
        ("title", json!(of.title)),
        ("body", json!(of.body)),
        ("status", json!(of.status)),
        ("urgency", json!(of.urgency)),
        ("priority", json!(of.priority)),
        ("service", json!(of.service)),
        ("assignees", of.assignees().collect()),
        ("escalation_policy", json!(of.policy)),
        ("escalation_level", json!(of.level)),
        ("incident_type", json!(of.type_name)),
        ("conference_bridge", json!(bridge)),
        ("snoozed", json!(of.snoozed_until.is_some())),
        ("merged_into", json!(of.merged_into.as_ref().map(|it| &it.incident))),
    ]
}

/// What hangs on an incident in any number.
fn attached(before: &Incident, now: &Incident, found: &mut Vec<(&'static str, Value)>) {
    for note in &now.notes {
        match before.notes.iter().find(|it| it.id == note.id) {
            None => found.push(("note", json!(note.content))),
            Some(old) if old.content != note.content => {
                found.push(("note_edited", json!(note.content)));
            }
            Some(_) => {}
        }
    }
    let gone = before.notes.iter().filter(|old| now.notes.iter().all(|it| it.id != old.id));
    found.extend(gone.map(|note| ("note_deleted", json!(note.content))));
    let updates = now.status_updates.iter().skip(before.status_updates.len());
    found.extend(updates.map(|update| ("status_update", json!(update.message))));
    for it in &now.responders {
        let same = |old: &crate::incident::Responder| {
            (&old.user, &old.state, old.at) == (&it.user, &it.state, it.at)
        };
        if !before.responders.iter().any(same) {
            found.push(("responder", json!({ "user": it.user, "state": it.state })));
        }
    }
    let fields = now.custom_fields.iter();
    let set = fields.filter(|(id, value)| before.custom_fields.get(*id) != Some(value));
    found.extend(set.map(|(id, value)| ("custom_field", json!({ "id": id, "value": value }))));
}
