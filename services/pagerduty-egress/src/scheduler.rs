//! What is to be done next: keyed by link, one piece of work of a link at a time, by lane.
//!
//! Pure bookkeeping without I/O. What always holds: a link has at most one piece of work
//! in hand; of its desired states only the newest waits, so an older one not yet begun is never
//! begun; its acts of one lane keep their order; of all that is due, what is begun is in the best
//! lane, and among that the oldest; and each ticket (a message to acknowledge) that came in goes out
//! exactly once, when its work is done or a newer state has made it void.

mod queue;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use tandem_domain::id::LinkId;
use tokio_util::sync::CancellationToken;

use self::queue::{Queue, Slot};
use crate::{
    lanes::Lane,
    work::{Task, Work},
};

/// A message that is to be acknowledged once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket<T> {
    /// Its place in the stream; deliveries of one message share it.
    pub sequence: u64,
    /// The message itself.
    pub message: T,
}

/// A piece of work to be done now.
#[derive(Debug, Clone)]
pub struct Job {
    /// The work.
    pub work: Arc<Work>,
    /// Its lane.
    pub lane: Lane,
    /// How often it has failed.
    pub failures: u32,
    /// What it failed of last, in words for people.
    pub trouble: Option<Arc<str>>,
    /// Whether an earlier attempt may have created something, so that it is looked for first.
    pub uncertain: bool,
    /// Whether an earlier attempt of unknown outcome may have taken effect, or may still.
    pub attempted: bool,
    /// Cancelled when something more urgent came in for the link: calls not yet made are void.
    pub overtaken: CancellationToken,
}

impl Job {
    /// How many calls it takes when all goes well.
    pub fn calls(&self) -> u32 {
        match (&self.work.task, self.lane) {
            (_, Lane::Reads) | (Task::Act(_), _) => 1 + u32::from(self.uncertain),
            (Task::State(_), _) => 2,
        }
    }
}

/// When a piece of work is to be done again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// Not before this.
    pub due: Instant,
    /// What it failed of, which makes the next wait longer; `None` where it did not fail.
    pub trouble: Option<Arc<str>>,
    /// Whether the attempt may have created something.
    pub uncertain: bool,
    /// Whether the attempt may have taken effect, or may still.
    pub attempted: bool,
}

impl Again {
    /// At once, because nothing was done.
    pub fn at_once() -> Self {
        Self { due: Instant::now(), trouble: None, uncertain: false, attempted: false }
    }
}

/// Everything that waits or is in hand, of one integration.
#[derive(Debug)]
pub struct Scheduler<T> {
    links: HashMap<LinkId, Queue<T>>,
    /// What may wait for its time, by when it is due.
    timed: BTreeSet<(Instant, Entry)>,
    /// What was seen to be due, the best lane first.
    ready: BTreeSet<Entry>,
    /// Where the work of a link stands in the two; at most one state and one act.
    entries: HashMap<LinkId, Vec<(Instant, Entry)>>,
    arrivals: u64,
}

/// A piece of work that waits: by lane, then by arrival.
type Entry = (Lane, u64, LinkId, Part);

/// Which piece of work of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    State,
    Act,
}

impl<T> Default for Scheduler<T> {
    fn default() -> Self {
        Self {
            links: HashMap::new(),
            timed: BTreeSet::new(),
            ready: BTreeSet::new(),
            entries: HashMap::new(),
            arrivals: 0,
        }
    }
}

impl<T> Scheduler<T> {
    /// Takes work in, due at `due`; gives the tickets that became void by it. `attempted` says that
    /// somebody may have begun it before.
    pub fn offer(
        &mut self,
        work: Arc<Work>,
        ticket: Ticket<T>,
        due: Instant,
        attempted: bool,
    ) -> Vec<Ticket<T>> {
        let uncertain = attempted && work.creates();
        let (link, lane) = (work.link(), Lane::of(&work.task));
        self.arrivals += 1;
        let overtaken = CancellationToken::new();
        let job = Job { work, lane, failures: 0, trouble: None, uncertain, attempted, overtaken };
        let slot = Slot { job, tickets: vec![ticket], due, arrival: self.arrivals };
        let queue = self.links.entry(link).or_default();
        let void = match slot.version() {
            Some(version) => queue.offer_state(slot, version),
            None => queue.offer_act(slot),
        };
        self.requeue(link);
        void
    }

    /// The best lane in which something is due.
    pub fn ready(&mut self, now: Instant) -> Option<Lane> {
        while let Some(&(due, entry)) = self.timed.first()
            && due <= now
        {
            self.timed.pop_first();
            self.ready.insert(entry);
        }
        self.ready.first().map(|(lane, ..)| *lane)
    }

    /// When the next piece of work is due of those that are not.
    pub fn due(&self) -> Option<Instant> {
        self.timed.first().map(|(due, _)| *due)
    }

    /// Takes the next piece of work that is due in hand.
    pub fn next(&mut self, now: Instant) -> Option<Job> {
        self.ready(now)?;
        let &(_, _, link, part) = self.ready.first()?;
        let job = self.links.get_mut(&link)?.take(part).map(|slot| slot.job.clone());
        self.requeue(link);
        job
    }

    /// The work in hand of a link is done; gives its tickets.
    pub fn done(&mut self, link: LinkId) -> Vec<Ticket<T>> {
        let slot = self.links.get_mut(&link).and_then(|queue| queue.in_hand.take());
        self.requeue(link);
        slot.map_or_else(Vec::new, |slot| slot.tickets)
    }

    /// The work in hand of a link is to be done again; gives its tickets where a newer state that
    /// came in meanwhile takes its place.
    pub fn again(&mut self, link: LinkId, again: Again) -> Vec<Ticket<T>> {
        let Some(queue) = self.links.get_mut(&link) else { return Vec::new() };
        let Some(mut slot) = queue.in_hand.take() else { return Vec::new() };
        slot.due = again.due;
        if let Some(trouble) = again.trouble {
            slot.job.failures = slot.job.failures.saturating_add(1);
            slot.job.trouble = Some(trouble);
        }
        slot.job.uncertain |= again.uncertain;
        slot.job.attempted |= again.attempted;
        let void = queue.put_back(slot);
        self.requeue(link);
        void
    }

    /// What failed earlier is worth trying again now, but for what may still take effect.
    pub fn hurry(&mut self, now: Instant) {
        let links: Vec<_> = self.timed.iter().map(|(_, (_, _, link, _))| *link).collect();
        for link in links {
            let Some(queue) = self.links.get_mut(&link) else { continue };
            let failed = queue.state.iter_mut().chain(&mut queue.acts);
            for slot in failed.filter(|slot| slot.job.failures > 0 && !slot.job.uncertain) {
                slot.due = slot.due.min(now);
            }
            self.requeue(link);
        }
    }

    /// Every message that is held, waiting or in hand.
    pub fn held(&self) -> impl Iterator<Item = &T> {
        let slots = self.links.values().flat_map(Queue::slots);
        slots.flat_map(|slot| &slot.tickets).map(|ticket| &ticket.message)
    }

    /// How many pieces of work wait.
    pub fn waiting(&self) -> usize {
        self.waiting_jobs().count()
    }

    /// How many pieces of work are in hand.
    pub fn in_hand(&self) -> u64 {
        self.links.values().map(|queue| u64::from(queue.in_hand.is_some())).sum()
    }

    /// What waits, in no order: each with when it is due.
    pub fn waiting_jobs(&self) -> impl Iterator<Item = (&Job, Instant)> {
        let waiting = self.links.values().flat_map(|queue| queue.state.iter().chain(&queue.acts));
        waiting.map(|slot| (&slot.job, slot.due))
    }

    /// What can be begun, in the order in which it will be if nothing else comes: what is due by
    /// lane, the rest by when it is.
    pub fn in_order(&self) -> impl Iterator<Item = (&Job, Instant)> {
        let entries = self.ready.iter().chain(self.timed.iter().map(|(_, entry)| entry));
        entries.filter_map(|(_, _, link, part)| {
            let mut candidates = self.links.get(link)?.candidates();
            let (_, slot) = candidates.find(|(candidate, _)| candidate == part)?;
            Some((&slot.job, slot.due))
        })
    }

    /// What is in hand.
    pub fn jobs_in_hand(&self) -> impl Iterator<Item = &Job> {
        self.links.values().filter_map(|queue| Some(&queue.in_hand.as_ref()?.job))
    }

    /// Puts a link where it belongs among those that wait, after its queue has changed.
    fn requeue(&mut self, link: LinkId) {
        for (due, entry) in self.entries.remove(&link).unwrap_or_default() {
            if !self.ready.remove(&entry) {
                self.timed.remove(&(due, entry));
            }
        }
        let Some(queue) = self.links.get(&link) else { return };
        if queue.is_empty() {
            self.links.remove(&link);
            return;
        }
        let entries: Vec<_> = queue
            .candidates()
            .map(|(part, slot)| (slot.due, (slot.job.lane, slot.arrival, link, part)))
            .collect();
        self.timed.extend(entries.iter().copied());
        if !entries.is_empty() {
            self.entries.insert(link, entries);
        }
    }
}

#[cfg(test)]
mod tests;
