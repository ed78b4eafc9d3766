//! The gate every call passes: it hands out a [`Permit`], which the call consumes.
//!
//! It keeps the pace, closes for as long as the far side says, and stays shut after the key was
//! turned away until the configuration changes. A permit belongs to one version of the
//! configuration: work that began under another one begins again. Whatever else a copy must hold
//! to be allowed a call belongs here.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    account::Account,
    pace::{Pace, Wait},
};

/// So many calls failing in a row are an outage: one record's own trouble is not, as others are
/// answered in between.
const OUTAGE: u32 = 4;

/// The right to make one call.
#[derive(Debug)]
pub struct Permit {
    account: Arc<Account>,
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
    stop: CancellationToken,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    account: Arc<Account>,
    shut: bool,
    /// Calls that failed in a row.
    failures: u32,
    /// Whether an outage has ended and nobody was told yet.
    recovered: bool,
}

/// Why nothing passes just now.
enum Blocked {
    Pace(Wait),
    Shut,
    OtherVersion,
}

impl Gate {
    /// A gate for `account`, beginning with an empty budget; `stop` ends all waiting.
    pub fn new(account: Account, stop: CancellationToken) -> Self {
        let pace = Pace::new(account.integration.rate_limit, Instant::now());
        let account = Arc::new(account);
        let state = State { pace, account, shut: false, failures: 0, recovered: false };
        Self { state: Mutex::new(state), changed: Notify::new(), stop }
    }

    /// The account as it is now.
    pub fn account(&self) -> Arc<Account> {
        Arc::clone(&self.state().account)
    }

    /// Takes on another version of the configuration, which also opens a shut gate.
    pub fn renew(&self, account: Account) {
        let mut state = self.state();
        state.pace.set_limit(account.integration.rate_limit, Instant::now());
        state.account = Arc::new(account);
        state.shut = false;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits for the right to make a call.
    pub async fn pass(&self) -> Result<Permit, CalledOff> {
        self.pass_as(None).await
    }

    /// Waits for the right to make another call of work that is under way: only under the same
    /// version of the configuration, and only for its turn. What was read before the gate closed
    /// is too old to write by when it opens.
    pub async fn pass_again(&self, version: u64) -> Result<Permit, CalledOff> {
        self.pass_as(Some(version)).await
    }

    async fn pass_as(&self, version: Option<u64>) -> Result<Permit, CalledOff> {
        loop {
            // Listening begins before looking, so that no change falls between the two.
            let changed = self.changed.notified();
            let until = match self.try_pass(version) {
                Ok(permit) => return Ok(permit),
                Err(Blocked::OtherVersion) => return Err(CalledOff),
                Err(Blocked::Pace(Wait::Closed(_)) | Blocked::Shut) if version.is_some() => {
                    return Err(CalledOff);
                }
                Err(Blocked::Pace(Wait::Turn(until) | Wait::Closed(until))) => Some(until),
                Err(Blocked::Shut) => None,
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
        self.state().pace.told(remaining, window, Instant::now());
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
    pub fn shut(&self, version: u64) -> bool {
        let mut state = self.state();
        let new = !state.shut && state.account.version() == version;
        state.shut |= new;
        new
    }

    /// Whether no call passes until the configuration changes.
    pub fn is_shut(&self) -> bool {
        self.state().shut
    }

    fn try_pass(&self, version: Option<u64>) -> Result<Permit, Blocked> {
        let mut state = self.state();
        if version.is_some_and(|version| version != state.account.version()) {
            return Err(Blocked::OtherVersion);
        }
        if state.shut {
            return Err(Blocked::Shut);
        }
        state.pace.take(Instant::now()).map_err(Blocked::Pace)?;
        Ok(Permit { account: Arc::clone(&state.account) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::account::tests::account;

    const SOON: Duration = Duration::from_secs(5);
    const NOT_YET: Duration = Duration::from_millis(50);

    fn gate() -> Gate {
        Gate::new(account(1), CancellationToken::new())
    }

    #[tokio::test]
    async fn work_that_is_under_way_begins_again_when_no_calls_are_wanted() {
        let gate = gate();
        let version = timeout(SOON, gate.pass()).await.unwrap().unwrap().version();
        assert!(timeout(SOON, gate.pass_again(version)).await.unwrap().is_ok());
        gate.told(0, Duration::from_millis(200));
        assert!(timeout(SOON, gate.pass_again(version)).await.unwrap().is_err());
        assert!(
            timeout(NOT_YET, gate.pass()).await.is_err(),
            "nothing passes until the window ends"
        );
        assert!(timeout(SOON, gate.pass()).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_permit_is_for_one_version_of_the_configuration() {
        let gate = gate();
        gate.renew(account(2));
        assert!(timeout(SOON, gate.pass_again(1)).await.unwrap().is_err());
        assert_eq!(timeout(SOON, gate.pass()).await.unwrap().unwrap().version(), 2);
    }

    #[tokio::test]
    async fn a_shut_gate_opens_with_the_next_configuration_only() {
        let gate = gate();
        assert!(!gate.shut(7), "what an earlier key was told says nothing of this one");
        assert!(gate.shut(1) && !gate.shut(1) && gate.is_shut());
        let waiting = gate.pass();
        tokio::pin!(waiting);
        assert!(timeout(NOT_YET, &mut waiting).await.is_err());
        gate.renew(account(2));
        assert_eq!(timeout(SOON, waiting).await.unwrap().unwrap().version(), 2);
    }

    #[tokio::test]
    async fn nobody_waits_at_the_gate_when_it_is_time_to_stop() {
        let gate = gate();
        gate.shut(1);
        gate.stop.cancel();
        assert!(timeout(SOON, gate.pass()).await.unwrap().is_err());
    }

    #[test]
    fn an_outage_is_several_failures_in_a_row_and_its_end_is_told_once() {
        let gate = gate();
        assert_eq!((gate.failed(), gate.failed(), gate.succeeded()), (0, 1, 2));
        assert!(!gate.take_recovered());
        assert_eq!([gate.failed(), gate.failed(), gate.failed(), gate.failed()], [0, 1, 2, 3]);
        assert_eq!(gate.succeeded(), 4);
        assert!(gate.take_recovered() && !gate.take_recovered());
    }
}
