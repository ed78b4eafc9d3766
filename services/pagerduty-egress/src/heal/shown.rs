//! What can be told of the healer: how the subscriptions stood, and when it last came through.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tandem_bus::ask::{Healed, Sending, Subscribed};

/// What is told of it.
#[derive(Debug, Default)]
pub struct Shown {
    told: Mutex<Told>,
}

/// The same.
#[derive(Debug, Clone, Default)]
struct Told {
    subscribed: Option<Subscribed>,
    enabled_at: Option<Timestamp>,
    healed: Healed,
}

impl Shown {
    /// How the subscriptions stood, where they were looked at.
    pub fn subscribed(&self) -> Option<Subscribed> {
        let told = self.told();
        let enabled_at = told.enabled_at;
        told.subscribed.clone().map(|subscribed| Subscribed { enabled_at, ..subscribed })
    }

    /// How far the healer has come.
    pub fn healed(&self) -> Healed {
        self.told().healed
    }

    /// Whether nothing is known to send webhooks.
    pub fn is_off(&self) -> bool {
        let told = self.told();
        let sending = told.subscribed.as_ref().map(|subscribed| subscribed.sending);
        matches!(sending, Some(Sending::Off | Sending::Missing))
    }

    pub(super) fn watched(&self, subscribed: Subscribed) {
        self.told().subscribed = Some(subscribed);
    }

    pub(super) fn enabled(&self, at: Timestamp) {
        self.told().enabled_at = Some(at);
    }

    pub(super) fn logged(&self, at: Timestamp) {
        self.told().healed.logged_at = Some(at);
    }

    pub(super) fn swept(&self, at: Timestamp) {
        self.told().healed.swept_at = Some(at);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
