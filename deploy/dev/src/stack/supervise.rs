//! Watches over the running stack: what ends unasked is started again, and said.
//!
//! So a service can be killed to see that nothing is lost. What keeps ending is not started for ever: the stack is
//! stopped and the end of the log shown.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tandem_dev::{Nats, Postgres, Service};

use super::state::{self, Process};
use super::{Stack, configure};
use crate::commands::steps::{self, Signals};

/// How often everything is looked at.
const POLL: Duration = Duration::from_millis(200);
/// How many restarts within [`WINDOW`] are one too many.
const RESTARTS: usize = 6;
/// The time over which restarts are counted.
const WINDOW: Duration = Duration::from_mins(1);

/// What can be looked at and started again.
trait Part {
    fn label(&self) -> String;
    fn runs(&mut self) -> bool;
    fn again(&mut self) -> anyhow::Result<()>;
    fn id(&self) -> Option<u32>;
}

impl Part for Service {
    fn label(&self) -> String {
        self.name().to_owned()
    }
    fn runs(&mut self) -> bool {
        self.is_running()
    }
    fn again(&mut self) -> anyhow::Result<()> {
        Ok(self.resume()?)
    }
    fn id(&self) -> Option<u32> {
        self.pid()
    }
}

impl Part for Nats {
    fn label(&self) -> String {
        "nats-server".to_owned()
    }
    fn runs(&mut self) -> bool {
        self.is_running()
    }
    fn again(&mut self) -> anyhow::Result<()> {
        Ok(self.resume()?)
    }
    fn id(&self) -> Option<u32> {
        self.pid()
    }
}

impl Part for Postgres {
    fn label(&self) -> String {
        "postgres".to_owned()
    }
    fn runs(&mut self) -> bool {
        self.is_running()
    }
    fn again(&mut self) -> anyhow::Result<()> {
        Ok(self.resume()?)
    }
    fn id(&self) -> Option<u32> {
        self.pid()
    }
}

impl Stack {
    /// Watches until somebody wants an end.
    pub(crate) fn supervise(&mut self, signals: &Signals) -> anyhow::Result<()> {
        let mut restarts: Vec<Instant> = Vec::new();
        while !signals.asked() {
            if let Some(name) = self.restart_one()? {
                steps::line(format_args!("! {name} had ended; it runs again"));
                restarts.retain(|at| at.elapsed() < WINDOW);
                restarts.push(Instant::now());
                if restarts.len() >= RESTARTS {
                    bail!("{name} keeps ending; see its log under .dev");
                }
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Starts the first part again that has ended, what others depend on first; says which it was.
    fn restart_one(&mut self) -> anyhow::Result<Option<String>> {
        let base: [&mut dyn Part; 2] = [&mut self.nats, &mut self.postgres];
        let services = self.services.iter_mut().map(|service| -> &mut dyn Part { service });
        // Last, because configuring it again takes the services.
        let simulator: &mut dyn Part = &mut self.simulator;
        let parts: Vec<&mut dyn Part> =
            base.into_iter().chain(services).chain([simulator]).collect();
        let ended = parts.into_iter().find_map(|part| (!part.runs()).then_some(part));
        let Some(part) = ended else { return Ok(None) };
        let name = part.label();
        part.again().with_context(|| format!("{name} had ended and does not start again"))?;
        let id = part.id();
        self.state.processes.retain(|process| process.name != name);
        self.state.processes.extend(Process::of(&name, id));
        state::save(&self.root, &self.state)?;
        if name == self.simulator.name() {
            // It may have forgotten its last second, and the subscription was made in that.
            configure::run(&self.state.addresses)?;
        }
        Ok(Some(name))
    }
}
