//! Whom what a plan does over there would notify.
//!
//! Only the external side knows by which ways each of them is told, and whether they have asked for
//! it; so this names people, and what counts them is an estimate.

use tandem_domain::{id::Connector, plan::Line};

use crate::pagerduty;

/// Who is notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// These users, by id.
    Users(Vec<String>),
    /// Who is on call first in an escalation policy, by its id.
    Policy(String),
    /// Who is on call first in a service's escalation policy, by the service's id.
    Service(String),
}

/// Whom a line of a plan would notify over there; none where it would nobody.
pub fn alerted(connector: &Connector, line: &Line) -> Option<Whom> {
    (connector.as_str() == pagerduty::NAME).then(|| pagerduty::alert::alerted(line)).flatten()
}
