//! What a client of PagerDuty meets, checked over real HTTP against the facts it was written from.
//!
//! Tests are named after what they check; the doc comment of each names its source: a section of the
//! facts, and in brackets the document or capture behind it.

mod auth;
mod create;
mod harness;
mod lifecycle;
