//! Owns what will happen by itself: the end of a snooze, an acknowledgement time-out, an auto-resolve.
//!
//! A timer carries the incident's epoch at the time it was set, so that one of an earlier
//! acknowledgement does nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Unacknowledge,
    AutoResolve,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) at: Instant,
    pub(crate) incident: String,
    pub(crate) epoch: u64,
    pub(crate) due: Due,
}

/// Everything that will happen by itself, soonest first.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<Timer>>);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer) {
        self.0.push(Reverse(timer));
    }

    /// Takes one timer that is due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Timer> {
        if self.0.peek().is_some_and(|Reverse(timer)| timer.at <= now) {
            self.0.pop().map(|Reverse(timer)| timer)
        } else {
            None
        }
    }
}
