//! What every process does, in one place each.
//!
//! [`settings`] reads flags and environment once, [`telemetry`] sets up logs, traces and what is
//! sent to a collector, [`ops`] serves probes and metrics, [`Stop`] ends things in order,
//! [`http`] serves whoever comes within bounds, [`tls`] speaks TLS with them, [`clock`] is where time comes from, and [`process`] is the frame a `main` hangs its boot order
//! in.

pub mod clock;
mod files;
pub mod http;
mod lines;
mod meters;
pub mod ops;
mod otlp;
pub mod process;
pub mod settings;
mod stop;
pub mod telemetry;
pub mod tls;
pub mod trace;

pub use stop::Stop;
