//! What waits and what is in hand of one link.

use std::{collections::VecDeque, time::Instant};

use tokio_util::sync::CancellationToken;

use super::{Job, Part, Ticket};
use crate::work::Task;

/// A piece of work, with the messages that asked for it.
#[derive(Debug)]
pub(super) struct Slot<T> {
    pub(super) job: Job,
    pub(super) tickets: Vec<Ticket<T>>,
    pub(super) due: Instant,
    pub(super) arrival: u64,
}

impl<T> Slot<T> {
    /// Takes the ticket of another delivery of the same work.
    fn join(&mut self, ticket: Ticket<T>) {
        match self.tickets.iter_mut().find(|held| held.sequence == ticket.sequence) {
            Some(held) => *held = ticket,
            None => self.tickets.push(ticket),
        }
    }

    pub(super) fn version(&self) -> Option<u64> {
        match &self.job.work.task {
            Task::State(desired) => Some(desired.version),
            Task::Act(_) => None,
        }
    }
}

/// One link: at most one piece of work in hand, one state and some acts that wait.
#[derive(Debug)]
pub(super) struct Queue<T> {
    pub(super) state: Option<Slot<T>>,
    pub(super) acts: VecDeque<Slot<T>>,
    pub(super) in_hand: Option<Slot<T>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { state: None, acts: VecDeque::new(), in_hand: None }
    }
}

impl<T> Queue<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.state.is_none() && self.acts.is_empty() && self.in_hand.is_none()
    }

    /// What could be begun: nothing while something is in hand.
    pub(super) fn candidates(&self) -> impl Iterator<Item = (Part, &Slot<T>)> {
        let state = self.state.iter().map(|slot| (Part::State, slot));
        let act = self.next_act().and_then(|place| self.acts.get(place));
        let act = act.into_iter().map(|slot| (Part::Act, slot));
        state.chain(act).filter(|_| self.in_hand.is_none())
    }

    /// Acts of one lane keep their order; bringing people in does not wait for notes.
    fn next_act(&self) -> Option<usize> {
        let lanes = self.acts.iter().map(|slot| slot.job.lane).enumerate();
        lanes.min_by_key(|(place, lane)| (*lane, *place)).map(|(place, _)| place)
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot<T>> {
        self.state.iter().chain(&self.acts).chain(&self.in_hand)
    }

    pub(super) fn take(&mut self, part: Part) -> Option<&Slot<T>> {
        self.in_hand = match part {
            Part::State => self.state.take(),
            Part::Act => self.next_act().and_then(|place| self.acts.remove(place)),
        };
        self.in_hand.as_ref()
    }

    pub(super) fn offer_state(&mut self, new: Slot<T>, version: u64) -> Vec<Ticket<T>> {
        let held = self.in_hand.iter_mut().chain(&mut self.state);
        for slot in held {
            match slot.version() {
                Some(held) if held == version => {
                    new.tickets.into_iter().for_each(|ticket| slot.join(ticket));
                    return Vec::new();
                }
                Some(held) if held > version => return new.tickets,
                _ => {}
            }
        }
        // What is in hand for something less urgent ends before its next call: the newer state
        // says what that would have said, too.
        if let Some(in_hand) = &self.in_hand
            && in_hand.version().is_some()
            && new.job.lane < in_hand.job.lane
        {
            in_hand.job.overtaken.cancel();
        }
        match &mut self.state {
            Some(older) => {
                // It keeps the older one's place, or a link that changes often would never be due;
                // but what has a reason to wait goes on waiting.
                let failed = older.job.failures > 0 || older.job.uncertain;
                let waits = failed || new.job.uncertain || new.job.work.not_before().is_some();
                let (first, last) = (older.due.min(new.due), older.due.max(new.due));
                older.due = if waits { last } else { first };
                older.job.lane = new.job.lane;
                older.job.work = new.job.work;
                older.job.uncertain |= new.job.uncertain;
                older.job.attempted |= new.job.attempted;
                std::mem::replace(&mut older.tickets, new.tickets)
            }
            none => {
                *none = Some(new);
                Vec::new()
            }
        }
    }

    pub(super) fn offer_act(&mut self, new: Slot<T>) -> Vec<Ticket<T>> {
        let id = new.job.work.id();
        let mut held = self.in_hand.iter_mut().chain(&mut self.acts);
        match held.find(|slot| slot.version().is_none() && slot.job.work.id() == id) {
            Some(slot) => new.tickets.into_iter().for_each(|ticket| slot.join(ticket)),
            None => self.acts.push_back(new),
        }
        Vec::new()
    }

    /// Puts back what was in hand; gives its tickets where a newer state takes its place.
    pub(super) fn put_back(&mut self, mut slot: Slot<T>) -> Vec<Ticket<T>> {
        slot.job.overtaken = CancellationToken::new();
        match (slot.version(), &mut self.state) {
            (Some(_), Some(newer)) => {
                // The newer one waits as long: what went wrong was not the older one's fault.
                newer.due = newer.due.max(slot.due);
                newer.job.failures = slot.job.failures;
                newer.job.trouble = slot.job.trouble;
                newer.job.uncertain |= slot.job.uncertain;
                newer.job.attempted |= slot.job.attempted;
                slot.tickets
            }
            (Some(_), none) => {
                *none = Some(slot);
                Vec::new()
            }
            (None, _) => {
                self.acts.push_front(slot);
                Vec::new()
            }
        }
    }
}
