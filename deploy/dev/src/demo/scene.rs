//! The stage: both sides, the witness, and the timeline that is printed as the story goes.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::sides::{PagerDuty, Platform};
use super::witness::{Seen, Witness};
use crate::commands::steps::Signals;
use crate::commands::told;
use crate::stack::configure::ORG;
use crate::stack::state::Addresses;

/// How long anything may take before it counts as not having happened.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How often a side is asked for its state.
const POLL: Duration = Duration::from_millis(20);

/// The stage.
pub(crate) struct Scene<'a> {
    pub(super) pagerduty: PagerDuty,
    pub(super) platform: Platform<'a>,
    pub(super) witness: Witness,
    signals: &'a Signals,
    began: Instant,
    wrongs: Vec<String>,
}

/// One act: when it was done, and what the witness had seen until then.
#[derive(Clone, Copy)]
pub(super) struct Act {
    pub(super) at: Instant,
    pub(super) mark: usize,
}

impl<'a> Scene<'a> {
    /// Sets the stage on a running stack.
    pub(crate) fn set(addresses: &'a Addresses, signals: &'a Signals) -> anyhow::Result<Self> {
        let pagerduty = PagerDuty::new(addresses);
        let witness = Witness::begin(pagerduty.clone(), &addresses.nats, ORG)?;
        let platform = Platform::new(addresses);
        Ok(Self {
            pagerduty,
            platform,
            witness,
            signals,
            began: Instant::now(),
            wrongs: Vec::new(),
        })
    }

    /// Announces what is about to be done, and takes the time.
    pub(super) fn act(&self, side: &str, what: &str) -> anyhow::Result<Act> {
        anyhow::ensure!(!self.signals.asked(), "interrupted");
        let seconds = self.began.elapsed().as_secs_f32();
        told::line(format_args!("\n{seconds:7.2} s  {side:<10} {what}"))?;
        Ok(Act { at: Instant::now(), mark: self.witness.mark() })
    }

    /// Waits for something to be seen, and shows how long it took.
    pub(super) fn hop(
        &mut self,
        act: Act,
        what: &str,
        is_it: impl Fn(&Seen) -> bool,
    ) -> anyhow::Result<()> {
        match self.witness.wait(act.mark, PATIENCE, is_it) {
            Some(at) => hop_line(what, at.saturating_duration_since(act.at)),
            None => self.wrong(&format!("{what}: never seen")),
        }
    }

    /// Waits for a webhook to be accepted.
    pub(super) fn webhook(&mut self, act: Act, kind: &str, record: &str) -> anyhow::Result<()> {
        self.hop(act, &format!("webhook {kind} accepted by ingress"), |seen| {
            matches!(seen, Seen::Delivery { event_type, record: about, outcome }
                if event_type == kind && about == record && outcome == "delivered")
        })
    }

    /// Waits for a public event about an incident.
    pub(super) fn event(&mut self, act: Act, kind: &str, incident: &str) -> anyhow::Result<()> {
        let wanted = format!("tandem.incident.{kind}.v1");
        self.hop(act, &format!("public event {kind} on NATS"), |seen| {
            matches!(seen, Seen::Event { kind, incident: about }
                if *kind == wanted && about == incident)
        })
    }

    /// Waits for a call that writes to reach PagerDuty.
    pub(super) fn call(&mut self, act: Act, method: &str, path: &str) -> anyhow::Result<()> {
        self.hop(act, &format!("{method} {path} answered by PagerDuty"), |seen| {
            matches!(seen, Seen::Call { method: used, path: on, status }
                if used == method && on == path && (200..300).contains(status))
        })
    }

    /// Waits for a state that both can be asked for; what it never comes to is wrong.
    pub(super) fn until(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if is_so(self)? {
                return told::line(format_args!("            ✓ {what}"));
            }
            if Instant::now() >= deadline || self.signals.asked() {
                return self.wrong(what);
            }
            thread::sleep(POLL);
        }
    }

    /// Notes whether something holds right now.
    pub(super) fn holds(&mut self, what: &str, is_so: bool) -> anyhow::Result<()> {
        if is_so { told::line(format_args!("            ✓ {what}")) } else { self.wrong(what) }
    }

    /// Notes what is wrong and goes on.
    pub(super) fn wrong(&mut self, what: &str) -> anyhow::Result<()> {
        self.wrongs.push(what.to_owned());
        told::line(format_args!("            ✗ {what}"))
    }

    /// Everything that was wrong.
    pub(super) fn wrongs(&self) -> &[String] {
        &self.wrongs
    }

    /// Says whether somebody wants an early end.
    pub(super) fn is_asked(&self) -> bool {
        self.signals.asked()
    }

    /// An incident as the platform shows it.
    pub(super) fn incident(&self, id: &str) -> anyhow::Result<Value> {
        self.platform.incident(&["get", id])
    }
}

/// Shows how long `im` took, its own start included.
pub(super) fn answered(act: Act) -> anyhow::Result<()> {
    hop_line("im answered with the incident as reconciled", act.at.elapsed())
}

fn hop_line(what: &str, took: Duration) -> anyhow::Result<()> {
    told::line(format_args!("{:>10.1} ms  → {what}", took.as_secs_f64() * 1000.0))
}
