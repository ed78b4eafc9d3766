//! The healer: it looks for what nobody told, and has it taken in like everything else.
//!
//! Webhooks are dropped for good by any answer of 4xx, after 48 hours, and for a day after three
//! drops in a row; titles and urgencies change without any. So while this copy acts for an
//! integration, and in the last lane of its budget, the healer
//!
//! - looks through the account's log since the last entry it knows was dealt with ([`log`]), reads
//!   each record that it names, and reports both as a [finding](tandem_domain::finding);
//! - lists what is open and reads whatever is not what it was ([`sweep`]);
//! - watches the subscriptions that send webhooks to us, and has those send again that were
//!   switched off ([`watch`]).
//!
//! # Where it goes on
//!
//! How far it has come is kept by the reconciler, in Postgres; the healer asks for it at the
//! beginning of each round, and tells it only after all that it had reported was dealt with
//! ([`tandem_bus::heal`]). So it has nothing of its own to lose: a copy that takes over, a restart
//! and a broker without its disk all begin where it was known to be. Telling twice does no harm, as
//! a finding is known by its lines. What is remembered here only saves calls.
//!
//! # What it costs
//!
//! A round through the log takes one call for each 100 entries and one for each record they name
//! (and one for its notes, where some were added). A sweep takes one call for each 100 open records
//! and one for each that has changed: 51 for 5,000 open records of which one was retitled. Sweeps
//! follow each other so slowly that they take no more than a tenth of the budget.

pub mod course;
mod log;
mod look;
pub mod shown;
mod sweep;
pub mod turns;
pub mod walk;
mod watch;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use tandem_bus::{
    ask::{Look, Looked},
    heal::{Dealt, Known, Mark, Progress},
};
use tandem_domain::id::{IntegrationId, RecordId};
use tokio::time::{sleep, sleep_until};

use self::course::Reported;
pub use self::look::Unseen;
use crate::deliver::Delivery;

/// How long the reconciler may take to say how far is known.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait when nobody says it, or anything else is in the way.
const AGAIN: Duration = Duration::from_secs(1);
/// How long what was reported may take to be dealt with.
const DEALT_WITHIN: Duration = Duration::from_mins(1);
/// How often it is asked whether it was.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What part of the budget sweeps may take.
const SHARE: f64 = 0.1;
/// The first of each comes after this part of the time between two of them.
const SOON: u32 = 12;

/// How often the healer does what.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// From one round through the log to the next.
    pub log: Duration,
    /// How old an entry is before it is looked at: until then its webhook may be on its way.
    pub ripe: SignedDuration,
    /// From one sweep to the next.
    pub sweep: Duration,
    /// From one look at the subscriptions to the next.
    pub watch: Duration,
}

/// Why a round ended before its end. It is begun again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Cut {
    /// Calls are not answered, or not wanted.
    #[error("the account does not answer")]
    Away,
    /// What was reported is not dealt with yet, or was lost.
    #[error("what was found is not dealt with yet")]
    Waiting,
    /// The broker cannot be asked.
    #[error("nats does not answer")]
    Broker,
}

/// A healer at work for one integration.
struct Healer<'a> {
    delivery: &'a Delivery,
    id: IntegrationId,
    /// The stream that reports went into last.
    stream: Option<Mark>,
    /// The lines that were reported lately.
    reported: Reported,
    /// Each open record as a list last showed it, once it was reported so.
    prints: HashMap<RecordId, u64>,
}

/// When what is due next.
struct Due {
    log: Instant,
    sweep: Instant,
    watch: Instant,
}

/// Heals one integration while this copy acts for it. Runs until dropped.
pub async fn run(delivery: &Delivery, id: IntegrationId) {
    let (reported, prints) = (Reported::default(), HashMap::new());
    let mut healer = Healer { delivery, id, stream: None, reported, prints };
    // Soon, but not at once: whoever takes over has messages to catch up with.
    let (now, rhythm) = (Instant::now(), delivery.rhythm);
    let mut due = Due {
        log: now + rhythm.log / SOON,
        sweep: now + rhythm.sweep / SOON,
        watch: now + rhythm.watch / SOON,
    };
    loop {
        let next = due.log.min(due.sweep).min(due.watch);
        sleep_until(next.into()).await;
        if let Err(cut) = healer.round(&mut due).await {
            tracing::debug!(integration = %id, %cut, "healing begins again");
            sleep(AGAIN).await;
        }
    }
}

/// Looks at one record because somebody asked, and reports it where that is wanted and it is as it
/// was planned: an incident may begin with it.
pub async fn look_for(
    delivery: &Delivery,
    id: IntegrationId,
    wanted: &Look,
) -> Result<Looked, Unseen> {
    let (reported, prints) = (Reported::default(), HashMap::new());
    Healer { delivery, id, stream: None, reported, prints }.look_as_planned(wanted).await
}

impl Healer<'_> {
    /// Does what is due. What ends early is due again.
    async fn round(&mut self, due: &mut Due) -> Result<(), Cut> {
        let rhythm = self.delivery.rhythm;
        if due.watch <= Instant::now() {
            self.watch().await?;
            due.watch = Instant::now() + rhythm.watch;
        }
        if due.log.min(due.sweep) > Instant::now() {
            return Ok(());
        }
        self.stand_on_stream().await?;
        let Some(known) = self.tell(Progress::default()).await else {
            // It does not get better by asking more often than it is to be done.
            sleep(AGAIN).await;
            return Ok(());
        };
        if due.log <= Instant::now() {
            self.log(&known).await?;
            due.log = Instant::now() + rhythm.log;
        }
        if due.sweep <= Instant::now() {
            let calls = self.sweep(&known).await?;
            due.sweep = Instant::now() + self.apart(calls).max(rhythm.sweep);
        }
        Ok(())
    }

    /// How far apart sweeps of so many calls are to be.
    fn apart(&self, calls: u32) -> Duration {
        let per_minute = self.delivery.gate.standing().per_minute;
        Duration::from_mins(1).mul_f64(f64::from(calls) / (f64::from(per_minute) * SHARE))
    }

    /// Notices that the stream is another one: whatever was reported into the old one may be lost.
    async fn stand_on_stream(&mut self) -> Result<(), Cut> {
        let now = self.delivery.bus.mark().await.map_err(|_| Cut::Broker)?;
        if self.stream.is_some_and(|before| !now.follows(&before)) {
            tracing::warn!(integration = %self.id, "the broker lost what it had: looking again");
            self.reported = Reported::default();
            self.prints.clear();
        }
        self.stream = Some(now);
        Ok(())
    }

    /// Waits until all that was reported was dealt with.
    async fn dealt_with(&mut self) -> Result<(), Cut> {
        let mark = self.delivery.bus.mark().await.map_err(|_| Cut::Broker)?;
        if self.stream.is_none_or(|before| !mark.follows(&before)) {
            return Err(Cut::Waiting);
        }
        let until = Instant::now() + DEALT_WITHIN;
        while Instant::now() < until {
            match self.delivery.bus.dealt_with(mark).await {
                Ok(Dealt::Yes) => return Ok(()),
                Ok(Dealt::Lost) => return Err(Cut::Waiting),
                Ok(Dealt::NotYet) | Err(_) => sleep(ASK_AGAIN).await,
            }
        }
        Err(Cut::Waiting)
    }

    /// Tells how far it has come; gives how far that is known.
    async fn tell(&self, progress: Progress) -> Option<Known> {
        let Delivery { bus, connector, .. } = self.delivery;
        bus.heal(connector, self.id, &progress, KNOWN_WITHIN).await
    }
}
