//! Starts admin: settings, connections, then the publisher and the three ports. Or does the one
//! thing that was asked of it on the command line, and ends.

use std::{process::ExitCode, time::Duration};

use secrecy::ExposeSecret as _;
use tandem_admin::{
    Admin,
    access::Access,
    at_hand, dead_letters, gauges, grpc, people, plans, publisher, rest,
    settings::{Command, Settings, TokenCommand},
    subscriptions,
    tls::Tls,
};
use tandem_bus::Bus;
use tandem_runtime::{Stop, ops, process};
use tandem_seal::Keyring;
use tandem_store::Store;

const NAME: &str = "tandem-admin";

fn main() -> ExitCode {
    let settings: Settings = match process::settings() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    if let Err(contradiction) = settings.check() {
        return process::usage(&contradiction);
    }
    match &settings.command {
        Some(Command::Migrate) => {
            return process::run(NAME, &settings.common, |stop| migrate(&settings, stop));
        }
        Some(Command::Token(command)) => {
            return process::run(NAME, &settings.common, |stop| token(&settings, command, stop));
        }
        None => {}
    }
    let keyring = match settings.keyring() {
        Ok(keyring) => keyring,
        Err(unusable) => return process::usage(&unusable),
    };
    let tls = match settings.tls() {
        Ok(tls) => tls,
        Err(unusable) => return process::usage(&unusable),
    };
    process::run(NAME, &settings.common, |stop| serve(&settings, keyring, tls, stop))
}

async fn migrate(settings: &Settings, stop: Stop) -> anyhow::Result<()> {
    let store = Store::connect(settings.database_url()?.expose_secret(), NAME, 1)?;
    tandem_store::migrate(&store).await?;
    stop.ask();
    Ok(())
}

async fn token(settings: &Settings, command: &TokenCommand, stop: Stop) -> anyhow::Result<()> {
    let store = Store::connect(settings.database_url()?.expose_secret(), NAME, 1)?;
    at_hand::run(&store, command).await?;
    stop.ask();
    Ok(())
}

async fn serve(
    settings: &Settings,
    keyring: Keyring,
    tls: Option<Tls>,
    stop: Stop,
) -> anyhow::Result<()> {
    let url = settings.database_url()?;
    let store = Store::connect(url.expose_secret(), NAME, settings.database_connections)?;
    let bus = Bus::connect(&settings.common.nats_url, NAME).await?;
    let access = settings.access();
    warn(settings, access, tls.is_some());
    let admin = Admin::new(store, bus.clone(), keyring, access, stop.clone())
        .paced(settings.requests_per_source);

    stop.spawn_dropped("topology", bus.keep_topology());
    stop.spawn_dropped("publisher", publisher::run(admin.clone()));
    let every = Duration::from_secs(settings.subscription_interval.into());
    stop.spawn_dropped("subscriptions", subscriptions::run(admin.clone(), every));
    stop.spawn_dropped("people", people::run(admin.clone(), every));
    stop.spawn_dropped("dead letters", dead_letters::run(admin.clone()));
    stop.spawn_dropped("gauges", gauges::run(admin.clone()));
    stop.spawn_dropped("plans", plans::apply::run(admin.clone()));
    let readiness = admin.readiness();
    grpc::serve(admin.clone(), settings.grpc_addr, tls.as_ref(), &stop).await?;
    let router = rest::router(admin, settings.public_url.as_deref(), readiness.clone());
    rest::serve(router, settings.rest_addr, tls.as_ref(), &stop).await?;
    // Last: whoever finds it ready finds the other ports open.
    ops::serve(settings.ops_addr(), readiness, &stop).await?;
    Ok(())
}

/// Says what an operator should know who did not mean it.
fn warn(settings: &Settings, access: Access, speaks_tls: bool) {
    if access == Access::Anybody && settings.is_exposed() {
        tracing::warn!("anybody who reaches the ports may do everything: --allow-unauthenticated");
    } else if settings.is_exposed() && !speaks_tls {
        tracing::warn!("tokens can be read on the way: no --tls-cert-file was given");
    }
}
