//! The whole system, one story after the other. Each test runs a stack of its own.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod alerts;
mod audit;
mod broker;
mod calls;
mod conflicts;
mod crash;
mod dead_letters;
mod dice;
mod documented;
mod documents;
mod door;
mod egress;
mod escalations;
mod events;
mod feed;
mod garbage;
mod handbook;
mod healing;
mod outage;
mod outsiders;
mod plan;
mod questions;
mod rates;
mod rules;
mod secrets;
mod size;
mod soak;
mod story;
mod surfaces;
mod traced;
mod watches;
