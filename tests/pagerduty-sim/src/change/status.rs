//! Owns the table of states: triggered, acknowledged, resolved, and the ways between them.
//!
//! Resolving empties assignments and acknowledgements; acknowledging assigns to whoever does it.

use serde_json::json;

use super::Change;
use crate::incident::{Incident, Since, Status};
use crate::knobs::ReopenAcknowledged;
use crate::refusal::Refusal;

impl Change<'_> {
    /// Refuses a step that the table of states does not allow.
    pub(super) fn check_status(&self, incident: &Incident, to: Status) -> Result<(), Refusal> {
        let behaviour = &self.world.knobs.behaviour;
        match (incident.status, to) {
            (Status::Acknowledged, Status::Acknowledged) => {
                let by = self.actor.user_id();
                let mine = incident.acknowledgements.iter().any(|it| Some(it.user.as_str()) == by);
                if behaviour.second_acknowledge_adds && by.is_some() && !mine {
                    Ok(())
                } else {
                    Err(Refusal::AlreadyAcknowledged)
                }
            }
            (Status::Resolved, Status::Resolved) => Err(Refusal::AlreadyResolved),
            (Status::Triggered, Status::Triggered) if behaviour.retrigger_refused => {
                Err(Refusal::InvalidStatus)
            }
            _ => Ok(()),
        }
    }

    /// Goes to a state, by whichever action that is from the present one.
    pub(crate) fn set_status(&mut self, id: &str, to: Status) -> Result<(), Refusal> {
        let from = self.incident(id)?.status;
        match (from, to) {
            (Status::Triggered, Status::Triggered) => {
                self.check_status(self.incident(id)?, to)?;
                Ok(())
            }
            (Status::Resolved, Status::Acknowledged) => self.reopen_acknowledged(id),
            (_, Status::Acknowledged) => self.acknowledge(id),
            (_, Status::Resolved) => self.resolve(id),
            (Status::Acknowledged, Status::Triggered) => self.unacknowledge(id),
            (Status::Resolved, Status::Triggered) => self.reopen(id),
        }
    }

    pub(crate) fn acknowledge(&mut self, id: &str) -> Result<(), Refusal> {
        self.check_status(self.incident(id)?, Status::Acknowledged)?;
        if !self.incident(id)?.open() {
            return Err(Refusal::AlreadyResolved);
        }
        self.mark_acknowledged(id);
        self.record(id, "acknowledge", json!({}));
        self.emit(id, "incident.acknowledged");
        self.set_acknowledgement_timeout(id);
        Ok(())
    }

    pub(crate) fn unacknowledge(&mut self, id: &str) -> Result<(), Refusal> {
        if self.incident(id)?.status != Status::Acknowledged {
            return Err(Refusal::NotAcknowledged);
        }
        self.edit(id, |incident| {
            incident.acknowledgements.clear();
            incident.snoozed_until = None;
        });
        self.mark_status(id, Status::Triggered);
        self.record(id, "unacknowledge", json!({}));
        self.emit(id, "incident.unacknowledged");
        Ok(())
    }

    pub(crate) fn resolve(&mut self, id: &str) -> Result<(), Refusal> {
        self.check_status(self.incident(id)?, Status::Resolved)?;
        self.mark_resolved(id);
        self.record(id, "resolve", json!({}));
        self.emit(id, "incident.resolved");
        Ok(())
    }

    /// Reopens to triggered, assigned to whoever is on call in its present policy unless assigned already.
    pub(crate) fn reopen(&mut self, id: &str) -> Result<(), Refusal> {
        self.check_reopen(id)?;
        let incident = self.incident(id)?;
        let on_call = self.world.account.on_call(&incident.policy, 1, self.now);
        let assignments = self.since(on_call);
        self.edit(id, |incident| {
            if incident.assignments.is_empty() {
                incident.assignments = assignments;
                incident.level = 1;
                incident.direct = false;
            }
        });
        self.mark_reopened(id, Status::Triggered);
        self.emit(id, "incident.reopened");
        Ok(())
    }

    /// Reopens straight to acknowledged, assigned to whoever acts.
    pub(crate) fn reopen_acknowledged(&mut self, id: &str) -> Result<(), Refusal> {
        self.check_reopen(id)?;
        let actor = self.actor.user_id().map(str::to_owned);
        let assignments = self.since(actor.into_iter().collect());
        if !self.placed_by_hand {
            self.edit(id, |incident| incident.assignments = assignments);
        }
        match self.world.knobs.behaviour.reopen_acknowledged {
            ReopenAcknowledged::Both => {
                self.mark_reopened(id, Status::Triggered);
                self.emit(id, "incident.reopened");
                self.acknowledge(id)?;
            }
            ReopenAcknowledged::Reopened => {
                self.mark_reopened(id, Status::Triggered);
                self.mark_acknowledged(id);
                self.emit(id, "incident.reopened");
            }
            ReopenAcknowledged::Acknowledged => {
                self.mark_reopened(id, Status::Triggered);
                self.acknowledge(id)?;
            }
        }
        Ok(())
    }

    fn check_reopen(&self, id: &str) -> Result<(), Refusal> {
        let incident = self.incident(id)?;
        if incident.open() {
            return Err(Refusal::InvalidStatus);
        }
        // A merged incident lives on in another one.
        if incident.merged_into.is_some() { Err(Refusal::AlreadyMerged) } else { Ok(()) }
    }

    fn mark_reopened(&mut self, id: &str, status: Status) {
        let now = self.now;
        self.edit(id, |incident| {
            incident.reopened_at = Some(now);
            incident.resolved_at = None;
        });
        self.mark_status(id, status);
        self.record(id, "trigger", json!({ "reopened": true }));
    }

    fn mark_acknowledged(&mut self, id: &str) {
        let actor = self.actor.user_id().map(str::to_owned);
        let assigns = self.world.knobs.behaviour.acknowledge_assigns && !self.placed_by_hand;
        let now = self.now;
        self.edit(id, |incident| {
            let Some(user) = actor else { return };
            incident.acknowledgements.push(Since { user: user.clone(), at: now });
            if assigns && !incident.assignees().eq([user.as_str()]) {
                incident.assignments = vec![Since { user, at: now }];
                incident.direct = true;
            }
        });
        self.mark_status(id, Status::Acknowledged);
    }

    pub(super) fn mark_resolved(&mut self, id: &str) {
        let now = self.now;
        self.edit(id, |incident| {
            incident.assignments.clear();
            incident.acknowledgements.clear();
            incident.snoozed_until = None;
            incident.resolved_at = Some(now);
        });
        self.mark_status(id, Status::Resolved);
    }

    fn mark_status(&mut self, id: &str, status: Status) {
        let (now, by) = (self.now, self.actor.agent.clone());
        self.edit(id, |incident| {
            incident.status = status;
            incident.last_status_change_at = now;
            incident.last_status_change_by = by;
            incident.timer_epoch += 1;
        });
    }
}
