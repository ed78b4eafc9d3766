//! How integrations are doing: what the service that makes the calls tells, beside what is counted
//! here.

use futures_util::future;
use jiff::{SignedDuration, Timestamp};
use tandem_proto::v1::{self, SyncState, status_service_server::StatusService};
use tandem_runtime::clock;
use tandem_store::{
    PgConnection, StoreError, clocks, conflicts, healing, inbox,
    integrations::{self, Stored},
    standing::{self, Heard},
};
use tonic::{Request, Response, Status};

use super::{directory::age_s, find};
use crate::{Admin, ask, caller::Caller, checkup, refusal::Refusal, wire};

/// What was left out since then is counted.
const IGNORED_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What was never told since then is counted.
const NEVER_TOLD_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far back it is looked when anything last went through, the likely first.
const HEARD_WITHIN: [SignedDuration; 3] = [
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(30 * 24),
];
/// So many calls failing in a row are more than one record's trouble.
const FAILING: u32 = 3;

/// How the outbound side stands, as it was told.
type Told = Option<tandem_bus::ask::Status>;

/// Answers how one integration is doing.
pub(crate) async fn get(
    admin: &Admin,
    caller: &Caller,
    request: v1::GetSyncStatusRequest,
) -> Result<v1::SyncStatus, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let stored = find(&mut transaction, caller, &request.org, &request.integration).await?;
    drop(transaction);
    let told = ask::status(admin, &stored.integration).await;
    let mut transaction = admin.store.begin().await?;
    Ok(standing(admin, &mut transaction, &stored, told).await?)
}

/// Answers how every integration is doing.
pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListSyncStatusRequest,
) -> Result<v1::ListSyncStatusResponse, Refusal> {
    let org = caller.org_or_all(&request.org)?;
    let mut transaction = admin.store.begin().await?;
    let mut all = integrations::list(&mut transaction, org.as_ref()).await?;
    drop(transaction);
    all.retain(|stored| !stored.deleted);
    let told = all.iter().map(|stored| ask::status(admin, &stored.integration));
    let told = future::join_all(told).await;
    let mut transaction = admin.store.begin().await?;
    let mut integrations = Vec::with_capacity(all.len());
    for (stored, told) in all.iter().zip(told) {
        integrations.push(standing(admin, &mut transaction, stored, told).await?);
    }
    Ok(v1::ListSyncStatusResponse { integrations })
}

/// Looks an integration's connection over.
pub(crate) async fn test(
    admin: &Admin,
    caller: &Caller,
    request: v1::TestIntegrationRequest,
) -> Result<v1::TestIntegrationResponse, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let stored = find(&mut transaction, caller, &request.org, &request.integration).await?;
    let offset = clocks::at(&mut transaction, stored.integration.id, clock::now()).await?;
    drop(transaction);
    let checks = checkup::checks(admin, &stored, offset).await;
    let checks: Vec<v1::Check> = checks.into_iter().map(wire::check).collect();
    let ok = checks.iter().all(|check| check.verdict() != v1::Verdict::Failed);
    Ok(v1::TestIntegrationResponse { checks, ok })
}

async fn standing(
    admin: &Admin,
    conn: &mut PgConnection,
    stored: &Stored,
    told: Told,
) -> Result<v1::SyncStatus, StoreError> {
    let (integration, now) = (&stored.integration, clock::now());
    let id = integration.id;
    let links = standing::links(conn, id).await?;
    let looked = healing::get(conn, id).await?;
    let swept_at = looked.as_ref().and_then(|looked| looked.swept_at);
    let freshness = standing::freshness(conn, id, swept_at).await?;
    let never = healing::never_told(conn, id, before(now, NEVER_TOLD_WITHIN)).await?;
    let heard = heard(conn, stored, now).await?;
    let ignored = inbox::ignored(conn, id, before(now, IGNORED_WITHIN)).await?;
    let offset = clocks::at(conn, id, now).await?;
    let (state, reason) = state(admin, stored, told.as_ref());
    let subscription = told.as_ref().and_then(|told| told.subscribed.clone());
    let problem = admin.problem(id);
    let seconds = |at: Option<Timestamp>| at.map(|at| age_s(at, now));
    Ok(v1::SyncStatus {
        integration: id.to_string(),
        org: integration.org.to_string(),
        handle: integration.handle.to_string(),
        state: state.into(),
        reason,
        direction: wire::direction(integration.direction).into(),
        config_version: wire::number(integration.version),
        outbound: told.map(wire::outbound),
        links: Some(v1::LinkCounts {
            in_step: wire::number(links.in_step),
            writing: wire::number(links.writing),
            in_doubt: wire::number(links.in_doubt),
            conflict: wire::number(links.conflict),
            problem: wire::number(links.problem),
        }),
        freshness: Some(v1::LinkFreshness {
            links: wire::number(freshness.links),
            median_s: seconds(freshness.median_at),
            worst_s: seconds(freshness.oldest_at),
        }),
        open_conflicts: wire::number(conflicts::count_open(conn, id).await?),
        open_dead_letters: wire::number(standing::dead_letters(conn, id).await?),
        ignored: ignored.into_iter().map(|one| wire::ignored(one, Vec::new())).collect(),
        last_inbound_time: heard.inbound.map(wire::instant),
        last_outbound_time: heard.outbound.map(wire::instant),
        clock_difference: wire::clock_difference(offset),
        read_time: Some(wire::instant(now)),
        subscription: subscription.map(|it| wire::subscribed(it, problem)),
        never_told: Some(wire::never_told(never)),
        healing: looked.as_ref().map(wire::healing),
    })
}

/// When anything last went through, each way; most were heard of lately, and looking far costs more.
async fn heard(
    conn: &mut PgConnection,
    stored: &Stored,
    now: Timestamp,
) -> Result<Heard, StoreError> {
    let direction = stored.integration.direction;
    let mut heard = Heard::default();
    for within in HEARD_WITHIN {
        heard = standing::heard(conn, stored.integration.id, before(now, within)).await?;
        let inbound = heard.inbound.is_some() || !direction.inbound();
        if inbound && (heard.outbound.is_some() || !direction.outbound()) {
            break;
        }
    }
    Ok(heard)
}

fn before(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// How it stands as a whole, and why.
fn state(
    admin: &Admin,
    stored: &Stored,
    told: Option<&tandem_bus::ask::Status>,
) -> (SyncState, String) {
    let integration = &stored.integration;
    if let Some(silence) = ask::silence(stored) {
        let state = match silence.kind {
            "DISABLED" => SyncState::Disabled,
            // Webhooks come in all the same.
            "NO_TOKEN" if !integration.direction.outbound() => SyncState::InboundOnly,
            _ => SyncState::Paused,
        };
        return (state, silence.message(integration));
    }
    let Some(told) = told else {
        return (SyncState::Unanswered, ask::unanswered(admin, integration));
    };
    if let Some(reason) = &told.paused {
        return (SyncState::Paused, ask::paused(integration, reason));
    }
    if let Some(until) = told.closed_until {
        return (SyncState::Throttled, format!("the account wants no calls until {until:.0}"));
    }
    if told.failures >= FAILING {
        let cause = told.retrying.first().map(|retry| format!(": {}", retry.cause));
        let cause = cause.unwrap_or_default();
        let reason = format!("{} calls in a row failed{cause}; it is tried again", told.failures);
        return (SyncState::Failing, reason);
    }
    (SyncState::Running, String::new())
}

#[tonic::async_trait]
impl StatusService for Admin {
    async fn get_sync_status(
        &self,
        request: Request<v1::GetSyncStatusRequest>,
    ) -> Result<Response<v1::SyncStatus>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(get(self, &caller, request.into_inner()).await?))
    }

    async fn list_sync_status(
        &self,
        request: Request<v1::ListSyncStatusRequest>,
    ) -> Result<Response<v1::ListSyncStatusResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn test_integration(
        &self,
        request: Request<v1::TestIntegrationRequest>,
    ) -> Result<Response<v1::TestIntegrationResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(test(self, &caller, request.into_inner()).await?))
    }
}
