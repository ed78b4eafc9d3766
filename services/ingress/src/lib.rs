//! Webhooks in: verified, normalised, published, and only then answered 202. No state, no database.
//!
//! One delivery's way: [`tandem_runtime::http`] accepts the connection, [`receive`] reads the bounded body, takes
//! the integration's configuration and opened [`secrets`], lets the connector verify and decode,
//! publishes, and answers when JetStream has it on disk. Why one was not taken is a [`rejection`],
//! which alone decides the status: 4xx says "never again" to the sender, so whatever may be our
//! own fault is a 503.

mod body;
mod door;
mod forward;
mod receive;
mod rehearse;
mod rejection;
mod secrets;
mod settings;

use std::net::{Ipv4Addr, SocketAddr};

use tandem_bus::{Bus, Unavailable, config::Snapshots};
use tandem_runtime::{
    Stop,
    http::{self, Limits, Rates},
    ops,
    tls::Tls,
};
use tandem_seal::Keyring;

pub use settings::{BadSettings, Settings};

/// Where probes and metrics are, unless set otherwise.
const OPS_ADDR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9101);

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// NATS refused for good, for example because of a malformed URL.
    #[error("the connection to nats cannot be set up")]
    Bus(#[source] Unavailable),
    /// A port cannot be served.
    #[error("a port cannot be served")]
    Port(#[source] ops::OpsError),
    /// The client for the admin API cannot be made.
    #[error("the client for --api-upstream cannot be made")]
    Upstream(#[source] reqwest::Error),
}

/// Connects to NATS in the background and opens both ports.
pub async fn start(
    settings: Settings,
    keyring: Keyring,
    tls: Option<Tls>,
    stop: &Stop,
) -> Result<(), StartError> {
    let bus = Bus::connect(&settings.common.nats_url, "tandem-ingress").await;
    let bus = bus.map_err(StartError::Bus)?;
    let snapshots = Snapshots::default();
    stop.spawn_dropped("topology", bus.clone().keep_topology());
    stop.spawn_dropped("configuration", snapshots.clone().follow(bus.clone()));

    let upstream = settings.api_upstream.map(forward::Upstream::new).transpose();
    let upstream = upstream.map_err(StartError::Upstream)?;
    let listener = ops::listen(settings.http_addr).await.map_err(StartError::Port)?;
    // Only now: readiness must not be told before connections are taken.
    let readiness = door::readiness(&bus, &snapshots);
    let ops_addr = settings.common.ops_addr.unwrap_or(OPS_ADDR);
    ops::serve(ops_addr, readiness.clone(), stop).await.map_err(StartError::Port)?;
    // Not dropped when it is time to stop: it ends after the last request that publishes.
    let (gathering, gathered) = bus.clone().gathering();
    stop.spawn("publishing", gathered);
    let rates = Rates::per_second(settings.requests_per_source);
    let door = door::Door::new(bus, gathering, snapshots, keyring, upstream, rates);
    let router = door::router(door).merge(ops::probes(readiness));
    let tls = tls.as_ref().map(Tls::acceptor);
    stop.spawn("http", http::serve(listener, tls, router, Limits::default(), stop.clone()));
    Ok(())
}
