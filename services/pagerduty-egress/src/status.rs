//! How an integration's outbound side stands, put together from the scheduler and the gate.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tandem_bus::ask::{Retrying, Status};

use crate::{
    gate::Gate,
    heal::shown::Shown,
    lanes::Lane,
    scheduler::{Job, Scheduler},
};

/// How many pieces of failed work are told one by one.
const TOLD: usize = 20;

/// Tells how things stand at `now`, which is `at` on the wall.
pub fn status<T>(
    scheduler: &Scheduler<T>,
    (gate, shown): (&Gate, &Shown),
    now: Instant,
    at: Timestamp,
) -> Status {
    let (standing, account) = (gate.standing(), gate.account());
    let (mut waiting, mut calls) = (by_lane(), 0);
    let mut retrying = Vec::new();
    for (job, due) in scheduler.waiting_jobs() {
        *waiting.entry(job.lane.name().to_owned()).or_default() += 1;
        calls += job.calls();
        if job.failures > 0 {
            retrying.push((due, job));
        }
    }
    retrying.sort_by_key(|(due, _)| *due);
    let flows = standing.shut.is_none() && standing.failures == 0;
    let eta_s = flows.then(|| {
        let closed = standing.closed_for.unwrap_or_default();
        let calls =
            Duration::from_mins(1).mul_f64(f64::from(calls) / f64::from(standing.per_minute));
        (closed + calls).as_secs()
    });
    let later = |wait: Duration| at.checked_add(wait).unwrap_or(at);
    Status {
        integration: account.integration.id,
        at,
        version: account.version(),
        waiting,
        in_hand: scheduler.in_hand(),
        per_minute: standing.per_minute,
        eta_s,
        paused: standing.shut,
        closed_until: standing.closed_for.map(later),
        failures: standing.failures,
        retrying: retrying
            .into_iter()
            .take(TOLD)
            .map(|(due, job)| told(job, later(due.saturating_duration_since(now))))
            .collect(),
        subscribed: shown.subscribed(),
        healed: shown.healed(),
    }
}

fn by_lane() -> BTreeMap<String, u64> {
    Lane::ALL.into_iter().map(|lane| (lane.name().to_owned(), 0)).collect()
}

fn told(job: &Job, next: Timestamp) -> Retrying {
    Retrying {
        link: job.work.link(),
        work: job.work.id(),
        lane: job.lane.name().to_owned(),
        failures: job.failures,
        cause: job.trouble.as_deref().unwrap_or_default().to_owned(),
        next,
    }
}
