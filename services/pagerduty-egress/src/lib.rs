//! The only caller of PagerDuty: it carries desired states and notes out, within the rate limit.
//!
//! [`fleet`] keeps one [`runner`] for each integration that is to be served. While its copy of the
//! service has the integration's seat, a runner pulls messages into its [`scheduler`], keyed by
//! link and ordered by [`lanes`]; when the [`gate`] gives a permit, the next piece of [`work`] is
//! taken in hand and [`deliver`]ed: [`settle`] and [`act`] make the [`call`]s, [`report`] tells
//! what came of them. What calls look like and what answers mean is the connector's knowledge;
//! how fast they may go is [`pace`]'s; how things stand is told by [`status`], and what the account
//! has by [`inquire`]. What nobody told is found by [`heal`].
//!
//! It needs nothing but NATS, and may die at any instant: messages are acknowledged only when
//! their report is stored, and nothing whose outcome is unknown is sent again before looking.

pub mod account;
pub mod act;
pub mod attempts;
pub mod call;
pub mod catalog;
pub mod deliver;
pub mod fleet;
pub mod gate;
pub mod heal;
pub mod inquire;
pub mod lanes;
pub mod meters;
pub mod pace;
pub mod report;
pub mod runner;
pub mod scheduler;
pub mod settings;
pub mod settle;
pub mod status;
pub mod work;
