//! Plans as JSON: the same calls as the gRPC service.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    answers::{Begun, Created},
    asked::{self, Body, InPath, Queried, Within},
    routes::Routes,
};
use crate::{
    api::plan,
    caller::Caller,
    refusal::{Checks, Refusal},
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .post("/api/v1/integrations/{integration}/plans", create)
        .get("/api/v1/integrations/{integration}/plans/newest", newest)
        .get("/api/v1/plans/{plan}", one)
        .get("/api/v1/plans/{plan}/lines", lines)
        .post("/api/v1/plans/{plan}/apply", apply)
}

/// What lines may be asked for with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    kind: Option<String>,
    state: Option<String>,
    #[schemars(range(min = 0))]
    page_size: i32,
    page_token: String,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Applying {
    max_notifications: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Page {
    lines: Vec<json::PlanLine>,
    next_page_token: String,
}

async fn create(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Created<json::Plan>, Refusal> {
    let org = asked.organization_id;
    let request = v1::CreatePlanRequest { org, integration };
    let made = json::Plan::from(plan::create(&rest.admin, &caller, request).await?);
    Ok(Created(made))
}

async fn newest(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<json::Plan>, Refusal> {
    let org = asked.organization_id;
    let request = v1::GetPlanRequest { org, integration, ..Default::default() };
    Ok(Json(json::Plan::from(plan::get(&rest.admin, &caller, request).await?)))
}

async fn one(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(plan): InPath,
) -> Result<Json<json::Plan>, Refusal> {
    let request = v1::GetPlanRequest { plan, ..Default::default() };
    Ok(Json(json::Plan::from(plan::get(&rest.admin, &caller, request).await?)))
}

async fn lines(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(plan): InPath,
    Queried(asked): Queried<Asked>,
) -> Result<Json<Page>, Refusal> {
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
    Ok(Json(Page { lines, next_page_token: page.next_page_token }))
}

async fn apply(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(plan): InPath,
    Body(body): Body<Applying>,
) -> Result<Begun<json::Plan>, Refusal> {
    let Applying { max_notifications } = body;
    let request = v1::ApplyPlanRequest { plan, max_notifications };
    let begun = json::Plan::from(plan::apply(&rest.admin, &caller, request).await?);
    Ok(Begun(begun))
}
