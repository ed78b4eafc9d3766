//! `/api/v1/integrations` as JSON: the same calls as the gRPC service, by other names.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::JsonRejection, rejection::QueryRejection},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{Rest, asked, problem};
use crate::{
    api::integration,
    caller::Caller,
    refusal::{Checks, Refusal},
};

/// The body that creates an integration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Creation {
    organization_id: String,
    integration_type: String,
    name: String,
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
    rate_limit: u32,
    #[serde(default)]
    headroom: u32,
    #[serde(default)]
    sync_escalations: bool,
    #[serde(default)]
    backoff_multiplier: f64,
    #[serde(default)]
    from_email: String,
    #[serde(default)]
    public_url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    token: Option<SecretString>,
    signing_secret: Option<SecretString>,
}

const fn yes() -> bool {
    true
}

/// What a list may be asked with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    organization_id: String,
    #[serde(default)]
    page_size: i32,
    #[serde(default)]
    page_token: String,
}

/// An integration, and where its webhooks go.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    integration: json::Integration,
    webhook_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct Page {
    integrations: Vec<Answer>,
    next_page_token: String,
}

pub(super) async fn create(
    State(rest): State<Rest>,
    caller: Caller,
    body: Result<Json<Creation>, JsonRejection>,
) -> Response {
    let Json(body) = match body {
        Ok(body) => body,
        Err(rejection) => return problem::unreadable(&rejection),
    };
    let integration = match body.into_message() {
        Ok(integration) => integration,
        Err(refusal) => return refusal.into_response(),
    };
    let request = v1::CreateIntegrationRequest { integration: Some(integration) };
    match integration::create(&rest.admin, &caller, request).await {
        Ok(created) => {
            let place = format!("/api/v1/integrations/{}", created.id);
            let headers: [(HeaderName, String); 1] = [(header::LOCATION, place)];
            (StatusCode::CREATED, headers, Json(rest.answer(created))).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

pub(super) async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Query(asked) = match asked {
        Ok(asked) => asked,
        Err(rejection) => return Refusal::invalid("query", rejection.body_text()).into_response(),
    };
    let request = v1::ListIntegrationsRequest {
        org: asked.organization_id,
        page_size: asked.page_size,
        page_token: asked.page_token,
    };
    match integration::list(&rest.admin, &caller, request).await {
        Ok(page) => Json(Page {
            integrations: page.integrations.into_iter().map(|one| rest.answer(one)).collect(),
            next_page_token: page.next_page_token,
        })
        .into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

pub(super) async fn get(
    State(rest): State<Rest>,
    caller: Caller,
    Path(reference): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Query(asked) = match asked {
        Ok(asked) => asked,
        Err(rejection) => return Refusal::invalid("query", rejection.body_text()).into_response(),
    };
    let request = v1::GetIntegrationRequest { org: asked.organization_id, integration: reference };
    match integration::get(&rest.admin, &caller, request).await {
        Ok(found) => Json(rest.answer(found)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

impl Creation {
    fn into_message(self) -> Result<v1::Integration, Refusal> {
        let mut checks = Checks::default();
        let direction = checks.take("direction", asked::word(self.sync_direction));
        let conflict_strategy =
            checks.take("conflict_strategy", asked::word(self.conflict_strategy));
        checks.finish()?;
        let exposed = |secret: Option<SecretString>| {
            secret.map(|secret| secret.expose_secret().to_owned()).unwrap_or_default()
        };
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
            credentials: Some(v1::Credentials {
                token: exposed(self.credentials.token),
                signing_secret: exposed(self.credentials.signing_secret),
            }),
            ..Default::default()
        })
    }
}

impl Rest {
    fn answer(&self, from: v1::Integration) -> Answer {
        let own = Some(from.public_url.as_str()).filter(|url| !url.is_empty());
        let root = own.or(self.public_url.as_deref());
        let webhook_url = root.map(|root| format!("{root}{}", from.webhook_path));
        Answer { integration: from.into(), webhook_url }
    }
}
