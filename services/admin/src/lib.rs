//! Admin: configuration, links and incidents over gRPC and REST; the only writer of configuration.
//!
//! A call comes in through [`api`] (one file per proto service) or [`rest`], which makes the same
//! calls, and both through the gate of [`access`]. Configuration goes to Postgres first; [`publisher`] then sees to it that every service
//! gets it. Incidents are never written here: [`edits`] sends them to the reconciler.
//!
//! # How to add a call
//!
//! Add it to the service in `proto/tandem/v1`, write a function in the service's file in [`api`]
//! that answers a message or a [`refusal::Refusal`], and name it in the trait's implementation at
//! the end of that file. Say in `access::rights` who may make it: before that nobody may. A new
//! service is also named in [`grpc`]. `cargo run -p tandem-proto --example lock` adds it to what was
//! released, which nothing is ever taken out of. `tests/flows/calls` wants to see how the call fares when it is
//! made well, badly, by the wrong caller and too late.

pub mod access;
pub mod api;
mod ask;
pub mod at_hand;
pub mod caller;
mod check;
mod checkup;
mod configuration;
mod convergence;
pub mod dead_letters;
mod document;
mod edits;
pub mod gauges;
pub mod grpc;
mod kinship;
mod mapping;
mod page;
pub mod people;
pub mod plans;
pub mod publisher;
pub mod refusal;
pub mod rest;
mod scope;
pub mod settings;
mod slug;
mod status;
pub mod subscriptions;
pub mod tls;
mod wire;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use tandem_bus::Bus;
use tandem_domain::id::IntegrationId;
use tandem_runtime::{Stop, ops::Readiness};
use tandem_seal::Keyring;
use tandem_store::Store;
use tokio::{sync::Notify, time::timeout};

use crate::{
    access::{Access, gate::Gate},
    refusal::Refusal,
};

/// How long NATS may take to confirm a subscription.
const LISTENING_WITHIN: Duration = Duration::from_secs(2);

/// What every call works with.
#[derive(Debug, Clone)]
pub struct Admin {
    store: Store,
    bus: Bus,
    keyring: Arc<Keyring>,
    gate: Gate,
    /// Told after each change of configuration.
    changed: Arc<Notify>,
    /// Told when subscriptions are to be seen to.
    subscribing: Arc<Notify>,
    /// What stands in the way of subscriptions.
    problems: Arc<Mutex<HashMap<IntegrationId, String>>>,
    /// Told when a replay of dead letters begins.
    replays: Arc<Notify>,
    /// Told when a plan is to be applied.
    plans: Arc<Notify>,
    stop: Stop,
}

impl Admin {
    /// Puts together what calls work with, which `access` lets in.
    pub fn new(store: Store, bus: Bus, keyring: Keyring, access: Access, stop: Stop) -> Self {
        let (changed, replays, subscribing) = (Arc::default(), Arc::default(), Arc::default());
        let plans = Arc::default();
        let (keyring, problems) = (Arc::new(keyring), Arc::default());
        let gate = Gate::new(store.clone(), access);
        Self { store, bus, keyring, gate, changed, subscribing, problems, replays, plans, stop }
    }

    /// The same, where so many calls a second are taken from one address; 0 for any number.
    #[must_use]
    pub fn paced(self, per_second: u32) -> Self {
        Self { gate: self.gate.paced(per_second), ..self }
    }

    /// Who is let in.
    pub(crate) const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The bodies of messages on `subject` from now on; refused at once while NATS is away.
    async fn listen(
        &self,
        subject: String,
    ) -> Result<impl Stream<Item = Bytes> + Send + Unpin + use<>, Refusal> {
        let away = |source| Refusal::Unavailable { what: "nats", source };
        // Without a connection the client would wait for one.
        if !self.bus.connected() {
            return Err(away("there is no connection".into()));
        }
        match timeout(LISTENING_WITHIN, self.bus.listen(subject)).await {
            Ok(listening) => listening.map_err(|error| away(error.into())),
            Err(elapsed) => Err(away(elapsed.into())),
        }
    }

    /// What stands in the way of an integration's subscriptions, as far as this copy knows.
    fn problem(&self, id: IntegrationId) -> Option<String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Forgets what stood in the way of all but these: they are deleted, or nothing is managed for them.
    fn keep_problems_of(&self, ids: &[IntegrationId]) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.retain(|id, _| ids.contains(id));
        count_problems(&problems);
    }

    fn show_problem(&self, id: IntegrationId, problem: Option<String>) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let before = problems.get(&id).cloned();
        match problem {
            Some(problem) => drop(problems.insert(id, problem)),
            None => drop(problems.remove(&id)),
        }
        let now = problems.get(&id).cloned();
        count_problems(&problems);
        drop(problems);
        if let Some(now) = now.filter(|now| before.as_ref() != Some(now)) {
            tracing::warn!(integration = %id, problem = now, "subscriptions are not as they should be");
        }
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
                let ready = bus.is_ready();
                async move { ready }
            })
    }
}

fn count_problems(problems: &HashMap<IntegrationId, String>) {
    let count = u32::try_from(problems.len()).unwrap_or(u32::MAX);
    metrics::gauge!("tandem_subscription_problems").set(f64::from(count));
}
