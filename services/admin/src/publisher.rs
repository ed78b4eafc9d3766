//! Brings configuration from Postgres to the services: level-triggered, so nothing depends on any
//! one wake-up.
//!
//! Whenever it is woken (a change was committed, the broker came back, a minute passed) it compares
//! what Postgres has with what the bucket has, and puts each integration whose snapshot is older or
//! missing. Services take only newer versions, so a put that lost a race does no harm and is made
//! good the next time round.

use std::{collections::HashMap, time::Duration};

use tandem_bus::{Unavailable, config::Snapshot};
use tandem_domain::id::IntegrationId;
use tandem_runtime::process::chain;
use tandem_store::{
    StoreError,
    integrations::{self, Stored},
};

use crate::Admin;

/// How long at most until the whole is compared again.
const ROUND: Duration = Duration::from_mins(1);
/// How long until another try when something was away.
const AGAIN: Duration = Duration::from_millis(500);

/// Why a round was not finished.
#[derive(Debug, thiserror::Error)]
enum Unfinished {
    #[error("the configuration could not be read")]
    Unread(#[source] StoreError),
    #[error("a snapshot could not be put")]
    NotPut(#[source] Unavailable),
}

/// Publishes until dropped.
pub async fn run(admin: Admin) {
    let mut connections = admin.bus.connections();
    let mut known = Known::default();
    let mut is_waiting = false;
    loop {
        let wait = match round(&admin, &mut known).await {
            Ok(put) => {
                is_waiting = false;
                if put > 0 {
                    tracing::info!(put, "configuration published");
                }
                ROUND
            }
            Err(error) => {
                // Told once for each time that something is away, not at each try.
                if !std::mem::replace(&mut is_waiting, true) {
                    tracing::warn!(error = chain(&error), "configuration waits to be published");
                }
                AGAIN
            }
        };
        tokio::select! {
            () = admin.changed.notified() => {}
            () = tokio::time::sleep(wait) => if wait == ROUND { known.forget() },
            // A broker that came back may have lost the bucket.
            _ = connections.changed() => known.forget(),
        }
    }
}

/// The versions the bucket is known to hold.
#[derive(Debug, Default)]
struct Known {
    versions: HashMap<IntegrationId, u64>,
}

impl Known {
    fn forget(&mut self) {
        self.versions.clear();
    }
}

/// Compares once, and puts what is older there; says how many that were.
async fn round(admin: &Admin, known: &mut Known) -> Result<usize, Unfinished> {
    let mut put = 0;
    for stored in all(admin).await.map_err(Unfinished::Unread)? {
        let (id, version) = (stored.integration.id, stored.integration.version);
        if known.versions.get(&id).is_some_and(|held| *held >= version) {
            continue;
        }
        let there = admin.bus.snapshot(id).await.map_err(Unfinished::NotPut)?;
        if there.is_none_or(|there| there.integration.version < version) {
            admin.bus.put_snapshot(&snapshot(stored)).await.map_err(Unfinished::NotPut)?;
            metrics::counter!("tandem_admin_snapshots_put_total").increment(1);
            put += 1;
        }
        known.versions.insert(id, version);
    }
    Ok(put)
}

async fn all(admin: &Admin) -> Result<Vec<Stored>, StoreError> {
    let mut transaction = admin.store.begin().await?;
    integrations::list(&mut transaction, None).await
}

fn snapshot(stored: Stored) -> Snapshot {
    let signing_secrets = stored.secrets();
    let senders = stored.subscriptions.iter().map(|held| held.id.clone()).collect();
    Snapshot {
        integration: stored.integration,
        token: stored.token,
        signing_secrets,
        senders,
        deleted: stored.deleted,
    }
}
