//! The admin API as JSON over HTTP, for those who have no gRPC at hand.
//!
//! Nothing is decided here: a handler turns a body into the message of the gRPC call, makes the
//! call in-process, and turns the answer or the refusal into JSON.

mod asked;
mod audit;
mod conflicts;
mod dead_letters;
mod incidents;
mod integrations;
mod links;
mod problem;
mod questions;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use tandem_runtime::{
    Stop,
    ops::{self, OpsError, Readiness, probes},
};

use crate::Admin;

/// The largest body: an edited message of a dead letter.
const BODY_MAX: usize = 256 * 1024;

/// What the handlers work with.
#[derive(Debug, Clone)]
struct Rest {
    admin: Admin,
    /// Root under which the outside reaches ingress, without trailing slash.
    public_url: Option<Arc<str>>,
}

/// The router of the REST API, probes included.
pub fn router(admin: Admin, public_url: Option<&str>, readiness: Readiness) -> Router {
    let public_url = public_url.map(|url| Arc::from(url.trim_end_matches('/')));
    Router::new()
        .route("/api/v1/integrations", get(integrations::list).post(integrations::create))
        .route("/api/v1/integrations/{integration}", get(integrations::get))
        .merge(dead_letters::routes())
        .merge(conflicts::routes())
        .merge(incidents::routes())
        .merge(links::routes())
        .merge(audit::routes())
        .merge(questions::routes())
        .fallback(|| async { nothing(StatusCode::NOT_FOUND, "there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            nothing(StatusCode::METHOD_NOT_ALLOWED, "this address does not take this method")
        })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(Rest { admin, public_url })
        .merge(probes(readiness))
}

fn nothing(status: StatusCode, detail: &str) -> Response {
    problem::answer(status, "not served", detail.to_owned(), Vec::new()).into_response()
}

/// Serves the router until it is time to stop; answers where, which matters when `addr` has port 0.
pub async fn serve(router: Router, addr: SocketAddr, stop: &Stop) -> Result<SocketAddr, OpsError> {
    let listener = ops::listen(addr).await?;
    let addr = listener.local_addr().unwrap_or(addr);
    tracing::info!(%addr, "serving REST");
    let asked = stop.clone();
    stop.spawn("rest", async move {
        let shutdown = async move { asked.asked().await };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(shutdown).await {
            tracing::error!(%error, "the REST port failed");
        }
    });
    Ok(addr)
}
