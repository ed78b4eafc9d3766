//! Admin from outside: real clients, a real Postgres for each test, a real NATS where one is needed.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod access;
mod configuration;
mod dead_letters;
mod disputes;
mod encrypted;
mod mappings;
mod naming;
mod ports;
mod publishing;
mod rest;
mod support;
mod without_reconciler;

pub(crate) use support::{Running, integration, refused};
