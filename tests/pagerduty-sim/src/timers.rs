//! Owns what will happen by itself: the end of a snooze, an acknowledgement time-out, an auto-resolve.
//!
//! A timer carries the incident's epoch at the time it was set, so that one of an earlier
//! acknowledgement does nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Due {
    Unacknowledge,
    AutoResolve,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Timer {
    #[serde(with = "crate::clock::wall")]
    pub(crate) at: Instant,
    pub(crate) incident: String,
    pub(crate) epoch: u64,
    pub(crate) due: Due,
}

/// Everything that will happen by itself, soonest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Timers(BinaryHeap<Reverse<Timer>>);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer) {
        self.0.push(Reverse(timer));
    }

    /// Says whether a timer is due.
    pub(crate) fn any_due(&self, now: Instant) -> bool {
        self.0.peek().is_some_and(|Reverse(timer)| timer.at <= now)
    }

    /// Takes one timer that is due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Timer> {
        if self.any_due(now) { self.0.pop().map(|Reverse(timer)| timer) } else { None }
    }
}
