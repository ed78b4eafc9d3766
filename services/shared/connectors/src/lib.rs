//! External systems behind one interface; PagerDuty is the first.
//!
//! [`mod@inbound`] is how deliveries come in: found by the connector's name, verified, decoded.
//! Nothing outside a connector's own module and its egress knows the system's words.

pub mod inbound;
pub mod pagerduty;

pub use inbound::inbound;
