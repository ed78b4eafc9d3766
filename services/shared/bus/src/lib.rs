//! Everything that knows NATS, so that nothing else has to.
//!
//! [`subjects`] holds the only subject strings, [`topology`] the streams and consumers as data.
//! [`Bus`] connects and keeps trying; [`Bus::publish`] returns only when JetStream has the message
//! on disk, and [`batch`] lets many messages share one sync; [`consume`] takes messages back out;
//! [`config`] follows the configuration snapshots; [`dead_letter`] is the one form of what could not be
//! handled; with a [`seat`], one copy at a time acts for an integration; [`ask`] is how it is asked
//! how things stand, and [`heal`] how far the healer has come is kept.
//!
//! # How to add a subject
//!
//! Add its function to [`subjects`], let a stream of [`topology`] hold it, and mention who writes
//! and who reads it in `services/README.md`.

pub mod ask;
pub mod batch;
pub mod config;
mod connect;
pub mod consume;
pub mod dead_letter;
pub mod heal;
mod listen;
pub mod publish;
pub mod readers;
pub mod reported;
pub mod seat;
pub mod subjects;
pub mod topology;

pub use connect::{Bus, Unavailable};
