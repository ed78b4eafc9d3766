//! What the meters show of an integration: gauges that several of them share, each adding its part
//! and taking it back when it ends.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tandem_runtime::clock;

use crate::{deliver::Delivery, lanes::Lane, scheduler::Scheduler};

/// The healer is late when so many rounds should have come through since one has.
const ROUNDS: u32 = 10;

/// One integration's part of a gauge.
#[derive(Debug)]
struct Gauge {
    name: &'static str,
    lane: Option<Lane>,
    part: f64,
}

impl Gauge {
    const fn new(name: &'static str, lane: Option<Lane>) -> Self {
        Self { name, lane, part: 0.0 }
    }

    fn set(&mut self, part: f64) {
        let gauge = if let Some(lane) = self.lane {
            metrics::gauge!(self.name, "lane" => lane.name())
        } else {
            metrics::gauge!(self.name)
        };
        gauge.increment(part - self.part);
        self.part = part;
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.set(0.0);
    }
}

/// What the meters show of one integration while this copy acts for it.
#[derive(Debug)]
pub struct Meters {
    acting: Gauge,
    waiting: Vec<(Lane, Gauge)>,
    paused: Gauge,
    unsubscribed: Gauge,
    late: Gauge,
    /// Since when this copy acts.
    began: Timestamp,
}

impl Meters {
    /// Meters that show nothing yet.
    pub fn new() -> Self {
        let waiting = |lane| (lane, Gauge::new("tandem_waiting_messages", Some(lane)));
        Self {
            acting: Gauge::new("tandem_acting_integrations", None),
            waiting: Lane::ALL.map(waiting).into(),
            paused: Gauge::new("tandem_paused_integrations", None),
            unsubscribed: Gauge::new("tandem_unsubscribed_integrations", None),
            late: Gauge::new("tandem_late_healing_integrations", None),
            began: clock::now(),
        }
    }

    /// Shows how things stand now.
    pub fn read<T>(&mut self, scheduler: &Scheduler<T>, delivery: &Delivery) {
        let mut waiting: BTreeMap<Lane, u32> = BTreeMap::new();
        for (job, _) in scheduler.waiting_jobs() {
            *waiting.entry(job.lane).or_default() += 1;
        }
        for (lane, gauge) in &mut self.waiting {
            gauge.set(f64::from(waiting.get(lane).copied().unwrap_or_default()));
        }
        self.acting.set(1.0);
        self.paused.set(f64::from(u8::from(delivery.gate.is_shut())));
        self.unsubscribed.set(f64::from(u8::from(delivery.shown.is_off())));
        let patience = SignedDuration::try_from(delivery.rhythm.log.saturating_mul(ROUNDS));
        let patience = patience.unwrap_or(SignedDuration::MAX);
        let late = delivery.shown.is_late(self.began, clock::now(), patience);
        self.late.set(f64::from(u8::from(late)));
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}
