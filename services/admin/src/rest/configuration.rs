//! `/api/v1/configuration`, and the versions of an integration's, as JSON: the same calls as the gRPC
//! service.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tandem_proto::{json, v1};

use super::{
    Rest,
    asked::{Body, Credentials, InPath, Paged, Queried},
    routes::Routes,
};
use crate::{
    api::configuration,
    caller::Caller,
    refusal::{Refusal, Violation},
};

/// The routes.
pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/v1/configuration", export)
        .post("/api/v1/configuration", apply)
        .get("/api/v1/integrations/{integration}/versions", versions)
        .post("/api/v1/integrations/{integration}/rollback", roll_back)
}

/// Which configurations are wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    organization_id: String,
    integration: String,
}

/// The body that applies configurations.
#[derive(Debug, Deserialize, JsonSchema)]
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

/// The body that brings a version back.
#[derive(Debug, Deserialize, JsonSchema)]
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

#[derive(Debug, Serialize, JsonSchema)]
struct Exported {
    organization_id: String,
    integrations: Vec<json::Configuration>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Applied {
    integrations: Vec<json::AppliedConfiguration>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Page {
    versions: Vec<json::ConfigurationVersion>,
    next_page_token: String,
}

async fn export(
    State(rest): State<Rest>,
    caller: Caller,
    Queried(asked): Queried<Wanted>,
) -> Result<Json<Exported>, Refusal> {
    let Wanted { organization_id: org, integration } = asked;
    let request = v1::ExportConfigurationRequest { org, integration };
    let found = configuration::export(&rest.admin, &caller, request).await?;
    let integrations = found.integrations.into_iter().map(Into::into).collect();
    Ok(Json(Exported { organization_id: found.org, integrations }))
}

async fn apply(
    State(rest): State<Rest>,
    caller: Caller,
    Body(body): Body<Application>,
) -> Result<Json<Applied>, Refusal> {
    let request = body.into_message()?;
    let applied = configuration::apply(&rest.admin, &caller, request).await?;
    let integrations = applied.integrations.into_iter().map(Into::into).collect();
    Ok(Json(Applied { integrations }))
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

async fn versions(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Queried(asked): Queried<Paged>,
) -> Result<Json<Page>, Refusal> {
    let Paged { organization_id: org, page_size, page_token } = asked;
    let request = v1::ListConfigurationVersionsRequest { org, integration, page_size, page_token };
    let page = configuration::versions(&rest.admin, &caller, request).await?;
    let versions = page.versions.into_iter().map(Into::into).collect();
    Ok(Json(Page { versions, next_page_token: page.next_page_token }))
}

async fn roll_back(
    State(rest): State<Rest>,
    caller: Caller,
    InPath(integration): InPath,
    Body(body): Body<Back>,
) -> Result<Json<json::AppliedConfiguration>, Refusal> {
    let Back { organization_id: org, version, etag, validate_only } = body;
    let request =
        v1::RollBackConfigurationRequest { org, integration, version, etag, validate_only };
    let back = configuration::roll_back(&rest.admin, &caller, request).await?;
    Ok(Json(json::AppliedConfiguration::from(back)))
}
