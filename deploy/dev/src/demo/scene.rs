//! The stage: both sides, the witness, and the timeline that is printed as the story goes.
//!
//! Nothing that goes wrong ends the story early unless it cannot go on: it is noted, and told at the end.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::Value;

use super::sides::{PagerDuty, Platform, text};
use super::witness::{Call, Seen, Witness};
use crate::commands::steps::Signals;
use crate::commands::told;
use crate::feed::{self, Feed, Message};
use crate::stack::configure::{HANDLE, ORG};
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
    addresses: &'a Addresses,
    signals: &'a Signals,
    began: Instant,
    chapters: Cell<usize>,
    /// The calls that were waited for: method and path of each.
    awaited: Vec<(String, String)>,
    wrongs: Vec<String>,
}

/// One act: when it was done, and what the witness had seen until then.
#[derive(Clone, Copy)]
pub(super) struct Act {
    pub(super) at: Instant,
    pub(super) mark: usize,
}

impl<'a> Scene<'a> {
    /// What the services should log for a story: webhooks that were taken, too.
    pub(crate) const LOG: &'static str = "info,tandem_ingress=debug";

    /// Sets the stage on a running stack.
    pub(crate) fn set(addresses: &'a Addresses, signals: &'a Signals) -> anyhow::Result<Self> {
        let pagerduty = PagerDuty::new(addresses);
        let witness = Witness::begin(pagerduty.clone(), &addresses.nats, ORG)?;
        let platform = Platform::new(addresses);
        Ok(Self {
            pagerduty,
            platform,
            witness,
            addresses,
            signals,
            began: Instant::now(),
            chapters: Cell::new(0),
            awaited: Vec::new(),
            wrongs: Vec::new(),
        })
    }

    /// Heads a chapter.
    pub(super) fn chapter(&self, title: &str) -> anyhow::Result<()> {
        let number = self.chapters.get() + 1;
        self.chapters.set(number);
        told::line(format_args!("\n━━ {number}. {title}"))
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
            matches!(seen, Seen::Delivery(it)
                if it.event_type == kind && it.record == record && it.outcome == "delivered")
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
        self.awaited.push((method.to_owned(), path.to_owned()));
        self.hop(act, &format!("{method} {path} answered by PagerDuty"), |seen| {
            matches!(seen, Seen::Call(call)
                if call.is_write() && call.method == method && call.path == path)
        })
    }

    /// The calls behind a mark that changed something in PagerDuty.
    pub(super) fn writes(&self, mark: usize) -> Vec<Call> {
        let seen = self.witness.since(mark).into_iter();
        seen.filter_map(|(_, seen)| if let Seen::Call(call) = seen { Some(call) } else { None })
            .filter(Call::is_write)
            .collect()
    }

    /// The calls of the whole story that changed something although nobody waited for them.
    pub(super) fn surplus(&self) -> Vec<Call> {
        let mut awaited = self.awaited.clone();
        let mut writes = self.writes(0);
        writes.retain(|call| {
            let found = awaited
                .iter()
                .position(|(method, path)| *method == call.method && *path == call.path);
            found.map(|at| awaited.swap_remove(at)).is_none()
        });
        writes
    }

    /// Waits for a link that has both ends; returns the other one.
    pub(super) fn linked(&self, key: &str, id: &str, other: &str) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let link = self.platform.link(HANDLE, key, id)?;
            let end = link.as_ref().map(|link| text(link, other)).unwrap_or_default();
            if !end.is_empty() {
                return Ok(end.to_owned());
            }
            if Instant::now() >= deadline || self.signals.asked() {
                bail!("{id} was not linked within {} s", PATIENCE.as_secs());
            }
            thread::sleep(POLL / 2);
        }
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

    /// How long the story has been going.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// An incident as the platform shows it.
    pub(super) fn incident(&self, id: &str) -> anyhow::Result<Value> {
        self.platform.incident(&["get", id])
    }

    /// Listens to what is published on NATS; `see` gets every message.
    pub(super) fn listen(
        &self,
        subject: &str,
        see: impl Fn(Message) + Send + 'static,
    ) -> anyhow::Result<Feed> {
        feed::follow(&self.addresses.nats, subject, see)
    }
}

/// Shows how long `im` took, its own start included.
pub(super) fn answered(act: Act) -> anyhow::Result<()> {
    hop_line("im answered with the incident as reconciled", act.at.elapsed())
}

fn hop_line(what: &str, took: Duration) -> anyhow::Result<()> {
    told::line(format_args!("{:>10.1} ms  → {what}", took.as_secs_f64() * 1000.0))
}
