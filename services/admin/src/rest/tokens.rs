//! `/api/v1/tokens` and `/api/v1/keys` as JSON: the same calls as the gRPC services.

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
    api::{key, token},
    caller::Caller,
    refusal::{Checks, Refusal},
    wire,
};

/// The routes.
pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/api/v1/tokens", get(list).post(create))
        .route("/api/v1/tokens/{token}/revoke", post(revoke))
        .route("/api/v1/keys", get(keys))
        .route("/api/v1/keys/rotate", post(rotate))
}

/// The body that makes a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    #[serde(default)]
    organization_id: String,
    name: String,
    role: Option<String>,
    #[serde(default)]
    acts_for_others: bool,
    expire_time: Option<jiff::Timestamp>,
}

/// Which tokens are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Listed {
    organization_id: String,
    show_ended: bool,
    page_size: i32,
    page_token: String,
}

/// Which key is meant.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Key {
    key: String,
}

#[derive(Debug, Serialize)]
struct Tokens {
    tokens: Vec<json::Token>,
    next_page_token: String,
}

#[derive(Debug, Serialize)]
struct Keys {
    keys: Vec<json::Key>,
}

async fn create(
    State(rest): State<Rest>,
    caller: Caller,
    body: Result<Json<Creation>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = match asked::body(body) {
        Ok(body) => body,
        Err(answer) => return Ok(answer),
    };
    let mut checks = Checks::default();
    let role: Option<v1::Role> = checks.take("role", asked::word(body.role));
    checks.finish()?;
    let request = v1::CreateTokenRequest {
        org: body.organization_id,
        name: body.name,
        role: role.unwrap_or_default().into(),
        acts_for_others: body.acts_for_others,
        expire_time: body.expire_time.map(wire::instant),
    };
    let made = token::create(&rest.admin, &caller, request).await?;
    Ok((StatusCode::CREATED, Json(json::NewToken::from(made))).into_response())
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    asked: Queried<Listed>,
) -> Result<Response, Refusal> {
    let Listed { organization_id: org, show_ended, page_size, page_token } = asked::query(asked)?;
    let request = v1::ListTokensRequest { org, show_ended, page_size, page_token };
    let page = token::list(&rest.admin, &caller, request).await?;
    let tokens = page.tokens.into_iter().map(Into::into).collect();
    Ok(Json(Tokens { tokens, next_page_token: page.next_page_token }).into_response())
}

async fn revoke(
    State(rest): State<Rest>,
    caller: Caller,
    Path(token): Path<String>,
    asked: Queried<Within>,
) -> Result<Response, Refusal> {
    let Within { organization_id: org } = asked::query(asked)?;
    let request = v1::RevokeTokenRequest { org, token };
    let revoked = token::revoke(&rest.admin, &caller, request).await?;
    Ok(Json(json::Token::from(revoked)).into_response())
}

async fn keys(
    State(rest): State<Rest>,
    caller: Caller,
    asked: Queried<Key>,
) -> Result<Response, Refusal> {
    let Key { key } = asked::query(asked)?;
    let listed = key::list(&rest.admin, &caller, v1::ListKeysRequest { key }).await?;
    Ok(Json(Keys { keys: listed.keys.into_iter().map(Into::into).collect() }).into_response())
}

async fn rotate(
    State(rest): State<Rest>,
    caller: Caller,
    asked: Queried<Key>,
) -> Result<Response, Refusal> {
    let Key { key } = asked::query(asked)?;
    let rotated = key::rotate(&rest.admin, &caller, v1::RotateKeysRequest { key }).await?;
    Ok(Json(json::Rotation::from(rotated)).into_response())
}
