//! `im status`, `im integration sync-status` and `im integration test`.

use tandem_proto::{json, v1};

use super::Context;
use crate::{args::integration::Named, failure::Failure};

/// How every integration is doing, a line for each.
pub(super) async fn all(context: &Context) -> Result<(), Failure> {
    let request = v1::ListSyncStatusRequest { org: context.org.clone() };
    let answer = context.client.status().list_sync_status(request).await?.into_inner();
    let all: Vec<json::SyncStatus> = answer.integrations.into_iter().map(Into::into).collect();
    context.show.list(&all)
}

/// How one integration is doing, in full.
pub(super) async fn one(context: &Context, named: Named) -> Result<(), Failure> {
    let request =
        v1::GetSyncStatusRequest { org: context.org.clone(), integration: named.integration };
    let answer = context.client.status().get_sync_status(request).await?.into_inner();
    context.show.one(&json::SyncStatus::from(answer))
}

/// Looks a connection over; fails where a check does.
pub(super) async fn test(context: &Context, named: Named) -> Result<(), Failure> {
    let request =
        v1::TestIntegrationRequest { org: context.org.clone(), integration: named.integration };
    let answer = context.client.status().test_integration(request).await?.into_inner();
    let checkup = json::Checkup::from(answer);
    context.show.listing(&checkup, &checkup.checks, &[])?;
    if checkup.ok {
        return Ok(());
    }
    let failed = checkup.checks.iter().filter(|check| check.verdict == Some("failed"));
    let failed: Vec<&str> = failed.map(|check| check.name.as_str()).collect();
    Err(Failure::Other(anyhow::anyhow!("failed: {}", failed.join(", "))))
}
