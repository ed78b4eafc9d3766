//! Deciding conflicts: one, or many alike. Each decision is an edit by whoever calls.

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use tandem_domain::{
    conflict::{Choice, Conflict, Standing},
    event::Change,
    id::{ConflictId, Org},
};
use tandem_proto::{v1, words::Word as _};
use tandem_store::conflicts::{self, Filter};

use super::{conflict_id, filter, one as find, whole};
use crate::{
    Admin,
    api::edit::edited,
    caller::Caller,
    edits::{self, Identity, Verdict},
    page,
    refusal::Refusal,
};

/// How many are decided in one call.
const MANY: usize = 100;
/// How many of them at once.
const AT_ONCE: usize = 16;

/// Decides one open conflict.
pub(crate) async fn one(
    admin: &Admin,
    caller: &Caller,
    request: v1::ResolveConflictRequest,
) -> Result<v1::ResolveConflictResponse, Refusal> {
    let choice = choice(request.take(), request.value)?;
    let (org, id) = (caller.org(&request.org)?, conflict_id(&request.conflict)?);
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
        find(&mut transaction, org, id).await?
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
    let now = find(&mut transaction, org, id).await?;
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
pub(crate) async fn many(
    admin: &Admin,
    caller: &Caller,
    request: v1::ResolveConflictsRequest,
) -> Result<v1::ResolveConflictsResponse, Refusal> {
    let choice = choice(request.take(), request.value.clone())?;
    let (org, ids, next_page_token) = which(admin, caller, &request).await?;
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
    caller: &Caller,
    request: &v1::ResolveConflictsRequest,
) -> Result<(Org, Vec<ConflictId>, String), Refusal> {
    if !request.conflicts.is_empty() {
        if request.conflicts.len() > MANY {
            return Err(Refusal::invalid("conflicts", format!("must not be more than {MANY}")));
        }
        let ids = request.conflicts.iter().map(|id| conflict_id(id)).collect::<Result<_, _>>()?;
        return Ok((caller.org(&request.org)?, ids, String::new()));
    }
    if request.integration.is_empty() {
        return Err(Refusal::invalid("integration", "must be given, or conflicts named"));
    }
    let after = page::after::<(Timestamp, ConflictId)>(&request.page_token)?;
    let mut transaction = admin.store.begin().await?;
    let asked = (&*request.org, &*request.integration, &*request.incident, &*request.field);
    let (org, filter) = filter(&mut transaction, caller, asked).await?;
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
