//! The ops port: `/healthz` (alive), `/readyz` (able to work; says what is missing), `/metrics`.

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Stop, http, meters};

type Check = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// What must hold before a service is ready.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: Arc<Vec<(&'static str, Check)>>,
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
    }
}

impl Readiness {
    /// Adds a check, made anew on each probe, so it must answer fast.
    #[must_use]
    pub fn check<F, Fut>(self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        let mut checks = Arc::into_inner(self.checks).unwrap_or_default();
        checks.push((name, Box::new(move || Box::pin(check()))));
        Self { checks: Arc::new(checks) }
    }

    async fn failing(&self) -> Vec<&'static str> {
        let mut failing = Vec::new();
        for (name, check) in self.checks.iter() {
            if !check().await {
                failing.push(*name);
            }
        }
        failing
    }
}

/// Why the ops port could not be served.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// The metrics recorder was installed before.
    #[error("metrics are already set up")]
    Metrics,
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// `/healthz` and `/readyz`, for the ops port and for a service's own.
pub fn probes(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, Json<Value>) {
    let failing = readiness.failing().await;
    if failing.is_empty() {
        (StatusCode::OK, Json(json!({"status": "ok"})))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "not ready", "failing": failing})))
    }
}

/// Listens on `addr`, with an error that names it.
pub async fn listen(addr: SocketAddr) -> Result<TcpListener, OpsError> {
    TcpListener::bind(addr).await.map_err(|source| OpsError::Listen { addr, source })
}

/// Serves probes and metrics until it is time to stop.
pub async fn serve(addr: SocketAddr, readiness: Readiness, stop: &Stop) -> Result<(), OpsError> {
    let metrics = meters::install().ok_or(OpsError::Metrics)?;
    let listener = listen(addr).await?;
    let upkeep = metrics.clone();
    stop.spawn_dropped("metrics upkeep", async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    let router = Router::new()
        .route(
            "/metrics",
            get(|State(metrics): State<PrometheusHandle>| async move { metrics.render() }),
        )
        .with_state(metrics)
        .merge(probes(readiness));
    // Probes and one or two scrapers.
    let limits = http::Limits { connections: 128, per_source: 64 };
    stop.spawn("ops", http::serve(listener, None, router, limits, stop.clone()));
    Ok(())
}
