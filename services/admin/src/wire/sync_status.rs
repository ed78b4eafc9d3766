//! How the outbound side stands and what was checked, in the contract's messages.

use tandem_bus::ask::{Due, Retrying, Sending, Status, Subscribed};
use tandem_connectors::checkup::{Check, Verdict};
use tandem_proto::v1;
use tandem_store::healing::{Healing, Never};

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

/// How the subscriptions stand; `problem` is what stands in the way of those that are managed.
pub(crate) fn subscribed(from: Subscribed, problem: Option<String>) -> v1::WebhookSubscriptions {
    let sending = match from.sending {
        Sending::On => v1::Sending::On,
        Sending::Partly => v1::Sending::Partly,
        Sending::Off => v1::Sending::Off,
        Sending::Missing => v1::Sending::Missing,
        Sending::Unknown => v1::Sending::Unknown,
    };
    v1::WebhookSubscriptions {
        sending: sending.into(),
        on: number(from.on),
        reason: problem.unwrap_or(from.reason),
        check_time: Some(instant(from.at)),
        enabled_time: from.enabled_at.map(instant),
    }
}

/// What was never told.
pub(crate) fn never_told(from: Never) -> v1::NeverTold {
    v1::NeverTold {
        count: number(from.count),
        median_s: from.median_s.map(number),
        worst_s: from.worst_s.map(number),
        last_time: from.last_at.map(instant),
    }
}

/// How far it was looked.
pub(crate) fn healing(from: &Healing) -> v1::HealingProgress {
    v1::HealingProgress {
        reach_time: Some(instant(from.cursor.reached)),
        swept_time: from.swept_at.map(instant),
        open_records: number(from.swept_records),
        sweep_calls: number(from.swept_calls),
        owed: i64::try_from(from.cursor.owed.len()).unwrap_or(i64::MAX),
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
