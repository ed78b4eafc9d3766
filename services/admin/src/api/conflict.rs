//! Conflicts: read from Postgres; [`resolve`] decides them, through the reconciler like any edit.

pub(crate) mod resolve;
mod watch;

use std::collections::{HashMap, HashSet};

use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use jiff::Timestamp;
use tandem_domain::{
    conflict::{Conflict, Standing},
    field::{Field, NotAField},
    id::{ConflictId, IntegrationId, LinkId, Org},
};
use tandem_proto::v1::{self, conflict_service_server::ConflictService};
use tandem_store::{
    PgConnection,
    conflicts::{self, Filter},
    integrations, links,
};
use tonic::{Request, Response, Status};

use super::{find_ever, incident_id, watching};
use crate::{
    Admin,
    caller::Caller,
    page,
    refusal::Refusal,
    wire::conflict::{self as wire, Around},
};

/// Answers one conflict, with what each choice would do.
pub(crate) async fn get(
    admin: &Admin,
    caller: &Caller,
    request: v1::GetConflictRequest,
) -> Result<v1::Conflict, Refusal> {
    let (org, id) = (caller.org(&request.org)?, conflict_id(&request.conflict)?);
    let mut transaction = admin.store.begin().await?;
    let found = one(&mut transaction, &org, id).await?;
    whole(&mut transaction, &found).await
}

async fn one(conn: &mut PgConnection, org: &Org, id: ConflictId) -> Result<Conflict, Refusal> {
    let found = conflicts::get(conn, org, id).await?;
    found.ok_or_else(|| Refusal::unknown("conflict", id.to_string()))
}

async fn whole(conn: &mut PgConnection, conflict: &Conflict) -> Result<v1::Conflict, Refusal> {
    let stored = integrations::get(conn, conflict.integration, false).await?;
    let link = links::get(conn, conflict.link).await?;
    let integration = stored.as_ref().map(|stored| &stored.integration);
    let around = Around { integration, link: link.as_ref().map(|stored| &stored.link) };
    Ok(wire::conflict_whole(conflict, around))
}

/// Lists conflicts, newest first.
pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListConflictsRequest,
) -> Result<v1::ListConflictsResponse, Refusal> {
    let size = page::size(request.page_size)?;
    let after = page::after::<(Timestamp, ConflictId)>(&request.page_token)?;
    let mut transaction = admin.store.begin().await?;
    let asked = (&*request.org, &*request.integration, &*request.incident, &*request.field);
    let (org, filter) = filter(&mut transaction, caller, asked).await?;
    let standing = standing(request.standing());
    let filter = Filter { standing, after, limit: page::with_one_more(size), ..filter };
    let mut page = conflicts::list(&mut transaction, &org, &filter).await?;
    let next_page_token = page::next(&mut page, size, |one| (one.opened_at, one.id));
    let conflicts = lines(&mut transaction, &org, &page).await?;
    Ok(v1::ListConflictsResponse { conflicts, next_page_token })
}

/// Streams the conflicts that open and those that end, from now on.
async fn watch(
    admin: &Admin,
    caller: Caller,
    request: v1::WatchConflictsRequest,
) -> Result<impl Stream<Item = Result<v1::WatchConflictsResponse, Status>> + Send + use<>, Refusal>
{
    let asked = (&*request.org, &*request.integration, &*request.incident, &*request.field);
    let mut transaction = admin.store.begin().await?;
    let (org, filter) = filter(&mut transaction, &caller, asked).await?;
    drop(transaction);
    let conflicts = watch::Conflicts { org, filter, open: HashSet::new() };
    let stream = watching::stream(admin, caller, conflicts).await?;
    let told = |conflict| v1::WatchConflictsResponse { conflict: Some(conflict) };
    Ok(stream.map(move |conflict| conflict.map(told)))
}

/// Conflicts of one organisation as a list shows them.
async fn lines(
    conn: &mut PgConnection,
    org: &Org,
    page: &[Conflict],
) -> Result<Vec<v1::Conflict>, Refusal> {
    let all = integrations::list(conn, Some(org)).await?;
    let all: HashMap<IntegrationId, _> =
        all.into_iter().map(|stored| (stored.integration.id, stored.integration)).collect();
    let incidents: Vec<_> = page.iter().map(|conflict| conflict.incident).collect();
    let links: HashMap<LinkId, _> = links::of_incidents(conn, &incidents)
        .await?
        .into_iter()
        .map(|stored| (stored.link.id, stored.link))
        .collect();
    let line = |conflict: &Conflict| {
        let integration = all.get(&conflict.integration);
        wire::conflict(conflict, Around { integration, link: links.get(&conflict.link) })
    };
    Ok(page.iter().map(line).collect())
}

/// Which conflicts are meant by organisation, integration, incident and field.
async fn filter(
    conn: &mut PgConnection,
    caller: &Caller,
    (org, integration, incident, field): (&str, &str, &str, &str),
) -> Result<(Org, Filter), Refusal> {
    let found = match integration {
        "" => None,
        named => Some(find_ever(conn, caller, org, named).await?.integration),
    };
    let incident = (!incident.is_empty()).then(|| incident_id(incident)).transpose()?;
    let field = (!field.is_empty()).then(|| field.parse::<Field>()).transpose();
    let field = field.map_err(|error: NotAField| Refusal::invalid("field", error.to_string()))?;
    let filter = Filter {
        integration: found.as_ref().map(|found| found.id),
        incident,
        field,
        ..Filter::default()
    };
    Ok((found.map_or_else(|| caller.org(org), |found| Ok(found.org))?, filter))
}

const fn standing(from: v1::ConflictStanding) -> Option<Standing> {
    match from {
        v1::ConflictStanding::Unspecified => None,
        v1::ConflictStanding::Open => Some(Standing::Open),
        v1::ConflictStanding::Resolved => Some(Standing::Resolved),
        v1::ConflictStanding::Agreed => Some(Standing::Agreed),
        v1::ConflictStanding::Moot => Some(Standing::Moot),
    }
}

fn conflict_id(text: &str) -> Result<ConflictId, Refusal> {
    if text.is_empty() {
        return Err(Refusal::invalid("conflict", "must be the id of a conflict (cfl_…)"));
    }
    text.parse().map_err(|_| Refusal::unknown("conflict", text))
}

#[tonic::async_trait]
impl ConflictService for Admin {
    type WatchConflictsStream = BoxStream<'static, Result<v1::WatchConflictsResponse, Status>>;

    async fn watch_conflicts(
        &self,
        request: Request<v1::WatchConflictsRequest>,
    ) -> Result<Response<Self::WatchConflictsStream>, Status> {
        let caller = Caller::of(&request)?;
        let watching = watch(self, caller, request.into_inner()).await?;
        Ok(Response::new(Box::pin(watching)))
    }

    async fn get_conflict(
        &self,
        request: Request<v1::GetConflictRequest>,
    ) -> Result<Response<v1::Conflict>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(get(self, &caller, request.into_inner()).await?))
    }

    async fn list_conflicts(
        &self,
        request: Request<v1::ListConflictsRequest>,
    ) -> Result<Response<v1::ListConflictsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn resolve_conflict(
        &self,
        request: Request<v1::ResolveConflictRequest>,
    ) -> Result<Response<v1::ResolveConflictResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(resolve::one(self, &caller, request.into_inner()).await?))
    }

    async fn resolve_conflicts(
        &self,
        request: Request<v1::ResolveConflictsRequest>,
    ) -> Result<Response<v1::ResolveConflictsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(resolve::many(self, &caller, request.into_inner()).await?))
    }
}
