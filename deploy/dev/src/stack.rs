//! The whole system on this machine, as `cargo dev up` runs it.
//!
//! Data, keys and logs are under `.dev/`; what runs is written to `.dev/state.json` as it starts, so that other commands
//! find it and a later run can clean up behind one that was killed. Dropping the stack stops all of it, the services
//! before what they depend on.

pub(crate) mod configure;
pub(crate) mod layout;
mod outdated;
mod secrets;
pub(crate) mod start;
pub(crate) mod state;
mod subscription;
mod supervise;

use std::path::PathBuf;

use tandem_dev::{Nats, Postgres, Progress, Service};

use state::{Hold, State};

/// Everything that runs. The order of the fields is the order in which it ends.
pub(crate) struct Stack {
    services: Vec<Service>,
    simulator: Service,
    postgres: Postgres,
    nats: Nats,
    state: State,
    root: PathBuf,
    progress: Progress,
    _hold: Hold,
}

impl Stack {
    /// What runs and where.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Stops everything and forgets that it ran.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let progress = self.progress;
        progress.step("stopping", || {
            // The services are asked one after the other, but none of them takes long.
            for service in &mut self.services {
                service.stop()?;
            }
            self.simulator.stop()?;
            self.postgres.stop()?;
            self.nats.stop()?;
            state::forget(&self.root)
        })
    }
}
