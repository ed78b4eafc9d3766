//! Configurations as documents: exported, applied all at once, their versions listed and brought
//! back. Each goes the way of every change: under the lock, checked whole, in the audit, published.

mod apply;

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tandem_domain::integration::Integration;
use tandem_proto::v1::{self, configuration_service_server::ConfigurationService};
use tandem_store::{
    history::{self, Version},
    integrations,
};
use tonic::{Request, Response, Status};

use super::{
    change::{Asked, edit, preview},
    find,
};
use crate::{Admin, caller::Caller, document, page, refusal::Refusal, wire};

pub(crate) use self::apply::apply;

/// Members of a stored configuration that are no part of what people configure.
const OWN: [&str; 3] = ["id", "org", "version"];

/// Answers the configurations of an organisation, by handle.
pub(crate) async fn export(
    admin: &Admin,
    caller: &Caller,
    request: v1::ExportConfigurationRequest,
) -> Result<v1::ExportConfigurationResponse, Refusal> {
    let org = caller.org(&request.org)?;
    let mut transaction = admin.store.begin().await?;
    let found = if request.integration.is_empty() {
        let all = integrations::list(&mut transaction, Some(&org)).await?;
        all.into_iter().filter(|stored| !stored.deleted).collect()
    } else {
        vec![find(&mut transaction, caller, org.as_str(), &request.integration).await?]
    };
    Ok(v1::ExportConfigurationResponse {
        org: org.to_string(),
        integrations: found.iter().map(document::of).collect(),
    })
}

/// Lists the versions that a configuration had, newest first.
pub(crate) async fn versions(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListConfigurationVersionsRequest,
) -> Result<v1::ListConfigurationVersionsResponse, Refusal> {
    let size = page::size(request.page_size)?;
    let before = page::after::<u64>(&request.page_token)?;
    let mut transaction = admin.store.begin().await?;
    let found = find(&mut transaction, caller, &request.org, &request.integration).await?;
    let limit = page::with_one_more(size);
    let mut all = history::list(&mut transaction, found.integration.id, before, limit).await?;
    // The last of the page is compared with the one after it, too.
    let beyond = all.get(size).cloned();
    let next_page_token = page::next(&mut all, size, |version| version.integration.version);
    let older = all.iter().skip(1).map(Some).chain([beyond.as_ref()]);
    let versions = all.iter().zip(older).map(|(version, older)| shown(version, older));
    Ok(v1::ListConfigurationVersionsResponse { versions: versions.collect(), next_page_token })
}

fn shown(version: &Version, older: Option<&Version>) -> v1::ConfigurationVersion {
    let changed = older.map(|older| changed(&older.integration, &version.integration));
    v1::ConfigurationVersion {
        version: wire::number(version.integration.version),
        time: Some(wire::instant(version.at)),
        actor: version.actor.clone(),
        action: version.action.clone(),
        changed: changed.unwrap_or_default(),
        configuration: Some(v1::Configuration {
            etag: version.integration.version.to_string(),
            ..document::of_integration(&version.integration)
        }),
    }
}

/// Where two configurations differ: by member, and of the fields by field.
fn changed(before: &Integration, after: &Integration) -> Vec<String> {
    let members = |of: &Integration| match serde_json::to_value(of) {
        Ok(Json::Object(members)) => members.into_iter().collect::<BTreeMap<_, _>>(),
        _ => BTreeMap::new(),
    };
    let (before, after) = (members(before), members(after));
    let mut differing = Vec::new();
    for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
        let (was, is) = (before.get(name), after.get(name));
        if was == is || OWN.contains(&name.as_str()) {
            continue;
        }
        match (was.and_then(Json::as_object), is.and_then(Json::as_object)) {
            (Some(was), Some(is)) if name == "fields" => {
                let names: std::collections::BTreeSet<_> = was.keys().chain(is.keys()).collect();
                let parts = names.into_iter().filter(|part| was.get(*part) != is.get(*part));
                differing.extend(parts.map(|part| format!("fields.{part}")));
            }
            _ => differing.push(name.clone()),
        }
    }
    differing
}

/// Brings a configuration back to what it was; its secrets stay as they are.
pub(crate) async fn roll_back(
    admin: &Admin,
    caller: &Caller,
    request: v1::RollBackConfigurationRequest,
) -> Result<v1::AppliedConfiguration, Refusal> {
    let version = u64::try_from(request.version).ok().filter(|version| *version > 0);
    let Some(version) = version else {
        return Err(Refusal::invalid("version", "must be a version of the configuration, from 1"));
    };
    let old = {
        let mut transaction = admin.store.begin().await?;
        let found = find(&mut transaction, caller, &request.org, &request.integration).await?;
        let next = Some(version.saturating_add(1));
        let found = history::list(&mut transaction, found.integration.id, next, 1).await?.pop();
        let found = found.filter(|found| found.integration.version == version);
        found.ok_or_else(|| Refusal::unknown("version", version.to_string()))?.integration
    };
    let asked = Asked {
        caller,
        action: "configuration.roll_back",
        org: &request.org,
        integration: &request.integration,
        etag: &request.etag,
    };
    let mut before = None;
    let change = |stored: &mut integrations::Stored| {
        before = Some(document::of(stored));
        let held = &stored.integration;
        let (version, clock) = (held.version, held.clock);
        stored.integration = Integration { version, clock, ..old };
        Ok(())
    };
    let after = if request.validate_only {
        preview(admin, asked, change).await?
    } else {
        let after = edit(admin, asked, change).await?;
        admin.subscribing.notify_one();
        after
    };
    let after = document::of(&after);
    let changed = before.as_ref().is_none_or(|before| !same(before, &after));
    Ok(v1::AppliedConfiguration { before, after: Some(after), changed, ..Default::default() })
}

/// Whether two documents say the same, whatever their versions.
fn same(one: &v1::Configuration, other: &v1::Configuration) -> bool {
    let bare = |it: &v1::Configuration| v1::Configuration { etag: String::new(), ..it.clone() };
    bare(one) == bare(other)
}

#[tonic::async_trait]
impl ConfigurationService for Admin {
    async fn export_configuration(
        &self,
        request: Request<v1::ExportConfigurationRequest>,
    ) -> Result<Response<v1::ExportConfigurationResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(export(self, &caller, request.into_inner()).await?))
    }

    async fn apply_configuration(
        &self,
        request: Request<v1::ApplyConfigurationRequest>,
    ) -> Result<Response<v1::ApplyConfigurationResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(apply(self, &caller, request.into_inner()).await?))
    }

    async fn list_configuration_versions(
        &self,
        request: Request<v1::ListConfigurationVersionsRequest>,
    ) -> Result<Response<v1::ListConfigurationVersionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(versions(self, &caller, request.into_inner()).await?))
    }

    async fn roll_back_configuration(
        &self,
        request: Request<v1::RollBackConfigurationRequest>,
    ) -> Result<Response<v1::AppliedConfiguration>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(roll_back(self, &caller, request.into_inner()).await?))
    }
}
