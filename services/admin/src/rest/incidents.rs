//! `/api/v1/incidents/…` as JSON: bringing people in, by the same calls as the gRPC service.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    answers::Soon,
    asked::{Body, InPath},
    routes::Routes,
};
use crate::{api::edit, caller::Caller, refusal::Refusal};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .post("/api/v1/incidents/{incident}/escalate", escalate)
        .post("/api/v1/incidents/{incident}/page", page)
}

/// The body that hands an incident on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Escalation {
    organization_id: String,
    level: u32,
    #[serde(default)]
    integration: String,
    #[serde(default)]
    request_id: String,
}

/// The body that has people asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Page {
    organization_id: String,
    message: String,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    integration: String,
    #[serde(default)]
    request_id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Answer {
    incident: Option<json::Incident>,
    pending: bool,
}

impl Answer {
    fn soon(incident: Option<v1::Incident>, pending: bool) -> Soon<200, Self> {
        Soon { pending, answer: Self { incident: incident.map(Into::into), pending } }
    }
}

async fn escalate(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(incident): InPath,
    Body(body): Body<Escalation>,
) -> Result<Soon<200, Answer>, Refusal> {
    let Escalation { organization_id: org, level, integration, request_id } = body;
    let request = v1::EscalateIncidentRequest { org, incident, level, integration, request_id };
    let answer = edit::escalate(&rest.admin, &caller, request).await?;
    Ok(Answer::soon(answer.incident, answer.pending))
}

async fn page(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(incident): InPath,
    Body(body): Body<Page>,
) -> Result<Soon<200, Answer>, Refusal> {
    let Page { organization_id: org, message, users, policies, integration, request_id } = body;
    let request = v1::PageRespondersRequest {
        org,
        incident,
        message,
        users,
        policies,
        integration,
        request_id,
    };
    let answer = edit::page(&rest.admin, &caller, request).await?;
    Ok(Answer::soon(answer.incident, answer.pending))
}
