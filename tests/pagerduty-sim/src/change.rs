//! Owns every way in which an incident changes, and what each emits and logs.
//!
//! REST calls, people played through the control API and timers all come through [`Change`], so a
//! change looks the same whoever makes it. A refused change has changed nothing.

mod assign;
mod fields;
mod help;
mod merge;
mod note;
mod open;
pub(crate) mod patch;
mod snooze;
mod stage;
mod status;

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::incident::{Actor, Incident, Since};
use crate::refusal::Refusal;
use crate::webhooks::emit;
use crate::world::World;

pub(crate) use open::New;
pub(crate) use patch::Patch;

/// One action in the making: what it acts on, who acts, and when.
pub(crate) struct Change<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) actor: Actor,
    pub(crate) now: Timestamp,
    touched: HashSet<String>,
    /// The action says itself who the incident is with; acknowledging does not.
    placed_by_hand: bool,
}

impl<'w> Change<'w> {
    pub(crate) fn new(world: &'w mut World, actor: Actor, now: Timestamp) -> Self {
        Self { world, actor, now, touched: HashSet::new(), placed_by_hand: false }
    }

    pub(crate) fn incident(&self, id: &str) -> Result<&Incident, Refusal> {
        self.world.incidents.get(id).ok_or(Refusal::IncidentNotFound)
    }

    /// Edits an incident, keeping what it was before this action.
    fn edit(&mut self, id: &str, with: impl FnOnce(&mut Incident)) {
        self.world.touch(id);
        let horizon = self.world.read_horizon(self.now);
        let Some(incident) = self.world.incidents.get_mut(id) else { return };
        if self.touched.insert(id.to_owned()) {
            incident.keep_version(horizon);
        }
        incident.updated_at = self.now;
        with(incident);
    }

    /// Writes to the log.
    fn record(&mut self, id: &str, kind: &'static str, details: Value) {
        self.world.record(id, kind, &self.actor, self.now, details);
    }

    /// Emits an event that shows the incident as it is now.
    fn emit(&mut self, id: &str, event_type: &'static str) {
        emit::incident(self.world, id, event_type, &self.actor, self.now);
    }

    /// Emits an event about something that hangs on the incident.
    fn emit_data(&mut self, id: &str, event_type: &'static str, data: &impl Serialize) {
        emit::about(self.world, id, event_type, &self.actor, self.now, data);
    }

    fn since(&self, users: Vec<String>) -> Vec<Since> {
        users.into_iter().map(|user| Since { user, at: self.now }).collect()
    }
}
