//! Ending in order: the first signal drains, the second one, or the deadline, cuts.
//!
//! Every long-lived task is spawned here. One that ends before it was asked to takes the process
//! down with a failure, so that its supervisor restarts it: a half-working service is worse.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long draining may take before it is cut.
const DEADLINE: Duration = Duration::from_secs(10);

/// Says when to stop, and knows when everything has.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    soft: CancellationToken,
    tasks: TaskTracker,
    failed: Arc<AtomicBool>,
}

impl Stop {
    /// Resolves when it is time to stop taking new work.
    pub async fn asked(&self) {
        self.soft.cancelled().await;
    }

    /// Whether it is time to stop.
    pub fn is_asked(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// The token behind [`Stop::asked`], for libraries that want one.
    pub fn token(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Asks everything to stop.
    pub fn ask(&self) {
        self.soft.cancel();
    }

    /// Runs a task for the life of the process; it should end soon after [`Stop::asked`]. Ending
    /// before that, or panicking, is a failure of the whole process.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.clone();
        let handle = self.tasks.spawn(task);
        self.tasks.spawn(async move {
            let died = handle.await;
            if !stop.is_asked() {
                match died {
                    Ok(()) => tracing::error!(task = name, "a task ended by itself; stopping"),
                    Err(error) => tracing::error!(task = name, %error, "a task died; stopping"),
                }
                stop.failed.store(true, Ordering::SeqCst);
                stop.ask();
            }
        });
    }

    /// Runs a task for the life of the process that is simply dropped when it is time to stop.
    pub fn spawn_dropped<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.clone();
        self.spawn(name, async move {
            tokio::select! {
                () = task => {}
                () = stop.asked() => {}
            }
        });
    }

    /// Runs a piece of work that may end at any time but is waited for when stopping.
    pub fn spawn_work<F>(&self, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(work);
    }

    /// Waits for a signal or a failure, then for the tasks. Returns whether all ended well.
    pub async fn finished(&self) -> bool {
        self.first_signal().await;
        self.ask();
        self.tasks.close();
        let ended = tokio::select! {
            () = self.tasks.wait() => true,
            () = tokio::time::sleep(DEADLINE) => false,
            () = any_signal() => false,
        };
        if !ended {
            tracing::warn!(left = self.tasks.len(), "tasks were cut off while stopping");
        }
        ended && !self.failed.load(Ordering::SeqCst)
    }

    async fn first_signal(&self) {
        tokio::select! {
            () = any_signal() => tracing::info!("stopping: finishing what is in hand"),
            () = self.asked() => {}
        }
    }
}

async fn any_signal() {
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        tracing::error!("signals cannot be received; only kill -9 will stop this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
