//! The rules of an integration's fields and services as JSON: the same calls as the gRPC services for ownership,
//! field mappings and service mappings.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    answers::Gone,
    asked::{self, Body, InPath, Mask, Paged, Queried, Unchanged, Within},
    routes::Routes,
};
use crate::{
    api::{field_mapping, ownership, service_mapping},
    caller::Caller,
    refusal::{Checks, Refusal},
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/integrations/{integration}/field-ownership", owners)
        .put("/api/v1/integrations/{integration}/field-ownership/{field}", own)
        .delete("/api/v1/integrations/{integration}/field-ownership/{field}", disown)
        .get("/api/v1/integrations/{integration}/field-mappings", mappings)
        .patch("/api/v1/integrations/{integration}/field-mappings/{field}", map)
        .delete("/api/v1/integrations/{integration}/field-mappings/{field}", unmap)
        .put(
            "/api/v1/integrations/{integration}/field-mappings/{field}/counterparts/{platform}",
            set_counterpart,
        )
        .delete(
            "/api/v1/integrations/{integration}/field-mappings/{field}/counterparts/{platform}",
            remove_counterpart,
        )
        .get("/api/v1/integrations/{integration}/service-mappings", services)
        .put("/api/v1/integrations/{integration}/service-mappings/{service}", add_service)
        .delete("/api/v1/integrations/{integration}/service-mappings/{service}", remove_service)
}

/// The body that says who owns a field.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Owned {
    organization_id: String,
    owner: Option<String>,
    priority: u32,
    enforced: Option<bool>,
    direction: Option<String>,
    etag: String,
}

/// The body that sets parts of a field's mapping.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Mapped {
    organization_id: String,
    rows: Option<Vec<json::ConfiguredRow>>,
    priorities: Option<Vec<json::ConfiguredRow>>,
    external_name: Option<String>,
    etag: String,
}

/// The body that says who or what somebody is over there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Counterpart {
    #[serde(default)]
    organization_id: String,
    external: String,
    #[serde(default)]
    etag: String,
}

/// The body that maps a service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Service {
    #[serde(default)]
    organization_id: String,
    incident_type: String,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    etag: String,
}

/// Which service mapping is to be removed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Removed {
    organization_id: String,
    incident_type: String,
    etag: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Owners {
    ownership: Vec<json::FieldOwnership>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Mappings {
    mappings: Vec<json::FieldMapping>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Services {
    mappings: Vec<json::ServiceMapping>,
    next_page_token: String,
    etag: String,
}

type OfField = (String, String);
type OfPartner = (String, String, String);

async fn owners(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<Owners>, Refusal> {
    let request = v1::ListFieldOwnershipRequest { org: asked.organization_id, integration };
    let found = ownership::list(&rest.admin, &caller, request).await?.ownership;
    Ok(Json(Owners { ownership: found.into_iter().map(Into::into).collect() }))
}

async fn own(
    State(rest): State<Rest>,
    caller: Caller,
    InPath((integration, field)): InPath<OfField>,
    Body(body): Body<Owned>,
) -> Result<Json<json::FieldOwnership>, Refusal> {
    let mut checks = Checks::default();
    let owner = checks.take("owner", asked::word::<v1::Side>(body.owner));
    let direction =
        checks.take("ownership.direction", asked::word::<v1::Direction>(body.direction));
    checks.finish()?;
    let ownership = v1::FieldOwnership {
        field,
        owner: owner.unwrap_or_default().into(),
        priority: body.priority,
        enforced: body.enforced,
        direction: direction.unwrap_or_default().into(),
        ..Default::default()
    };
    let request = v1::SetFieldOwnershipRequest {
        org: body.organization_id,
        integration,
        ownership: Some(ownership),
        etag: body.etag,
    };
    Ok(Json(ownership::set(&rest.admin, &caller, request).await?.into()))
}

async fn disown(
    State(rest): State<Rest>,
    caller: Caller,
    InPath((integration, field)): InPath<OfField>,
    Queried(asked): Queried<Unchanged>,
) -> Result<Json<json::FieldOwnership>, Refusal> {
    let Unchanged { organization_id: org, etag } = asked;
    let request = v1::ResetFieldOwnershipRequest { org, integration, field, etag };
    Ok(Json(ownership::reset(&rest.admin, &caller, request).await?.into()))
}

async fn mappings(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<Mappings>, Refusal> {
    let request = v1::ListFieldMappingsRequest { org: asked.organization_id, integration };
    let found = field_mapping::list(&rest.admin, &caller, request).await?.mappings;
    Ok(Json(Mappings { mappings: found.into_iter().map(Into::into).collect() }))
}

async fn map(
    State(rest): State<Rest>,
    caller: Caller,
    InPath((integration, field)): InPath<OfField>,
    Body(body): Body<Mapped>,
) -> Result<Json<json::FieldMapping>, Refusal> {
    let rows = |rows: Vec<json::ConfiguredRow>| {
        let row = |json::ConfiguredRow { platform, external, fresh }| v1::MappingRow {
            platform,
            external,
            fresh,
        };
        rows.into_iter().map(row).collect()
    };
    let mut mask = Mask::default();
    let mapping = v1::FieldMapping {
        field,
        rows: rows(mask.take("rows", body.rows)),
        priorities: rows(mask.take("priorities", body.priorities)),
        external_name: mask.take("external_name", body.external_name),
        ..Default::default()
    };
    let request = v1::SetFieldMappingRequest {
        org: body.organization_id,
        integration,
        mapping: Some(mapping),
        update_mask: Some(mask.finish()?),
        etag: body.etag,
    };
    Ok(Json(field_mapping::set(&rest.admin, &caller, request).await?.into()))
}

async fn unmap(
    State(rest): State<Rest>,
    caller: Caller,
    InPath((integration, field)): InPath<OfField>,
    Queried(asked): Queried<Unchanged>,
) -> Result<Json<json::FieldMapping>, Refusal> {
    let Unchanged { organization_id: org, etag } = asked;
    let request = v1::ResetFieldMappingRequest { org, integration, field, etag };
    Ok(Json(field_mapping::reset(&rest.admin, &caller, request).await?.into()))
}

async fn set_counterpart(
    State(rest): State<Rest>,
    caller: Caller,
    InPath((integration, field, platform)): InPath<OfPartner>,
    Body(body): Body<Counterpart>,
) -> Result<Json<json::FieldMapping>, Refusal> {
    let Counterpart { organization_id: org, external, etag } = body;
    let request = v1::SetCounterpartRequest { org, integration, field, platform, external, etag };
    Ok(Json(field_mapping::set_counterpart(&rest.admin, &caller, request).await?.into()))
}

async fn remove_counterpart(
    State(rest): State<Rest>,
    caller: Caller,
    InPath((integration, field, platform)): InPath<OfPartner>,
    Queried(asked): Queried<Unchanged>,
) -> Result<Json<json::FieldMapping>, Refusal> {
    let Unchanged { organization_id: org, etag } = asked;
    let request = v1::RemoveCounterpartRequest { org, integration, field, platform, etag };
    Ok(Json(field_mapping::remove_counterpart(&rest.admin, &caller, request).await?.into()))
}

async fn services(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Paged>,
) -> Result<Json<Services>, Refusal> {
    let Paged { organization_id: org, page_size, page_token } = asked;
    let request = v1::ListServiceMappingsRequest { org, integration, page_size, page_token };
    let page = service_mapping::list(&rest.admin, &caller, request).await?;
    let mappings = page.mappings.into_iter().map(Into::into).collect();
    Ok(Json(Services { mappings, next_page_token: page.next_page_token, etag: page.etag }))
}

async fn add_service(
    State(rest): State<Rest>,
    caller: Caller,
    InPath((integration, service)): InPath<OfField>,
    Body(body): Body<Service>,
) -> Result<Json<json::ServiceMapping>, Refusal> {
    let Service { organization_id: org, incident_type, is_default, etag } = body;
    let mapping = v1::ServiceMapping { service, incident_type, is_default, ..Default::default() };
    let request = v1::AddServiceMappingRequest { org, integration, mapping: Some(mapping), etag };
    Ok(Json(service_mapping::add(&rest.admin, &caller, request).await?.into()))
}

async fn remove_service(
    State(rest): State<Rest>,
    caller: Caller,
    InPath((integration, service)): InPath<OfField>,
    Queried(asked): Queried<Removed>,
) -> Result<Gone, Refusal> {
    let Removed { organization_id: org, incident_type, etag } = asked;
    let request =
        v1::RemoveServiceMappingRequest { org, integration, service, incident_type, etag };
    service_mapping::remove(&rest.admin, &caller, request).await?;
    Ok(Gone)
}
