//! Links: read from Postgres; joined, parted and compared again through the reconciler like any
//! edit.

mod watch;

use std::collections::HashMap;

use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use jiff::Timestamp;
use tandem_domain::{
    conflict::Conflict,
    event::Change,
    id::{IncidentId, IntegrationId, LinkId, Org, RecordId},
    integration::Integration,
    link::{Link, Stamp},
};
use tandem_proto::v1::{self, link_service_server::LinkService};
use tandem_store::{
    PgConnection, conflicts, incidents, integrations,
    links::{self, Stored},
};
use tonic::{Request, Response, Status};

use super::{edit::edited, find, incident_id, watching};
use crate::{
    Admin, ask,
    caller::Caller,
    edits::{self, Identity, Verdict},
    page,
    refusal::{Checks, Refusal},
    wire,
};

/// Answers one link.
pub(crate) async fn get(
    admin: &Admin,
    caller: &Caller,
    request: v1::GetLinkRequest,
) -> Result<v1::Link, Refusal> {
    let id = link_id(&request.link)?;
    let mut transaction = admin.store.begin().await?;
    let mut link = read(&mut transaction, caller, id).await?;
    let stored = integrations::get(&mut transaction, integration_of(&link)?, false).await?;
    drop(transaction);
    if let Some(stored) = stored {
        tell_dues(admin, &stored.integration, std::slice::from_mut(&mut link)).await;
    }
    Ok(link)
}

fn integration_of(link: &v1::Link) -> Result<IntegrationId, Refusal> {
    link.integration.parse().map_err(|_| Refusal::unknown("integration", &*link.integration))
}

/// Adds when what waits for links of one integration will be done, as far as that is known.
async fn tell_dues(admin: &Admin, integration: &Integration, links: &mut [v1::Link]) {
    let waits = |link: &&v1::Link| link.state() == v1::LinkState::Writing;
    let asked = links.iter().filter(waits).filter_map(|link| link.id.parse().ok());
    let dues = ask::dues(admin, integration, asked.collect()).await;
    for link in links {
        let due = link.id.parse::<LinkId>().ok().and_then(|id| dues.get(&id));
        link.eta_s = due.copied().map(wire::number);
    }
}

/// Lists links, newest first.
pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListLinksRequest,
) -> Result<v1::ListLinksResponse, Refusal> {
    if request.integration.is_empty() && request.incident.is_empty() {
        return Err(Refusal::invalid("integration", "must be given, or an incident"));
    }
    let size = page::size(request.page_size)?;
    let after = page::after::<(Timestamp, LinkId)>(&request.page_token)?;
    if !request.incident.is_empty() {
        return of_incident(admin, caller, &request).await;
    }
    let mut transaction = admin.store.begin().await?;
    let found =
        find(&mut transaction, caller, &request.org, &request.integration).await?.integration;
    let limit = page::with_one_more(size);
    let mut page = links::list(&mut transaction, found.id, after, limit).await?;
    let next_page_token = page::next(&mut page, size, |stored| (stored.created_at, stored.link.id));
    let incidents: Vec<IncidentId> = page.iter().map(|stored| stored.link.incident).collect();
    let open = conflicts::open_of(&mut transaction, &incidents).await?;
    drop(transaction);
    let shown = |stored| link(stored, found.handle.as_str(), &open);
    let mut links: Vec<v1::Link> = page.iter().map(shown).collect();
    tell_dues(admin, &found, &mut links).await;
    Ok(v1::ListLinksResponse { links, next_page_token })
}

/// Streams the links of an integration that become another one, from now on.
async fn watch(
    admin: &Admin,
    caller: Caller,
    request: v1::WatchLinksRequest,
) -> Result<impl Stream<Item = Result<v1::WatchLinksResponse, Status>> + Send + use<>, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let found = find(&mut transaction, &caller, &request.org, &request.integration).await?;
    drop(transaction);
    let integration = found.integration;
    let links = watch::Links { integration, told: HashMap::new(), looked_at: None };
    let stream = watching::stream(admin, caller, links).await?;
    Ok(stream.map(|link| link.map(|link| v1::WatchLinksResponse { link: Some(link) })))
}

/// An incident has one link per integration at most: too few for pages.
async fn of_incident(
    admin: &Admin,
    caller: &Caller,
    request: &v1::ListLinksRequest,
) -> Result<v1::ListLinksResponse, Refusal> {
    let incident = incident_id(&request.incident)?;
    let org = caller.org_or_all(&request.org)?;
    let mut transaction = admin.store.begin().await?;
    if let Some(org) = &org {
        let known = incidents::get(&mut transaction, org, incident).await?;
        known.ok_or_else(|| Refusal::unknown("incident", incident.to_string()))?;
    }
    let mut found = links::of_incidents(&mut transaction, &[incident]).await?;
    if !request.integration.is_empty() {
        let wanted = find(&mut transaction, caller, &request.org, &request.integration).await?;
        found.retain(|stored| stored.link.integration == wanted.integration.id);
    }
    found.sort_by_key(|stored| std::cmp::Reverse((stored.created_at, stored.link.id)));
    let mut links = Vec::with_capacity(found.len());
    for stored in &found {
        links.push(shown(&mut transaction, stored).await?);
    }
    Ok(v1::ListLinksResponse { links, next_page_token: String::new() })
}

/// Joins an incident to a record that is there.
pub(crate) async fn create(
    admin: &Admin,
    caller: &Caller,
    request: v1::CreateLinkRequest,
) -> Result<v1::ChangeLinkResponse, Refusal> {
    let identity = Identity::of(&request.request_id)?;
    let mut checks = Checks::default();
    let record = checks.take("record", request.record.parse::<RecordId>());
    checks.finish()?;
    let record = record.ok_or_else(|| Refusal::Invalid(Vec::new()))?;
    let incident = incident_id(&request.incident)?;
    let mut transaction = admin.store.begin().await?;
    let found =
        find(&mut transaction, caller, &request.org, &request.integration).await?.integration;
    let known = incidents::get(&mut transaction, &found.org, incident).await?;
    known.ok_or_else(|| Refusal::unknown("incident", incident.to_string()))?;
    drop(transaction);
    let change = Change::Link { integration: found.id, record };
    let edit = edited(&identity, caller, found.org, incident, change);
    let pending = edits::submit(admin, edit).await? == Verdict::Pending;
    let mut transaction = admin.store.begin().await?;
    let all = links::of_incidents(&mut transaction, &[incident]).await?;
    let made = all.into_iter().find(|stored| stored.link.integration == found.id);
    let link = match &made {
        Some(stored) => Some(shown(&mut transaction, stored).await?),
        None => None,
    };
    Ok(v1::ChangeLinkResponse { link, pending })
}

/// Parts an incident from its record.
pub(crate) async fn delete(
    admin: &Admin,
    caller: &Caller,
    request: v1::DeleteLinkRequest,
) -> Result<v1::ChangeLinkResponse, Refusal> {
    let (identity, id) = (Identity::of(&request.request_id)?, link_id(&request.link)?);
    change(admin, caller, &identity, (id, Change::Unlink { link: id })).await
}

/// Compares both sides again.
pub(crate) async fn resync(
    admin: &Admin,
    caller: &Caller,
    request: v1::ResyncLinkRequest,
) -> Result<v1::ChangeLinkResponse, Refusal> {
    let (identity, id) = (Identity::of(&request.request_id)?, link_id(&request.link)?);
    let again = Change::Resync { link: id, read: request.read };
    change(admin, caller, &identity, (id, again)).await
}

async fn change(
    admin: &Admin,
    caller: &Caller,
    identity: &Identity,
    (id, change): (LinkId, Change),
) -> Result<v1::ChangeLinkResponse, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let (incident, org) = whose(&mut transaction, caller, id).await?;
    drop(transaction);
    let edit = edited(identity, caller, org, incident, change);
    let pending = edits::submit(admin, edit).await? == Verdict::Pending;
    let mut transaction = admin.store.begin().await?;
    let link = Some(read(&mut transaction, caller, id).await?);
    Ok(v1::ChangeLinkResponse { link, pending })
}

/// The incident that a link is of, and its organisation, which must be one that the caller sees.
async fn whose(
    conn: &mut PgConnection,
    caller: &Caller,
    id: LinkId,
) -> Result<(IncidentId, Org), Refusal> {
    let unknown = || Refusal::unknown("link", id.to_string());
    let link = links::get(conn, id).await?.ok_or_else(unknown)?.link;
    let integration = integrations::get(conn, link.integration, false).await?;
    let org = integration.map(|found| found.integration.org);
    let org = org.filter(|org| caller.sees(org)).ok_or_else(unknown)?;
    Ok((link.incident, org))
}

async fn read(conn: &mut PgConnection, caller: &Caller, id: LinkId) -> Result<v1::Link, Refusal> {
    whose(conn, caller, id).await?;
    let found = links::get(conn, id).await?;
    let found = found.ok_or_else(|| Refusal::unknown("link", id.to_string()))?;
    shown(conn, &found).await
}

async fn shown(conn: &mut PgConnection, stored: &Stored) -> Result<v1::Link, Refusal> {
    let integration = integrations::get(conn, stored.link.integration, false).await?;
    let handle = integration.map(|found| found.integration.handle.to_string());
    let open = conflicts::open_of(conn, &[stored.link.incident]).await?;
    Ok(link(stored, &handle.unwrap_or_default(), &open))
}

fn link(stored: &Stored, handle: &str, open: &[Conflict]) -> v1::Link {
    let link = &stored.link;
    let conflicts: Vec<String> = open
        .iter()
        .filter(|conflict| conflict.link == link.id)
        .map(|conflict| conflict.id.to_string())
        .collect();
    v1::Link {
        id: link.id.to_string(),
        integration: link.integration.to_string(),
        integration_handle: handle.to_owned(),
        incident: link.incident.to_string(),
        record: link.record.as_ref().map(RecordId::to_string).unwrap_or_default(),
        number: link.number.map(wire::number).unwrap_or_default(),
        url: link.url.clone().unwrap_or_default(),
        desired_version: wire::number(link.version),
        applied_version: wire::number(link.confirmed),
        problem: link.problem.clone().unwrap_or_default(),
        create_time: Some(wire::instant(stored.created_at)),
        update_time: Some(wire::instant(stored.updated_at)),
        state: state(link, !conflicts.is_empty()).into(),
        seen_time: seen(link).map(wire::instant),
        conflicts,
        eta_s: None,
    }
}

/// How it stands with a link: what somebody has to do something about goes first.
fn state(link: &Link, disputed: bool) -> v1::LinkState {
    let in_doubt = || link.fields.values().any(|seen| seen.held.is_some());
    let open = || link.fields.values().any(|seen| !seen.open.is_empty());
    if link.detached {
        v1::LinkState::Unlinked
    } else if link.problem.is_some() {
        v1::LinkState::Problem
    } else if disputed {
        v1::LinkState::Conflict
    } else if in_doubt() {
        v1::LinkState::InDoubt
    } else if link.record.is_none() || link.confirmed < link.version || open() {
        v1::LinkState::Writing
    } else {
        v1::LinkState::InStep
    }
}

/// When the external side was last seen, on our clock.
fn seen(link: &Link) -> Option<Timestamp> {
    let stamps = link.fields.values().filter_map(|seen| Some(seen.theirs.as_ref()?.stamp));
    stamps
        .map(|stamp| match stamp {
            Stamp::Told { arrived, .. } => arrived,
            Stamp::Read { received, .. } => received,
        })
        .max()
}

fn link_id(text: &str) -> Result<LinkId, Refusal> {
    if text.is_empty() {
        return Err(Refusal::invalid("link", "must be the id of a link (lnk_…)"));
    }
    text.parse().map_err(|_| Refusal::unknown("link", text))
}

#[tonic::async_trait]
impl LinkService for Admin {
    type WatchLinksStream = BoxStream<'static, Result<v1::WatchLinksResponse, Status>>;

    async fn watch_links(
        &self,
        request: Request<v1::WatchLinksRequest>,
    ) -> Result<Response<Self::WatchLinksStream>, Status> {
        let caller = Caller::of(&request)?;
        let watching = watch(self, caller, request.into_inner()).await?;
        Ok(Response::new(Box::pin(watching)))
    }

    async fn get_link(
        &self,
        request: Request<v1::GetLinkRequest>,
    ) -> Result<Response<v1::Link>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(get(self, &caller, request.into_inner()).await?))
    }

    async fn list_links(
        &self,
        request: Request<v1::ListLinksRequest>,
    ) -> Result<Response<v1::ListLinksResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn create_link(
        &self,
        request: Request<v1::CreateLinkRequest>,
    ) -> Result<Response<v1::ChangeLinkResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(create(self, &caller, request.into_inner()).await?))
    }

    async fn delete_link(
        &self,
        request: Request<v1::DeleteLinkRequest>,
    ) -> Result<Response<v1::ChangeLinkResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(delete(self, &caller, request.into_inner()).await?))
    }

    async fn resync_link(
        &self,
        request: Request<v1::ResyncLinkRequest>,
    ) -> Result<Response<v1::ChangeLinkResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(resync(self, &caller, request.into_inner()).await?))
    }
}
