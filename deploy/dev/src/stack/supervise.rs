//! Watches over the running stack: what ends unasked is started again, and said.
//!
//! So a service can be killed to see that nothing is lost. What keeps ending is not started for ever: the stack is
//! stopped and the end of the log shown.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tandem_dev::{Nats, Postgres, Service, workspace};

use super::state::{self, Process};
use super::{Stack, configure};
use crate::commands::steps::{self, Signals};

/// How often everything is looked at.
const POLL: Duration = Duration::from_millis(200);
/// How many restarts of one part within [`WINDOW`] are one too many.
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

/// The restarts of late, of each part for itself: one that keeps ending is not excused by others that do not, and
/// several that were killed once each are no cause for giving up.
#[derive(Debug, Default)]
struct Restarts(HashMap<String, Vec<Instant>>);

impl Restarts {
    fn is_one_too_many(&mut self, name: &str, at: Instant) -> bool {
        let of_late = self.0.entry(name.to_owned()).or_default();
        of_late.retain(|earlier| at.saturating_duration_since(*earlier) < WINDOW);
        of_late.push(at);
        of_late.len() >= RESTARTS
    }
}

/// Where a part's log is, from the root of the checkout.
fn log_of(name: &str) -> String {
    let log = match name {
        "nats-server" => "nats/nats.log".to_owned(),
        "postgres" => "postgres/postgres.log".to_owned(),
        service => format!("log/{service}.log"),
    };
    workspace::dev_name().join(log).display().to_string()
}

impl Stack {
    /// Watches until somebody wants an end.
    pub(crate) fn supervise(&mut self, signals: &Signals) -> anyhow::Result<()> {
        let mut restarts = Restarts::default();
        while !signals.asked() {
            if let Some(name) = self.restart_one()? {
                steps::line(format_args!("! {name} had ended; it runs again"));
                if restarts.is_one_too_many(&name, Instant::now()) {
                    let log = log_of(&name);
                    bail!("{name} ended {RESTARTS} times within a minute; {log} says why");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_may_end_now_and_then_but_none_over_and_over() {
        let (mut restarts, start) = (Restarts::default(), Instant::now());
        for second in 0..30_u32 {
            let name =
                ["ingress", "reconciler", "egress", "admin", "sim", "nats"][second as usize % 6];
            let at = start + Duration::from_secs(second.into());
            assert!(!restarts.is_one_too_many(name, at), "{name} at {second} s");
        }
        let at = start + Duration::from_secs(30);
        assert!(restarts.is_one_too_many("ingress", at), "for the sixth time");
        assert!(!restarts.is_one_too_many("ingress", at + WINDOW), "long ago is forgiven");
    }
}
