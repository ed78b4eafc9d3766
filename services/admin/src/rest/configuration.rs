//! `/api/v1/configuration`, and the versions of an integration's, as JSON: the same calls as the gRPC
//! service.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{Rest, asked};
use crate::{
    api::configuration,
    caller::Caller,
    refusal::{Refusal, Violation},
};

/// The routes.
pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/api/v1/configuration", get(export).post(apply))
        .route("/api/v1/integrations/{integration}/versions", get(versions))
        .route("/api/v1/integrations/{integration}/rollback", post(roll_back))
}

/// Which configurations are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    organization_id: String,
    integration: String,
}

/// Which versions are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Listed {
    organization_id: String,
    page_size: i32,
    page_token: String,
}

/// The body that applies configurations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Application {
    #[serde(default)]
    organization_id: String,
    integrations: Vec<json::Configuration>,
    /// Secrets to take in, by handle.
    #[serde(default)]
    credentials: BTreeMap<String, Credentials>,
    #[serde(default)]
    validate_only: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Credentials {
    token: Option<SecretString>,
    signing_secret: Option<SecretString>,
}

/// The body that brings a version back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Back {
    #[serde(default)]
    organization_id: String,
    version: i64,
    #[serde(default)]
    etag: String,
    #[serde(default)]
    validate_only: bool,
}

#[derive(Debug, Serialize)]
struct Exported {
    organization_id: String,
    integrations: Vec<json::Configuration>,
}

#[derive(Debug, Serialize)]
struct Applied {
    integrations: Vec<json::AppliedConfiguration>,
}

#[derive(Debug, Serialize)]
struct Page {
    versions: Vec<json::ConfigurationVersion>,
    next_page_token: String,
}

async fn export(
    State(rest): State<Rest>,
    caller: Caller,
    asked: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Wanted { organization_id: org, integration } = asked::query(asked)?;
    let request = v1::ExportConfigurationRequest { org, integration };
    let found = configuration::export(&rest.admin, &caller, request).await?;
    let integrations = found.integrations.into_iter().map(Into::into).collect();
    Ok(Json(Exported { organization_id: found.org, integrations }).into_response())
}

async fn apply(
    State(rest): State<Rest>,
    caller: Caller,
    body: Result<Json<Application>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = match asked::body(body) {
        Ok(body) => body,
        Err(answer) => return Ok(answer),
    };
    let request = body.into_message()?;
    let applied = configuration::apply(&rest.admin, &caller, request).await?;
    let integrations = applied.integrations.into_iter().map(Into::into).collect();
    Ok(Json(Applied { integrations }).into_response())
}

impl Application {
    fn into_message(mut self) -> Result<v1::ApplyConfigurationRequest, Refusal> {
        let (mut integrations, mut wrong) = (Vec::new(), Vec::new());
        for one in self.integrations {
            match v1::Configuration::try_from(one) {
                Ok(one) => {
                    let given = self.credentials.remove(&one.handle).unwrap_or_default();
                    let credentials = Some(given.into());
                    integrations.push(v1::Configuration { credentials, ..one });
                }
                Err(all) => {
                    wrong.extend(all.into_iter().map(|(path, told)| Violation::new(path, told)));
                }
            }
        }
        let nobodys = self.credentials.into_keys().map(|handle| {
            let path = format!("credentials.{handle}");
            Violation::new(path, "is none of the integrations that are given")
        });
        wrong.extend(nobodys);
        if !wrong.is_empty() {
            return Err(Refusal::Invalid(wrong));
        }
        let (org, validate_only) = (self.organization_id, self.validate_only);
        Ok(v1::ApplyConfigurationRequest { org, integrations, validate_only })
    }
}

impl From<Credentials> for v1::Credentials {
    fn from(from: Credentials) -> Self {
        let exposed = |secret: Option<SecretString>| {
            secret.map(|secret| secret.expose_secret().to_owned()).unwrap_or_default()
        };
        Self { token: exposed(from.token), signing_secret: exposed(from.signing_secret) }
    }
}

async fn versions(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    asked: Result<Query<Listed>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Listed { organization_id: org, page_size, page_token } = asked::query(asked)?;
    let request = v1::ListConfigurationVersionsRequest { org, integration, page_size, page_token };
    let page = configuration::versions(&rest.admin, &caller, request).await?;
    let versions = page.versions.into_iter().map(Into::into).collect();
    Ok(Json(Page { versions, next_page_token: page.next_page_token }).into_response())
}

async fn roll_back(
    State(rest): State<Rest>,
    caller: Caller,
    Path(integration): Path<String>,
    body: Result<Json<Back>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = match asked::body(body) {
        Ok(body) => body,
        Err(answer) => return Ok(answer),
    };
    let Back { organization_id: org, version, etag, validate_only } = body;
    let request =
        v1::RollBackConfigurationRequest { org, integration, version, etag, validate_only };
    let back = configuration::roll_back(&rest.admin, &caller, request).await?;
    Ok(Json(json::AppliedConfiguration::from(back)).into_response())
}
