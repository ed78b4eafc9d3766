//! What every request shares, and which path leads where.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::{ConnectInfo, Request, State},
    http::{Extensions, HeaderMap},
    response::{IntoResponse as _, Response},
    routing::{any, post},
};
use tandem_bus::{
    Bus,
    batch::Gathering,
    config::{Snapshot, Snapshots},
};
use tandem_connectors::inbound::{Inbound, inbound};
use tandem_domain::id::IntegrationId;
use tandem_runtime::{http::Rates, ops::Readiness};
use tandem_seal::Keyring;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    forward::{self, Upstream},
    receive, rehearse,
    rejection::Rejection,
    secrets::{Opened, Secrets},
};

/// The largest body: PagerDuty drops events above it by itself, and so may others.
pub(crate) const BODY_MAX: usize = 256 * 1024;
/// How long a body may take; with the broker's 3 s it must stay below [`WITHIN`] in normal life.
pub(crate) const BODY_WITHIN: Duration = Duration::from_millis(2500);
/// How long a delivery may take altogether: PagerDuty gives up after 5 s.
pub(crate) const WITHIN: Duration = Duration::from_millis(3800);
/// What all bodies in hand may hold together, in KiB: many small deliveries, or fewer large ones.
const IN_HAND_KIB: u32 = 32 * 1024;
/// What a delivery costs besides its body, in KiB.
const COST_KIB: u32 = 16;

/// What every request shares.
pub(crate) struct Door {
    pub(crate) bus: Bus,
    pub(crate) gathering: Gathering,
    pub(crate) upstream: Option<Upstream>,
    snapshots: Snapshots,
    secrets: Secrets,
    slots: Semaphore,
    /// What is not signed, and what is refused, by where it comes from.
    rates: Rates,
}

/// An integration whose deliveries can be judged.
pub(crate) struct Addressee {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) inbound: &'static dyn Inbound,
    pub(crate) opened: Arc<Opened>,
}

impl Addressee {
    /// Whether a delivery comes from a subscription that may be so new that its secret is not known
    /// here: what sends to this integration is seen to by us, and this is none of what we know of.
    pub(crate) fn is_news(&self, headers: &HeaderMap) -> bool {
        let Snapshot { integration, senders, .. } = &*self.snapshot;
        integration.public_url.is_some()
            && self.inbound.sender(headers).is_some_and(|sender| !senders.contains(&sender))
    }
}

impl Door {
    /// Nothing in hand yet.
    pub(crate) fn new(
        bus: Bus,
        gathering: Gathering,
        snapshots: Snapshots,
        keyring: Keyring,
        upstream: Option<Upstream>,
        rates: Rates,
    ) -> Self {
        let secrets = Secrets::new(keyring);
        Self {
            bus,
            gathering,
            upstream,
            snapshots,
            secrets,
            slots: Semaphore::new(IN_HAND_KIB as usize),
            rates,
        }
    }

    /// A place among the deliveries in hand, as large as the body says it is; there is no queue before
    /// it. What does not say, or is too large, takes the most there is.
    pub(crate) fn slot(&self, body: &Body) -> Result<SemaphorePermit<'_>, Rejection> {
        let length = usize::try_from(body.size_hint().upper().unwrap_or(u64::MAX));
        let length = length.unwrap_or(BODY_MAX).min(BODY_MAX);
        let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(IN_HAND_KIB);
        self.slots.try_acquire_many(kib + COST_KIB).map_err(|_| Rejection::Overloaded)
    }

    /// Counts a request that nothing vouches for; refused where too many come from there.
    pub(crate) fn count(&self, extensions: &Extensions) -> Result<(), Rejection> {
        let Some(ConnectInfo(source)) = extensions.get::<ConnectInfo<SocketAddr>>() else {
            return Ok(());
        };
        self.rates.take(source.ip()).map_err(|wait| Rejection::TooMany { wait })
    }

    /// The integration a path names, as a prefixed id or a bare UUID. A name that makes no sense is
    /// unknown like any other: who configured it wrongly gets the time to put it right.
    pub(crate) fn addressee(&self, id: &str) -> Result<Addressee, Rejection> {
        let id = id.parse::<IntegrationId>().map_err(|_| Rejection::Unknown)?;
        let Some(snapshot) = self.snapshots.get(id) else {
            return Err(if self.loaded() { Rejection::Unknown } else { Rejection::NotLoaded });
        };
        if snapshot.deleted {
            self.secrets.forget(id);
            return Err(Rejection::Deleted);
        }
        let inbound = inbound(&snapshot.integration.connector).ok_or(Rejection::Unknown)?;
        let opened = self.secrets.of(&snapshot);
        Ok(Addressee { snapshot, inbound, opened })
    }

    /// Whether the configuration was read in full.
    pub(crate) fn loaded(&self) -> bool {
        self.snapshots.seen().borrow().complete
    }
}

/// What must hold before deliveries can be taken.
pub(crate) fn readiness(bus: &Bus, snapshots: &Snapshots) -> Readiness {
    let (bus, seen) = (bus.clone(), snapshots.seen());
    Readiness::default()
        .check("nats", move || std::future::ready(bus.is_ready()))
        .check("configuration", move || std::future::ready(seen.borrow().complete))
}

/// The paths.
pub(crate) fn router(door: Door) -> Router {
    Router::new()
        .route("/api/v1/webhooks/{integration}", post(receive::webhook))
        .route("/api/v1/webhooks/{integration}/test", post(rehearse::test))
        .route("/api/v1/{*rest}", any(forward::forward))
        .fallback(nowhere)
        .with_state(Arc::new(door))
}

async fn nowhere(State(door): State<Arc<Door>>, request: Request) -> Response {
    match door.count(request.extensions()) {
        Ok(()) => forward::no_such_path(),
        Err(rejection) => rejection.into_response(),
    }
}
