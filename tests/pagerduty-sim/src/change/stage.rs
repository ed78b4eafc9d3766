//! Owns events of parts of PagerDuty that are not simulated: roles, tasks, workflows, automation actions.
//!
//! They can be emitted, in the right shape, but nothing in the incident changes.

use serde_json::Value;

use super::Change;
use crate::minter::Kind;
use crate::refusal::Refusal;
use crate::shape::reference::{Refs, Surface};
use crate::shape::webhook::staged;

impl Change<'_> {
    /// Emits one event, by the name of its type without `incident.`; says whether there is such a type.
    pub(crate) fn stage(&mut self, id: &str, what: &str) -> Result<bool, Refusal> {
        let event_type = staged::TYPES.iter().find(|it| it.strip_prefix("incident.") == Some(what));
        let Some(event_type) = event_type else { return Ok(false) };
        let uuid = self.world.minter.uuid(Kind::Object);
        let data = {
            let incident = self.incident(id)?;
            let refs = Refs::new(self.world, Surface::Webhook);
            let user = self.actor.user_id().map_or(Value::Null, |id| refs.user(id));
            staged::Scene { refs, incident, user, uuid }.data(event_type)
        };
        if let Some(data) = data {
            self.emit_data(id, event_type, &data);
        }
        Ok(true)
    }
}
