//! Starts and stops what Tandem needs on one machine: NATS, Postgres, the services and the simulator.
//!
//! Used by `cargo dev` and by the whole-system tests alike. Everything here blocks and uses nothing but threads and
//! files, so that it builds in seconds and can be called from any test. What always holds: every process is bound to
//! 127.0.0.1, has its own port and directory, is stopped by its recorded id and never by name, and whoever drops a
//! handle stops the process behind it.

pub mod bins;
pub mod daemon;
pub mod http;
pub mod nats;
pub mod pids;
pub mod ports;
pub mod postgres;
pub mod privilege;
pub mod progress;
pub mod random;
pub mod runtimes;
pub mod service;
pub mod workspace;

pub use daemon::DaemonError;
pub use nats::{Guest, Nats, NatsOptions};
pub use postgres::{Durability, Postgres, PostgresOptions};
pub use progress::Progress;
pub use service::{Service, ServiceOptions};
