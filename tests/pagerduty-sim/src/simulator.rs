//! Owns a running simulator: starting, stopping, and direct access for tests in the same process.
//!
//! Dropping it stops it; what was on its way is lost, as with any killed process, unless a state file
//! keeps it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::change::Change;
use crate::control::{self, Act, CallFilter};
use crate::cut::{CuttableListener, Scissors};
use crate::incident::{Actor, Agent};
use crate::journal::{Attempt, Call};
use crate::knobs::Knobs;
use crate::options::Options;
use crate::shared::Shared;
use crate::state_file::{self, Keeper, StateError, StateFile};
use crate::webhooks::lanes;
use crate::world::World;
use crate::{clock, rest};

const TICK: Duration = Duration::from_millis(20);

/// Why a simulator does not start or an action was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The client that sends webhooks cannot be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// An action is malformed or PagerDuty refuses it.
    #[error("action not done: {0}")]
    Act(String),
}

/// A running simulator.
#[derive(Debug)]
pub struct Simulator {
    /// Its address, without a slash at the end: the base URL of REST and of the control API.
    pub url: String,
    shared: Arc<Shared>,
    keeper: Option<Arc<Keeper>>,
}

impl Simulator {
    /// Starts a simulator inside the current Tokio runtime.
    ///
    /// With a state file it goes on where the last one ended: due timers fire, webhooks are tried again.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let options = Arc::new(options);
        let address = options.listen;
        let failed = |source| Error::Listen { address, source };
        let file = options.state_file.as_deref().map(StateFile::take).transpose()?;
        let found = file.as_ref().map(StateFile::read).transpose()?.flatten();
        let (world, owed) = match found {
            Some(document) => document.restore(Arc::clone(&options)),
            None => (World::new(Arc::clone(&options)), Vec::new()),
        };
        let shared = Arc::new(Shared::new(options, world).map_err(Error::Client)?);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let keeper = file.map(|file| Arc::new(Keeper::new(file)));
        let simulator = Self { url, shared, keeper };
        let shared = &simulator.shared;
        lanes::enqueue(shared, owed);
        if let Some(keeper) = &simulator.keeper {
            // That it cannot be saved is said now, not when there is something to lose.
            keeper.save(shared)?;
            shared.spawn(Arc::clone(keeper).run(Arc::clone(shared)));
        }
        shared.track(serve(Arc::clone(shared), listener));
        shared.spawn(run_timers(Arc::clone(shared)));
        Ok(simulator)
    }

    /// Plays a person, with the same request as `POST /_sim/act`, and gives the incident.
    pub fn act(&self, action: Value) -> Result<Value, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Act(error.to_string());
        let act: Act = serde_json::from_value(action).map_err(|error| failed(&error))?;
        self.shared.with(|world| control::act(world, &act)).map_err(|error| failed(&error))
    }

    /// The REST calls after the given number, oldest first.
    pub fn calls(&self, since_seq: u64) -> Vec<Call> {
        let filter = CallFilter { since_seq, ..CallFilter::default() };
        self.shared
            .peek(|world| world.journal.calls().filter(|it| filter.admits(it)).cloned().collect())
    }

    /// Everything in the calls so far that PagerDuty would have silently ignored.
    pub fn violations(&self) -> Vec<String> {
        let calls = self.calls(0);
        let one = |call: &Call| {
            let about = format!("#{} {} {}", call.seq, call.method, call.path);
            call.violations.iter().map(|it| format!("{about}: {it}")).collect::<Vec<_>>()
        };
        calls.iter().flat_map(one).collect()
    }

    /// The attempts to deliver a webhook after the given number, oldest first.
    pub fn deliveries(&self, since_seq: u64) -> Vec<Attempt> {
        self.shared.peek(|world| {
            world.journal.attempts().filter(|it| it.seq > since_seq).cloned().collect()
        })
    }

    /// Every incident in full, oldest first.
    pub fn incidents(&self) -> Vec<Value> {
        self.shared.peek(control::incidents)
    }

    /// How many webhooks are not delivered yet.
    pub fn pending(&self) -> usize {
        self.shared.lanes().waiting().count()
    }

    /// Turns knobs.
    pub fn turn(&self, with: impl FnOnce(&mut Knobs)) {
        self.shared.with(|world| with(&mut world.knobs));
    }

    /// Stops it and waits until nothing of it runs any more.
    pub async fn stop(self) {
        if let Err(error) = self.close().await {
            state_file::complain(&error);
        }
    }

    /// Stops it like [`Simulator::stop`], and says why the account could not be saved, if it could not.
    pub async fn close(self) -> Result<(), StateError> {
        self.shared.shut_down().await;
        self.keeper.as_ref().map_or(Ok(()), |keeper| keeper.close(&self.shared))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let router = Router::new()
        .merge(control::router())
        .fallback(rest::serve::serve)
        .with_state(Arc::clone(&shared))
        .into_make_service_with_connect_info::<Scissors>();
    let stop = shared.stop.clone().cancelled_owned();
    // Connections are told to close: one that stays open would outlive the simulator.
    axum::serve(CuttableListener(listener), router).with_graceful_shutdown(stop).await.ok();
}

async fn run_timers(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        if !shared.peek(|world| world.timers.any_due(Instant::now())) {
            continue;
        }
        shared.with(|world| {
            while let Some(timer) = world.timers.take(Instant::now()) {
                let nobody = Actor { agent: Agent::Automation, channel: "timeout", client: None };
                // A timer whose incident is gone or has moved on does nothing.
                Change::new(world, nobody, clock::now()).fire(&timer).ok();
            }
        });
    }
}
