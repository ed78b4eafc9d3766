//! The gate every call passes: it hands out a [`Permit`], which the call consumes.
//!
//! It keeps the pace, closes for as long as the far side says, and stays shut after the key was
//! turned away until the configuration changes. Nothing passes while another copy may hold the
//! integration's seat. Of those who wait, the best lane goes first, and in a lane what is under way
//! goes before what is new. A permit belongs to one version of the configuration: work that began
//! under another one begins again.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tandem_bus::seat::Seat;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    account::Account,
    lanes::Lane,
    pace::{Pace, Wait},
};

/// So many calls failing in a row are an outage: one record's own trouble is not, as others are
/// answered in between.
const OUTAGE: u32 = 4;
/// Why nothing passes while somebody has paused the integration.
const PAUSED: &str = "paused by hand";
/// How often the seat is looked at while it is not held.
const UNSEATED: Duration = Duration::from_millis(100);

/// The right to make one call.
#[derive(Debug)]
pub struct Permit {
    account: Arc<Account>,
    lane: Lane,
}

impl Permit {
    /// Spends it: gives the account to call.
    pub fn spend(self) -> Arc<Account> {
        self.account
    }

    /// The version of the configuration it is for.
    pub fn version(&self) -> u64 {
        self.account.version()
    }

    /// Whether anything of the platform's is to go out under it.
    pub fn sends(&self) -> bool {
        self.account.integration.sends()
    }

    /// The lane it was given in.
    pub const fn lane(&self) -> Lane {
        self.lane
    }
}

/// The configuration changed, no calls are wanted for a while, or it is time to stop; what was under
/// way is to begin again, from a fresh look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call was called off")]
pub struct CalledOff;

/// The gate of one integration.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changed: Notify,
    seat: Seat,
    stop: CancellationToken,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    account: Arc<Account>,
    /// Why nothing passes until the configuration changes.
    shut: Option<String>,
    /// Calls that failed in a row.
    failures: u32,
    /// Whether an outage has ended and nobody was told yet.
    recovered: bool,
    /// Who waits, the first to go first.
    waiting: BTreeSet<Place>,
    arrivals: u64,
}

/// A place among those who wait: by lane, then work that is under way, then by arrival.
type Place = (Lane, bool, u64);

/// Why nothing passes just now.
enum Blocked {
    Pace(Wait),
    Shut,
    OtherVersion,
    /// Another copy may be making the calls.
    Unseated,
    /// Somebody else goes first.
    Behind,
}

/// How things stand at the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Why nothing passes until the configuration changes.
    pub shut: Option<String>,
    /// The far side wants no calls for so long.
    pub closed_for: Option<Duration>,
    /// Calls that failed in a row.
    pub failures: u32,
    /// How many calls go in a minute at most.
    pub per_minute: u32,
}

impl Gate {
    /// A gate for `account`, beginning with an empty budget; `stop` ends all waiting.
    pub fn new(account: Account, seat: Seat, stop: CancellationToken) -> Self {
        let pace = Pace::new(account.limit, Instant::now());
        let shut = paused(&account);
        let state = State {
            pace,
            account: Arc::new(account),
            shut,
            failures: 0,
            recovered: false,
            waiting: BTreeSet::new(),
            arrivals: 0,
        };
        Self { state: Mutex::new(state), changed: Notify::new(), seat, stop }
    }

    /// The seat that must be held for anything to pass.
    pub const fn seat(&self) -> &Seat {
        &self.seat
    }

    /// The account as it is now.
    pub fn account(&self) -> Arc<Account> {
        Arc::clone(&self.state().account)
    }

    /// How things stand.
    pub fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            shut: state.shut.clone(),
            closed_for: state.pace.closed_for(Instant::now()),
            failures: state.failures,
            per_minute: state.account.limit.max(1),
        }
    }

    /// Empties the budget: another copy may have spent it until now.
    pub fn take_over(&self) {
        self.state().pace.empty(Instant::now());
    }

    /// Takes on another version of the configuration, which also opens a shut gate unless it says
    /// that nothing is to pass.
    pub fn renew(&self, account: Account) {
        let mut state = self.state();
        state.pace.set_limit(account.limit, Instant::now());
        state.shut = paused(&account);
        state.account = Arc::new(account);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits for the right to make the first call of a piece of work.
    pub async fn pass(&self, lane: Lane) -> Result<Permit, CalledOff> {
        self.pass_as(lane, None).await
    }

    /// Waits for the right to make another call of work that is under way: only under the same
    /// version of the configuration, and only for its turn. What was read before the gate closed
    /// is too old to write by when it opens.
    pub async fn pass_again(&self, lane: Lane, version: u64) -> Result<Permit, CalledOff> {
        self.pass_as(lane, Some(version)).await
    }

    async fn pass_as(&self, lane: Lane, version: Option<u64>) -> Result<Permit, CalledOff> {
        let queued = Queued::new(self, lane, version.is_none());
        loop {
            // Listening begins before looking, so that no change falls between the two.
            let changed = self.changed.notified();
            let until = match self.try_pass(queued.place, version) {
                Ok(account) => return Ok(Permit { account, lane }),
                Err(Blocked::OtherVersion) => return Err(CalledOff),
                Err(Blocked::Pace(Wait::Closed(_)) | Blocked::Shut | Blocked::Unseated)
                    if version.is_some() =>
                {
                    return Err(CalledOff);
                }
                Err(Blocked::Pace(Wait::Turn(until) | Wait::Closed(until))) => Some(until),
                Err(Blocked::Unseated) => Some(Instant::now() + UNSEATED),
                Err(Blocked::Shut | Blocked::Behind) => None,
            };
            tokio::select! {
                () = changed => {}
                () = sleep(until) => {}
                () = self.stop.cancelled() => return Err(CalledOff),
            }
        }
    }

    /// Takes the far side's word on how many calls are left until its window ends.
    pub fn told(&self, remaining: u32, window: Duration) {
        let mut state = self.state();
        let ours = state.account.without_headroom(remaining, window);
        state.pace.told(ours, window, Instant::now());
    }

    /// A call was answered; says how many before it failed in a row.
    pub fn succeeded(&self) -> u32 {
        let mut state = self.state();
        state.pace.succeeded();
        let failures = std::mem::take(&mut state.failures);
        state.recovered |= failures >= OUTAGE;
        failures
    }

    /// A call failed for no fault of its own; says how many before it did in a row.
    pub fn failed(&self) -> u32 {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.failures - 1
    }

    /// Whether an outage has ended since this was last asked.
    pub fn take_recovered(&self) -> bool {
        std::mem::take(&mut self.state().recovered)
    }

    /// A call was refused because there were too many.
    pub fn refused(&self, told: Option<Duration>) {
        let mut state = self.state();
        let backoff = state.account.backoff;
        state.pace.refused(told, &backoff, jitter(), Instant::now());
    }

    /// Shuts the gate until the configuration changes from `version`; says whether that is new.
    pub fn shut(&self, version: u64, reason: &str) -> bool {
        let mut state = self.state();
        let new = state.shut.is_none() && state.account.version() == version;
        if new {
            state.shut = Some(reason.to_owned());
            drop(state);
            self.changed.notify_waiters();
        }
        new
    }

    /// Whether no call passes until the configuration changes.
    pub fn is_shut(&self) -> bool {
        self.state().shut.is_some()
    }

    fn try_pass(&self, place: Place, version: Option<u64>) -> Result<Arc<Account>, Blocked> {
        let mut state = self.state();
        if version.is_some_and(|version| version != state.account.version()) {
            return Err(Blocked::OtherVersion);
        }
        if state.shut.is_some() {
            return Err(Blocked::Shut);
        }
        let now = Instant::now();
        if !self.seat.is_held(now) {
            return Err(Blocked::Unseated);
        }
        if state.waiting.first() != Some(&place) {
            return Err(Blocked::Behind);
        }
        state.pace.take(now).map_err(Blocked::Pace)?;
        Ok(Arc::clone(&state.account))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue; it is given up when this is dropped, and whoever is next looks again.
struct Queued<'a> {
    gate: &'a Gate,
    place: Place,
}

impl<'a> Queued<'a> {
    fn new(gate: &'a Gate, lane: Lane, new: bool) -> Self {
        let mut state = gate.state();
        state.arrivals += 1;
        let place = (lane, new, state.arrivals);
        state.waiting.insert(place);
        drop(state);
        Self { gate, place }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.gate.state().waiting.remove(&self.place);
        self.gate.changed.notify_waiters();
    }
}

/// Why nothing is to pass at all, as it was configured.
fn paused(account: &Account) -> Option<String> {
    account.integration.paused.then(|| PAUSED.to_owned())
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

/// A number from 0 to 1 that differs from call to call; it only has to spread things out.
pub fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(Instant::now()) >> 32;
    u32::try_from(random).map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
