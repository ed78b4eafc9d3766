//! Boot order of the PagerDuty egress: settings, NATS, configuration, ops port, runners.

use std::process::ExitCode;

use anyhow::Context;
use tandem_bus::{Bus, config::Snapshots};
use tandem_pagerduty_egress::{fleet::Fleet, settings::Settings};
use tandem_runtime::{Stop, ops, ops::Readiness, process};
use tandem_seal::Keyring;

const NAME: &str = "tandem-pagerduty-egress";

fn main() -> ExitCode {
    let settings: Settings = match process::settings() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let keys = match settings.master_keys.read() {
        Ok(keys) => keys,
        Err(error) => return process::usage(&error),
    };
    let keys = match Keyring::parse(&keys) {
        Ok(keys) => keys,
        Err(error) => return process::usage(&error),
    };
    let source = settings.master_keys.clone();
    let keys = keys.renewed_by(move || source.read().ok());
    process::run(NAME, &settings.common.clone(), |stop| boot(settings, keys, stop))
}

async fn boot(settings: Settings, keys: Keyring, stop: Stop) -> anyhow::Result<()> {
    let bus = Bus::connect(&settings.common.nats_url, NAME).await.context("NATS_URL")?;
    stop.spawn_dropped("topology", bus.clone().keep_topology());

    let snapshots = Snapshots::default();
    stop.spawn_dropped("configuration", snapshots.clone().follow(bus.clone()));

    let (connection, read) = (bus.clone(), snapshots.seen());
    let readiness = Readiness::default()
        .check("nats", move || std::future::ready(connection.is_ready()))
        .check("configuration", move || std::future::ready(read.borrow().complete));
    ops::serve(settings.ops_addr(), readiness, &stop).await?;

    let fleet = Fleet::new(bus, keys, &settings).context("the HTTP client")?;
    stop.spawn("runners", fleet.run(snapshots, stop.clone()));
    Ok(())
}
