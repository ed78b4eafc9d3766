//! Owns the control API under `/_sim/`: play people, turn knobs, read what happened, start over.
//!
//! It needs no key and is not part of PagerDuty; nothing here is counted, limited or faulted.

mod act;
mod knobs;
mod plan;
mod read;
mod stage;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::{Value, json};

pub(crate) use act::{Act, act};
pub(crate) use read::{CallFilter, incidents};

use crate::shared::Shared;

/// The control API.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/act", post(act::handle))
        .route("/_sim/calls", get(read::calls))
        .route("/_sim/deliveries", get(read::deliveries))
        .route("/_sim/incidents", get(read::all_incidents))
        .route("/_sim/incidents/{id}", get(read::one_incident))
        .route("/_sim/pending", get(read::what_is_pending))
        .route("/_sim/state", get(read::counts))
        .route("/_sim/faults", get(knobs::show).put(knobs::turn).delete(knobs::restore))
        .route("/_sim/reset", post(stage::reset))
        .route("/_sim/subscriptions", get(stage::subscriptions).post(stage::subscribe))
        .route("/_sim/subscriptions/{id}/rotate", post(stage::rotate))
        .route("/_sim/subscriptions/{id}/retire", post(stage::retire))
        .route("/_sim/users", post(plan::users))
        .route("/_sim/users/{id}", put(stage::user))
        .route("/_sim/services/{id}", put(stage::service))
        .route("/_sim/tokens/{grant}", put(stage::token))
        .route("/_sim/abilities", put(plan::abilities))
        .route("/_sim/priorities", put(plan::priorities))
}

/// A refused control call.
fn refused(status: StatusCode, why: &str) -> Response {
    shown(status, &json!({ "error": why }))
}

fn shown(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body)).into_response()
}
