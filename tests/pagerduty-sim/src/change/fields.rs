//! Owns the plain fields: title, urgency, priority, service, type, conference bridge.
//!
//! Title and urgency change without any event; a field set to what it is already changes nothing.

use serde_json::json;

use super::Change;
use crate::incident::{Bridge, Status, Urgency};
use crate::refusal::Refusal;
use crate::shape::reference::{Refs, Surface};

impl Change<'_> {
    /// There is no event for a title.
    pub(crate) fn retitle(&mut self, id: &str, title: &str) -> Result<(), Refusal> {
        self.check_title(title)?;
        self.incident(id)?;
        self.edit(id, |incident| title.clone_into(&mut incident.title));
        Ok(())
    }

    pub(super) fn check_urgency(&self, id: &str, urgency: Urgency) -> Result<(), Refusal> {
        let incident = self.incident(id)?;
        let service = self.world.account.service(&incident.service);
        let fixed = service.is_some_and(|service| service.fixed_urgency.is_some());
        let refused = fixed && self.world.knobs.behaviour.fixed_urgency_refused;
        if refused && incident.urgency != urgency { Err(Refusal::InvalidOperation) } else { Ok(()) }
    }

    /// There is no event for urgency, but raising it un-acknowledges.
    pub(crate) fn set_urgency(&mut self, id: &str, urgency: Urgency) -> Result<(), Refusal> {
        self.check_urgency(id, urgency)?;
        let incident = self.incident(id)?;
        if incident.urgency == urgency {
            return Ok(());
        }
        let acknowledged = incident.status == Status::Acknowledged;
        self.edit(id, |incident| incident.urgency = urgency);
        self.record(id, "urgency_change", json!({ "urgency": urgency.word() }));
        if urgency == Urgency::High && acknowledged {
            self.unacknowledge(id)?;
        }
        Ok(())
    }

    pub(super) fn check_priority(&self, priority: Option<&str>) -> Result<(), Refusal> {
        let known = priority.is_none_or(|id| self.world.account.priority(id).is_some());
        if known { Ok(()) } else { Err(Refusal::InvalidPriority) }
    }

    pub(crate) fn set_priority(&mut self, id: &str, to: Option<&str>) -> Result<(), Refusal> {
        self.check_priority(to)?;
        if self.incident(id)?.priority.as_deref() == to {
            return Ok(());
        }
        self.edit(id, |incident| incident.priority = to.map(str::to_owned));
        let refs = Refs::new(self.world, Surface::Rest);
        let details = json!({ "name": "priority", "value": to.map(|id| refs.priority(id)) });
        self.record(id, "field_value_change", details);
        self.emit(id, "incident.priority_updated");
        Ok(())
    }

    pub(super) fn check_service(&self, service: &str) -> Result<(), Refusal> {
        let known = self.world.account.service(service).is_some();
        if known { Ok(()) } else { Err(Refusal::invalid("Service must exist")) }
    }

    /// The policy and the teams stay as they are.
    pub(crate) fn set_service(&mut self, id: &str, service: &str) -> Result<(), Refusal> {
        self.check_service(service)?;
        if self.incident(id)?.service == service {
            return Ok(());
        }
        self.edit(id, |incident| service.clone_into(&mut incident.service));
        self.record(id, "field_value_change", json!({ "name": "service", "value": service }));
        self.emit(id, "incident.service_updated");
        Ok(())
    }

    pub(crate) fn set_type(&mut self, id: &str, name: &str) -> Result<(), Refusal> {
        if self.incident(id)?.type_name == name {
            return Ok(());
        }
        self.edit(id, |incident| name.clone_into(&mut incident.type_name));
        self.record(id, "field_value_change", json!({ "name": "incident_type", "value": name }));
        self.emit(id, "incident.incident_type.changed");
        Ok(())
    }

    pub(crate) fn set_bridge(&mut self, id: &str, bridge: Option<Bridge>) -> Result<(), Refusal> {
        if self.incident(id)?.bridge == bridge {
            return Ok(());
        }
        let data = {
            let refs = Refs::new(self.world, Surface::Webhook);
            let number = bridge.as_ref().and_then(|bridge| bridge.conference_number.clone());
            let numbers: Vec<_> =
                number.map(|number| json!({ "label": "", "number": number })).into_iter().collect();
            crate::shape::webhook::BridgeData {
                incident: refs.incident(self.incident(id)?),
                conference_numbers: numbers,
                conference_url: bridge.as_ref().and_then(|it| it.conference_url.clone()),
                kind: "incident_conference_bridge",
            }
        };
        self.edit(id, |incident| incident.bridge = bridge);
        self.emit_data(id, "incident.conference_bridge.updated", &data);
        Ok(())
    }
}
