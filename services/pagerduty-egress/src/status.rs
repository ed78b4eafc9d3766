//! How an integration's outbound side stands, put together from the scheduler and the gate.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tandem_bus::ask::{Due, Retrying, Status};

use crate::{
    gate::{Gate, Standing},
    heal::shown::Shown,
    lanes::Lane,
    scheduler::{Job, Scheduler},
};

/// How many pieces of failed work are told one by one.
const TOLD: usize = 20;
const MINUTE: Duration = Duration::from_mins(1);

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
    let eta_s = flows(&standing).then(|| {
        let closed = standing.closed_for.unwrap_or_default();
        (closed + time_of(calls, &standing)).as_secs()
    });
    let next = dues(scheduler, &standing, now).take(TOLD).collect();
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
        next,
        subscribed: shown.subscribed(),
        healed: shown.healed(),
    }
}

/// What is in hand and what waits, in the order in which it is begun, each with when it will be done.
pub fn dues<'a, T>(
    scheduler: &'a Scheduler<T>,
    standing: &'a Standing,
    now: Instant,
) -> impl Iterator<Item = Due> + 'a {
    let closed = standing.closed_for.unwrap_or_default();
    let mut calls = 0_u32;
    let waiting = scheduler.in_order();
    let waiting = waiting.map(move |(job, due)| (job, due.saturating_duration_since(now)));
    let in_hand = scheduler.jobs_in_hand().map(|job| (job, Duration::ZERO));
    in_hand.chain(waiting).map(move |(job, wait)| {
        calls = calls.saturating_add(job.calls());
        let eta = (closed + time_of(calls, standing)).max(wait + time_of(job.calls(), standing));
        Due {
            link: job.work.link(),
            work: job.work.id(),
            lane: job.lane.name().to_owned(),
            eta_s: flows(standing).then_some(eta.as_secs()),
        }
    })
}

/// Whether calls are answered, as far as is known.
const fn flows(standing: &Standing) -> bool {
    standing.shut.is_none() && standing.failures == 0
}

/// The time so many calls take at the pace they may go.
fn time_of(calls: u32, standing: &Standing) -> Duration {
    MINUTE.mul_f64(f64::from(calls) / f64::from(standing.per_minute))
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
