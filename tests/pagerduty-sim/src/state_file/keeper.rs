//! Owns when the account is saved: soon after a change, at most once a second, and at the end.
//!
//! The world is locked for a picture of it only; writing it down happens beside the runtime. A save that
//! fails is told once, and tried again until it succeeds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Document, StateError, StateFile};
use crate::shared::Shared;

/// The time between two saves, and so what a killed simulator may have forgotten.
const INTERVAL: Duration = Duration::from_secs(1);

/// Who saves the account.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// Nothing once the end is saved, so that no late save overwrites what a successor saves.
    file: Mutex<Option<StateFile>>,
}

impl Keeper {
    pub(crate) fn new(file: StateFile) -> Self {
        Self { file: Mutex::new(Some(file)) }
    }

    /// Saves what changes, until the simulator stops.
    pub(crate) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let mut failing = false;
        loop {
            shared.changed.notified().await;
            let next = tokio::time::Instant::now() + INTERVAL;
            let (keeper, seen) = (Arc::clone(&self), Arc::clone(&shared));
            let saved = tokio::task::spawn_blocking(move || keeper.save(&seen)).await;
            // It does not panic, and a runtime that ends is the end of this task too.
            let Ok(saved) = saved else { return };
            if let Err(error) = &saved {
                if !failing {
                    complain(error);
                }
                shared.changed.notify_one();
            }
            failing = saved.is_err();
            tokio::time::sleep_until(next).await;
        }
    }

    /// Saves the account as it is now.
    pub(crate) fn save(&self, shared: &Shared) -> Result<(), StateError> {
        // The picture is taken under this lock, so that a later one is never overwritten by an earlier.
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.as_ref().map_or(Ok(()), |file| file.write(&Document::of(shared)))
    }

    /// Saves the account for the last time and gives the file up.
    pub(crate) fn close(&self, shared: &Shared) -> Result<(), StateError> {
        let saved = self.save(shared);
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
        saved
    }
}

/// Says on standard error why the account was not saved.
pub(crate) fn complain(error: &StateError) {
    let cause = std::error::Error::source(error);
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    eprintln!("pagerduty-sim: {error}{cause}");
}
