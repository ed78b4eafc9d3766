//! Where time comes from: read once per message in the shell, an argument everywhere else.

use jiff::Timestamp;

/// The time now, on our clock.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
