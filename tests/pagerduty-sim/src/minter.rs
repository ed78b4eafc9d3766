//! Owns every id, secret, delay and roll of the dice.
//!
//! All of them derive from the seed, the kind and a counter of that kind, so the same seed gives the
//! same run, and one more id of one kind never changes those of another. What goes on in a later
//! process starts far beyond these counters: a process that is killed has minted more than it saved.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

const UPPER: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What is being minted; each kind has a sequence of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Incident = 1,
    Event,
    Note,
    LogEntry,
    Webhook,
    Subscription,
    DeliveryMethod,
    Secret,
    Delay,
    Fault,
    Key,
    StatusUpdate,
    Object,
}

/// How far beyond these counters a successor starts: more than anybody mints between two saves.
const STRIDE: u64 = 1 << 32;

/// The seeded source of everything that looks random.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Minter {
    pub(crate) seed: u64,
    /// What every counter starts from.
    origin: u64,
    #[serde(skip)]
    counts: BTreeMap<Kind, u64>,
}

impl Minter {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, origin: 0, counts: BTreeMap::new() }
    }

    /// The minter to go on with in a later process: it repeats nothing, not even what is minted here
    /// after it was made.
    pub(crate) fn successor(&self) -> Self {
        let reached = self.counts.values().copied().max().unwrap_or(self.origin);
        Self { seed: self.seed, origin: reached.wrapping_add(STRIDE), counts: BTreeMap::new() }
    }

    /// `Q` and 13 upper-case alphanumerics, as incidents have today.
    pub(crate) fn incident_id(&mut self) -> String {
        format!("Q{}", self.text(Kind::Incident, UPPER, 13))
    }

    /// 26 upper-case alphanumerics that look like a ULID and are none.
    pub(crate) fn event_id(&mut self) -> String {
        format!("01{}", self.text(Kind::Event, UPPER, 24))
    }

    /// `R` and 13 upper-case alphanumerics.
    pub(crate) fn log_entry_id(&mut self) -> String {
        format!("R{}", self.text(Kind::LogEntry, UPPER, 13))
    }

    /// `P` and six upper-case alphanumerics, as most other objects have.
    pub(crate) fn short_id(&mut self, kind: Kind) -> String {
        format!("P{}", self.text(kind, UPPER, 6))
    }

    /// 64 characters that look like base64 and are used as they are.
    pub(crate) fn secret(&mut self) -> String {
        self.text(Kind::Secret, BASE64, 64)
    }

    /// 32 lower-case hexadecimal digits, the key of an incident whose creator gave none.
    pub(crate) fn incident_key(&mut self) -> String {
        let (high, low) = (self.draw(Kind::Key), self.draw(Kind::Key));
        format!("{high:016x}{low:016x}")
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self, kind: Kind) -> String {
        let (high, low) = (self.draw(kind), self.draw(kind));
        let high = (high & !0xF000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        let hex = format!("{high:016x}{low:016x}");
        let mut out = String::with_capacity(36);
        for (index, digit) in hex.chars().enumerate() {
            if matches!(index, 8 | 12 | 16 | 20) {
                out.push('-');
            }
            out.push(digit);
        }
        out
    }

    /// A number between `min` and `max`, both included.
    pub(crate) fn between(&mut self, kind: Kind, min: u64, max: u64) -> u64 {
        let span = max.saturating_sub(min).saturating_add(1);
        min + self.draw(kind) % span.max(1)
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        let roll = u32::try_from(self.draw(Kind::Fault) >> 40).unwrap_or(0);
        f64::from(roll) / f64::from(1_u32 << 24) < probability
    }

    fn text(&mut self, kind: Kind, alphabet: &[u8], len: usize) -> String {
        let size = alphabet.len() as u64;
        let mut out = String::with_capacity(len);
        let mut pool = 0_u64;
        for index in 0..len {
            if index % 8 == 0 {
                pool = self.draw(kind);
            }
            let at = usize::try_from(pool % size).unwrap_or(0);
            pool /= size;
            // Writing to a string cannot fail.
            write!(out, "{}", char::from(alphabet.get(at).copied().unwrap_or(b'0'))).ok();
        }
        out
    }

    /// `SplitMix64` over (seed, kind, counter).
    fn draw(&mut self, kind: Kind) -> u64 {
        let count = self.counts.entry(kind).or_insert(self.origin);
        *count += 1;
        let stream = self.seed ^ (kind as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let mut z = mix(stream).wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = mix(z);
        z
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_mints_the_same_ids_and_another_seed_others() {
        let mint = |seed| {
            let mut minter = Minter::new(seed);
            (minter.incident_id(), minter.event_id(), minter.uuid(Kind::Webhook))
        };
        assert_eq!(mint(7), mint(7));
        assert_ne!(mint(7), mint(8));
    }

    #[test]
    fn one_kind_does_not_disturb_another() {
        let mut busy = Minter::new(1);
        busy.event_id();
        busy.note_heavy();
        assert_eq!(busy.incident_id(), Minter::new(1).incident_id());
    }

    #[test]
    fn a_successor_repeats_nothing_even_of_what_is_minted_after_it_was_made() {
        let mut minter = Minter::new(1);
        let mut ids: std::collections::BTreeSet<_> =
            (0..100).map(|_| minter.incident_id()).collect();
        let (mut next, mut after) = (minter.successor(), minter.successor().successor());
        for minter in [&mut minter, &mut next, &mut after] {
            ids.extend((0..100).map(|_| minter.incident_id()));
        }
        assert_eq!(ids.len(), 400);
    }

    impl Minter {
        fn note_heavy(&mut self) {
            for _ in 0..100 {
                self.short_id(Kind::Note);
            }
        }
    }

    #[test]
    fn ten_thousand_incident_ids_are_distinct() {
        let mut minter = Minter::new(3);
        let ids: std::collections::BTreeSet<_> =
            (0..10_000).map(|_| minter.incident_id()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
