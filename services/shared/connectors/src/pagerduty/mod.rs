//! PagerDuty's words. With the egress, the only place that knows them.

pub mod defaults;
