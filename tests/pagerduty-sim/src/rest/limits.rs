//! Owns rate limits: fixed windows of a minute, per key owner and per limited call.
//!
//! The headers describe whichever window is nearest to its limit.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_mins(1);

/// How many calls were made in the present minute.
#[derive(Debug, Default)]
pub(crate) struct Windows(HashMap<String, Window>);

#[derive(Debug)]
struct Window {
    began: Instant,
    used: u32,
}

/// The state of a window after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset_s: u64,
    pub(crate) exceeded: bool,
}

impl Windows {
    /// Counts a call; a limit of 0 is none.
    pub(crate) fn count(&mut self, name: &str, limit: u32, now: Instant) -> Option<Reading> {
        if limit == 0 {
            return None;
        }
        let window =
            self.0.entry(name.to_owned()).or_insert_with(|| Window { began: now, used: 0 });
        if now.duration_since(window.began) >= WINDOW {
            *window = Window { began: now, used: 0 };
        }
        let exceeded = window.used >= limit;
        if !exceeded {
            window.used += 1;
        }
        let left = WINDOW.saturating_sub(now.duration_since(window.began));
        Some(Reading {
            limit,
            remaining: limit - window.used,
            reset_s: left.as_secs() + u64::from(left.subsec_nanos() > 0),
            exceeded,
        })
    }
}

/// The reading the headers show: an exceeded one, or else the one with the least left.
pub(crate) fn nearest(readings: &[Reading]) -> Option<Reading> {
    readings.iter().copied().min_by_key(|it| (!it.exceeded, it.remaining))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §4, so many calls a minute and not one more.
    #[test]
    fn the_limit_holds_within_a_minute_and_is_lifted_after() {
        let (mut windows, start) = (Windows::default(), Instant::now());
        for left in (0..3).rev() {
            let reading = windows.count("key", 3, start).unwrap();
            assert_eq!((reading.remaining, reading.exceeded), (left, false));
        }
        assert!(windows.count("key", 3, start).unwrap().exceeded);
        assert!(!windows.count("other", 3, start).unwrap().exceeded);
        assert!(!windows.count("key", 3, start + WINDOW).unwrap().exceeded);
    }
}
