//! External systems behind one interface; PagerDuty is the first.
//!
//! [`mod@inbound`] is how deliveries come in: found by the connector's name, verified, decoded.
//! [`directory`], [`checkup`] and [`alert`] are what people ask of an account, in words all systems share.
//! Nothing outside a connector's own module and its egress knows the system's words.

pub mod alert;
pub mod checkup;
pub mod directory;
pub mod inbound;
pub mod pagerduty;

use std::collections::BTreeMap;

pub use inbound::inbound;
use tandem_domain::{field::Field, id::Connector, integration::FieldRule};

/// The connectors there are, by name.
pub const NAMES: [&str; 1] = [pagerduty::NAME];

/// The rules a new integration of a connector starts with; none where there is no such connector.
pub fn default_fields(connector: &Connector) -> Option<BTreeMap<Field, FieldRule>> {
    (connector.as_str() == pagerduty::NAME).then(pagerduty::defaults::fields)
}
