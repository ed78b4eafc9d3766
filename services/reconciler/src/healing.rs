//! Keeps how far each integration has been looked through, for healers that ask.
//!
//! What a healer says it has reached is believed: it says so only when all it found was dealt with.
//! Two healers of one integration cannot get in each other's way: a step counts only from where it
//! is known to stand.

use jiff::{SignedDuration, Timestamp};
use tandem_bus::{
    Bus,
    heal::{Known, Telling},
};
use tandem_runtime::{Stop, clock, process::chain};
use tandem_store::{Store, StoreError, healing};

use crate::hear::hear;

/// How far back an integration is looked through that was there before anybody looked.
const BEGIN_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// Answers healers until it is time to stop; through outages of NATS and Postgres.
pub async fn run(store: Store, bus: Bus, stop: Stop) {
    let (store, bus) = (&store, &bus);
    hear(&stop, || bus.healers(), |telling| answer(store, bus, telling)).await;
}

async fn answer(store: &Store, bus: &Bus, telling: Telling) {
    match keep(store, &telling).await {
        Ok(Some(known)) => bus.heal_on(telling, &known).await,
        Ok(None) => tracing::debug!(integration = %telling.integration, "nothing to heal"),
        // Whoever asked asks again.
        Err(error) => tracing::debug!(error = chain(&error), "a healer goes unanswered"),
    }
}

/// Keeps what a healer tells; gives what is known after that, none for an integration that is gone.
async fn keep(store: &Store, telling: &Telling) -> Result<Option<Known>, StoreError> {
    let (id, now) = (telling.integration, clock::now());
    let mut transaction = store.begin().await?;
    if healing::get(&mut transaction, id).await?.is_none() {
        let since = now.checked_sub(BEGIN_WITHIN).unwrap_or(Timestamp::UNIX_EPOCH);
        healing::begin(&mut transaction, id, since, now).await?;
    }
    if let Some(step) = &telling.progress.step {
        healing::reach(&mut transaction, id, step.from, &step.to, now).await?;
    }
    if let Some(swept) = telling.progress.swept {
        let counts = (swept.records, swept.calls);
        healing::swept(&mut transaction, id, swept.since, counts, now).await?;
    }
    let known = healing::get(&mut transaction, id).await?;
    Store::commit(transaction).await?;
    Ok(known.map(|known| Known {
        began: known.began_at,
        cursor: known.cursor,
        swept: known.swept_at,
    }))
}
