//! What can be told of the healer: how the subscriptions stood, and when it last came through.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
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

    /// Whether the healer has not come through the log for longer than `patience`, or ever since it
    /// `began`.
    pub fn is_late(&self, began: Timestamp, now: Timestamp, patience: SignedDuration) -> bool {
        let came_through = self.told().healed.logged_at.map_or(began, |at| at.max(began));
        now.duration_since(came_through) > patience
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_healer_is_late_when_it_has_not_come_through_for_long_since_this_copy_acts() {
        let at = |second: i64| Timestamp::from_second(1_000 + second).unwrap();
        let (shown, patience) = (Shown::default(), SignedDuration::from_secs(60));
        assert!(!shown.is_late(at(0), at(60), patience));
        assert!(shown.is_late(at(0), at(61), patience));
        shown.logged(at(50));
        assert!(!shown.is_late(at(0), at(110), patience));
        assert!(shown.is_late(at(0), at(111), patience));
        assert!(!shown.is_late(at(100), at(160), patience), "it came through in an earlier term");
    }
}
