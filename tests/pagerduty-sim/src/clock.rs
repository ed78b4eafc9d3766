//! Owns the reading of the clock and the two ways PagerDuty writes an instant.
//!
//! Incident fields carry whole seconds, an event's `occurred_at` carries milliseconds; both end in `Z`.

use jiff::Timestamp;

/// Reads the wall clock; every other part gets the instant as an argument.
#[expect(clippy::disallowed_methods, reason = "the one place of this program that reads the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Writes an instant as REST objects and incident fields do.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Writes an instant as `occurred_at` does.
pub(crate) fn millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
