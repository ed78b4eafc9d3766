//! The reconciler: inbox, clocks, the rules themselves, and the relay that publishes what they want.
//!
//! What was applied once is not applied again (the inbox). Only the newest desired state of a link
//! leaves. What the rules are told of an external clock is what answers and webhooks have shown.

use std::collections::BTreeSet;

use super::{Happening, Sides, World, at, integration_id, wire::Message};
use crate::{
    clock::Offset,
    event::{Event, Outcome, Reading},
    id::{IncidentId, Mint},
    link::link_of_key,
    outbound::Desired,
    reconcile::{Configs, Effect, Input, State, Step, reconcile},
};

/// What the database knows.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) state: Option<State>,
    pub(super) configs: Configs,
    pub(super) incident: IncidentId,
    clocks: Sides<Offset>,
    inbox: BTreeSet<(String, String)>,
    outbox: Sides<Option<Desired>>,
    pub(super) published: usize,
    pub(super) mint: Mint,
}

impl Near {
    pub(super) fn new(configs: Configs) -> Self {
        let mut mint = Mint::new(at(0), b"world");
        let sides = configs.len();
        Self {
            state: None,
            configs,
            incident: mint.id(),
            clocks: Sides::of(sides, |_| Offset::default()),
            inbox: BTreeSet::new(),
            outbox: Sides::of(sides, |_| None),
            published: 0,
            mint,
        }
    }
}

impl World {
    /// Applies a message of the stream, unless it was applied.
    pub(super) fn reconcile(&mut self, number: usize) {
        let Some(message) = self.stream.get(number) else { return };
        let identity = (message.event.source(), message.event.identity());
        if self.near.inbox.contains(&identity) {
            return;
        }
        if !self.is_about_us(message) {
            return;
        }
        self.near.inbox.insert(identity);
        let Some(message) = self.stream.get_mut(number) else { return };
        let (event, accepted, side) = (message.event.clone(), message.at, message.side);
        let shown = std::mem::take(&mut message.shown);
        if let Some(side) = side {
            self.measure(side, &event);
        }
        let sequence = u64::try_from(number).unwrap_or(0) + 1;
        let input = Input { event: &event, sequence, at: at(accepted), elsewhere: false };
        let before = super::invariants::Before::of(self.near.state.as_ref());
        self.say(|| format!("← {number}: {}", super::trace::event(&event)));
        self.coincidences(side, &event, &shown);
        let step = reconcile(self.near.state.take(), input, &self.near.configs);
        self.near.state.clone_from(&step.state);
        self.say_step(&step);
        self.inspect(&before, side, &shown, &step);
        if matches!(step.effect, Effect::Applied) {
            self.repeat(input, &event, &step);
        }
        self.answer(&event, &step);
        for desired in step.desired {
            self.near.published += 1;
            if let Some(side) = self.side_of(&desired) {
                self.near.outbox[side] = Some(desired);
                self.later(3, Happening::Relay { side });
            }
        }
    }

    /// Publishes the newest desired state of a link.
    pub(super) fn relay(&mut self, side: usize) {
        if let Some(desired) = self.near.outbox[side].take() {
            self.say(|| format!("→ {side}: {}", super::trace::desired(&desired)));
            self.offer(side, desired);
        }
    }

    fn side_of(&self, desired: &Desired) -> Option<usize> {
        (0..self.fars.len()).find(|side| integration_id(*side) == desired.integration)
    }

    /// Whether a message is about the one incident of this world.
    fn is_about_us(&self, message: &Message) -> bool {
        let Event::Observation(observation) = &message.event else { return true };
        let Some(state) = &self.near.state else {
            return message.side == Some(0) && self.begins_there();
        };
        let key = observation.snapshot.as_ref().and_then(|snapshot| snapshot.key.as_deref());
        let keyed = key.and_then(link_of_key);
        state.links.iter().any(|link| {
            let own = link.integration == observation.integration;
            own && (link.record == observation.record
                || (link.record.is_none() && keyed == Some(link.id)))
        })
    }

    /// Learns about an external clock what a message tells.
    fn measure(&mut self, side: usize, event: &Event) {
        let now = at(self.now);
        let clock = &mut self.near.clocks[side];
        let mut read = |reading: Option<&Reading>| {
            if let Some(Reading { sent, received, date: Some(date), .. }) = reading {
                *clock = clock.answered(*date, *sent, *received);
            }
        };
        match event {
            Event::Observation(it) => *clock = clock.told(it.occurred_at, it.arrived),
            Event::Receipt(receipt) => match &receipt.outcome {
                Outcome::Settled { before, after, .. } => {
                    read(before.as_deref());
                    read(after.as_deref());
                }
                Outcome::Refused { before, .. } => read(before.as_deref()),
                Outcome::Noted { .. } | Outcome::Summoned { .. } => {}
            },
            Event::Finding(finding) => read(Some(&finding.reading)),
            Event::Edit(_) => {}
        }
        let aged = self.near.clocks[side].aged(now);
        if let Some(config) = self.near.configs.get_mut(&integration_id(side)) {
            config.clock = aged;
        }
        self.check_clock(side, aged);
    }

    /// The same again, as a crash can have it: nothing may come of it.
    fn repeat(&mut self, input: Input<'_>, event: &Event, step: &Step) {
        if matches!(event, Event::Edit(_)) || self.now % 4 != 0 {
            return;
        }
        let again = reconcile(step.state.clone(), input, &self.near.configs);
        let again_state = again.state.map(bare);
        let same = again_state == step.state.clone().map(bare);
        if !same || !again.decisions.is_empty() || !again.desired.is_empty() {
            let (decided, wanted) = (again.decisions.len(), again.desired.len());
            let differs = super::trace::difference(step.state.as_ref(), again_state.as_ref());
            let what = format!("decides {decided}, wants {wanted}; {differs}");
            self.violated(super::Violation::Repeat, what);
        }
    }
}

/// A state without the counters and the notes for people that a repeat may move.
fn bare(mut state: State) -> State {
    state.incident.sequence = 0;
    state
}
