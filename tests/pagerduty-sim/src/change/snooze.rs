//! Owns what happens by itself later: the end of a snooze, acknowledgement time-outs, auto-resolves.
//!
//! A snooze emits nothing when it begins; its end un-acknowledges.

use serde_json::json;
use tokio::time::Instant;

use super::Change;
use crate::clock;
use crate::incident::{Actor, Status};
use crate::refusal::Refusal;
use crate::timers::{Due, Timer};

const MAX_SNOOZE_S: u64 = 604_800;

impl Change<'_> {
    pub(crate) fn snooze(&mut self, id: &str, seconds: u64) -> Result<(), Refusal> {
        if self.incident(id)?.status != Status::Acknowledged {
            return Err(Refusal::NotAcknowledged);
        }
        if !(1..=MAX_SNOOZE_S).contains(&seconds) {
            return Err(Refusal::SnoozeDuration);
        }
        let duration = jiff::SignedDuration::from_secs(seconds.cast_signed());
        let until = self.now.checked_add(duration).map_err(|_| Refusal::SnoozeDuration)?;
        self.edit(id, |incident| {
            incident.snoozed_until = Some(until);
            incident.timer_epoch += 1;
        });
        let until = clock::seconds(until);
        self.record(
            id,
            "snooze",
            json!({ "duration": seconds, "changed_actions": [
            { "type": "unacknowledge", "at": until },
        ] }),
        );
        self.set_timer(id, seconds, Due::Unacknowledge);
        Ok(())
    }

    pub(super) fn set_acknowledgement_timeout(&mut self, id: &str) {
        let service = self.world.incidents.get(id).map(|incident| incident.service.clone());
        let service = service.and_then(|id| self.world.account.service(&id));
        if let Some(seconds) = service.and_then(|service| service.acknowledgement_timeout_s) {
            self.set_timer(id, seconds, Due::Unacknowledge);
        }
    }

    pub(super) fn set_auto_resolve(&mut self, id: &str, service: &str) {
        let service = self.world.account.service(service);
        if let Some(seconds) = service.and_then(|service| service.auto_resolve_timeout_s) {
            self.set_timer(id, seconds, Due::AutoResolve);
        }
    }

    fn set_timer(&mut self, id: &str, seconds: u64, due: Due) {
        let Some(incident) = self.world.incidents.get(id) else { return };
        let at = Instant::now() + self.world.options.scaled(seconds);
        let (incident, epoch) = (incident.id.clone(), incident.timer_epoch);
        self.world.timers.set(Timer { at, incident, epoch, due });
    }

    /// Does what a timer was set for, unless somebody acted meanwhile.
    pub(crate) fn fire(&mut self, timer: &Timer) -> Result<(), Refusal> {
        let incident = self.incident(&timer.incident)?;
        // Time-outs of an acknowledgement end with it; an auto-resolve ends with the first resolve.
        let void = match timer.due {
            Due::Unacknowledge => incident.timer_epoch != timer.epoch,
            Due::AutoResolve => incident.reopened_at.is_some(),
        };
        if void {
            return Ok(());
        }
        let agent = self.automation(&incident.service);
        let (status, id) = (incident.status, incident.id.clone());
        self.actor = Actor { agent, channel: "timeout", client: None };
        match (&timer.due, status) {
            (Due::Unacknowledge, Status::Acknowledged) => self.unacknowledge(&id),
            (Due::AutoResolve, Status::Triggered | Status::Acknowledged) => self.resolve(&id),
            _ => Ok(()),
        }
    }
}
