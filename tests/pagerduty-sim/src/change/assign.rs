//! Owns who an incident is with: reassigning, delegating to a policy, escalating to a level.
//!
//! Each ends a snooze. A low-urgency incident cannot be escalated.

use serde_json::{Value, json};

use super::Change;
use crate::incident::{Incident, Status, Urgency};
use crate::refusal::Refusal;
use crate::shape::reference::{Refs, Surface};

impl Change<'_> {
    pub(super) fn check_assignees(&self, users: &[String]) -> Result<(), Refusal> {
        if users.is_empty() {
            return Err(Refusal::invalid("Assignments cannot be empty."));
        }
        let known = users.iter().all(|id| self.world.account.user(id).is_some());
        if known { Ok(()) } else { Err(Refusal::AssigneeNotFound) }
    }

    pub(super) fn check_policy(&self, policy: &str) -> Result<(), Refusal> {
        if self.world.account.policy(policy).is_none() {
            return Err(Refusal::PolicyNotFound);
        }
        let on_call = self.world.account.on_call(policy, 1, self.now);
        if on_call.is_empty() { Err(Refusal::NobodyOnCall) } else { Ok(()) }
    }

    pub(super) fn check_level(
        &self,
        incident: &Incident,
        policy: &str,
        level: usize,
    ) -> Result<(), Refusal> {
        let on_call = self.world.account.on_call(policy, level, self.now);
        if incident.urgency == Urgency::Low || on_call.is_empty() {
            return Err(Refusal::CannotEscalate);
        }
        Ok(())
    }

    pub(crate) fn reassign(&mut self, id: &str, users: &[String]) -> Result<(), Refusal> {
        self.check_open(id)?;
        self.check_assignees(users)?;
        // Naming the people who have it already moves nothing (INFER: the event means "to another
        // user").
        if self.incident(id)?.assignees().eq(users.iter().map(String::as_str)) {
            return Ok(());
        }
        self.place(id, users.to_vec(), true);
        self.placed(id, "assign", "incident.reassigned")
    }

    pub(crate) fn delegate(&mut self, id: &str, policy: &str) -> Result<(), Refusal> {
        self.check_open(id)?;
        self.check_policy(policy)?;
        let on_call = self.world.account.on_call(policy, 1, self.now);
        self.place(id, on_call, false);
        self.edit(id, |incident| {
            policy.clone_into(&mut incident.policy);
            incident.level = 1;
        });
        self.placed(id, "delegate", "incident.delegated")
    }

    pub(crate) fn escalate(&mut self, id: &str, level: usize) -> Result<(), Refusal> {
        self.check_open(id)?;
        let incident = self.incident(id)?;
        self.check_level(incident, &incident.policy, level)?;
        let on_call = self.world.account.on_call(&incident.policy, level, self.now);
        self.place(id, on_call, false);
        self.edit(id, |incident| incident.level = level);
        self.placed(id, "escalate", "incident.escalated")
    }

    /// Refuses what only an open incident allows.
    pub(super) fn check_open(&self, id: &str) -> Result<(), Refusal> {
        if self.incident(id)?.open() { Ok(()) } else { Err(Refusal::AlreadyResolved) }
    }

    /// Assigns on the quiet: no event, no log.
    pub(super) fn place(&mut self, id: &str, users: Vec<String>, direct: bool) {
        let assignments = self.since(users);
        self.edit(id, |incident| {
            incident.assignments = assignments;
            incident.direct = direct;
            if incident.snoozed_until.take().is_some() {
                incident.timer_epoch += 1;
            }
        });
    }

    fn placed(
        &mut self,
        id: &str,
        kind: &'static str,
        event_type: &'static str,
    ) -> Result<(), Refusal> {
        self.record(id, kind, json!({ "assignees": self.assignee_refs(id) }));
        self.emit(id, event_type);
        let acknowledged = self.incident(id)?.status == Status::Acknowledged;
        if acknowledged && self.world.knobs.behaviour.reassign_unacknowledges {
            self.unacknowledge(id)?;
        }
        Ok(())
    }

    pub(super) fn assignee_refs(&self, id: &str) -> Vec<Value> {
        let refs = Refs::new(self.world, Surface::Rest);
        let incident = self.world.incidents.get(id);
        incident.into_iter().flat_map(Incident::assignees).map(|user| refs.user(user)).collect()
    }
}
