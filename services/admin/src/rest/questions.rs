//! Questions about an integration as JSON: who is on call, what its account has, how it is doing,
//! and whether its connection works. The same calls as the gRPC services.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    asked::{InPath, Queried, Within},
    routes::Routes,
};
use crate::{
    api::{directory, sync_status},
    caller::Caller,
    refusal::Refusal,
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/integrations/{integration}/oncall", on_call)
        .get("/api/v1/integrations/{integration}/users", users)
        .get("/api/v1/integrations/{integration}/services", services)
        .get("/api/v1/integrations/{integration}/escalation-policies", escalation_policies)
        .get("/api/v1/integrations/{integration}/priorities", priorities)
        .get("/api/v1/integrations/{integration}/sync-status", one)
        .post("/api/v1/integrations/{integration}/test", test)
        .get("/api/v1/status", all)
}

/// What a list of the account may be asked with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    organization_id: String,
    fresh: bool,
}

/// What who is on call may be asked with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct OnCallAsked {
    organization_id: String,
    schedule_id: String,
    fresh: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct All {
    integrations: Vec<json::SyncStatus>,
}

async fn on_call(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<OnCallAsked>,
) -> Result<Json<json::OnCalls>, Refusal> {
    let OnCallAsked { organization_id: org, schedule_id: schedule, fresh } = asked;
    let request = v1::ListOnCallRequest { org, integration, schedule, fresh };
    Ok(Json(json::OnCalls::from(directory::on_call(&rest.admin, &caller, request).await?)))
}

async fn users(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Asked>,
) -> Result<Json<json::AccountUsers>, Refusal> {
    let Asked { organization_id: org, fresh } = asked;
    let request = v1::ListUsersRequest { org, integration, fresh };
    let found = directory::users(&rest.admin, &caller, request).await?;
    Ok(Json(json::AccountUsers::from(found)))
}

async fn services(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Asked>,
) -> Result<Json<json::AccountServices>, Refusal> {
    let Asked { organization_id: org, fresh } = asked;
    let request = v1::ListServicesRequest { org, integration, fresh };
    let found = directory::services(&rest.admin, &caller, request).await?;
    Ok(Json(json::AccountServices::from(found)))
}

async fn escalation_policies(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Asked>,
) -> Result<Json<json::AccountEscalationPolicies>, Refusal> {
    let Asked { organization_id: org, fresh } = asked;
    let request = v1::ListEscalationPoliciesRequest { org, integration, fresh };
    let found = directory::escalation_policies(&rest.admin, &caller, request).await?;
    Ok(Json(json::AccountEscalationPolicies::from(found)))
}

async fn priorities(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Asked>,
) -> Result<Json<json::AccountPriorities>, Refusal> {
    let Asked { organization_id: org, fresh } = asked;
    let request = v1::ListPrioritiesRequest { org, integration, fresh };
    let found = directory::priorities(&rest.admin, &caller, request).await?;
    Ok(Json(json::AccountPriorities::from(found)))
}

async fn one(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<json::SyncStatus>, Refusal> {
    let org = asked.organization_id;
    let request = v1::GetSyncStatusRequest { org, integration };
    let found = sync_status::get(&rest.admin, &caller, request).await?;
    Ok(Json(json::SyncStatus::from(found)))
}

async fn all(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Within>,
) -> Result<Json<All>, Refusal> {
    let org = asked.organization_id;
    let found = sync_status::list(&rest.admin, &caller, v1::ListSyncStatusRequest { org }).await?;
    let integrations = found.integrations.into_iter().map(Into::into).collect();
    Ok(Json(All { integrations }))
}

async fn test(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<json::Checkup>, Refusal> {
    let org = asked.organization_id;
    let request = v1::TestIntegrationRequest { org, integration };
    Ok(Json(json::Checkup::from(sync_status::test(&rest.admin, &caller, request).await?)))
}
