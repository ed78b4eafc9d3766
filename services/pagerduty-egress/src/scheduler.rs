//! What is to be done next: keyed by link, one piece of work of a link at a time.
//!
//! Pure bookkeeping without I/O or clock. What always holds: a link has at most one piece of work
//! in hand; of its desired states only the newest waits, so an older one not yet begun is never
//! begun; its acts keep their order; and each ticket (a message to acknowledge) that came in goes
//! out exactly once, when its work is done or a newer state has made it void.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use tandem_domain::id::LinkId;

use crate::work::{Task, Work};

/// A message that is to be acknowledged once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket<T> {
    /// Its place in the stream; deliveries of one message share it.
    pub sequence: u64,
    /// The message itself.
    pub message: T,
}

/// A piece of work to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The work.
    pub work: Arc<Work>,
    /// How often it has failed.
    pub failures: u32,
    /// Whether an earlier attempt may have taken effect.
    pub uncertain: bool,
}

/// When a piece of work is to be done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// Not before this.
    pub due: Instant,
    /// Whether this was a failure, which makes the next wait longer.
    pub failed: bool,
    /// Whether the attempt may have taken effect.
    pub uncertain: bool,
}

/// Everything that waits or is in hand, of one integration.
#[derive(Debug)]
pub struct Scheduler<T> {
    links: HashMap<LinkId, Lane<T>>,
    /// The links that wait, by when their first piece of work is due, then by arrival.
    waiting: BTreeSet<(Instant, u64, LinkId)>,
    arrivals: u64,
}

#[derive(Debug)]
struct Slot<T> {
    job: Job,
    tickets: Vec<Ticket<T>>,
    due: Instant,
    arrival: u64,
}

#[derive(Debug)]
struct Lane<T> {
    state: Option<Slot<T>>,
    acts: VecDeque<Slot<T>>,
    in_hand: Option<Slot<T>>,
    /// Its entry in `waiting`.
    queued: Option<(Instant, u64)>,
}

impl<T> Default for Scheduler<T> {
    fn default() -> Self {
        Self { links: HashMap::new(), waiting: BTreeSet::new(), arrivals: 0 }
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { state: None, acts: VecDeque::new(), in_hand: None, queued: None }
    }
}

impl<T> Slot<T> {
    /// Takes the ticket of another delivery of the same work.
    fn join(&mut self, ticket: Ticket<T>) {
        match self.tickets.iter_mut().find(|held| held.sequence == ticket.sequence) {
            Some(held) => *held = ticket,
            None => self.tickets.push(ticket),
        }
    }

    fn version(&self) -> Option<u64> {
        match &self.job.work.task {
            Task::State(desired) => Some(desired.version),
            Task::Act(_) => None,
        }
    }
}

impl<T> Scheduler<T> {
    /// Takes work in, due at `due`; gives the tickets that became void by it.
    pub fn offer(
        &mut self,
        work: Arc<Work>,
        ticket: Ticket<T>,
        due: Instant,
        uncertain: bool,
    ) -> Vec<Ticket<T>> {
        let link = work.link();
        self.arrivals += 1;
        let job = Job { work, failures: 0, uncertain };
        let slot = Slot { job, tickets: vec![ticket], due, arrival: self.arrivals };
        let lane = self.links.entry(link).or_default();
        let void = match slot.version() {
            Some(version) => lane.offer_state(slot, version),
            None => lane.offer_act(slot),
        };
        self.requeue(link);
        void
    }

    /// When the next piece of work is due.
    pub fn due(&self) -> Option<Instant> {
        self.waiting.first().map(|(due, ..)| *due)
    }

    /// Takes the next piece of work that is due in hand.
    pub fn next(&mut self, now: Instant) -> Option<Job> {
        let &(due, _, link) = self.waiting.first()?;
        if due > now {
            return None;
        }
        let lane = self.links.get_mut(&link)?;
        // A state goes before acts: it is what pages people, and acts are mere remarks.
        let state = lane.state.take_if(|state| state.due <= now);
        lane.in_hand = state.or_else(|| lane.acts.pop_front());
        let job = lane.in_hand.as_ref().map(|slot| slot.job.clone());
        self.requeue(link);
        job
    }

    /// The work in hand of a link is done; gives its tickets.
    pub fn done(&mut self, link: LinkId) -> Vec<Ticket<T>> {
        let slot = self.links.get_mut(&link).and_then(|lane| lane.in_hand.take());
        self.requeue(link);
        slot.map_or_else(Vec::new, |slot| slot.tickets)
    }

    /// The work in hand of a link is to be done again; gives its tickets where a newer state that
    /// came in meanwhile takes its place.
    pub fn again(&mut self, link: LinkId, again: Again) -> Vec<Ticket<T>> {
        let Some(lane) = self.links.get_mut(&link) else { return Vec::new() };
        let Some(mut slot) = lane.in_hand.take() else { return Vec::new() };
        slot.due = again.due;
        slot.job.failures = slot.job.failures.saturating_add(u32::from(again.failed));
        slot.job.uncertain |= again.uncertain;
        let void = match (slot.version(), &mut lane.state) {
            (Some(_), Some(newer)) => {
                // The newer one waits as long: what went wrong was not the older one's fault.
                newer.due = newer.due.max(slot.due);
                newer.job.failures = slot.job.failures;
                newer.job.uncertain |= slot.job.uncertain;
                slot.tickets
            }
            (Some(_), none) => {
                *none = Some(slot);
                Vec::new()
            }
            (None, _) => {
                lane.acts.push_front(slot);
                Vec::new()
            }
        };
        self.requeue(link);
        void
    }

    /// What failed earlier is worth trying again now, but for what may still take effect.
    pub fn hurry(&mut self, now: Instant) {
        let links: Vec<_> = self.waiting.iter().map(|(.., link)| *link).collect();
        for link in links {
            let Some(lane) = self.links.get_mut(&link) else { continue };
            let failed = lane.state.iter_mut().chain(&mut lane.acts);
            for slot in failed.filter(|slot| slot.job.failures > 0 && !slot.job.uncertain) {
                slot.due = slot.due.min(now);
            }
            self.requeue(link);
        }
    }

    /// Every message that is held, waiting or in hand.
    pub fn held(&self) -> impl Iterator<Item = &T> {
        let slots = self.links.values().flat_map(|lane| {
            lane.state.iter().chain(&lane.acts).chain(&lane.in_hand).flat_map(|slot| &slot.tickets)
        });
        slots.map(|ticket| &ticket.message)
    }

    /// How many pieces of work wait.
    pub fn waiting(&self) -> usize {
        self.links.values().map(|lane| usize::from(lane.state.is_some()) + lane.acts.len()).sum()
    }

    /// Puts a link where it belongs among those that wait, after its lane has changed.
    fn requeue(&mut self, link: LinkId) {
        let Some(lane) = self.links.get_mut(&link) else { return };
        if let Some((due, arrival)) = lane.queued.take() {
            self.waiting.remove(&(due, arrival, link));
        }
        if lane.in_hand.is_some() {
            return;
        }
        let first = lane.state.iter().chain(lane.acts.front()).map(|slot| (slot.due, slot.arrival));
        lane.queued = first.min();
        match lane.queued {
            Some((due, arrival)) => drop(self.waiting.insert((due, arrival, link))),
            None => drop(self.links.remove(&link)),
        }
    }
}

impl<T> Lane<T> {
    fn offer_state(&mut self, new: Slot<T>, version: u64) -> Vec<Ticket<T>> {
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
        match &mut self.state {
            Some(older) => {
                // It keeps the older one's place, or a link that changes often would never be due.
                if new.job.uncertain {
                    older.due = older.due.max(new.due);
                }
                older.job.work = new.job.work;
                older.job.uncertain |= new.job.uncertain;
                std::mem::replace(&mut older.tickets, new.tickets)
            }
            none => {
                *none = Some(new);
                Vec::new()
            }
        }
    }

    fn offer_act(&mut self, new: Slot<T>) -> Vec<Ticket<T>> {
        let id = new.job.work.id();
        let mut held = self.in_hand.iter_mut().chain(&mut self.acts);
        match held.find(|slot| slot.version().is_none() && slot.job.work.id() == id) {
            Some(slot) => new.tickets.into_iter().for_each(|ticket| slot.join(ticket)),
            None => self.acts.push_back(new),
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
