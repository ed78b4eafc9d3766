//! `/api/v1/decisions`, `/api/v1/audit/verify` and `/api/v1/incidents/{id}/explain` as JSON, and
//! what an integration left out: the same calls as the gRPC services.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    asked::{InPath, Queried},
    routes::Routes,
};
use crate::{
    api::{audit, integration},
    caller::Caller,
    refusal::Refusal,
    wire,
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/decisions", list)
        .get("/api/v1/audit/verify", verify)
        .get("/api/v1/audit/admin", done)
        .get("/api/v1/incidents/{incident}/explain", explain)
        .get("/api/v1/integrations/{integration}/ignored", ignored)
}

/// What decisions may be asked for by.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    organization_id: String,
    incident: String,
    field: String,
    rule: String,
    link: String,
    #[schemars(range(min = 0))]
    page_size: i32,
    page_token: String,
}

/// What a story may be asked for by.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Story {
    organization_id: String,
    field: String,
    steps: i32,
}

/// What was done may be asked for by.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Done {
    organization_id: String,
    actor: String,
    action: String,
    target: String,
    since: Option<jiff::Timestamp>,
    #[schemars(range(min = 0))]
    page_size: i32,
    page_token: String,
}

/// Which audit is to be checked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Checked {
    organization_id: String,
    incident: String,
}

/// How far to look back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Back {
    organization_id: String,
    days: i32,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Page {
    decisions: Vec<json::Decision>,
    next_page_token: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Entries {
    entries: Vec<json::AdminAuditEntry>,
    next_page_token: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Reasons {
    reasons: Vec<json::IgnoredEvents>,
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Asked>,
) -> Result<Json<Page>, Refusal> {
    let request = v1::ListDecisionsRequest {
        org: asked.organization_id,
        incident: asked.incident,
        field: asked.field,
        rule: asked.rule,
        link: asked.link,
        page_size: asked.page_size,
        page_token: asked.page_token,
    };
    let page = audit::list(&rest.admin, &caller, request).await?;
    let decisions = page.decisions.into_iter().map(Into::into).collect();
    Ok(Json(Page { decisions, next_page_token: page.next_page_token }))
}

async fn explain(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(incident): InPath,
    Queried(asked): Queried<Story>,
) -> Result<Json<json::Explanation>, Refusal> {
    let request = v1::ExplainIncidentRequest {
        org: asked.organization_id,
        incident,
        field: asked.field,
        steps: asked.steps,
    };
    let told = audit::explain(&rest.admin, &caller, request).await?;
    Ok(Json(json::Explanation::from(told)))
}

async fn verify(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Checked>,
) -> Result<Json<json::Verification>, Refusal> {
    let request = v1::VerifyAuditRequest { org: asked.organization_id, incident: asked.incident };
    let checked = audit::verify(&rest.admin, &caller, request).await?;
    Ok(Json(json::Verification::from(checked)))
}

async fn done(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Done>,
) -> Result<Json<Entries>, Refusal> {
    let request = v1::ListAdminAuditRequest {
        org: asked.organization_id,
        actor: asked.actor,
        action: asked.action,
        target: asked.target,
        since: asked.since.map(wire::instant),
        page_size: asked.page_size,
        page_token: asked.page_token,
    };
    let page = audit::done(&rest.admin, &caller, request).await?;
    let entries = page.entries.into_iter().map(Into::into).collect();
    Ok(Json(Entries { entries, next_page_token: page.next_page_token }))
}

async fn ignored(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Back>,
) -> Result<Json<Reasons>, Refusal> {
    let request =
        v1::ListIgnoredEventsRequest { org: asked.organization_id, integration, days: asked.days };
    let found = integration::ignored(&rest.admin, &caller, request).await?;
    Ok(Json(Reasons { reasons: found.reasons.into_iter().map(Into::into).collect() }))
}
