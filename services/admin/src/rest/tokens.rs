//! `/api/v1/tokens` and `/api/v1/keys` as JSON: the same calls as the gRPC services.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    answers::Created,
    asked::{self, Body, InPath, Queried, Within},
    routes::Routes,
};
use crate::{
    api::{key, token},
    caller::Caller,
    refusal::{Checks, Refusal},
    wire,
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/tokens", list)
        .post("/api/v1/tokens", create)
        .post("/api/v1/tokens/{token}/revoke", revoke)
        .get("/api/v1/keys", keys)
        .post("/api/v1/keys/rotate", rotate)
}

/// The body that makes a token.
#[derive(Debug, Deserialize, JsonSchema)]
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
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Listed {
    organization_id: String,
    show_ended: bool,
    #[schemars(range(min = 0))]
    page_size: i32,
    page_token: String,
}

/// Which key is meant.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Key {
    key: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Tokens {
    tokens: Vec<json::Token>,
    next_page_token: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Keys {
    keys: Vec<json::Key>,
}

async fn create(
    State(rest): State<Rest>,
    caller: Caller,
    Body(body): Body<Creation>,
) -> Result<Created<json::NewToken>, Refusal> {
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
    Ok(Created(json::NewToken::from(made)))
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Listed>,
) -> Result<Json<Tokens>, Refusal> {
    let Listed { organization_id: org, show_ended, page_size, page_token } = asked;
    let request = v1::ListTokensRequest { org, show_ended, page_size, page_token };
    let page = token::list(&rest.admin, &caller, request).await?;
    let tokens = page.tokens.into_iter().map(Into::into).collect();
    Ok(Json(Tokens { tokens, next_page_token: page.next_page_token }))
}

async fn revoke(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(token): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<json::Token>, Refusal> {
    let Within { organization_id: org } = asked;
    let request = v1::RevokeTokenRequest { org, token };
    let revoked = token::revoke(&rest.admin, &caller, request).await?;
    Ok(Json(json::Token::from(revoked)))
}

async fn keys(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Key>,
) -> Result<Json<Keys>, Refusal> {
    let Key { key } = asked;
    let listed = key::list(&rest.admin, &caller, v1::ListKeysRequest { key }).await?;
    Ok(Json(Keys { keys: listed.keys.into_iter().map(Into::into).collect() }))
}

async fn rotate(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Key>,
) -> Result<Json<json::Rotation>, Refusal> {
    let Key { key } = asked;
    let rotated = key::rotate(&rest.admin, &caller, v1::RotateKeysRequest { key }).await?;
    Ok(Json(json::Rotation::from(rotated)))
}
