//! `/api/v1/links` as JSON: the same calls as the gRPC service.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    answers::Soon,
    asked::{Body, InPath, Queried},
    routes::Routes,
};
use crate::{api::link, caller::Caller, refusal::Refusal};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/links", list)
        .post("/api/v1/links", create)
        .get("/api/v1/links/{link}", one)
        .delete("/api/v1/links/{link}", delete)
        .post("/api/v1/links/{link}/resync", resync)
}

/// What a list may be asked with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    organization_id: String,
    integration: String,
    incident: String,
    #[schemars(range(min = 0))]
    page_size: i32,
    page_token: String,
}

/// The body that joins an incident to a record.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Creation {
    #[serde(default)]
    organization_id: String,
    integration: String,
    incident: String,
    record: String,
}

/// The body that has both sides compared.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Again {
    read: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Page {
    links: Vec<json::Link>,
    next_page_token: String,
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Asked>,
) -> Result<Json<Page>, Refusal> {
    let request = v1::ListLinksRequest {
        org: asked.organization_id,
        integration: asked.integration,
        incident: asked.incident,
        page_size: asked.page_size,
        page_token: asked.page_token,
    };
    let page = link::list(&rest.admin, &caller, request).await?;
    let links = page.links.into_iter().map(Into::into).collect();
    Ok(Json(Page { links, next_page_token: page.next_page_token }))
}

async fn one(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(id): InPath,
) -> Result<Json<json::Link>, Refusal> {
    let found = link::get(&rest.admin, &caller, v1::GetLinkRequest { link: id }).await?;
    Ok(Json(json::Link::from(found)))
}

async fn create(
    State(rest): State<Rest>,
    caller: Caller,
    Body(body): Body<Creation>,
) -> Result<Soon<201, json::ChangedLink>, Refusal> {
    let request = v1::CreateLinkRequest {
        org: body.organization_id,
        integration: body.integration,
        incident: body.incident,
        record: body.record,
        request_id: String::new(),
    };
    let made = link::create(&rest.admin, &caller, request).await?;
    Ok(Soon { pending: made.pending, answer: made.into() })
}

async fn delete(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(id): InPath,
) -> Result<Json<json::ChangedLink>, Refusal> {
    let request = v1::DeleteLinkRequest { link: id, request_id: String::new() };
    let parted = link::delete(&rest.admin, &caller, request).await?;
    Ok(Json(json::ChangedLink::from(parted)))
}

async fn resync(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(id): InPath,
    Body(body): Body<Again>,
) -> Result<Json<json::ChangedLink>, Refusal> {
    let request = v1::ResyncLinkRequest { link: id, read: body.read, request_id: String::new() };
    let compared = link::resync(&rest.admin, &caller, request).await?;
    Ok(Json(json::ChangedLink::from(compared)))
}
