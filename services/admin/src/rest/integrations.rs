//! `/api/v1/integrations` as JSON: the same calls as the gRPC service, by other names.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    answers::Placed,
    asked::{self, Body, Credentials, InPath, Paged, Queried, Within},
    routes::Routes,
};
use crate::{
    api::integration,
    caller::Caller,
    check,
    refusal::{Checks, Refusal},
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/integrations", list)
        .post("/api/v1/integrations", create)
        .get("/api/v1/integrations/{integration}", get)
}

/// The body that creates an integration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Creation {
    #[schemars(regex(pattern = check::SLUG))]
    organization_id: String,
    #[schemars(extend("enum" = tandem_connectors::NAMES))]
    integration_type: String,
    #[schemars(length(min = 1, max = check::NAME_MAX))]
    name: String,
    #[schemars(length(min = 1, max = check::URL_MAX))]
    base_url: String,
    #[serde(default)]
    credentials: Credentials,
    #[serde(default)]
    sync_direction: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    handle: String,
    #[serde(default)]
    conflict_strategy: Option<String>,
    #[serde(default)]
    #[schemars(range(max = *check::RATE_LIMIT.end()))]
    rate_limit: u32,
    #[serde(default)]
    headroom: u32,
    #[serde(default)]
    sync_escalations: bool,
    #[serde(default)]
    #[schemars(range(min = 0.0, max = *check::BACKOFF.end()))]
    backoff_multiplier: f64,
    #[serde(default)]
    from_email: String,
    #[serde(default)]
    public_url: String,
}

const fn yes() -> bool {
    true
}

/// An integration, and where its webhooks go.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Integration")]
pub(super) struct Answer {
    #[serde(flatten)]
    integration: json::Integration,
    /// Where the external account posts its webhooks; null while nobody said how the outside reaches ingress.
    webhook_url: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Page {
    integrations: Vec<Answer>,
    next_page_token: String,
}

async fn create(
    State(rest): State<Rest>,
    caller: Caller,
    Body(body): Body<Creation>,
) -> Result<Placed<Answer>, Refusal> {
    let request = v1::CreateIntegrationRequest { integration: Some(body.into_message()?) };
    let created = integration::create(&rest.admin, &caller, request).await?;
    let place = format!("/api/v1/integrations/{}", created.id);
    Ok(Placed { place, answer: rest.answer(created) })
}

async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Paged>,
) -> Result<Json<Page>, Refusal> {
    let Paged { organization_id: org, page_size, page_token } = asked;
    let request = v1::ListIntegrationsRequest { org, page_size, page_token };
    let page = integration::list(&rest.admin, &caller, request).await?;
    let integrations = page.integrations.into_iter().map(|one| rest.answer(one)).collect();
    Ok(Json(Page { integrations, next_page_token: page.next_page_token }))
}

async fn get(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Within>,
) -> Result<Json<Answer>, Refusal> {
    let request = v1::GetIntegrationRequest { org: asked.organization_id, integration };
    Ok(Json(rest.answer(integration::get(&rest.admin, &caller, request).await?)))
}

impl Creation {
    fn into_message(self) -> Result<v1::Integration, Refusal> {
        let mut checks = Checks::default();
        let direction = checks.take("direction", asked::word(self.sync_direction));
        let conflict_strategy =
            checks.take("conflict_strategy", asked::word(self.conflict_strategy));
        checks.finish()?;
        Ok(v1::Integration {
            org: self.organization_id,
            r#type: self.integration_type,
            name: self.name,
            base_url: self.base_url,
            direction: direction.unwrap_or(v1::Direction::Unspecified).into(),
            enabled: self.enabled,
            handle: self.handle,
            conflict_strategy: conflict_strategy
                .unwrap_or(v1::ConflictStrategy::Unspecified)
                .into(),
            rate_limit: self.rate_limit,
            headroom: self.headroom,
            sync_escalations: self.sync_escalations,
            backoff_multiplier: self.backoff_multiplier,
            from_email: self.from_email,
            public_url: self.public_url,
            credentials: Some(self.credentials.into()),
            ..Default::default()
        })
    }
}

impl Rest {
    pub(super) fn answer(&self, from: v1::Integration) -> Answer {
        let own = Some(from.public_url.as_str()).filter(|url| !url.is_empty());
        let root = own.or(self.public_url.as_deref());
        let webhook_url = root.map(|root| format!("{root}{}", from.webhook_path));
        Answer { integration: from.into(), webhook_url }
    }
}
