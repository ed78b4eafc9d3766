//! How far an external clock is from ours, as an interval that what was seen leaves possible.
//!
//! No single message tells the difference, but each bounds it: an answer's `Date` is whole seconds
//! and was written somewhere between our sending and our receiving (RFC 9110, section 6.6.1), and a
//! webhook cannot arrive before it happened. The bounds are intersected, and widen slowly with age,
//! because clocks drift.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How far the two clocks are assumed to be apart at most, while it is not measured. Generous: what
/// lies closer together costs a read, what is ordered wrongly costs somebody's edit.
pub const DIFFERENCE_MAX: SignedDuration = SignedDuration::from_mins(1);

/// How much the bounds widen per second of age: 100 parts in a million, which is a bad clock.
const DRIFT: i64 = 10_000;

/// The difference external clock − our clock, between two bounds in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// The least it can be.
    pub lo: i64,
    /// The most it can be.
    pub hi: i64,
    /// When the bounds were last narrowed, on our clock; none while nothing was measured.
    pub at: Option<Timestamp>,
}

impl Default for Offset {
    fn default() -> Self {
        let most = i64::try_from(DIFFERENCE_MAX.as_micros()).unwrap_or(i64::MAX);
        Self { lo: -most, hi: most, at: None }
    }
}

impl Offset {
    /// The bounds as they are at `now`, widened by what the clocks may have drifted since.
    #[must_use]
    pub fn aged(self, now: Timestamp) -> Self {
        let Some(at) = self.at else { return self };
        let age = now.as_microsecond().saturating_sub(at.as_microsecond()).max(0);
        let drift = age / DRIFT;
        let widest = Self::default();
        // Once measured it can lie beyond what is assumed of an unmeasured one.
        let (least, most) = (widest.lo.min(self.lo), widest.hi.max(self.hi));
        Self {
            lo: self.lo.saturating_sub(drift).max(least),
            hi: self.hi.saturating_add(drift).min(most),
            at: self.at,
        }
    }

    /// Narrows by an answer: its `Date` in whole seconds, and when we sent and received.
    #[must_use]
    pub fn answered(self, date: Timestamp, sent: Timestamp, received: Timestamp) -> Self {
        let date = date.as_microsecond();
        let lo = date.saturating_sub(received.as_microsecond());
        let hi = date.saturating_add(1_000_000).saturating_sub(sent.as_microsecond());
        self.aged(received).bounded(lo, hi, received)
    }

    /// Narrows by a webhook: it arrived after it happened.
    #[must_use]
    pub fn told(self, occurred_at: Timestamp, arrived: Timestamp) -> Self {
        let lo = occurred_at.as_microsecond().saturating_sub(arrived.as_microsecond());
        self.aged(arrived).bounded(lo, i64::MAX, arrived)
    }

    fn bounded(self, lo: i64, hi: i64, at: Timestamp) -> Self {
        let unmeasured = Self::default();
        // What contradicts the bounds says that a clock was set: they start again from it.
        if lo > self.hi || hi < self.lo {
            return Self {
                lo: lo.max(hi.saturating_sub(2 * unmeasured.hi)),
                hi: hi.min(lo.saturating_add(2 * unmeasured.hi)),
                at: Some(at),
            };
        }
        let narrowed = Self { lo: self.lo.max(lo), hi: self.hi.min(hi), at: Some(at) };
        if (narrowed.lo, narrowed.hi) == (self.lo, self.hi) { self } else { narrowed }
    }

    /// Where an instant of the external clock most likely is on ours.
    pub fn likely(self, external: Timestamp) -> Timestamp {
        let middle = self.lo.saturating_add(self.hi) / 2;
        shift(external, if self.at.is_some() { middle.saturating_neg() } else { 0 })
    }

    /// The earliest an instant of the external clock can be on ours.
    pub fn earliest(self, external: Timestamp) -> Timestamp {
        shift(external, self.hi.saturating_neg())
    }

    /// The latest an instant of the external clock can be on ours.
    pub fn latest(self, external: Timestamp) -> Timestamp {
        shift(external, self.lo.saturating_neg())
    }
}

fn shift(at: Timestamp, by: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_micros(by)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    #[test]
    fn answers_and_webhooks_narrow_the_bounds_to_what_both_allow() {
        // The external clock is 3 s ahead; the call takes 200 ms.
        let offset = Offset::default().answered(at(13_000), at(10_100), at(10_300));
        assert_eq!((offset.lo, offset.hi), (2_700_000, 3_900_000));
        let offset = offset.told(at(23_000), at(20_050));
        assert_eq!(offset.lo, 2_950_000);
        assert!(offset.hi >= 3_900_000 && offset.hi < 3_902_000);
        assert_eq!(
            offset.earliest(at(5000)),
            at(5000).checked_sub(SignedDuration::from_micros(offset.hi)).unwrap()
        );
    }

    #[test]
    fn what_only_touches_the_bounds_narrows_them_and_does_not_start_them_again() {
        let held = Offset { lo: -100, hi: 100, at: Some(at(0)) };
        let touching = held.bounded(100, 500, at(1));
        assert_eq!((touching.lo, touching.hi, touching.at), (100, 100, Some(at(1))));
        let touching = held.bounded(-500, -100, at(1));
        assert_eq!((touching.lo, touching.hi, touching.at), (-100, -100, Some(at(1))));
        assert_eq!(held.bounded(-500, 500, at(1)), held);
    }

    #[test]
    fn an_instant_of_theirs_is_somewhere_between_the_bounds_and_likely_in_the_middle() {
        let ahead = Offset { lo: 1_000_000, hi: 3_000_000, at: Some(at(0)) };
        assert_eq!(ahead.earliest(at(10_000)), at(7_000));
        assert_eq!(ahead.likely(at(10_000)), at(8_000));
        assert_eq!(ahead.latest(at(10_000)), at(9_000));
        assert_eq!(Offset { at: None, ..ahead }.likely(at(10_000)), at(10_000));
    }

    #[test]
    fn bounds_widen_with_age_and_start_again_when_a_clock_was_set() {
        let offset = Offset::default().answered(at(10_000), at(10_100), at(10_300));
        let aged = offset.aged(at(10_000_000));
        assert!(aged.lo < offset.lo && aged.hi > offset.hi);
        let set = offset.answered(at(100_000), at(20_000), at(20_200));
        assert!(set.lo <= 80_000_000 && set.hi >= 80_000_000);
    }
}
