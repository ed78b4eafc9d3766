//! One runner for each integration that is to be served, as the configuration says just now.
//!
//! A changed configuration is handed to the runner in place, so that nothing in hand is lost; an
//! integration that is no longer to be served has its runner stopped. Two runners never serve one
//! integration: a new one starts when the old one has ended, and of several copies of the service
//! only the one that has the integration's seat acts.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::SignedDuration;
use reqwest::Client;
use tandem_bus::{
    Bus,
    config::{Snapshot, Snapshots},
};
use tandem_domain::id::IntegrationId;
use tandem_runtime::{Stop, process::chain};
use tandem_seal::Keyring;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    account::{Account, Unusable},
    attempts::Attempts,
    call,
    catalog::Catalog,
    deliver::Delivery,
    gate::Gate,
    heal::{Rhythm, shown::Shown, turns::Turns},
    runner::Runner,
    settings::Settings,
    work,
};

/// What is added to the request time-out before something uncertain is looked for.
const MARGIN: Duration = Duration::from_secs(1);

/// Keeps a runner for each integration that is to be served.
#[derive(Debug)]
pub struct Fleet {
    bus: Bus,
    http: Client,
    keys: Arc<Keyring>,
    settling: Duration,
    headroom: u32,
    give_up_after: SignedDuration,
    rhythm: Rhythm,
    serving: HashMap<IntegrationId, Serving>,
    runners: JoinSet<IntegrationId>,
    /// The versions that were found unusable, so that each is said once.
    unusable: HashMap<IntegrationId, u64>,
}

/// A runner and what it is controlled by.
#[derive(Debug)]
struct Serving {
    delivery: Arc<Delivery>,
    version: u64,
}

impl Fleet {
    /// A fleet that serves nobody yet.
    pub fn new(bus: Bus, keys: Keyring, settings: &Settings) -> Result<Self, reqwest::Error> {
        Ok(Self {
            bus,
            http: call::client(settings.request_timeout)?,
            keys: Arc::new(keys),
            settling: settings.request_timeout + MARGIN,
            headroom: settings.headroom,
            give_up_after: SignedDuration::from_hours(24 * i64::from(settings.give_up_after)),
            rhythm: settings.rhythm(),
            serving: HashMap::new(),
            runners: JoinSet::new(),
            unusable: HashMap::new(),
        })
    }

    /// Follows the configuration until it is time to stop, and ends every runner then.
    pub async fn run(mut self, snapshots: Snapshots, stop: Stop) {
        let mut seen = snapshots.seen();
        loop {
            seen.mark_unchanged();
            for snapshot in snapshots.all() {
                self.follow(&snapshot);
            }
            tokio::select! {
                () = stop.asked() => break,
                changed = seen.changed() => if changed.is_err() { break },
                Some(ended) = self.runners.join_next() => match ended {
                    Ok(id) => drop(self.serving.remove(&id)),
                    Err(error) => {
                        // Half a service is worse than none: the supervisor starts it anew.
                        tracing::error!(%error, "a runner died");
                        return;
                    }
                },
            }
        }
        for serving in self.serving.values() {
            serving.delivery.stop.cancel();
        }
        while self.runners.join_next().await.is_some() {}
        // What was acknowledged last is still on its way.
        self.bus.drain().await;
    }

    /// Does what a snapshot asks for.
    fn follow(&mut self, snapshot: &Snapshot) {
        let integration = &snapshot.integration;
        let (id, version) = (integration.id, integration.version);
        let known = self.serving.get(&id).is_some_and(|serving| serving.version == version)
            || self.unusable.get(&id) == Some(&version);
        if known || !work::is_ours(&integration.connector) {
            return;
        }
        match Account::open(snapshot, &self.keys, self.headroom) {
            Ok(Some(account)) => self.serve(account),
            Ok(None) => self.leave(id),
            Err(error) => self.give_up(id, version, &error),
        }
    }

    fn serve(&mut self, account: Account) {
        let (id, version) = (account.integration.id, account.version());
        match self.serving.get_mut(&id) {
            // It is still ending; its end brings us here again.
            Some(serving) if serving.delivery.stop.is_cancelled() => {}
            Some(serving) => {
                tracing::info!(integration = %id, version, "goes on under a new configuration");
                serving.version = version;
                serving.delivery.gate.renew(account);
            }
            None => {
                tracing::info!(integration = %id, version, "serving");
                let stop = CancellationToken::new();
                let connector = account.integration.connector.clone();
                let (seat, sitting) = self.bus.seat(&connector, id);
                let delivery = Arc::new(Delivery {
                    bus: self.bus.clone(),
                    http: self.http.clone(),
                    catalog: Catalog::default(),
                    attempts: Attempts::default(),
                    keys: Arc::clone(&self.keys),
                    turns: Turns::default(),
                    shown: Shown::default(),
                    rhythm: self.rhythm,
                    connector,
                    gate: Gate::new(account, seat, stop.clone()),
                    settling: self.settling,
                    give_up_after: self.give_up_after,
                    stop,
                });
                let runner = Runner::new(id, Arc::clone(&delivery));
                self.serving.insert(id, Serving { delivery, version });
                self.runners.spawn(async move {
                    Box::pin(runner.run(sitting)).await;
                    id
                });
            }
        }
    }

    fn leave(&mut self, id: IntegrationId) {
        if let Some(serving) = self.serving.get(&id)
            && !serving.delivery.stop.is_cancelled()
        {
            tracing::info!(integration = %id, "no longer served");
            serving.delivery.stop.cancel();
        }
    }

    fn give_up(&mut self, id: IntegrationId, version: u64, error: &Unusable) {
        tracing::error!(integration = %id, version, error = chain(error), "cannot be served");
        self.unusable.insert(id, version);
        self.leave(id);
    }
}
