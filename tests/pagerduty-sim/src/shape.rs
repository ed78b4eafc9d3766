//! Owns how things look from outside: references, REST objects, webhook bodies, log entries.
//!
//! The REST form and the webhook form of one thing differ in names, in addresses and in what they
//! leave out; each has its own file.

pub(crate) mod log;
pub(crate) mod objects;
pub(crate) mod reference;
pub(crate) mod rest;
pub(crate) mod webhook;
