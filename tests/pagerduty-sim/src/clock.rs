//! Owns the reading of the clock and the two ways PagerDuty writes an instant.
//!
//! Incident fields carry whole seconds, an event's `occurred_at` carries milliseconds; both end in `Z`.

use jiff::Timestamp;

/// Reads the wall clock; every other part gets the instant as an argument.
#[expect(clippy::disallowed_methods, reason = "the one place of this program that reads the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Serde's view of a monotonic instant: when it is by the wall clock, which a later process reads too.
pub(crate) mod wall {
    use jiff::{SignedDuration, Timestamp};
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use tokio::time::Instant;

    pub(crate) fn serialize<S: Serializer>(at: &Instant, to: S) -> Result<S::Ok, S::Error> {
        timestamp(*at).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Instant, D::Error> {
        Timestamp::deserialize(from).map(instant)
    }

    /// The same for an instant there may be.
    pub(crate) mod optional {
        use super::{Deserializer, Instant, Serializer, Timestamp, instant, timestamp};
        use serde::{Deserialize as _, Serialize as _};

        #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
        pub(crate) fn serialize<S: Serializer>(
            at: &Option<Instant>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            at.map(timestamp).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Instant>, D::Error> {
            Ok(Option::<Timestamp>::deserialize(from)?.map(instant))
        }
    }

    fn timestamp(at: Instant) -> Timestamp {
        let (now, here) = (super::now(), Instant::now());
        let ahead = SignedDuration::try_from(at.saturating_duration_since(here));
        let behind = SignedDuration::try_from(here.saturating_duration_since(at));
        // One of the two is zero; what no calendar holds is as good as never, or as now.
        let away = ahead
            .unwrap_or(SignedDuration::MAX)
            .saturating_sub(behind.unwrap_or(SignedDuration::ZERO));
        now.checked_add(away).unwrap_or(Timestamp::MAX)
    }

    fn instant(at: Timestamp) -> Instant {
        let (now, here) = (super::now(), Instant::now());
        let away = now.duration_until(at);
        let there = if away.is_negative() {
            here.checked_sub(away.unsigned_abs())
        } else {
            here.checked_add(away.unsigned_abs())
        };
        there.unwrap_or(here)
    }
}

/// Writes an instant as REST objects and incident fields do.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Writes an instant as `occurred_at` does.
pub(crate) fn millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
