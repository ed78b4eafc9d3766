//! The idea of Tandem on one page: two systems tell the same story about an incident.
//!
//! The platform's record is an [`Incident`](incident::Incident); its counterpart in an external
//! system is a *record*; a [`Link`](link::Link) joins the two. What happens reaches us as an
//! [`Event`](event::Event): an *observation* of what the external side holds, a platform *edit*,
//! or the *receipt* of one of our own writes. [`reconcile`](reconcile::reconcile) is a pure
//! function from the present state, one event and the configuration to the next state, the
//! decisions that explain it, and what is to be told to the outside.
//!
//! Everything here is a value: no async, I/O, clock or randomness. Time comes in with the event,
//! ids from a [`Mint`](id::Mint) seeded by it, so the same input always gives the same output.
//!
//! # How to add a field
//!
//! Add a variant to [`Field`](field::Field), say what values it takes in `Field::check`, give it a
//! default owner and lens in the connector that knows its counterpart, and a column in the store.

pub mod clock;
pub mod conflict;
pub mod decision;
pub mod event;
pub mod feed;
pub mod field;
pub mod finding;
#[cfg(test)]
mod fuzz;
pub mod id;
pub mod incident;
pub mod integration;
pub mod lens;
pub mod link;
pub mod outbound;
pub mod plan;
pub mod reconcile;
pub mod scope;
#[cfg(any(test, feature = "simulation"))]
pub mod world;
