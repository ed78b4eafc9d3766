//! A strict fake of PagerDuty: REST v2, Events API v2, signed v3 webhooks, and a control API.
//!
//! It is what `PagerDuty` is to a client of it, as far as its documentation and captures of real
//! traffic tell; where they are silent, a knob decides ([`Knobs`]). Everything is in memory, and in a
//! state file if told so; everything derives from a seed. The way of a call: `rest::serve` (read, fault, gate) → a handler in `rest` →
//! `change` (what happens to the incident) → `webhooks::emit` (the event's bytes) → `webhooks::lanes`
//! (in order, retried) → `webhooks::send`.
//!
//! ```no_run
//! # async fn example() -> Result<(), tandem_pagerduty_sim::Error> {
//! use tandem_pagerduty_sim::{Options, Simulator};
//!
//! let pagerduty = Simulator::start(Options::default()).await?;
//! let incident = pagerduty.act(serde_json::json!({ "action": "trigger", "title": "Disk full" }))?;
//! assert_eq!(incident["status"], "triggered");
//! assert!(pagerduty.violations().is_empty());
//! pagerduty.stop().await;
//! # Ok(())
//! # }
//! ```

mod account;
mod change;
mod changed;
pub mod cli;
mod clock;
mod control;
mod cut;
mod events_api;
mod incident;
mod journal;
mod knobs;
mod minter;
mod options;
mod refusal;
mod rest;
mod shape;
mod shared;
mod simulator;
mod state_file;
mod timers;
mod webhooks;
mod world;

pub use changed::Changed;
pub use journal::{Attempt, Call};
pub use knobs::{
    Applied, Behaviour, Effect, ErrorBody, Knobs, Limits, Redirect, ReopenAcknowledged, ReopenedAt,
    RestFault, WebhookKnobs,
};
pub use options::{
    ACCOUNT_TOKEN, BOT_EMAIL, Grant, Options, READ_ONLY_TOKEN, RetryCurve, Token, USER_TOKEN,
};
pub use simulator::{Error, Simulator};
pub use state_file::StateError;
