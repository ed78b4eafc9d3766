//! The wire: webhooks on their way to the door, and messages on their way through the stream.
//!
//! Webhooks of one record go one after the other; one that fails holds up those behind it. The
//! stream keeps the order in which the door and the others wrote, but a message whose first reader
//! died is read again later, when others have been.

use super::{
    Happening, World,
    far::{Hook, Shown},
    integration_id,
    weather::{HookFate, StreamFate},
};
use crate::event::{Event, Observation};

/// A message of the stream.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) event: Event,
    /// When the stream had it.
    pub(super) at: i64,
    /// The side it speaks of, and who wrote the values its snapshots show.
    pub(super) side: Option<usize>,
    pub(super) shown: Vec<Shown>,
    fate: StreamFate,
}

impl World {
    /// Begins to deliver the oldest webhook, unless one is being delivered.
    pub(super) fn send_hooks(&mut self, side: usize) {
        let far = &mut self.fars[side];
        if far.delivering || far.queue.is_empty() {
            return;
        }
        far.delivering = true;
        let (delay, fate) = self.weather.hook(side);
        self.later(delay, Happening::Hook { side, fate });
    }

    /// An attempt to deliver the oldest webhook.
    pub(super) fn attempt(&mut self, side: usize, fate: HookFate) {
        let Some(hook) = self.fars[side].queue.front().cloned() else { return };
        let (arrives, again) = match fate {
            HookFate::Delivered => (true, None),
            HookFate::Twice(after) => (true, Some(after)),
            HookFate::Again(after) => (false, Some(after)),
            HookFate::Dropped => (false, None),
        };
        if arrives {
            self.admit(side, hook);
        } else {
            self.say(|| format!("webhook {}#{} of {side}: {fate:?}", hook.event_type, hook.number));
        }
        if let Some(after) = again {
            // What was told to be sent again gets there at the second try.
            self.later(after, Happening::Hook { side, fate: HookFate::Delivered });
            return;
        }
        self.fars[side].queue.pop_front();
        self.fars[side].delivering = false;
        self.send_hooks(side);
    }

    /// The door takes a webhook in.
    fn admit(&mut self, side: usize, hook: Hook) {
        let event = Observation {
            integration: integration_id(side),
            delivery: format!("d{side}-{}", hook.number),
            event: format!("e{side}-{}", hook.number),
            event_type: format!("incident.{}", hook.event_type),
            occurred_at: super::at(hook.occurred),
            arrived: super::at(self.now),
            actor: Some(hook.actor),
            record: Some(super::record(side)),
            record_title: None,
            snapshot: Some(hook.snapshot),
            edited: hook.edited,
            begins: hook.event_type == "triggered",
            note: None,
            remark: None,
            summons: None,
        };
        self.showed(side, &hook.shown, hook.edited);
        self.publish(Event::Observation(Box::new(event)), Some(side), vec![hook.shown]);
    }

    /// The stream takes a message in.
    pub(super) fn publish(&mut self, event: Event, side: Option<usize>, shown: Vec<Shown>) {
        let fate = self.weather.stream();
        let number = self.stream.len();
        self.stream.push(Message { event, at: self.now, side, shown, fate });
        self.later(fate.delay, Happening::Message { number, run: 0 });
    }

    /// A copy of the reconciler reads a message; it may die before or after its commit.
    pub(super) fn deliver(&mut self, number: usize, run: u8) {
        let Some(fate) = self.stream.get(number).map(|message| message.fate) else { return };
        match (run, fate.crash_before, fate.crash_after) {
            (0, Some(after), _) => {
                self.say(|| format!("message {number}: the reconciler dies before its commit"));
                return self.later(after, Happening::Message { number, run: 1 });
            }
            (0 | 1, _, Some(after)) => {
                self.later(after, Happening::Message { number, run: 2 });
            }
            _ => {}
        }
        self.reconcile(number);
    }
}
