//! Admin: configuration, links and incidents over gRPC and REST; the only writer of configuration.
//!
//! A call comes in through [`api`] (one file per proto service) or [`rest`], which makes the same
//! calls. Configuration goes to Postgres first; [`publisher`] then sees to it that every service
//! gets it. Incidents are never written here: [`edits`] sends them to the reconciler.
//!
//! # How to add a call
//!
//! Add it to the service in `proto/tandem/v1`, write a function in the service's file in [`api`]
//! that answers a message or a [`refusal::Refusal`], and name it in the trait's implementation at
//! the end of that file. A new service is also named in [`grpc`].

pub mod api;
mod check;
mod configuration;
mod edits;
pub mod grpc;
mod listen;
mod page;
pub mod publisher;
pub mod refusal;
pub mod rest;
pub mod settings;
mod slug;
mod status;
mod wire;

use std::sync::Arc;

use tandem_bus::Bus;
use tandem_runtime::{Stop, ops::Readiness};
use tandem_seal::Keyring;
use tandem_store::Store;
use tokio::sync::Notify;

pub use listen::Listener;

/// What every call works with.
#[derive(Debug, Clone)]
pub struct Admin {
    store: Store,
    bus: Bus,
    listener: Listener,
    keyring: Arc<Keyring>,
    /// Told after each change of configuration.
    changed: Arc<Notify>,
    stop: Stop,
}

impl Admin {
    /// Puts together what calls work with.
    pub fn new(store: Store, bus: Bus, listener: Listener, keyring: Keyring, stop: Stop) -> Self {
        let (keyring, changed) = (Arc::new(keyring), Arc::default());
        Self { store, bus, listener, keyring, changed, stop }
    }

    /// What must hold for calls to be answered.
    pub fn readiness(&self) -> Readiness {
        let (store, bus) = (self.store.clone(), self.bus.clone());
        Readiness::default()
            .check("postgres", move || {
                let store = store.clone();
                async move { store.is_ready().await }
            })
            .check("nats", move || {
                let connected = bus.connected();
                async move { connected }
            })
    }
}
