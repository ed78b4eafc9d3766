//! `/api/v1/conflicts` as JSON: the same calls as the gRPC service.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    asked::{self, Body, InPath, Queried, Within},
    routes::Routes,
};
use crate::{
    api::conflict::{self, resolve},
    caller::Caller,
    refusal::{Checks, Refusal},
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/conflicts", list)
        .post("/api/v1/conflicts/resolve", resolve_many)
        .get("/api/v1/conflicts/{conflict}", one)
        .post("/api/v1/conflicts/{conflict}/resolve", resolve_one)
}

/// What a list may be asked with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    organization_id: String,
    integration: String,
    incident: String,
    field: String,
    standing: Option<String>,
    #[schemars(range(min = 0))]
    page_size: i32,
    page_token: String,
}

/// The body that decides one.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Decided {
    organization_id: String,
    take: Option<String>,
    value: Option<String>,
}

/// The body that decides many.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Many {
    organization_id: String,
    conflicts: Vec<String>,
    integration: String,
    incident: String,
    field: String,
    take: Option<String>,
    value: Option<String>,
    page_token: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Page {
    conflicts: Vec<json::Conflict>,
    next_page_token: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Answer {
    conflict: Option<json::Conflict>,
    pending: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Answers {
    resolutions: Vec<json::ConflictResolution>,
    next_page_token: String,
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Asked>,
) -> Result<Json<Page>, Refusal> {
    let mut checks = Checks::default();
    let standing = checks.take("standing", asked::word::<v1::ConflictStanding>(asked.standing));
    checks.finish()?;
    let request = v1::ListConflictsRequest {
        org: asked.organization_id,
        integration: asked.integration,
        incident: asked.incident,
        field: asked.field,
        standing: standing.unwrap_or_default().into(),
        page_size: asked.page_size,
        page_token: asked.page_token,
    };
    let page = conflict::list(&rest.admin, &caller, request).await?;
    let conflicts = page.conflicts.into_iter().map(Into::into).collect();
    Ok(Json(Page { conflicts, next_page_token: page.next_page_token }))
}

async fn one(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(id): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<json::Conflict>, Refusal> {
    let org = asked.organization_id;
    let found =
        conflict::get(&rest.admin, &caller, v1::GetConflictRequest { org, conflict: id }).await?;
    Ok(Json(json::Conflict::from(found)))
}

async fn resolve_one(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(id): InPath,
    Body(body): Body<Decided>,
) -> Result<Json<Answer>, Refusal> {
    let request = v1::ResolveConflictRequest {
        org: body.organization_id,
        conflict: id,
        take: take(body.take)?.into(),
        value: body.value,
        request_id: String::new(),
    };
    let decided = resolve::one(&rest.admin, &caller, request).await?;
    let answer = Answer { conflict: decided.conflict.map(Into::into), pending: decided.pending };
    Ok(Json(answer))
}

async fn resolve_many(
    State(rest): State<Rest>,
    caller: Caller,
    Body(body): Body<Many>,
) -> Result<Json<Answers>, Refusal> {
    let request = v1::ResolveConflictsRequest {
        org: body.organization_id,
        conflicts: body.conflicts,
        integration: body.integration,
        incident: body.incident,
        field: body.field,
        take: take(body.take)?.into(),
        value: body.value,
        page_token: body.page_token,
    };
    let decided = resolve::many(&rest.admin, &caller, request).await?;
    let resolutions = decided.resolutions.into_iter().map(Into::into).collect();
    let answer = Answers { resolutions, next_page_token: decided.next_page_token };
    Ok(Json(answer))
}

fn take(word: Option<String>) -> Result<v1::ConflictTake, Refusal> {
    asked::word(word).map_err(|problem| Refusal::invalid("take", problem))
}
