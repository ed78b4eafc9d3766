//! What becomes of an integration that is there: changed, deleted, given new signing secrets. The same calls as the
//! gRPC service.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::v1;

use super::{
    Rest,
    asked::{Body, Credentials, InPath, Mask, Queried, Unchanged, Within},
    integrations::Answer,
    routes::Routes,
};
use crate::{
    api::integration,
    caller::Caller,
    refusal::{Checks, Refusal},
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .patch("/api/v1/integrations/{integration}", update)
        .delete("/api/v1/integrations/{integration}", delete)
        .post("/api/v1/integrations/{integration}/rotate-secrets", rotate)
}

/// The body that changes an integration: what is left out or null stays as it is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Changed {
    organization_id: String,
    handle: Option<String>,
    name: Option<String>,
    base_url: Option<String>,
    sync_direction: Option<String>,
    enabled: Option<bool>,
    paused: Option<bool>,
    conflict_strategy: Option<String>,
    rate_limit: Option<u32>,
    headroom: Option<u32>,
    backoff_multiplier: Option<f64>,
    from_email: Option<String>,
    sync_escalations: Option<bool>,
    public_url: Option<String>,
    credentials: Option<Credentials>,
    scope: Option<Limits>,
    etag: String,
}

/// The conditions that are changed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ScopeChanged")]
struct Limits {
    services: Option<Vec<String>>,
    teams: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    min_severity: Option<String>,
    expression: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Deleted {
    left_subscriptions: Vec<String>,
    problem: Option<String>,
}

async fn update(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Body(body): Body<Changed>,
) -> Result<Json<Answer>, Refusal> {
    let request = body.into_message(integration)?;
    Ok(Json(rest.answer(integration::update(&rest.admin, &caller, request).await?)))
}

async fn delete(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Unchanged>,
) -> Result<Json<Deleted>, Refusal> {
    let Unchanged { organization_id: org, etag } = asked;
    let request = v1::DeleteIntegrationRequest { org, integration, etag };
    let left = integration::delete(&rest.admin, &caller, request).await?;
    let problem = Some(left.problem).filter(|problem| !problem.is_empty());
    Ok(Json(Deleted { left_subscriptions: left.left_subscriptions, problem }))
}

async fn rotate(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<Answer>, Refusal> {
    let request = v1::RotateSigningSecretsRequest { org: asked.organization_id, integration };
    Ok(Json(rest.answer(integration::rotate(&rest.admin, &caller, request).await?)))
}

impl Changed {
    fn into_message(self, integration: String) -> Result<v1::UpdateIntegrationRequest, Refusal> {
        let (mut checks, mut mask) = (Checks::default(), Mask::default());
        let direction = mask.word::<v1::Direction>(&mut checks, "direction", self.sync_direction);
        let strategy = mask.word::<v1::ConflictStrategy>(
            &mut checks,
            "conflict_strategy",
            self.conflict_strategy,
        );
        checks.finish()?;
        let scope = self.scope.unwrap_or_default().into_message(&mut mask);
        let credentials = self.credentials.unwrap_or_default().changed(&mut mask);
        let changes = v1::Integration {
            handle: mask.take("handle", self.handle),
            name: mask.take("name", self.name),
            base_url: mask.take("base_url", self.base_url),
            direction: direction.into(),
            enabled: mask.take("enabled", self.enabled),
            paused: mask.take("paused", self.paused),
            conflict_strategy: strategy.into(),
            rate_limit: mask.take("rate_limit", self.rate_limit),
            headroom: mask.take("headroom", self.headroom),
            backoff_multiplier: mask.take("backoff_multiplier", self.backoff_multiplier),
            from_email: mask.take("from_email", self.from_email),
            sync_escalations: mask.take("sync_escalations", self.sync_escalations),
            public_url: mask.take("public_url", self.public_url),
            credentials: Some(credentials),
            scope: Some(scope),
            ..Default::default()
        };
        let (org, etag) = (self.organization_id, self.etag);
        let update_mask = Some(mask.finish()?);
        let changes = Some(changes);
        Ok(v1::UpdateIntegrationRequest { org, integration, changes, update_mask, etag })
    }
}

impl Limits {
    fn into_message(self, mask: &mut Mask) -> v1::Scope {
        v1::Scope {
            services: mask.take("scope.services", self.services),
            teams: mask.take("scope.teams", self.teams),
            labels: mask.take("scope.labels", self.labels).into_iter().collect(),
            min_severity: mask.take("scope.min_severity", self.min_severity),
            expression: mask.take("scope.expression", self.expression),
        }
    }
}
