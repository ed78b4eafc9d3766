//! `/api/v1/incidents/…` as JSON: bringing people in, by the same calls as the gRPC service.

use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{Rest, asked};
use crate::{api::edit, caller::Caller, refusal::Refusal};

/// The routes.
pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/api/v1/incidents/{incident}/escalate", post(escalate))
        .route("/api/v1/incidents/{incident}/page", post(page))
}

/// The body that hands an incident on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Escalation {
    organization_id: String,
    level: u32,
    #[serde(default)]
    integration: String,
    #[serde(default)]
    request_id: String,
}

/// The body that has people asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    organization_id: String,
    message: String,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    integration: String,
    #[serde(default)]
    request_id: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    incident: Option<json::Incident>,
    pending: bool,
}

impl Answer {
    fn response(incident: Option<v1::Incident>, pending: bool) -> Response {
        let status = if pending { StatusCode::ACCEPTED } else { StatusCode::OK };
        (status, Json(Self { incident: incident.map(Into::into), pending })).into_response()
    }
}

async fn escalate(
    State(rest): State<Rest>,
    caller: Caller,
    Path(incident): Path<String>,
    body: Result<Json<Escalation>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = match asked::body(body) {
        Ok(body) => body,
        Err(answer) => return Ok(answer),
    };
    let Escalation { organization_id: org, level, integration, request_id } = body;
    let request = v1::EscalateIncidentRequest { org, incident, level, integration, request_id };
    let answer = edit::escalate(&rest.admin, &caller, request).await?;
    Ok(Answer::response(answer.incident, answer.pending))
}

async fn page(
    State(rest): State<Rest>,
    caller: Caller,
    Path(incident): Path<String>,
    body: Result<Json<Page>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = match asked::body(body) {
        Ok(body) => body,
        Err(answer) => return Ok(answer),
    };
    let Page { organization_id: org, message, users, policies, integration, request_id } = body;
    let request = v1::PageRespondersRequest {
        org,
        incident,
        message,
        users,
        policies,
        integration,
        request_id,
    };
    let answer = edit::page(&rest.admin, &caller, request).await?;
    Ok(Answer::response(answer.incident, answer.pending))
}
