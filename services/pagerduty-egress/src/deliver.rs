//! One piece of work from its first permit to its stored report.
//!
//! Whatever happens, the answer is one of two: it is finished and told, or it is to be done again
//! at a time. What each kind of failure means for that is in one exhaustive match.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use reqwest::Client;
use tandem_bus::{Bus, publish::Outgoing, reported::Asked};
use tandem_connectors::pagerduty::refusal::Class;
use tandem_domain::{
    event::{Outcome, Reading},
    id::Connector,
};
use tandem_runtime::clock;
use tandem_seal::Keyring;
use tokio_util::sync::CancellationToken;

use crate::{
    act,
    attempts::Attempts,
    call::{Caller, Failure, Trouble},
    catalog::Catalog,
    gate::{self, Gate, Permit},
    heal::{Rhythm, shown::Shown, turns::Turns},
    report::{self, Unwritable},
    scheduler::{Again, Job},
    settle::{self, Setback},
    work::Task,
};

/// How long the answer may take whether something was reported. Without one it is done again, which
/// is right as long as nobody has changed anything since.
const ANSWERED: Duration = Duration::from_millis(500);

/// What delivering needs, shared by all work of one integration.
#[derive(Debug)]
pub struct Delivery {
    /// Where reports go.
    pub bus: Bus,
    /// The HTTP client.
    pub http: Client,
    /// The gate calls pass.
    pub gate: Gate,
    /// What is remembered of the account.
    pub catalog: Catalog,
    /// Which versions were attempted last.
    pub attempts: Attempts,
    /// What opens and seals secrets.
    pub keys: Arc<Keyring>,
    /// Who has which record in hand.
    pub turns: Turns,
    /// What is told of the healer.
    pub shown: Shown,
    /// How often the healer does what.
    pub rhythm: Rhythm,
    /// The connector's name in subjects.
    pub connector: Connector,
    /// How long after it was sent something whose outcome is unknown may still take effect.
    pub settling: Duration,
    /// How old work may become that fails again and again.
    pub give_up_after: SignedDuration,
    /// When to stop.
    pub stop: CancellationToken,
}

impl Delivery {
    /// Carries a piece of work out and reports; `None` when all of that is done.
    pub async fn run(&self, permit: Permit, job: &Job) -> Option<Again> {
        if self.was_reported(job).await {
            return None;
        }
        let _turn = match job.work.record() {
            Some(record) => Some(self.turns.take(record).await),
            None => None,
        };
        let sends = permit.sends();
        let mut caller =
            Caller::new(&self.http, &self.gate, permit, job).acting_for(job.work.task.actor());
        let catalog = &self.catalog;
        let carried = match &job.work.task {
            Task::State(desired) if !sends => settle::look(&mut caller, desired).await,
            Task::Act(_) if !sends => Ok(settle::withheld(None)),
            Task::State(desired) => settle::state(&mut caller, catalog, desired).await,
            Task::Act(act) => {
                let stored_at = job.work.stored_at;
                let done = act::act(&mut caller, catalog, act, stored_at, job.uncertain).await;
                done.map_err(Setback::from)
            }
        };
        // What was written and not reported yet is found as it was wanted by the next attempt.
        let wrote = caller.wrote();
        let previous = self.previous(job, wrote || carried.as_ref().is_err_and(Setback::landed));
        let again = match carried {
            Ok(Outcome::Settled { version, before, after, made, fates, .. }) => {
                let uncertain = job.attempted;
                let outcome =
                    Outcome::Settled { version, before, after, made, fates, uncertain, previous };
                self.finish(job, outcome, None).await
            }
            Ok(outcome) => self.finish(job, outcome, None).await,
            Err(Setback { trouble: Trouble::CalledOff(_), before }) => {
                self.tell_read(job, before, previous).await;
                Some(Again::at_once())
            }
            Err(Setback { trouble: Trouble::Failed(failure), before }) => {
                if let Some(again) = self.next(job, &failure) {
                    Some(again)
                } else {
                    let outcome = refused(job, &failure, before, previous);
                    self.finish(job, outcome, Some(&failure)).await
                }
            }
        };
        again.map(|again| Again { attempted: again.attempted || wrote, ..again })
    }

    /// Whether a copy that is gone did this and reported it, and only the broker never heard.
    async fn was_reported(&self, job: &Job) -> bool {
        let work = &job.work;
        if !work.delivered_before || work.sent_again || job.failures > 0 {
            return false;
        }
        let (integration, since) = (work.integration(), work.stored_at);
        let asked = Asked { work: work.id(), since };
        let reported = self.bus.is_reported(&self.connector, integration, &asked, ANSWERED).await;
        if reported == Some(true) {
            tracing::info!(work = asked.work, "was done and reported by another copy");
        }
        reported == Some(true)
    }

    /// What was read for a state that a newer one has overtaken is told all the same: it may be the
    /// only sight of what the newer one is about to write over.
    async fn tell_read(&self, job: &Job, before: Option<Box<Reading>>, previous: Vec<u64>) {
        let Task::State(desired) = &job.work.task else { return };
        let Some(before) = before.filter(|_| job.overtaken.is_cancelled()) else { return };
        if let Outcome::Settled { version, before, after, made, fates, .. } =
            settle::only_read(desired, *before)
        {
            let uncertain = job.attempted;
            let outcome =
                Outcome::Settled { version, before, after, made, fates, uncertain, previous };
            self.tell(report::receipt(&job.work, &self.connector, outcome)).await;
        }
    }

    /// The versions of the link's state that were attempted before this one.
    fn previous(&self, job: &Job, attempted: bool) -> Vec<u64> {
        let Task::State(desired) = &job.work.task else { return Vec::new() };
        if attempted {
            self.attempts.note(desired.link, desired.version, Instant::now());
        }
        self.attempts.before(desired.link, desired.version)
    }

    /// When to do it again after a failure; `None` for never.
    fn next(&self, job: &Job, failure: &Failure) -> Option<Again> {
        let now = Instant::now();
        let uncertain = failure.may_have_created();
        let attempted = failure.may_have_landed();
        match failure.class {
            Class::Refused => None,
            // A state is read again and found as it is wanted; a record that is over already is
            // over for whoever was to be brought in.
            Class::AlreadySo if matches!(job.work.task, Task::Act(_)) => None,
            // The gate keeps it until calls are welcome again.
            Class::Throttled | Class::Unwelcome | Class::Stranger => {
                Some(Again { due: now, trouble: None, uncertain, attempted })
            }
            _ if clock::now().duration_since(job.work.stored_at) > self.give_up_after => None,
            Class::Unreached
            | Class::Unanswered
            | Class::Troubled
            | Class::AlreadySo
            | Class::Duplicate => {
                let backoff = self.gate.account().backoff;
                let wait = backoff.wait(job.failures.saturating_add(1), gate::jitter());
                // What is late may land until then; looking earlier might find nothing.
                let settled = (failure.sent + self.settling).saturating_duration_since(now);
                let wait = if uncertain { wait.max(settled) } else { wait };
                tracing::debug!(
                    outcome = failure.class.name(),
                    status = failure.status,
                    failures = job.failures,
                    wait_ms = wait.as_millis(),
                    "to be done again"
                );
                let trouble = Some(Arc::from(failure.reason.as_str()));
                Some(Again { due: now + wait, trouble, uncertain, attempted })
            }
        }
    }

    /// Reports what the work came to; a refusal is put away among the dead letters first.
    async fn finish(
        &self,
        job: &Job,
        outcome: Outcome,
        failure: Option<&Failure>,
    ) -> Option<Again> {
        let work = &job.work;
        let letter = match &outcome {
            Outcome::Refused { reason, .. } => {
                tracing::warn!(
                    status = failure.and_then(|failure| failure.status),
                    "refused; put among the dead letters"
                );
                metrics::counter!("tandem_dead_letters_total", "direction" => "out").increment(1);
                Some(report::letter(job, &self.connector, reason, failure))
            }
            Outcome::Settled { .. } | Outcome::Noted { .. } | Outcome::Summoned { .. } => None,
        };
        let receipt = report::receipt(work, &self.connector, outcome);
        for message in letter.into_iter().chain([receipt]) {
            if !self.tell(message).await {
                return Some(Again::at_once());
            }
        }
        None
    }

    /// Tells a report until it is stored; says whether it was, before it was time to stop.
    pub async fn tell(&self, message: Result<Outgoing, Unwritable>) -> bool {
        match message {
            Ok(message) => report::store(&self.bus, &self.stop, message).await,
            Err(error) => {
                let error = tandem_runtime::process::chain(&error);
                tracing::error!(error, "a report is lost");
                true
            }
        }
    }
}

fn refused(
    job: &Job,
    failure: &Failure,
    before: Option<Box<Reading>>,
    previous: Vec<u64>,
) -> Outcome {
    let version = match &job.work.task {
        Task::State(desired) => Some(desired.version),
        Task::Act(_) => None,
    };
    let (reason, uncertain) = (failure.reason.clone(), job.attempted);
    Outcome::Refused { version, before, reason, uncertain, previous }
}
