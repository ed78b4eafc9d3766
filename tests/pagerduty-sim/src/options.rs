//! Owns what a simulator is started with: who may call it, how fast time goes, where it listens.
//!
//! Everything that may change while it runs is in [`crate::Knobs`] instead.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;

/// The REST key of the bot user that every simulator accepts unless told otherwise.
pub const USER_TOKEN: &str = "u+sim-user-token-001";
/// The account-level REST key that every simulator accepts unless told otherwise.
pub const ACCOUNT_TOKEN: &str = "sim-account-token-01";
/// The read-only account-level REST key that every simulator accepts unless told otherwise.
pub const READ_ONLY_TOKEN: &str = "sim-readonly-token-1";
/// The login email of the seeded bot user.
pub const BOT_EMAIL: &str = "incidents-sync@example.com";

/// A REST key and what it may do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The key as sent after `Token token=` or `Bearer`.
    pub token: String,
    /// Whose key it is.
    pub grant: Grant,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("grant", &self.grant).finish_non_exhaustive()
    }
}

/// Whose key a token is, which decides who acts and what is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// A key of the user with this email: calls act as that user, `From` is not needed.
    User(String),
    /// A full-access key of the account: `From` names who acts.
    Account,
    /// A read-only key of the account: writes are refused with 403.
    ReadOnly,
}

/// The intervals between attempts to deliver one webhook; PagerDuty publishes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryCurve {
    /// The wait after the first failure.
    pub first: Duration,
    /// The wait that doubling never exceeds.
    pub max: Duration,
}

impl RetryCurve {
    /// Gives the wait after so many failures (1 for the first): doubling, capped.
    pub(crate) fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}

/// What a simulator is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The origin of all ids, delays and rolls; an account found in a state file keeps its own.
    pub seed: u64,
    /// The accepted REST keys.
    pub tokens: Vec<Token>,
    /// How much faster than real time 5 s, 24 h, 48 h, snoozes and acknowledgement time-outs go by.
    pub time_factor: f64,
    /// The intervals between delivery attempts; not scaled by `time_factor`.
    pub retry: RetryCurve,
    /// The shortest and longest time between a change and its webhook, in milliseconds.
    pub webhook_delay_ms: (u64, u64),
    /// The number of the first incident.
    pub first_number: u64,
    /// The web address of the account, used in `html_url`.
    pub account_url: String,
    /// The API address used in `self` links.
    pub api_url: String,
    /// The knobs it starts with, and returns to on reset.
    pub knobs: Knobs,
    /// The file in which the account is found again after a restart; without one it is forgotten.
    pub state_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        let token = |token: &str, grant| Token { token: token.to_owned(), grant };
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            tokens: vec![
                token(USER_TOKEN, Grant::User(BOT_EMAIL.to_owned())),
                token(ACCOUNT_TOKEN, Grant::Account),
                token(READ_ONLY_TOKEN, Grant::ReadOnly),
            ],
            time_factor: 1.0,
            retry: RetryCurve { first: Duration::from_secs(1), max: Duration::from_secs(30) },
            webhook_delay_ms: (20, 60),
            first_number: 1,
            account_url: "https://northwind-ops.pagerduty.com".to_owned(),
            api_url: "https://api.pagerduty.com".to_owned(),
            knobs: Knobs::default(),
            state_file: None,
        }
    }
}

impl Options {
    /// Gives the real duration of a PagerDuty duration.
    pub(crate) fn scaled(&self, seconds: u64) -> Duration {
        let factor = if self.time_factor > 0.0 { self.time_factor } else { 1.0 };
        Duration::from_secs(seconds).div_f64(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_double_up_to_the_cap() {
        let curve = RetryCurve { first: Duration::from_secs(1), max: Duration::from_secs(30) };
        let waits: Vec<_> = (1..=7).map(|n| curve.after(n).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_token_never_shows_its_key() {
        let shown = format!("{:?}", Options::default());
        assert!(!shown.contains(USER_TOKEN) && !shown.contains(ACCOUNT_TOKEN));
    }
}
