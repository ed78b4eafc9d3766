//! PagerDuty's words. With the egress, the only place that knows them.

pub mod alert;
pub mod checkup;
pub mod custom_fields;
pub mod defaults;
pub mod directory;
mod event_type;
#[cfg(test)]
mod fuzz;
pub mod history;
pub mod plan;
pub mod priority;
pub mod record;
pub mod refusal;
pub mod rest;
pub mod signature;
pub mod subscription;
mod webhook;

pub use webhook::Webhooks;

/// The connector's name in configuration and subjects.
pub const NAME: &str = "pagerduty";
