//! Sees what happens between the two sides, and when.
//!
//! The public feed is pushed to it; the simulator's journal is read every few milliseconds. Instants are those of
//! seeing, on this machine's steady clock. Nothing seen is ever forgotten, so the whole story can be counted at its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::sides::{PagerDuty, text};
use crate::feed::{self, Feed};

/// How often the journal is read; the error of every latency shown.
const POLL: Duration = Duration::from_millis(5);

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    /// A webhook reached its receiver, or did not.
    Delivery(Delivery),
    /// A call reached PagerDuty.
    Call(Call),
    /// The platform told the public.
    Event { kind: String, incident: String },
}

/// An attempt to deliver a webhook.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) event: String,
    pub(super) event_type: String,
    pub(super) record: String,
    pub(super) outcome: String,
}

/// A call and its answer.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) status: u64,
    pub(super) body: Value,
    pub(super) traceparent: String,
}

impl Call {
    /// Says whether it changed an incident.
    pub(super) fn is_write(&self) -> bool {
        let succeeded = (200..300).contains(&self.status);
        succeeded && self.method != "GET" && self.path.starts_with("/incidents")
    }
}

/// Everything that has happened so far.
type Log = Arc<Mutex<Vec<(Instant, Seen)>>>;

/// The witness; it looks away when dropped.
pub(super) struct Witness {
    log: Log,
    over: Arc<AtomicBool>,
    _feed: Feed,
}

impl Witness {
    /// Begins to watch; whatever happens from now on is seen.
    pub(super) fn begin(pagerduty: PagerDuty, nats: &str, org: &str) -> anyhow::Result<Self> {
        let log = Log::default();
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&log);
        let feed = feed::follow(nats, &format!("incidents.v1.{org}.>"), move |message| {
            let Ok(event) = serde_json::from_slice(&message.payload) else { return };
            let kind = text(&event, "type").to_owned();
            let incident = text(&event, "subject").to_owned();
            note(&told, Seen::Event { kind, incident });
        })?;
        let last = |name: &str| -> anyhow::Result<u64> {
            let all = pagerduty.journal(name, 0)?;
            Ok(all.last().map_or(0, seq))
        };
        let since = (last("calls")?, last("deliveries")?);
        let (read, stop) = (Arc::clone(&log), Arc::clone(&over));
        thread::spawn(move || poll(&pagerduty, since, &read, &stop));
        Ok(Self { log, over, _feed: feed })
    }

    /// How much has been seen: what is seen later lies behind this mark.
    pub(super) fn mark(&self) -> usize {
        lock(&self.log).len()
    }

    /// Everything behind a mark.
    pub(super) fn since(&self, mark: usize) -> Vec<(Instant, Seen)> {
        lock(&self.log).get(mark..).unwrap_or_default().to_vec()
    }

    /// Waits for something behind a mark; `None` when it does not happen in time.
    pub(super) fn wait(
        &self,
        mark: usize,
        within: Duration,
        is_it: impl Fn(&Seen) -> bool,
    ) -> Option<Instant> {
        let deadline = Instant::now() + within;
        loop {
            if let Some((at, _)) = self.since(mark).into_iter().find(|(_, seen)| is_it(seen)) {
                return Some(at);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn poll(pagerduty: &PagerDuty, since: (u64, u64), log: &Log, over: &AtomicBool) {
    let (mut calls, mut deliveries) = since;
    while !over.load(Ordering::Relaxed) {
        // A simulator that is gone is noticed by whoever waits for what it should show.
        for call in pagerduty.journal("calls", calls).unwrap_or_default() {
            calls = seq(&call);
            let owned = |name| text(&call, name).to_owned();
            let call = Call {
                method: owned("method"),
                path: owned("path"),
                status: call.get("status").and_then(Value::as_u64).unwrap_or(0),
                body: call.get("body").cloned().unwrap_or_default(),
                traceparent: owned("traceparent"),
            };
            note(log, Seen::Call(call));
        }
        for delivery in pagerduty.journal("deliveries", deliveries).unwrap_or_default() {
            deliveries = seq(&delivery);
            let owned = |name| text(&delivery, name).to_owned();
            let delivery = Delivery {
                event: owned("event_id"),
                event_type: owned("event_type"),
                record: owned("incident"),
                outcome: owned("outcome"),
            };
            note(log, Seen::Delivery(delivery));
        }
        thread::sleep(POLL);
    }
}

fn seq(entry: &Value) -> u64 {
    entry.get("seq").and_then(Value::as_u64).unwrap_or(0)
}

fn note(log: &Log, seen: Seen) {
    lock(log).push((Instant::now(), seen));
}

/// A thread that panicked while noting leaves a log that is whole all the same.
fn lock(log: &Log) -> std::sync::MutexGuard<'_, Vec<(Instant, Seen)>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
