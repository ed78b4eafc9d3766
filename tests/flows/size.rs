//! What `cargo dev chaos` asks for: the same stories, larger.

use tandem_pagerduty_sim::Call;

/// A number from the environment; a test run plays the smaller size.
#[expect(clippy::disallowed_methods, reason = "whoever wants a larger play says so this way")]
pub(crate) fn setting(name: &str, otherwise: u64) -> usize {
    let asked = std::env::var(name).ok().and_then(|word| word.parse().ok());
    usize::try_from(asked.unwrap_or(otherwise)).expect("a size")
}

/// The most calls that came in any 60 s, as PagerDuty received them.
pub(crate) fn busiest_minute(calls: &[Call]) -> usize {
    let mut times: Vec<jiff::Timestamp> =
        calls.iter().map(|call| call.time.parse().expect("a time")).collect();
    times.sort();
    let of = |(from, first): (usize, &jiff::Timestamp)| {
        let within = |at: &&jiff::Timestamp| at.duration_since(*first).as_secs_f64() < 60.0;
        times[from..].iter().take_while(within).count()
    };
    times.iter().enumerate().map(of).max().unwrap_or_default()
}
