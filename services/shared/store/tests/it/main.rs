//! The store against a real Postgres: each test has a database of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chains;
mod conflicts;
mod inbox;
mod links;
mod partitions;
mod plans;
mod support;
