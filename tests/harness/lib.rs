//! The whole system on free ports with a database and a broker of its own, for one test.
//!
//! [`Stack`] starts the four services as processes, as a user would, and PagerDuty's fake in this
//! process, where a test can look into it. Nothing here sleeps to hide a race: [`eventually`]
//! waits for a condition until a deadline and then says what it saw.

#![expect(
    clippy::expect_used,
    clippy::future_not_send,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a harness fails its test by panicking, and a test is awaited where it runs"
)]

mod ground;
mod im;
mod stack;
mod wait;
mod webhook;

pub use ground::{GUESTS, Healing};
pub use im::Im;
pub use stack::{Options, Stack};
pub use wait::{eventually, stays};
pub use webhook::{Webhook, sign};
