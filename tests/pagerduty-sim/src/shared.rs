//! Owns what the parts of a running simulator share: the world, the lanes, the HTTP client, the tasks.
//!
//! The world is locked before the lanes, never the other way round, and neither is held across an await.
//! Whoever changes what a state file holds says so, and the keeper saves it.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::options::Options;
use crate::webhooks::lanes::{self, Lanes};
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(2);

/// What the parts of a running simulator share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Arc<Options>,
    pub(crate) http: reqwest::Client,
    world: Mutex<World>,
    lanes: Mutex<Lanes>,
    /// Told of every change of what a state file holds.
    pub(crate) changed: Notify,
    tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(options: Arc<Options>, world: World) -> Result<Self, reqwest::Error> {
        // Installed already is as good as installed now.
        rustls::crypto::ring::default_provider().install_default().ok();
        // PagerDuty delivers with TLS 1.2 only and follows no redirect.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_version_max(reqwest::tls::Version::TLS_1_2)
            .connect_timeout(options.scaled(5))
            .no_proxy()
            .build()?;
        Ok(Self {
            world: Mutex::new(world),
            lanes: Mutex::default(),
            changed: Notify::new(),
            http,
            options,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// Works on the world, and sends the webhooks that caused.
    pub(crate) fn with<T>(self: &Arc<Self>, work: impl FnOnce(&mut World) -> T) -> T {
        let out = self.with_passing(work);
        self.changed.notify_one();
        out
    }

    /// The same for work that leaves its mark only on what no state file holds: journal and limits.
    pub(crate) fn with_passing<T>(self: &Arc<Self>, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        let out = work(&mut world);
        let outbox = std::mem::take(&mut world.outbox);
        lanes::enqueue(self, outbox);
        out
    }

    /// Looks at the world.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a task until it ends or the simulator stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move { stop.run_until_cancelled(task).await });
    }

    /// Runs a task that ends by itself once the simulator stops.
    pub(crate) fn track(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }

    /// Waits, but not beyond the end of the simulator.
    pub(crate) async fn pause(&self, time: Duration) {
        self.stop.run_until_cancelled(tokio::time::sleep(time)).await;
    }

    /// Stops all tasks and waits for them, but not for a client that never finishes its request.
    pub(crate) async fn shut_down(&self) {
        self.stop.cancel();
        self.tracker.close();
        // Whatever is left after that dies with its connection.
        tokio::time::timeout(PATIENCE, self.tracker.wait()).await.ok();
    }
}
