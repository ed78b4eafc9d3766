//! `/api/v1/dead-letters` and `/api/v1/replays` as JSON: the same calls as the gRPC service.

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::JsonRejection, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tandem_proto::{json, v1, words::Word};

use super::{Rest, problem};
use crate::{
    api::dead_letter,
    caller::Caller,
    refusal::{Checks, Refusal},
};

/// The routes.
pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/api/v1/dead-letters", get(list))
        .route("/api/v1/dead-letters/groups", get(groups))
        .route("/api/v1/dead-letters/replay", post(replay_many))
        .route("/api/v1/dead-letters/{dead_letter}", get(one))
        .route("/api/v1/dead-letters/{dead_letter}/replay", post(replay_one))
        .route("/api/v1/dead-letters/{dead_letter}/discard", post(discard))
        .route("/api/v1/replays/{replay}", get(replay))
}

/// What a list may be asked with, and a replay of many.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    organization_id: String,
    integration: String,
    direction: Option<String>,
    state: Option<String>,
    group: String,
    page_size: i32,
    page_token: String,
}

/// The body of a replay of many.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Many {
    organization_id: String,
    integration: String,
    direction: Option<String>,
    group: String,
    dead_letters: Vec<String>,
}

/// The body of a replay of one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct One {
    /// What to send in place of the original.
    edited: Option<Value>,
    validate_only: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Discarding {
    reason: String,
}

#[derive(Debug, Serialize)]
struct Page {
    dead_letters: Vec<json::DeadLetter>,
    next_page_token: String,
}

#[derive(Debug, Serialize)]
struct Groups {
    groups: Vec<json::DeadLetterGroup>,
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let asked = queried(asked)?;
    let mut checks = Checks::default();
    let direction = checks.take("direction", word::<v1::DeadLetterDirection>(asked.direction));
    let state = checks.take("state", word::<v1::DeadLetterState>(asked.state));
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
    Ok(Json(Page { dead_letters, next_page_token: page.next_page_token }).into_response())
}

async fn groups(
    State(rest): State<Rest>,
    caller: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let asked = queried(asked)?;
    let mut checks = Checks::default();
    let direction = checks.take("direction", word::<v1::DeadLetterDirection>(asked.direction));
    let state = checks.take("state", word::<v1::DeadLetterState>(asked.state));
    checks.finish()?;
    let request = v1::ListDeadLetterGroupsRequest {
        org: asked.organization_id,
        integration: asked.integration,
        direction: direction.unwrap_or_default().into(),
        state: state.unwrap_or_default().into(),
    };
    let groups = dead_letter::groups(&rest.admin, &caller, request).await?.groups;
    Ok(Json(Groups { groups: groups.into_iter().map(Into::into).collect() }).into_response())
}

async fn one(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let request = v1::GetDeadLetterRequest { dead_letter: id };
    let found = dead_letter::get(&rest.admin, &caller, request).await?;
    Ok(Json(json::DeadLetter::from(found)).into_response())
}

async fn replay_one(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Json<One>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = match body {
        Ok(Json(body)) => body,
        Err(rejection) => return Ok(problem::unreadable(&rejection)),
    };
    let request = v1::ReplayDeadLetterRequest {
        dead_letter: id,
        edited: body.edited.map(|edited| edited.to_string()).unwrap_or_default(),
        validate_only: body.validate_only,
    };
    let replayed = dead_letter::replay_one(&rest.admin, &caller, request).await?;
    Ok(Json(json::ReplayedLetter::from(replayed)).into_response())
}

async fn replay_many(
    State(rest): State<Rest>,
    caller: Caller,
    body: Result<Json<Many>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = match body {
        Ok(Json(body)) => body,
        Err(rejection) => return Ok(problem::unreadable(&rejection)),
    };
    let mut checks = Checks::default();
    let direction = checks.take("direction", word::<v1::DeadLetterDirection>(body.direction));
    checks.finish()?;
    let request = v1::ReplayDeadLettersRequest {
        org: body.organization_id,
        integration: body.integration,
        direction: direction.unwrap_or_default().into(),
        group: body.group,
        dead_letters: body.dead_letters,
    };
    let begun = json::Replay::from(dead_letter::replay_many(&rest.admin, &caller, request).await?);
    Ok((StatusCode::ACCEPTED, Json(begun)).into_response())
}

async fn replay(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let request = v1::GetReplayRequest { replay: id };
    let found = dead_letter::get_replay(&rest.admin, &caller, request).await?;
    Ok(Json(json::Replay::from(found)).into_response())
}

async fn discard(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Json<Discarding>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = match body {
        Ok(Json(body)) => body,
        Err(rejection) => return Ok(problem::unreadable(&rejection)),
    };
    let request = v1::DiscardDeadLetterRequest { dead_letter: id, reason: body.reason };
    let discarded = dead_letter::discard(&rest.admin, &caller, request).await?;
    Ok(Json(json::DeadLetter::from(discarded)).into_response())
}

fn queried(asked: Result<Query<Asked>, QueryRejection>) -> Result<Asked, Refusal> {
    asked
        .map(|Query(asked)| asked)
        .map_err(|rejection| Refusal::invalid("query", rejection.body_text()))
}

/// The value of a word; left out, the unspecified one.
fn word<W: Word + Default>(text: Option<String>) -> Result<W, String> {
    match text {
        None => Ok(W::default()),
        Some(text) => W::from_word(&text).ok_or_else(|| format!("must be one of {}", W::choices())),
    }
}
