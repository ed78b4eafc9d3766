//! What a client of PagerDuty meets, checked over real HTTP against the facts it was written from.
//!
//! Tests are named after what they check; the doc comment of each names its source: a section of the
//! list of facts (FACTS.md, which [`covered`] keeps in step), and in brackets the document or capture behind it.

// The attribute tells clippy that helpers, too, may unwrap.
#[cfg(test)]
mod auth;
#[cfg(test)]
mod changed;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod control;
#[cfg(test)]
mod covered;
#[cfg(test)]
mod create;
#[cfg(test)]
mod deliver;
#[cfg(test)]
mod events_api;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod help;
#[cfg(test)]
mod knobs;
#[cfg(test)]
mod lag;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod people;
#[cfg(test)]
mod program;
#[cfg(test)]
mod read;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod timers;
