//! Configuration snapshots: admin puts them, the services follow them.
//!
//! A snapshot is complete and carries its version, so following is level-triggered: whoever missed
//! some gets the latest. Secrets inside are sealed; only an edge that needs one opens it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_nats::jetstream::kv::Operation;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tandem_domain::{id::IntegrationId, integration::Integration};
use tokio::sync::watch;

use crate::{Bus, Unavailable};

/// An integration as the services see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The configuration.
    pub integration: Integration,
    /// The API token, sealed for the place `<integration>/token`.
    pub token: Option<String>,
    /// The webhook signing secrets in force, each sealed for `<integration>/signing_secret`.
    pub signing_secrets: Vec<String>,
    /// Who sends what is signed with them, as far as that is seen to here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub senders: Vec<String>,
    /// Whether the integration was deleted; its last snapshot stays as a tombstone.
    pub deleted: bool,
}

/// Where an integration's API token is sealed for.
pub fn token_place(integration: IntegrationId) -> String {
    format!("{integration}/token")
}

/// Where an integration's signing secrets are sealed for.
pub fn signing_secret_place(integration: IntegrationId) -> String {
    format!("{integration}/signing_secret")
}

impl Bus {
    /// Puts a snapshot; the bucket keeps the latest of each integration.
    pub async fn put_snapshot(&self, snapshot: &Snapshot) -> Result<(), Unavailable> {
        let body = serde_json::to_vec(snapshot)
            .map_err(Box::from)
            .map_err(Unavailable::because("writing a snapshot as JSON"))?;
        let bucket = self.config_bucket().await?;
        bucket
            .put(snapshot.integration.id.to_string(), body.into())
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("putting a snapshot"))?;
        Ok(())
    }

    /// The snapshot of an integration, as the bucket has it now.
    pub async fn snapshot(&self, id: IntegrationId) -> Result<Option<Snapshot>, Unavailable> {
        let bucket = self.config_bucket().await?;
        let body = bucket
            .get(id.to_string())
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("getting a snapshot"))?;
        // One that cannot be read is as good as none: it will be put again.
        Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
    }
}

/// The latest snapshots, kept up to date by [`Snapshots::follow`].
#[derive(Debug, Clone)]
pub struct Snapshots {
    latest: Arc<RwLock<HashMap<IntegrationId, Arc<Snapshot>>>>,
    changes: Arc<watch::Sender<Seen>>,
}

/// How much of the bucket was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether the whole of it was read once.
    pub complete: bool,
    /// Grows with each change.
    pub changes: u64,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { latest: Arc::default(), changes: Arc::new(watch::Sender::new(Seen::default())) }
    }
}

impl Snapshots {
    /// The snapshot of one integration.
    pub fn get(&self, id: IntegrationId) -> Option<Arc<Snapshot>> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Every snapshot.
    pub fn all(&self) -> Vec<Arc<Snapshot>> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Tells of changes, and when the first reading is complete.
    pub fn seen(&self) -> watch::Receiver<Seen> {
        self.changes.subscribe()
    }

    /// Follows the bucket, through lost connections too. Runs until dropped.
    pub async fn follow(self, bus: Bus) {
        loop {
            if let Err(error) = self.follow_once(&bus).await {
                tracing::debug!(%error, "following the configuration starts over");
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    async fn follow_once(&self, bus: &Bus) -> Result<(), Unavailable> {
        let bucket = bus.config_bucket().await?;
        let mut connections = bus.connections();
        let mut entries = bucket
            .watch_with_history(">")
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("following the configuration"))?;
        self.complete_if_empty(&bucket).await?;
        loop {
            let entry = tokio::select! {
                entry = entries.next() => entry,
                // A broker that came back may have lost the bucket: read it all again.
                _ = connections.changed() => return Ok(()),
            };
            let Some(entry) = entry else { return Ok(()) };
            let entry = entry
                .map_err(Box::from)
                .map_err(Unavailable::because("following the configuration"))?;
            if entry.operation == Operation::Put {
                self.take(&entry.key, &entry.value);
            }
            if entry.seen_current {
                self.changes.send_modify(|seen| seen.complete = true);
            }
        }
    }

    /// An empty bucket sends nothing to tell its end by.
    async fn complete_if_empty(
        &self,
        bucket: &async_nats::jetstream::kv::Store,
    ) -> Result<(), Unavailable> {
        let status = bucket
            .status()
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("asking for the configuration bucket"))?;
        if status.values() == 0 {
            self.changes.send_modify(|seen| seen.complete = true);
        }
        Ok(())
    }

    fn take(&self, key: &str, body: &[u8]) {
        let snapshot: Snapshot = match serde_json::from_slice(body) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                // The reason may quote the body; its place is enough.
                tracing::error!(
                    key,
                    line = error.line(),
                    column = error.column(),
                    "a configuration snapshot cannot be read"
                );
                return;
            }
        };
        let id = snapshot.integration.id;
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        let newer = latest
            .get(&id)
            .is_none_or(|held| held.integration.version < snapshot.integration.version);
        if newer {
            latest.insert(id, Arc::new(snapshot));
            drop(latest);
            self.changes.send_modify(|seen| seen.changes += 1);
        }
    }
}
