//! How fast calls may go: a token bucket that never exceeds the limit in any minute.
//!
//! With a burst of `b` and one more call each `61.5 s / (limit - b)`, any 61.5 s hold at most
//! `b + (limit - b)` calls: so do any 60 s as the far side counts them, whose clock starts when a
//! call arrives, and some take longer to arrive than others. It begins empty, since another copy may have spent the last minute's
//! calls, and the far side's word can hold it back further. Kept as the one instant of the generic
//! cell rate algorithm (ITU-T I.371), because a bucket that begins empty, changes its rate in place
//! and closes on somebody's word is then a comparison each. Time is an argument.

use std::time::{Duration, Instant};

/// A minute, and what the ways of two calls may differ by.
const MINUTE: Duration = Duration::from_millis(61_500);
/// The longest anybody's word can stop the calls; a day's number in a header is a mistake.
const CLOSED_MAX: Duration = Duration::from_hours(1);
/// The first wait after a refusal that names none.
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// The longest wait between two attempts: what fails for a day is soon done when it can be.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Why a call has to wait, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The bucket is empty: its turn comes soon.
    Turn(Instant),
    /// The far side wants no calls.
    Closed(Instant),
}

/// The pace of one integration's calls.
#[derive(Debug, Clone)]
pub struct Pace {
    limit: u32,
    /// The time one call is worth.
    interval: Duration,
    /// What can be saved up, as time: one interval less than the burst.
    span: Duration,
    /// When the bucket would be full but for one call.
    level: Instant,
    /// Nothing goes before this.
    closed_until: Option<Instant>,
    /// Refusals in a row that named no time.
    refusals: u32,
}

impl Pace {
    /// A pace of at most `limit` calls in any minute (at least one), beginning empty.
    pub fn new(limit: u32, now: Instant) -> Self {
        let limit = limit.max(1);
        let burst = (limit / 20).max(1);
        // With a limit of one the burst is all of it; a little more than a minute apart, then, as
        // both ends of a minute belong to it.
        let interval = match limit - burst {
            0 => MINUTE + Duration::from_millis(1),
            steady => MINUTE / steady + Duration::from_nanos(1),
        };
        let span = interval * (burst - 1);
        let level = now + span + interval;
        Self { limit, interval, span, level, closed_until: None, refusals: 0 }
    }

    /// Changes the limit; one that is new begins empty.
    pub fn set_limit(&mut self, limit: u32, now: Instant) {
        if limit.max(1) != self.limit {
            let Self { closed_until, refusals, .. } = *self;
            *self = Self { closed_until, refusals, ..Self::new(limit, now) };
        }
    }

    /// Empties the bucket: somebody else may have spent what was in it.
    pub fn empty(&mut self, now: Instant) {
        self.level = self.level.max(now + self.span + self.interval);
    }

    /// For how long the far side wants no calls.
    pub fn closed_for(&self, now: Instant) -> Option<Duration> {
        let left = self.closed_until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Takes one call out of the bucket, or says when to ask again.
    pub fn take(&mut self, now: Instant) -> Result<(), Wait> {
        if let Some(until) = self.closed_until {
            if now < until {
                return Err(Wait::Closed(until));
            }
            self.closed_until = None;
        }
        let level = self.level.max(now);
        // How far beyond what can be saved up this call would go.
        let over = level.duration_since(now).saturating_sub(self.span);
        if !over.is_zero() {
            return Err(Wait::Turn(now + over));
        }
        self.level = level + self.interval;
        Ok(())
    }

    /// Takes the far side's word on how many calls are left until its window ends.
    pub fn told(&mut self, remaining: u32, window: Duration, now: Instant) {
        if remaining == 0 {
            self.close(window, now);
        } else if self.interval * remaining <= self.span {
            // Fewer than could go in a burst: spread over the window.
            let next = now + window.min(CLOSED_MAX) / (remaining + 1);
            self.level = self.level.max(next + self.span);
        }
    }

    /// A call was refused because there were too many: stops for the time told, or for longer
    /// after each such refusal.
    pub fn refused(
        &mut self,
        told: Option<Duration>,
        backoff: &Backoff,
        jitter: f64,
        now: Instant,
    ) {
        if let Some(told) = told {
            // Whole seconds until a window's end: a zero is the rest of this second.
            self.close(told.max(WAIT_FIRST), now);
        } else if self.closed_until.is_none_or(|until| until <= now) {
            // Calls under way at the same time are refused together; that counts once.
            self.refusals = self.refusals.saturating_add(1);
            self.close(backoff.wait(self.refusals, jitter), now);
        }
    }

    /// A call succeeded.
    pub fn succeeded(&mut self) {
        self.refusals = 0;
    }

    fn close(&mut self, wait: Duration, now: Instant) {
        let until = now + wait.min(CLOSED_MAX);
        self.closed_until = Some(self.closed_until.map_or(until, |already| already.max(until)));
    }
}

/// How long to wait before trying again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    multiplier: f64,
}

impl Backoff {
    /// Waits that grow by `multiplier`, within reason: 1 to 10, and 2 for what is no number.
    pub fn new(multiplier: f64) -> Self {
        let multiplier = if multiplier.is_finite() { multiplier.clamp(1.0, 10.0) } else { 2.0 };
        Self { multiplier }
    }

    /// The wait after so many failures in a row (1 for the first): 1 s, growing to a minute, of which
    /// the latter half is shortened by `jitter` (0 to 1), so that what failed together spreads.
    pub fn wait(&self, failures: u32, jitter: f64) -> Duration {
        let exponent = f64::from(failures.saturating_sub(1).min(1000));
        let grown = WAIT_FIRST.as_secs_f64() * self.multiplier.powf(exponent);
        let whole = Duration::from_secs_f64(grown.min(WAIT_MAX.as_secs_f64()));
        whole.mul_f64(0.5f64.mul_add(-jitter.clamp(0.0, 1.0), 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Tries every millisecond from `from` on; gives the times of the calls that went.
    fn eager(pace: &mut Pace, start: Instant, from: u64, for_ms: u64) -> Vec<u64> {
        (from..from + for_ms).filter(|at| pace.take(start + ms(*at)).is_ok()).collect()
    }

    #[test]
    fn it_begins_empty_and_soon_lets_a_single_call_go_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(900, start);
        assert!(pace.take(start).is_err());
        assert_eq!(pace.take(start + ms(72)), Ok(()));
        assert!(pace.take(start + ms(73)).is_err());
        let later = start + Duration::from_secs(30);
        let burst = (0..100).take_while(|_| pace.take(later).is_ok()).count();
        assert_eq!(burst, 45);
    }

    #[test]
    fn it_says_when_to_ask_again_and_keeps_its_word() {
        let start = Instant::now();
        let mut pace = Pace::new(100, start);
        let Err(Wait::Turn(again)) = pace.take(start) else { panic!("it begins empty") };
        assert!(pace.take(start + ms(647)).is_err());
        assert_eq!(pace.take(again), Ok(()));
    }

    #[test]
    fn the_far_sides_word_stops_everything_for_as_long_as_told() {
        let start = Instant::now();
        let mut pace = Pace::new(900, start);
        let now = start + Duration::from_secs(10);
        let backoff = Backoff::new(2.0);
        pace.refused(Some(Duration::from_secs(7)), &backoff, 0.0, now);
        assert_eq!(pace.take(now), Err(Wait::Closed(now + Duration::from_secs(7))));
        pace.told(0, Duration::from_secs(9), now);
        assert_eq!(pace.take(now), Err(Wait::Closed(now + Duration::from_secs(9))));
        assert_eq!(pace.take(now + Duration::from_secs(9)), Ok(()));
    }

    #[test]
    fn what_little_is_left_is_spread_over_the_window() {
        let start = Instant::now();
        let mut pace = Pace::new(900, start);
        let now = 60_000;
        pace.told(3, Duration::from_secs(8), start + ms(now));
        let went = eager(&mut pace, start, now, 2_100);
        assert_eq!(went.first(), Some(&(now + 2_000)));
        pace.told(900, MINUTE, start + ms(now + 2_200));
        assert!(pace.take(start + ms(now + 2_200)).is_ok());
    }

    #[test]
    fn refusals_without_a_time_wait_longer_each_time_and_count_once_together() {
        let start = Instant::now();
        let mut pace = Pace::new(900, start);
        let backoff = Backoff::new(3.0);
        let mut now = start + Duration::from_secs(10);
        for wait in [1, 3, 9] {
            pace.refused(None, &backoff, 0.0, now);
            pace.refused(None, &backoff, 0.0, now);
            assert_eq!(pace.take(now), Err(Wait::Closed(now + Duration::from_secs(wait))));
            now += Duration::from_secs(wait);
            assert_eq!(pace.take(now), Ok(()));
        }
        pace.succeeded();
        pace.refused(None, &backoff, 0.0, now);
        assert_eq!(pace.take(now), Err(Wait::Closed(now + Duration::from_secs(1))));
    }

    #[test]
    fn waits_grow_to_a_bound_whatever_the_multiplier() {
        for multiplier in [0.0, 1.0, 2.0, 1e300, f64::NAN, f64::INFINITY, -1.0] {
            let backoff = Backoff::new(multiplier);
            let waits: Vec<_> = [1, 2, 10, u32::MAX].map(|n| backoff.wait(n, 0.0)).to_vec();
            assert!(waits.is_sorted() && waits.iter().all(|wait| *wait <= WAIT_MAX));
            assert_eq!(backoff.wait(1, 1.0), WAIT_FIRST / 2);
        }
        assert_eq!(Backoff::new(2.0).wait(4, 0.0), Duration::from_secs(8));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn no_minute_holds_more_calls_than_the_limit(
            limit in 1_u32..1200,
            gaps in prop::collection::vec((0_u64..90_000, 1_u64..70_000), 1..6),
        ) {
            let start = Instant::now();
            let mut pace = Pace::new(limit, start);
            let (mut at, mut went) = (0, Vec::new());
            for (idle, busy) in gaps {
                at += idle;
                went.extend(eager(&mut pace, start, at, busy));
                at += busy;
            }
            for (index, first) in went.iter().enumerate() {
                let within = went[index..].iter().take_while(|at| **at <= first + 60_000).count();
                prop_assert!(within <= usize::try_from(limit).unwrap(), "{within} from {first}");
            }
        }
    }
}
