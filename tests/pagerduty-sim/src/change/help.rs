//! Owns what hangs on an incident besides notes: status updates, responders, custom field values.
//!
//! Each emits an event of its own shape.

use serde_json::{Value, json};

use super::Change;
use crate::incident::{Responder, StatusUpdate, Word};
use crate::minter::Kind;
use crate::refusal::Refusal;
use crate::shape::reference::{Refs, Surface};
use crate::shape::webhook::{FieldValuesData, ResponderData, field_values};
use crate::webhooks::emit;

impl Change<'_> {
    /// Publishes a status update and gives its id.
    pub(crate) fn publish(
        &mut self,
        id: &str,
        message: &str,
        subject: Option<String>,
        html_message: Option<String>,
    ) -> Result<String, Refusal> {
        if message.trim().is_empty() {
            return Err(Refusal::invalid("Message cannot be empty."));
        }
        if html_message.is_some() && subject.is_none() {
            return Err(Refusal::invalid("Subject is required with an HTML message."));
        }
        self.incident(id)?;
        let update = StatusUpdate {
            id: self.world.minter.short_id(Kind::StatusUpdate),
            message: message.to_owned(),
            subject,
            html_message,
            by: self.actor.agent.clone(),
            at: self.now,
        };
        let update_id = update.id.clone();
        self.edit(id, |incident| incident.status_updates.push(update));
        self.record(id, "status_update", json!({ "message": message }));
        emit::status_update(self.world, id, &update_id, message, &self.actor, self.now);
        Ok(update_id)
    }

    /// Asks people to help; a policy stands for whoever is on call at its first level.
    pub(crate) fn request_responder(
        &mut self,
        id: &str,
        requester: &str,
        user: &str,
        message: &str,
    ) -> Result<(), Refusal> {
        self.check_open(id)?;
        if self.world.account.user(user).is_none() {
            return Err(Refusal::AssigneeNotFound);
        }
        let responder = Responder {
            user: user.to_owned(),
            requester: requester.to_owned(),
            message: message.to_owned(),
            state: "pending".into(),
            at: self.now,
        };
        self.edit(id, |incident| {
            incident.responders.retain(|it| it.user != responder.user);
            incident.responders.push(responder);
        });
        self.record(id, "notify", json!({ "responder": user, "message": message }));
        self.emit_responder(id, user, "incident.responder.added");
        Ok(())
    }

    /// Answers a request for help: `joined` or `declined`.
    pub(crate) fn reply(
        &mut self,
        id: &str,
        user: &str,
        state: &'static str,
    ) -> Result<(), Refusal> {
        let asked = self.incident(id)?.responders.iter().any(|it| it.user == user);
        if !asked {
            return Err(Refusal::NotFound);
        }
        self.set_responder(id, user, state);
        self.emit_responder(id, user, "incident.responder.replied");
        Ok(())
    }

    /// Takes a request for help back and says what became of it.
    pub(crate) fn cancel_responder(&mut self, id: &str, user: &str) -> Result<Word, Refusal> {
        let state = self.incident(id)?.responders.iter().find(|it| it.user == user);
        match state.map(|responder| responder.state.as_ref()) {
            Some("pending") => {
                self.set_responder(id, user, "user_cancelled");
                Ok("cancelled".into())
            }
            Some("user_cancelled") => Ok("cancelled".into()),
            Some(state) => Ok(state.to_owned().into()),
            None => Ok("not_found".into()),
        }
    }

    fn set_responder(&mut self, id: &str, user: &str, state: &'static str) {
        self.edit(id, |incident| {
            for found in incident.responders.iter_mut().filter(|it| it.user == user) {
                found.state = state.into();
            }
        });
    }

    fn emit_responder(&mut self, id: &str, user: &str, event_type: &'static str) {
        let data = {
            let Some(incident) = self.world.incidents.get(id) else { return };
            let Some(responder) = incident.responders.iter().find(|it| it.user == user) else {
                return;
            };
            let refs = Refs::new(self.world, Surface::Webhook);
            ResponderData {
                incident: refs.incident(incident),
                user: refs.user(user),
                escalation_policy: refs.policy(&incident.policy),
                message: responder.message.clone(),
                state: responder.state.clone(),
                kind: "incident_responder",
            }
        };
        self.emit_data(id, event_type, &data);
    }

    /// Sets custom field values, all or none; the event tells the previous ones too.
    pub(crate) fn set_custom_fields(
        &mut self,
        id: &str,
        values: &[(String, Value)],
    ) -> Result<(), Refusal> {
        let incident = self.incident(id)?;
        let mut before = std::collections::BTreeMap::new();
        for (field, value) in values {
            let old = incident.custom_fields.get(field).cloned().unwrap_or(Value::Null);
            if old != *value {
                before.insert(field.clone(), old);
            }
        }
        if before.is_empty() {
            return Ok(());
        }
        self.edit(id, |incident| incident.custom_fields.extend(values.iter().cloned()));
        self.record(id, "custom_field_value_change", json!({ "changed": before }));
        let data = {
            let refs = Refs::new(self.world, Surface::Webhook);
            let incident = self.incident(id)?;
            FieldValuesData {
                incident: refs.bare_incident(incident),
                custom_fields: field_values(self.world, &incident.custom_fields),
                changed_custom_fields: field_values(self.world, &before),
                kind: "incident_field_values",
            }
        };
        self.emit_data(id, "incident.custom_field_values.updated", &data);
        Ok(())
    }
}
