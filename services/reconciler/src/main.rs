//! `tandem-reconciler`: boot order only.

use std::{process::ExitCode, sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use tandem_bus::Bus;
use tandem_reconciler::{
    apply::Applier, healing, relay::Relay, reported, seal::Sealer, settings::Settings,
    sweep::Sweeper, unseen,
};
use tandem_runtime::{Stop, ops, process};
use tandem_store::Store;
use tokio::sync::Notify;

/// How long a batch waits for what another one has in hand before it goes on without.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let settings: Settings = match process::settings() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let common = settings.common.clone();
    process::run("tandem-reconciler", &common, |stop| boot(settings, stop))
}

async fn boot(settings: Settings, stop: Stop) -> anyhow::Result<()> {
    let url = settings.database_url()?;
    let (url, name) = (url.expose_secret(), "tandem-reconciler");
    let store = Store::connect_for_batches(url, name, settings.connections, LOCK_TIMEOUT)?;
    let bus = Bus::connect(&settings.common.nats_url, "tandem-reconciler").await?;
    stop.spawn_dropped("topology", bus.clone().keep_topology_for(settings.feed_readers.0.clone()));

    let (ready_bus, ready_store) = (bus.clone(), store.clone());
    let readiness = ops::Readiness::default()
        .check("nats", move || std::future::ready(ready_bus.is_ready()))
        .check("postgres", move || {
            let store = ready_store.clone();
            async move { store.is_ready().await }
        });
    ops::serve(settings.ops_addr(), readiness, &stop).await?;

    let committed = Arc::new(Notify::new());
    let again_after = Duration::from_secs(settings.publish_again_after.into());
    let relay = Relay::new(store.clone(), bus.clone(), Arc::clone(&committed), again_after);
    stop.spawn("relay", relay.run(stop.clone()));
    let sweeper = Sweeper::new(store.clone(), bus.clone());
    stop.spawn("sweep", sweeper.run(stop.clone()));
    stop.spawn("healing", healing::run(store.clone(), bus.clone(), stop.clone()));
    stop.spawn("reported", reported::run(store.clone(), bus.clone(), stop.clone()));
    let unseen_after = Duration::from_secs(settings.compare_after.into());
    let unseen = unseen::run(store.clone(), bus.clone(), unseen_after, stop.clone());
    stop.spawn("unseen", unseen);
    stop.spawn("seal", Sealer::new(store.clone()).run(stop.clone()));
    let applier = Applier::new(store, bus, committed);
    stop.spawn("apply", applier.run(stop.clone()));
    Ok(())
}
