//! `/api/v1/links` as JSON: the same calls as the gRPC service.

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::JsonRejection, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{Rest, asked};
use crate::{api::link, caller::Caller, refusal::Refusal};

/// The routes.
pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/api/v1/links", get(list).post(create))
        .route("/api/v1/links/{link}", get(one).delete(delete))
        .route("/api/v1/links/{link}/resync", post(resync))
}

/// What a list may be asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    organization_id: String,
    integration: String,
    incident: String,
    page_size: i32,
    page_token: String,
}

/// The body that joins an incident to a record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    #[serde(default)]
    organization_id: String,
    integration: String,
    incident: String,
    record: String,
}

/// The body that has both sides compared.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Again {
    read: bool,
}

#[derive(Debug, Serialize)]
struct Page {
    links: Vec<json::Link>,
    next_page_token: String,
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let asked = asked::query(asked)?;
    let request = v1::ListLinksRequest {
        org: asked.organization_id,
        integration: asked.integration,
        incident: asked.incident,
        page_size: asked.page_size,
        page_token: asked.page_token,
    };
    let page = link::list(&rest.admin, &caller, request).await?;
    let links = page.links.into_iter().map(Into::into).collect();
    Ok(Json(Page { links, next_page_token: page.next_page_token }).into_response())
}

async fn one(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let found = link::get(&rest.admin, &caller, v1::GetLinkRequest { link: id }).await?;
    Ok(Json(json::Link::from(found)).into_response())
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
    let request = v1::CreateLinkRequest {
        org: body.organization_id,
        integration: body.integration,
        incident: body.incident,
        record: body.record,
        request_id: String::new(),
    };
    let made = link::create(&rest.admin, &caller, request).await?;
    let status = if made.pending { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    Ok((status, Json(json::ChangedLink::from(made))).into_response())
}

async fn delete(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let request = v1::DeleteLinkRequest { link: id, request_id: String::new() };
    let parted = link::delete(&rest.admin, &caller, request).await?;
    Ok(Json(json::ChangedLink::from(parted)).into_response())
}

async fn resync(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Json<Again>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = match asked::body(body) {
        Ok(body) => body,
        Err(answer) => return Ok(answer),
    };
    let request = v1::ResyncLinkRequest { link: id, read: body.read, request_id: String::new() };
    let compared = link::resync(&rest.admin, &caller, request).await?;
    Ok(Json(json::ChangedLink::from(compared)).into_response())
}
