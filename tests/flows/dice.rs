//! Chance that can be had again.

/// A generator of numbers that gives the same ones for the same seed (splitmix64).
#[derive(Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// The one that begins with a seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % 1_000_000).unwrap() % sides
    }

    /// One of several.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}
