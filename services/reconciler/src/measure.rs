//! How far external clocks are from ours, measured from whatever a batch happens to show.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tandem_domain::{
    clock::Offset,
    event::{Event, Outcome},
    id::IntegrationId,
    integration::Integration,
};

/// A gain of so many microseconds is worth a write.
const NOTICEABLE: i64 = 1000;
/// After so long any gain is.
const STALE: SignedDuration = SignedDuration::from_mins(1);

/// Brings each integration's clock up to date by what was stored of it and what the events show;
/// gives those that are worth storing.
pub(crate) fn clocks<'a>(
    events: impl Iterator<Item = &'a Event>,
    integrations: &mut [Integration],
    stored: &BTreeMap<IntegrationId, Offset>,
    now: Timestamp,
) -> Vec<(IntegrationId, Offset)> {
    let mut clocks: BTreeMap<IntegrationId, Offset> = integrations
        .iter()
        .map(|it| (it.id, stored.get(&it.id).copied().unwrap_or_default().aged(now)))
        .collect();
    let before = clocks.clone();
    for event in events {
        match event {
            Event::Observation(observation) => {
                if let Some(clock) = clocks.get_mut(&observation.integration) {
                    *clock = clock.told(observation.occurred_at, observation.arrived);
                }
            }
            Event::Receipt(receipt) => {
                if let Some(clock) = clocks.get_mut(&receipt.integration) {
                    *clock = read(*clock, &receipt.outcome);
                }
            }
            Event::Finding(finding) => {
                if let Some(clock) = clocks.get_mut(&finding.integration)
                    && let Some(date) = finding.reading.date
                {
                    *clock = clock.answered(date, finding.reading.sent, finding.reading.received);
                }
            }
            Event::Edit(_) => {}
        }
    }
    for integration in integrations {
        integration.clock = clocks.get(&integration.id).copied().unwrap_or_default();
    }
    let worth = |(id, clock): &(IntegrationId, Offset)| {
        before.get(id).is_none_or(|before| is_worth_storing(before, clock, now))
    };
    clocks.into_iter().filter(worth).collect()
}

fn read(clock: Offset, outcome: &Outcome) -> Offset {
    let readings = match outcome {
        Outcome::Settled { before, after, .. } => [before.as_deref(), after.as_deref()],
        Outcome::Refused { before, .. } => [before.as_deref(), None],
        Outcome::Summoned { after, .. } => [None, after.as_deref()],
        Outcome::Noted { .. } => [None, None],
    };
    readings.into_iter().flatten().fold(clock, |clock, reading| match reading.date {
        Some(date) => clock.answered(date, reading.sent, reading.received),
        None => clock,
    })
}

fn is_worth_storing(before: &Offset, after: &Offset, now: Timestamp) -> bool {
    let width = |offset: &Offset| offset.hi.saturating_sub(offset.lo);
    let gain = width(before).saturating_sub(width(after));
    let begun_again = after.lo < before.lo || after.hi > before.hi;
    let stale = before.at.is_none_or(|at| now.duration_since(at) > STALE);
    begun_again || gain >= NOTICEABLE || (gain > 0 && stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    #[test]
    fn only_what_is_noticeably_better_is_worth_storing() {
        let stored = Offset { lo: -50_000, hi: 900_000, at: Some(at(0)) };
        let better = Offset { lo: -48_000, ..stored };
        let slightly = Offset { lo: -49_500, ..stored };
        assert!(is_worth_storing(&stored, &better, at(10)));
        assert!(!is_worth_storing(&stored, &slightly, at(10)));
        assert!(is_worth_storing(&stored, &slightly, at(61_000)));
        assert!(!is_worth_storing(&stored, &stored, at(61_000)));
        assert!(is_worth_storing(
            &stored,
            &Offset { lo: 5_000_000, hi: 9_000_000, at: None },
            at(1)
        ));
    }
}
