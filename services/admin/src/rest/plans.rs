//! Plans as JSON: the same calls as the gRPC service.

use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    asked::{self, Queried, Within},
};
use crate::{
    api::plan,
    caller::Caller,
    refusal::{Checks, Refusal},
};

/// The routes.
pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/api/v1/integrations/{integration}/plans", post(create))
        .route("/api/v1/integrations/{integration}/plans/newest", get(newest))
        .route("/api/v1/plans/{plan}", get(one))
        .route("/api/v1/plans/{plan}/lines", get(lines))
        .route("/api/v1/plans/{plan}/apply", post(apply))
}

/// What lines may be asked for with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    kind: Option<String>,
    state: Option<String>,
    page_size: i32,
    page_token: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Applying {
    max_notifications: i64,
}

#[derive(Debug, Serialize)]
struct Page {
    lines: Vec<json::PlanLine>,
    next_page_token: String,
}

async fn create(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Queried<Within>,
) -> Result<Response, Refusal> {
    let org = asked::query(asked)?.organization_id;
    let request = v1::CreatePlanRequest { org, integration };
    let made = json::Plan::from(plan::create(&rest.admin, &caller, request).await?);
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

async fn newest(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Queried<Within>,
) -> Result<Response, Refusal> {
    let org = asked::query(asked)?.organization_id;
    let request = v1::GetPlanRequest { org, integration, ..Default::default() };
    Ok(Json(json::Plan::from(plan::get(&rest.admin, &caller, request).await?)).into_response())
}

async fn one(
    State(rest): State<Rest>,
    caller: Caller,
    Path(plan): Path<String>,
) -> Result<Response, Refusal> {
    let request = v1::GetPlanRequest { plan, ..Default::default() };
    Ok(Json(json::Plan::from(plan::get(&rest.admin, &caller, request).await?)).into_response())
}

async fn lines(
    State(rest): State<Rest>,
    caller: Caller,
    Path(plan): Path<String>,
    asked: Queried<Asked>,
) -> Result<Response, Refusal> {
    let asked = asked::query(asked)?;
    let mut checks = Checks::default();
    let kind = checks.take("kind", asked::word::<v1::PlanLineKind>(asked.kind));
    let state = checks.take("state", asked::word::<v1::PlanLineState>(asked.state));
    checks.finish()?;
    let request = v1::ListPlanLinesRequest {
        plan,
        kind: kind.unwrap_or_default().into(),
        state: state.unwrap_or_default().into(),
        page_size: asked.page_size,
        page_token: asked.page_token,
    };
    let page = plan::lines(&rest.admin, &caller, request).await?;
    let lines = page.lines.into_iter().map(Into::into).collect();
    Ok(Json(Page { lines, next_page_token: page.next_page_token }).into_response())
}

async fn apply(
    State(rest): State<Rest>,
    caller: Caller,
    Path(plan): Path<String>,
    body: Result<Json<Applying>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Applying { max_notifications } = match asked::body(body) {
        Ok(body) => body,
        Err(answer) => return Ok(answer),
    };
    let request = v1::ApplyPlanRequest { plan, max_notifications };
    let begun = json::Plan::from(plan::apply(&rest.admin, &caller, request).await?);
    Ok((StatusCode::ACCEPTED, Json(begun)).into_response())
}
