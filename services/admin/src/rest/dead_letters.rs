//! `/api/v1/dead-letters` and `/api/v1/replays` as JSON: the same calls as the gRPC service.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tandem_proto::{json, v1};

use super::{
    Rest,
    answers::Begun,
    asked::{self, Body, InPath, Queried},
    routes::Routes,
};
use crate::{
    api::dead_letter,
    caller::Caller,
    refusal::{Checks, Refusal},
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/dead-letters", list)
        .get("/api/v1/dead-letters/groups", groups)
        .post("/api/v1/dead-letters/replay", replay_many)
        .get("/api/v1/dead-letters/{dead_letter}", one)
        .post("/api/v1/dead-letters/{dead_letter}/replay", replay_one)
        .post("/api/v1/dead-letters/{dead_letter}/discard", discard)
        .get("/api/v1/replays/{replay}", replay)
}

/// What a list may be asked with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    organization_id: String,
    integration: String,
    direction: Option<String>,
    state: Option<String>,
    group: String,
    #[schemars(range(min = 0))]
    page_size: i32,
    page_token: String,
}

/// What groups may be asked for with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Grouped {
    organization_id: String,
    integration: String,
    direction: Option<String>,
    state: Option<String>,
}

/// The body of a replay of many.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Many {
    organization_id: String,
    integration: String,
    direction: Option<String>,
    group: String,
    dead_letters: Vec<String>,
}

/// The body of a replay of one.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct One {
    /// What to send in place of the original.
    edited: Option<Value>,
    validate_only: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Discarding {
    reason: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Page {
    dead_letters: Vec<json::DeadLetter>,
    next_page_token: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Groups {
    groups: Vec<json::DeadLetterGroup>,
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Asked>,
) -> Result<Json<Page>, Refusal> {
    let mut checks = Checks::default();
    let direction =
        checks.take("direction", asked::word::<v1::DeadLetterDirection>(asked.direction));
    let state = checks.take("state", asked::word::<v1::DeadLetterState>(asked.state));
    checks.finish()?;
    let request = v1::ListDeadLettersRequest {
        org: asked.organization_id,
        integration: asked.integration,
        direction: direction.unwrap_or_default().into(),
        state: state.unwrap_or_default().into(),
        group: asked.group,
        page_size: asked.page_size,
        page_token: asked.page_token,
    };
    let page = dead_letter::list(&rest.admin, &caller, request).await?;
    let dead_letters = page.dead_letters.into_iter().map(Into::into).collect();
    Ok(Json(Page { dead_letters, next_page_token: page.next_page_token }))
}

async fn groups(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Grouped>,
) -> Result<Json<Groups>, Refusal> {
    let mut checks = Checks::default();
    let direction =
        checks.take("direction", asked::word::<v1::DeadLetterDirection>(asked.direction));
    let state = checks.take("state", asked::word::<v1::DeadLetterState>(asked.state));
    checks.finish()?;
    let request = v1::ListDeadLetterGroupsRequest {
        org: asked.organization_id,
        integration: asked.integration,
        direction: direction.unwrap_or_default().into(),
        state: state.unwrap_or_default().into(),
    };
    let groups = dead_letter::groups(&rest.admin, &caller, request).await?.groups;
    Ok(Json(Groups { groups: groups.into_iter().map(Into::into).collect() }))
}

async fn one(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(id): InPath,
) -> Result<Json<json::DeadLetter>, Refusal> {
    let request = v1::GetDeadLetterRequest { dead_letter: id };
    let found = dead_letter::get(&rest.admin, &caller, request).await?;
    Ok(Json(json::DeadLetter::from(found)))
}

async fn replay_one(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(id): InPath,
    Body(body): Body<One>,
) -> Result<Json<json::ReplayedLetter>, Refusal> {
    let request = v1::ReplayDeadLetterRequest {
        dead_letter: id,
        edited: body.edited.map(|edited| edited.to_string()).unwrap_or_default(),
        validate_only: body.validate_only,
    };
    let replayed = dead_letter::replay_one(&rest.admin, &caller, request).await?;
    Ok(Json(json::ReplayedLetter::from(replayed)))
}

async fn replay_many(
    State(rest): State<Rest>,
    caller: Caller,
    Body(body): Body<Many>,
) -> Result<Begun<json::Replay>, Refusal> {
    let mut checks = Checks::default();
    let direction =
        checks.take("direction", asked::word::<v1::DeadLetterDirection>(body.direction));
    checks.finish()?;
    let request = v1::ReplayDeadLettersRequest {
        org: body.organization_id,
        integration: body.integration,
        direction: direction.unwrap_or_default().into(),
        group: body.group,
        dead_letters: body.dead_letters,
    };
    let begun = json::Replay::from(dead_letter::replay_many(&rest.admin, &caller, request).await?);
    Ok(Begun(begun))
}

async fn replay(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(id): InPath,
) -> Result<Json<json::Replay>, Refusal> {
    let request = v1::GetReplayRequest { replay: id };
    let found = dead_letter::get_replay(&rest.admin, &caller, request).await?;
    Ok(Json(json::Replay::from(found)))
}

async fn discard(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(id): InPath,
    Body(body): Body<Discarding>,
) -> Result<Json<json::DeadLetter>, Refusal> {
    let request = v1::DiscardDeadLetterRequest { dead_letter: id, reason: body.reason };
    let discarded = dead_letter::discard(&rest.admin, &caller, request).await?;
    Ok(Json(json::DeadLetter::from(discarded)))
}
