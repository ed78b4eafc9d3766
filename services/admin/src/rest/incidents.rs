//! `/api/v1/incidents` as JSON: the same calls as the gRPC service.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    answers::Soon,
    asked::{self, Body, InPath, Mask, Paged, Queried, Within},
    routes::Routes,
};
use crate::{
    api::{edit, incident},
    caller::Caller,
    refusal::{Checks, Refusal},
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/incidents", list)
        .post("/api/v1/incidents", create)
        .get("/api/v1/incidents/{incident}", get)
        .patch("/api/v1/incidents/{incident}", update)
        .get("/api/v1/incidents/{incident}/timeline", timeline)
        .post("/api/v1/incidents/{incident}/notes", note)
        .post("/api/v1/incidents/{incident}/escalate", escalate)
        .post("/api/v1/incidents/{incident}/page", page)
}

/// What a list may be asked with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    organization_id: String,
    status: Option<String>,
    severity: Option<String>,
    #[schemars(range(min = 0))]
    page_size: i32,
    page_token: String,
}

/// The body that opens an incident.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Creation {
    #[serde(default)]
    organization_id: String,
    title: String,
    #[serde(default)]
    description: String,
    severity: Option<String>,
    status: Option<String>,
    #[serde(default)]
    assigned_to: String,
    #[serde(default)]
    escalation_policy: String,
    #[serde(default)]
    incident_type: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    request_id: String,
}

/// The body that changes an incident: what is left out or null stays as it is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Changed {
    organization_id: String,
    title: Option<String>,
    description: Option<String>,
    severity: Option<String>,
    status: Option<String>,
    assigned_to: Option<String>,
    escalation_policy: Option<String>,
    /// The labels that are changed; one that is empty is removed.
    labels: BTreeMap<String, String>,
    etag: String,
    request_id: String,
}

/// The body that adds a note.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    #[serde(default)]
    organization_id: String,
    text: String,
    #[serde(default)]
    request_id: String,
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
struct Incidents {
    incidents: Vec<json::Incident>,
    next_page_token: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Timeline {
    entries: Vec<json::TimelineEntry>,
    next_page_token: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Answer {
    incident: Option<json::Incident>,
    pending: bool,
}

impl Answer {
    fn soon<const DONE: u16>(incident: Option<v1::Incident>, pending: bool) -> Soon<DONE, Self> {
        Soon { pending, answer: Self { incident: incident.map(Into::into), pending } }
    }
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Asked>,
) -> Result<Json<Incidents>, Refusal> {
    let mut checks = Checks::default();
    let status = checks.take("status", asked::word::<v1::Status>(asked.status));
    let severity = checks.take("severity", asked::word::<v1::Severity>(asked.severity));
    checks.finish()?;
    let request = v1::ListIncidentsRequest {
        org: asked.organization_id,
        status: status.unwrap_or_default().into(),
        severity: severity.unwrap_or_default().into(),
        page_size: asked.page_size,
        page_token: asked.page_token,
    };
    let page = incident::list(&rest.admin, &caller, request).await?;
    let incidents = page.incidents.into_iter().map(Into::into).collect();
    Ok(Json(Incidents { incidents, next_page_token: page.next_page_token }))
}

async fn get(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(incident): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<json::Incident>, Refusal> {
    let request = v1::GetIncidentRequest { org: asked.organization_id, incident };
    Ok(Json(incident::get(&rest.admin, &caller, request).await?.into()))
}

async fn timeline(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(incident): InPath,
    Queried(asked): Queried<Paged>,
) -> Result<Json<Timeline>, Refusal> {
    let Paged { organization_id: org, page_size, page_token } = asked;
    let request = v1::ListTimelineRequest { org, incident, page_size, page_token };
    let page = incident::list_timeline(&rest.admin, &caller, request).await?;
    let entries = page.entries.into_iter().map(Into::into).collect();
    Ok(Json(Timeline { entries, next_page_token: page.next_page_token }))
}

async fn create(
    State(rest): State<Rest>,
    caller: Caller,
    Body(body): Body<Creation>,
) -> Result<Soon<201, Answer>, Refusal> {
    let mut checks = Checks::default();
    let status = checks.take("status", asked::word::<v1::Status>(body.status));
    let severity = checks.take("severity", asked::word::<v1::Severity>(body.severity));
    checks.finish()?;
    let incident = v1::Incident {
        org: body.organization_id,
        title: body.title,
        description: body.description,
        severity: severity.unwrap_or_default().into(),
        status: status.unwrap_or_default().into(),
        assigned_to: body.assigned_to,
        escalation_policy: body.escalation_policy,
        incident_type: body.incident_type,
        labels: body.labels.into_iter().collect(),
        ..Default::default()
    };
    let (incident, request_id) = (Some(incident), body.request_id);
    let request = v1::CreateIncidentRequest { incident, request_id };
    let answer = edit::create(&rest.admin, &caller, request).await?;
    Ok(Answer::soon(answer.incident, answer.pending))
}

async fn update(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(incident): InPath,
    Body(body): Body<Changed>,
) -> Result<Soon<200, Answer>, Refusal> {
    let request = body.into_message(incident)?;
    let answer = edit::update(&rest.admin, &caller, request).await?;
    Ok(Answer::soon(answer.incident, answer.pending))
}

impl Changed {
    fn into_message(self, incident: String) -> Result<v1::UpdateIncidentRequest, Refusal> {
        let (mut checks, mut mask) = (Checks::default(), Mask::default());
        let status = mask.word::<v1::Status>(&mut checks, "status", self.status);
        let severity = mask.word::<v1::Severity>(&mut checks, "severity", self.severity);
        checks.finish()?;
        for name in self.labels.keys() {
            mask.take(&format!("label.{name}"), Some(()));
        }
        let changes = v1::Incident {
            title: mask.take("title", self.title),
            description: mask.take("description", self.description),
            severity: severity.into(),
            status: status.into(),
            assigned_to: mask.take("assigned_to", self.assigned_to),
            escalation_policy: mask.take("escalation_policy", self.escalation_policy),
            labels: self.labels.into_iter().collect(),
            ..Default::default()
        };
        Ok(v1::UpdateIncidentRequest {
            org: self.organization_id,
            incident,
            changes: Some(changes),
            update_mask: Some(mask.finish()?),
            etag: self.etag,
            request_id: self.request_id,
        })
    }
}

async fn note(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(incident): InPath,
    Body(body): Body<Note>,
) -> Result<Soon<201, Answer>, Refusal> {
    let Note { organization_id: org, text, request_id } = body;
    let request = v1::AddNoteRequest { org, incident, text, request_id };
    let answer = edit::note(&rest.admin, &caller, request).await?;
    Ok(Answer::soon(answer.incident, answer.pending))
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
