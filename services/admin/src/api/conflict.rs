//! Conflicts: read from Postgres, decided through the reconciler like any edit.

use std::collections::HashMap;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use tandem_domain::{
    conflict::{Choice, Conflict, Standing},
    event::Change,
    field::{Field, NotAField},
    id::{ConflictId, IntegrationId, LinkId, Org},
};
use tandem_proto::{
    v1::{self, conflict_service_server::ConflictService},
    words::Word as _,
};
use tandem_store::{
    PgConnection,
    conflicts::{self, Filter},
    integrations, links,
};
use tonic::{Request, Response, Status};

use super::{edit::edited, find, incident_id};
use crate::{
    Admin,
    caller::Caller,
    edits::{self, Identity, Verdict},
    page,
    refusal::Refusal,
    wire::conflict::{self as wire, Around},
};

/// How many are decided in one call.
const MANY: usize = 100;
/// How many of them at once.
const AT_ONCE: usize = 16;

/// Answers one conflict, with what each choice would do.
pub(crate) async fn get(
    admin: &Admin,
    request: v1::GetConflictRequest,
) -> Result<v1::Conflict, Refusal> {
    let (org, id) = (super::org(&request.org)?, conflict_id(&request.conflict)?);
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
    request: v1::ListConflictsRequest,
) -> Result<v1::ListConflictsResponse, Refusal> {
    let size = page::size(request.page_size)?;
    let after = page::after::<(Timestamp, ConflictId)>(&request.page_token)?;
    let mut transaction = admin.store.begin().await?;
    let asked = (&*request.org, &*request.integration, &*request.incident, &*request.field);
    let (org, filter) = filter(&mut transaction, asked).await?;
    let standing = standing(request.standing());
    let filter = Filter { standing, after, limit: page::with_one_more(size), ..filter };
    let mut page = conflicts::list(&mut transaction, &org, &filter).await?;
    let next_page_token = page::next(&mut page, size, |one| (one.opened_at, one.id));
    let conflicts = lines(&mut transaction, &org, &page).await?;
    Ok(v1::ListConflictsResponse { conflicts, next_page_token })
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
    (org, integration, incident, field): (&str, &str, &str, &str),
) -> Result<(Org, Filter), Refusal> {
    let found = match integration {
        "" => None,
        named => Some(find(conn, org, named).await?.integration),
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
    Ok((found.map_or_else(|| super::org(org), |found| Ok(found.org))?, filter))
}

/// Decides one open conflict.
pub(crate) async fn resolve(
    admin: &Admin,
    caller: &Caller,
    request: v1::ResolveConflictRequest,
) -> Result<v1::ResolveConflictResponse, Refusal> {
    let choice = choice(request.take(), request.value)?;
    let (org, id) = (super::org(&request.org)?, conflict_id(&request.conflict)?);
    let identity = Identity::of(&request.request_id)?;
    decide(admin, caller, &identity, &org, (id, choice)).await
}

async fn decide(
    admin: &Admin,
    caller: &Caller,
    identity: &Identity,
    org: &Org,
    (id, choice): (ConflictId, Choice),
) -> Result<v1::ResolveConflictResponse, Refusal> {
    let found = {
        let mut transaction = admin.store.begin().await?;
        one(&mut transaction, org, id).await?
    };
    if found.standing != Standing::Open {
        return Err(ended(&found));
    }
    if let Choice::Value { value } = &choice {
        let checked = found.field.check(value.as_deref());
        checked.map_err(|unfit| Refusal::invalid("value", unfit.problem))?;
    }
    let change = Change::Resolve { conflict: id, choice };
    let edit = edited(identity, caller, org.clone(), found.incident, change);
    let verdict = edits::submit(admin, edit).await;
    let mut transaction = admin.store.begin().await?;
    let now = one(&mut transaction, org, id).await?;
    match verdict {
        // It ended between our look and the reconciler's.
        Err(Refusal::Unknown { .. }) if now.standing != Standing::Open => Err(ended(&now)),
        Err(refusal) => Err(refusal),
        Ok(verdict) => Ok(v1::ResolveConflictResponse {
            conflict: Some(whole(&mut transaction, &now).await?),
            pending: verdict == Verdict::Pending && now.standing == Standing::Open,
        }),
    }
}

fn ended(conflict: &Conflict) -> Refusal {
    let state = match conflict.standing {
        Standing::Open => "open",
        Standing::Resolved => "resolved",
        Standing::Agreed => "settled, the sides agree,",
        Standing::Moot => "moot, the link is gone,",
    };
    Refusal::Settled { noun: "conflict", name: conflict.id.to_string(), state }
}

/// Decides many open conflicts alike.
pub(crate) async fn resolve_many(
    admin: &Admin,
    caller: &Caller,
    request: v1::ResolveConflictsRequest,
) -> Result<v1::ResolveConflictsResponse, Refusal> {
    let choice = choice(request.take(), request.value.clone())?;
    let (org, ids, next_page_token) = which(admin, &request).await?;
    let each = ids.into_iter().map(|id| {
        let (choice, org) = (choice.clone(), &org);
        async move {
            let identity = Identity::of("")?;
            let decided = decide(admin, caller, &identity, org, (id, choice)).await;
            told(id, decided)
        }
    });
    let resolutions: Vec<Result<_, Refusal>> = stream::iter(each).buffered(AT_ONCE).collect().await;
    let resolutions = resolutions.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(v1::ResolveConflictsResponse { resolutions, next_page_token })
}

/// The conflicts that are named, or the next page of the open ones that a filter finds.
async fn which(
    admin: &Admin,
    request: &v1::ResolveConflictsRequest,
) -> Result<(Org, Vec<ConflictId>, String), Refusal> {
    if !request.conflicts.is_empty() {
        if request.conflicts.len() > MANY {
            return Err(Refusal::invalid("conflicts", format!("must not be more than {MANY}")));
        }
        let ids = request.conflicts.iter().map(|id| conflict_id(id)).collect::<Result<_, _>>()?;
        return Ok((super::org(&request.org)?, ids, String::new()));
    }
    if request.integration.is_empty() {
        return Err(Refusal::invalid("integration", "must be given, or conflicts named"));
    }
    let after = page::after::<(Timestamp, ConflictId)>(&request.page_token)?;
    let mut transaction = admin.store.begin().await?;
    let asked = (&*request.org, &*request.integration, &*request.incident, &*request.field);
    let (org, filter) = filter(&mut transaction, asked).await?;
    let standing = Some(Standing::Open);
    let filter = Filter { standing, after, limit: page::with_one_more(MANY), ..filter };
    let mut page = conflicts::list(&mut transaction, &org, &filter).await?;
    let next_page_token = page::next(&mut page, MANY, |one| (one.opened_at, one.id));
    Ok((org, page.iter().map(|one| one.id).collect(), next_page_token))
}

/// What became of one among many; what has nothing to do with it ends the call.
fn told(
    id: ConflictId,
    decided: Result<v1::ResolveConflictResponse, Refusal>,
) -> Result<v1::ConflictResolution, Refusal> {
    let conflict = id.to_string();
    match decided {
        Ok(decided) => Ok(v1::ConflictResolution {
            conflict,
            resolved: decided.conflict,
            pending: decided.pending,
            problem: String::new(),
        }),
        Err(refusal @ (Refusal::Unavailable { .. } | Refusal::Broken { .. })) => Err(refusal),
        Err(refusal) => {
            let problem = match refusal {
                Refusal::Invalid(all) => {
                    let all = all.into_iter().map(|one| format!("{}: {}", one.field, one.problem));
                    all.collect::<Vec<_>>().join("; ")
                }
                other => other.to_string(),
            };
            Ok(v1::ConflictResolution { conflict, resolved: None, pending: false, problem })
        }
    }
}

/// Whose value to take; an empty text is the empty value.
fn choice(take: v1::ConflictTake, value: Option<String>) -> Result<Choice, Refusal> {
    match (take, value) {
        (v1::ConflictTake::Unspecified, _) => {
            let problem = format!("must be one of {}", v1::ConflictTake::choices());
            Err(Refusal::invalid("take", problem))
        }
        (v1::ConflictTake::Value, value) => {
            Ok(Choice::Value { value: value.filter(|text| !text.is_empty()) })
        }
        (_, Some(_)) => Err(Refusal::invalid("value", "goes with a third value only")),
        (v1::ConflictTake::Platform, None) => Ok(Choice::Platform),
        (v1::ConflictTake::External, None) => Ok(Choice::External),
    }
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
    async fn get_conflict(
        &self,
        request: Request<v1::GetConflictRequest>,
    ) -> Result<Response<v1::Conflict>, Status> {
        Ok(Response::new(get(self, request.into_inner()).await?))
    }

    async fn list_conflicts(
        &self,
        request: Request<v1::ListConflictsRequest>,
    ) -> Result<Response<v1::ListConflictsResponse>, Status> {
        Ok(Response::new(list(self, request.into_inner()).await?))
    }

    async fn resolve_conflict(
        &self,
        request: Request<v1::ResolveConflictRequest>,
    ) -> Result<Response<v1::ResolveConflictResponse>, Status> {
        let caller = Caller::of(request.metadata())?;
        Ok(Response::new(resolve(self, &caller, request.into_inner()).await?))
    }

    async fn resolve_conflicts(
        &self,
        request: Request<v1::ResolveConflictsRequest>,
    ) -> Result<Response<v1::ResolveConflictsResponse>, Status> {
        let caller = Caller::of(request.metadata())?;
        Ok(Response::new(resolve_many(self, &caller, request.into_inner()).await?))
    }
}
