//! How the outbound side stands and what was checked, in the contract's messages.

use tandem_bus::ask::{Due, Retrying, Status};
use tandem_connectors::checkup::{Check, Verdict};
use tandem_proto::v1;

use super::{instant, number};

/// The lanes in the order of what goes first; one that is not among them comes last.
const LANES: [&str; 6] = ["resolve", "acknowledge", "people", "fields", "notes", "reads"];

/// What waits to go out.
pub(crate) fn outbound(from: Status) -> v1::OutboundQueue {
    let in_all = from.waiting.values().copied().fold(0, u64::saturating_add);
    let mut lanes: Vec<_> = from
        .waiting
        .into_iter()
        .map(|(name, waiting)| v1::Lane { name, waiting: number(waiting) })
        .collect();
    let place = |name: &str| LANES.iter().position(|lane| *lane == name).unwrap_or(LANES.len());
    lanes.sort_by_key(|lane| place(&lane.name));
    v1::OutboundQueue {
        lanes,
        waiting: number(in_all),
        in_hand: number(from.in_hand),
        calls_per_minute: i64::from(from.per_minute),
        eta_s: from.eta_s.map(number),
        closed_until_time: from.closed_until.map(instant),
        failures_in_a_row: i64::from(from.failures),
        retries: from.retrying.into_iter().map(retry).collect(),
        next: from.next.into_iter().map(waiting).collect(),
    }
}

fn waiting(from: Due) -> v1::Waiting {
    let Due { link, work, lane, eta_s } = from;
    v1::Waiting { link: link.to_string(), work, lane, eta_s: eta_s.map(number) }
}

fn retry(from: Retrying) -> v1::Retry {
    v1::Retry {
        link: from.link.to_string(),
        work: from.work,
        lane: from.lane,
        failures: i64::from(from.failures),
        cause: from.cause,
        next_time: Some(instant(from.next)),
    }
}

/// A check.
pub(crate) fn check(from: Check) -> v1::Check {
    let verdict = match from.verdict {
        Verdict::Ok => v1::Verdict::Ok,
        Verdict::Warning => v1::Verdict::Warning,
        Verdict::Failed => v1::Verdict::Failed,
        Verdict::Skipped => v1::Verdict::Skipped,
    };
    let Check { name, found, way_out, .. } = from;
    v1::Check { name, verdict: verdict.into(), found, way_out }
}
