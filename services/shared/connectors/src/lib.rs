//! External systems behind one interface; PagerDuty is the first.

pub mod pagerduty;
