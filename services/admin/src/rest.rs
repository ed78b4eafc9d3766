//! The admin API as JSON over HTTP, for those who have no gRPC at hand.
//!
//! Nothing is decided here: a handler turns a body into the message of the gRPC call, makes the
//! call in-process, and turns the answer or the refusal into JSON. Who may make it is judged by the
//! call that [`served`] says it is.

mod answers;
mod asked;
mod audit;
mod changes;
mod configuration;
mod conflicts;
mod dead_letters;
mod document;
mod incidents;
mod integrations;
mod links;
mod misread;
mod plans;
mod problem;
mod questions;
mod routes;
mod rules;
mod served;
mod strict;
mod tokens;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    BoxError, Router,
    error_handling::HandleErrorLayer,
    extract::DefaultBodyLimit,
    http::{StatusCode, header},
    middleware,
    response::Response,
};
use tandem_runtime::{
    Stop,
    http::{self, Limits},
    ops::{self, OpsError, Readiness, probes},
};
use tower::{ServiceBuilder, limit::GlobalConcurrencyLimitLayer, timeout::error::Elapsed};

use self::routes::Routes;
use crate::{Admin, access::door, tls::Tls};

pub use self::document::document;
#[cfg(test)]
pub(crate) use self::served::SERVED;
pub(crate) use self::served::{allowed, call};

/// The largest body: an edited message of a dead letter.
const BODY_MAX: usize = 256 * 1024;
/// Requests in hand at a time; each may hold a body of [`BODY_MAX`].
const IN_HAND: usize = 96;
/// How long a request may take, its body included.
const WITHIN: Duration = Duration::from_secs(15);

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
    routes()
        .router
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(admin.gate().clone(), door::guard))
        .layer(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(overloaded))
                .load_shed()
                .layer(GlobalConcurrencyLimitLayer::new(IN_HAND))
                .timeout(WITHIN),
        )
        .with_state(Rest { admin, public_url })
        .merge(document::served())
        .merge(probes(readiness))
}

/// Every address of the API, and what answers there.
fn routes() -> Routes {
    integrations::routes()
        .merge(changes::routes())
        .merge(rules::routes())
        .merge(configuration::routes())
        .merge(dead_letters::routes())
        .merge(conflicts::routes())
        .merge(incidents::routes())
        .merge(links::routes())
        .merge(audit::routes())
        .merge(questions::routes())
        .merge(plans::routes())
        .merge(tokens::routes())
}

/// Says that there is no room, or that it took too long, which a slow body may be the reason of.
async fn overloaded(error: BoxError) -> Response {
    let detail = if error.is::<Elapsed>() {
        "the request was not through in time"
    } else {
        "too many requests are in hand: try again"
    };
    let status = StatusCode::SERVICE_UNAVAILABLE;
    problem::answer(status, "not available", detail.to_owned(), Vec::new())
}

/// The answer where nothing is.
async fn nowhere() -> Response {
    let detail = "there is nothing at this address: /api/v1/openapi.json names all that there are";
    nothing(StatusCode::NOT_FOUND, detail)
}

/// The answer to what is not looked at any further.
pub(crate) fn nothing(status: StatusCode, detail: &str) -> Response {
    problem::answer(status, "not served", detail.to_owned(), Vec::new())
}

/// The answer to a method that an address does not take.
pub(crate) fn not_this_way(allowed: &str) -> Response {
    let detail = format!("this address does not take this method, but {allowed}");
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = problem::answer(status, "not served", detail, Vec::new());
    if let Ok(allowed) = allowed.parse() {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// Serves the router until it is time to stop; answers where, which matters when `addr` has port 0.
pub async fn serve(
    router: Router,
    addr: SocketAddr,
    tls: Option<&Tls>,
    stop: &Stop,
) -> Result<SocketAddr, OpsError> {
    let listener = ops::listen(addr).await?;
    let addr = listener.local_addr().unwrap_or(addr);
    tracing::info!(%addr, "serving REST");
    let tls = tls.map(Tls::acceptor);
    stop.spawn("rest", http::serve(listener, tls, router, Limits::default(), stop.clone()));
    Ok(addr)
}
