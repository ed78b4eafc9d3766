//! What every process does, in one place each.
//!
//! [`settings`] reads flags and environment once, [`telemetry`] sets up logs and traces, [`ops`]
//! serves probes and metrics, [`Stop`] ends things in order, [`clock`] is where time comes from,
//! and [`process`] is the frame a `main` hangs its boot order in.

pub mod clock;
pub mod ops;
pub mod process;
pub mod settings;
mod stop;
pub mod telemetry;
pub mod trace;

pub use stop::Stop;
