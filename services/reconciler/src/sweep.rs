//! The sweeper: after a change of configuration, every link that may come out differently under it is
//! compared again, a bounded batch at a time.
//!
//! What it asks for goes the way of all edits, so that it is applied under the incident's lock like
//! everything else. An edit's id derives from link and version: asked twice is asked once.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use tandem_bus::{
    Bus,
    publish::{NotStored, Outgoing},
    subjects,
};
use tandem_domain::{
    event::{Change, Edit, Event},
    id::{IntegrationId, LinkId, Mint},
    incident::{Actor, Side},
};
use tandem_runtime::{Stop, clock, process::chain};
use tandem_store::{
    Store, StoreError, integrations,
    links::{self, Behind, Levelled},
};
use tokio::time::Instant;

/// How often links are looked for.
const TICK: Duration = Duration::from_secs(1);
/// The most links of one integration that are asked for at a time: what else happens must not have
/// to queue behind them for long.
const BATCH: u32 = 250;
/// How long an integration with nothing to compare is left alone, at first and at most. Its closed
/// incidents stay behind for ever, and looking past them takes time.
const REST: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(10));

/// Compares links again.
#[derive(Debug)]
pub struct Sweeper {
    store: Store,
    bus: Bus,
    places: HashMap<IntegrationId, Place>,
}

/// How far the sweep of an integration has come.
#[derive(Debug)]
struct Place {
    /// The version of the configuration it is for.
    version: u64,
    /// The last link that was asked for.
    after: Option<Levelled>,
    /// How long to leave it alone once nothing is found.
    rest: Duration,
    /// Not to be looked at before.
    due: Instant,
}

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("postgres")]
    Store(#[from] StoreError),
    #[error("nats")]
    Bus(#[from] NotStored),
    #[error("an edit could not be written")]
    Json(#[from] serde_json::Error),
}

impl Sweeper {
    /// Prepares a sweeper.
    pub fn new(store: Store, bus: Bus) -> Self {
        Self { store, bus, places: HashMap::new() }
    }

    /// Runs until it is time to stop.
    pub async fn run(mut self, stop: Stop) {
        while !stop.is_asked() {
            if let Err(error) = self.round().await {
                tracing::debug!(error = chain(&error), "comparing again waits");
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = stop.asked() => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), Interrupted> {
        let mut transaction = self.store.begin().await?;
        if !links::begin_sweep(&mut transaction).await? {
            return Ok(());
        }
        let now = Instant::now();
        let versions = integrations::versions(&mut transaction).await?;
        self.places.retain(|id, _| versions.iter().any(|(of, _)| of == id));
        for (integration, version) in versions {
            let place = self.places.entry(integration).or_insert_with(|| Place::new(version, now));
            if place.version != version {
                *place = Place::new(version, now);
            }
            if place.due > now {
                continue;
            }
            let behind =
                links::behind(&mut transaction, integration, version, place.after, BATCH).await?;
            place.passed(&behind, now);
            for link in &behind {
                let edit = resync(link, version, clock::now());
                let (subject, id) = (subjects::edited(&edit.org, edit.incident), edit.id);
                let message = Outgoing::json(subject, id.to_string(), &Event::Edit(edit))?;
                self.bus.publish(message).await?;
            }
            metrics::counter!("tandem_compared_again_total").increment(behind.len() as u64);
        }
        Store::commit(transaction).await?;
        Ok(())
    }
}

impl Place {
    const fn new(version: u64, now: Instant) -> Self {
        Self { version, after: None, rest: REST.0, due: now }
    }

    /// Goes on after what was found; at the end, rests and begins again.
    fn passed(&mut self, found: &[Behind], now: Instant) {
        let began = self.after.is_none();
        self.after = found.last().map(|last| last.place);
        if !found.is_empty() {
            self.rest = REST.0;
        } else if began {
            self.due = now + self.rest;
            self.rest = (self.rest * 2).min(REST.1);
        }
    }
}

fn resync(behind: &Behind, version: u64, at: Timestamp) -> Edit {
    let link: LinkId = behind.place.link;
    let seed = format!("compare {link} under {version}");
    Edit {
        id: Mint::new(Timestamp::UNIX_EPOCH, seed.as_bytes()).id(),
        org: behind.org.clone(),
        incident: behind.incident,
        at,
        author: Actor {
            id: Some("tandem".to_owned()),
            name: Some("Tandem, after a change of configuration".to_owned()),
            ..Actor::unnamed(Side::Platform)
        },
        change: Change::Resync { link, read: false },
    }
}
