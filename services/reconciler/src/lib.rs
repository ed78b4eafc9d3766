//! The only writer of incidents, links, notes and decisions.
//!
//! [`apply`] takes what is ready from `tandem.in.>`, applies the rules in one transaction and
//! acknowledges only after the commit; [`relay`] publishes what was decided. A crash anywhere in
//! between repeats a batch, and the inbox makes the repetition change nothing. [`sweep`] has links
//! compared again after a change of configuration, [`unseen`] has records read that nobody saw for long;
//! [`healing`] keeps how far healers have come, [`reported`] tells which work was reported, [`seal`] seals what was decided.

use mimalloc::MiMalloc;

mod admit;
pub mod apply;
mod batch;
mod buried;
mod commit;
pub mod healing;
mod hear;
mod index;
mod load;
mod measure;
pub mod relay;
pub mod reported;
pub mod seal;
pub mod settings;
pub mod sweep;
pub mod transact;
pub mod unseen;

/// What an event takes is small, of all sizes and given back at once, and there are hundreds of such
/// pieces: handing them out is a large part of what it costs.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
