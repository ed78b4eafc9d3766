//! Questions about an integration as JSON: who is on call, what its account has, how it is doing,
//! and whether its connection works. The same calls as the gRPC services.

use axum::{
    Json, Router,
    extract::{Path, State},
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
    api::{directory, sync_status},
    caller::Caller,
    refusal::Refusal,
};

/// The routes.
pub(super) fn routes() -> Router<Rest> {
    let of = |what: &str| format!("/api/v1/integrations/{{integration}}/{what}");
    Router::new()
        .route(&of("oncall"), get(on_call))
        .route(&of("users"), get(users))
        .route(&of("services"), get(services))
        .route(&of("escalation-policies"), get(escalation_policies))
        .route(&of("priorities"), get(priorities))
        .route(&of("sync-status"), get(one))
        .route(&of("test"), post(test))
        .route("/api/v1/status", get(all))
}

/// What a list of the account may be asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    organization_id: String,
    fresh: bool,
}

/// What who is on call may be asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OnCallAsked {
    organization_id: String,
    schedule_id: String,
    fresh: bool,
}

#[derive(Debug, Serialize)]
struct All {
    integrations: Vec<json::SyncStatus>,
}

async fn on_call(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Queried<OnCallAsked>,
) -> Result<Response, Refusal> {
    let OnCallAsked { organization_id: org, schedule_id: schedule, fresh } = asked::query(asked)?;
    let request = v1::ListOnCallRequest { org, integration, schedule, fresh };
    Ok(Json(json::OnCalls::from(directory::on_call(&rest.admin, &caller, request).await?))
        .into_response())
}

async fn users(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Queried<Asked>,
) -> Result<Response, Refusal> {
    let Asked { organization_id: org, fresh } = asked::query(asked)?;
    let request = v1::ListUsersRequest { org, integration, fresh };
    let found = directory::users(&rest.admin, &caller, request).await?;
    Ok(Json(json::AccountUsers::from(found)).into_response())
}

async fn services(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Queried<Asked>,
) -> Result<Response, Refusal> {
    let Asked { organization_id: org, fresh } = asked::query(asked)?;
    let request = v1::ListServicesRequest { org, integration, fresh };
    let found = directory::services(&rest.admin, &caller, request).await?;
    Ok(Json(json::AccountServices::from(found)).into_response())
}

async fn escalation_policies(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Queried<Asked>,
) -> Result<Response, Refusal> {
    let Asked { organization_id: org, fresh } = asked::query(asked)?;
    let request = v1::ListEscalationPoliciesRequest { org, integration, fresh };
    let found = directory::escalation_policies(&rest.admin, &caller, request).await?;
    Ok(Json(json::AccountEscalationPolicies::from(found)).into_response())
}

async fn priorities(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Queried<Asked>,
) -> Result<Response, Refusal> {
    let Asked { organization_id: org, fresh } = asked::query(asked)?;
    let request = v1::ListPrioritiesRequest { org, integration, fresh };
    let found = directory::priorities(&rest.admin, &caller, request).await?;
    Ok(Json(json::AccountPriorities::from(found)).into_response())
}

async fn one(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Queried<Within>,
) -> Result<Response, Refusal> {
    let org = asked::query(asked)?.organization_id;
    let request = v1::GetSyncStatusRequest { org, integration };
    let found = sync_status::get(&rest.admin, &caller, request).await?;
    Ok(Json(json::SyncStatus::from(found)).into_response())
}

async fn all(
    State(rest): State<Rest>,
    caller: Caller,
    asked: Queried<Within>,
) -> Result<Response, Refusal> {
    let org = asked::query(asked)?.organization_id;
    let found = sync_status::list(&rest.admin, &caller, v1::ListSyncStatusRequest { org }).await?;
    let integrations = found.integrations.into_iter().map(Into::into).collect();
    Ok(Json(All { integrations }).into_response())
}

async fn test(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Queried<Within>,
) -> Result<Response, Refusal> {
    let org = asked::query(asked)?.organization_id;
    let request = v1::TestIntegrationRequest { org, integration };
    Ok(Json(json::Checkup::from(sync_status::test(&rest.admin, &caller, request).await?))
        .into_response())
}
