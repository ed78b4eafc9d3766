//! The sealer: every minute, what was decided since is sealed by one copy; and the months that
//! decisions will fall into get their partitions in time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tandem_runtime::{Stop, clock, process::chain};
use tandem_store::{Store, StoreError, decisions, seals};

/// How often it seals.
const EVERY: Duration = Duration::from_mins(1);
/// How far ahead partitions are made, in steps that no month is shorter than.
const AHEAD: [SignedDuration; 3] = [
    SignedDuration::ZERO,
    SignedDuration::from_hours(28 * 24),
    SignedDuration::from_hours(2 * 28 * 24),
];

/// Seals decisions.
#[derive(Debug)]
pub struct Sealer {
    store: Store,
}

impl Sealer {
    /// Prepares a sealer.
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Runs until it is time to stop.
    pub async fn run(self, stop: Stop) {
        while !stop.is_asked() {
            let now = clock::now();
            if let Err(error) = self.partitions(now).await {
                tracing::warn!(error = chain(&error), "a partition for decisions waits");
            }
            if let Err(error) = self.seal(now).await {
                tracing::warn!(error = chain(&error), "sealing waits");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.asked() => {}
            }
        }
    }

    async fn partitions(&self, now: Timestamp) -> Result<(), StoreError> {
        for ahead in AHEAD {
            let month = now.checked_add(ahead).unwrap_or(now);
            let mut transaction = self.store.begin().await?;
            let made = decisions::make_partition(&mut transaction, month).await?;
            Store::commit(transaction).await?;
            if made {
                tracing::info!(%month, "a partition for decisions was made");
            }
        }
        Ok(())
    }

    /// Seals until nothing is left to seal.
    async fn seal(&self, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let mut transaction = self.store.begin().await?;
            let sealed = seals::seal(&mut transaction, now).await?;
            Store::commit(transaction).await?;
            let Some(seal) = sealed else { return Ok(()) };
            metrics::counter!("tandem_seals_total").increment(1);
            tracing::debug!(number = seal.number, leaves = seal.leaves, "sealed");
        }
    }
}
