//! Chance that is none: numbers from a seed, the same ones on every machine.
//!
//! A world draws from many small sources, one for each purpose and place, so that taking a step
//! out of a script changes as little as possible of the rest. That is what makes shrinking work.

/// A source of numbers (`SplitMix64`, Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    /// The source that belongs to a seed and a purpose.
    pub(super) fn of(seed: u64, purpose: u64) -> Self {
        let mut chance = Self { state: seed ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93) };
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `lo` to `hi`, both included.
    pub(super) fn between(&mut self, lo: i64, hi: i64) -> i64 {
        let span = hi.abs_diff(lo).saturating_add(1);
        lo.saturating_add_unsigned(self.next() % span)
    }

    /// True so many times in a thousand.
    pub(super) fn permille(&mut self, times: u16) -> bool {
        self.next() % 1000 < u64::from(times)
    }

    /// One of the given values; there must be one.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let place = usize::try_from(self.next() % 1_000_003).unwrap_or(0) % of.len().max(1);
        of.get(place).unwrap_or_else(|| unreachable!("nothing to pick from"))
    }
}
