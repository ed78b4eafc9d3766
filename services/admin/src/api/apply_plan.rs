//! Having a plan applied: only as it was made, and only if no more is notified than was allowed.

use std::collections::HashMap;

use tandem_domain::plan::Line;
use tandem_proto::v1;
use tandem_runtime::clock;
use tandem_store::{
    PgConnection, Store, audit,
    integrations::{self, Stored as Integration},
    plans::{self, Asked, State, Stored},
};

use super::plan::{plan_id, seen, shown};
use crate::{
    Admin,
    caller::Caller,
    plans::{self as making, told::Told},
    refusal::Refusal,
};

/// How many things that have moved are named.
const NAMED: usize = 5;

/// Begins to apply a plan; one that is being applied already is answered as it is.
pub(crate) async fn apply(
    admin: &Admin,
    caller: &Caller,
    request: v1::ApplyPlanRequest,
) -> Result<v1::Plan, Refusal> {
    let id = plan_id(&request.plan)?;
    let allowed = u64::try_from(request.max_notifications)
        .map_err(|_| Refusal::invalid("max_notifications", "must not be negative"))?;
    let mut transaction = admin.store.begin().await?;
    let plan = seen(&mut transaction, caller, id).await?;
    let of = integrations::get(&mut transaction, plan.integration, false).await?;
    let of = of.filter(|stored| !stored.deleted);
    let of = of.ok_or_else(|| Refusal::unknown("integration", plan.integration.to_string()))?;
    match plan.state {
        State::Planned => {}
        State::Applying => return shown(&mut transaction, caller, id).await,
        State::Stale => return Err(stale(&plan, &of, plan.problem.as_deref().unwrap_or_default())),
        State::Applied | State::Failed => {
            return Err(Refusal::Settled {
                noun: "plan",
                name: id.to_string(),
                state: plan.state.name(),
            });
        }
    }
    let asked = Asked { limit: u32::MAX, ..Asked::default() };
    let lines = plans::list(&mut transaction, id, asked).await?;
    drop(transaction);
    within(&Told::read(&plan.told), allowed, &plan)?;
    let now = making::make(admin, &of).await?;
    let planned: Vec<Line> = lines.into_iter().map(|stored| stored.line).collect();
    let mut transaction = admin.store.begin().await?;
    if let Some(problem) = moved(&planned, &now.lines) {
        plans::outdate(&mut transaction, id, &problem).await?;
        Store::commit(transaction).await?;
        return Err(stale(&plan, &of, &problem));
    }
    // Who is on call may have changed meanwhile.
    within(&now.told, allowed, &plan)?;
    begin(&mut transaction, caller, &plan, &of).await?;
    if planned.is_empty() {
        plans::finish(&mut transaction, id, State::Applied, clock::now()).await?;
    }
    let begun = shown(&mut transaction, caller, id).await?;
    Store::commit(transaction).await?;
    admin.plans.notify_one();
    Ok(begun)
}

/// Begins it, and tells the audit so.
async fn begin(
    conn: &mut PgConnection,
    caller: &Caller,
    plan: &Stored,
    of: &Integration,
) -> Result<(), Refusal> {
    let (at, id) = (clock::now(), plan.id.to_string());
    if !plans::begin(conn, plan.id, &caller.actor(), at).await? {
        let message = format!(
            "another plan of {} is being applied: wait until it is done, then make a new one",
            of.integration.handle
        );
        return Err(Refusal::Precluded { kind: "APPLYING", name: id, message });
    }
    let entry = audit::Entry {
        at,
        actor: caller.name(),
        org: Some(plan.org.as_str()),
        action: "plan.apply",
        target: &id,
        reason: None,
        before: None,
        after: Some(plan.told.clone()),
    };
    Ok(audit::add(conn, entry).await?)
}

fn within(told: &Told, allowed: u64, plan: &Stored) -> Result<(), Refusal> {
    let (count, people) = (told.paging.notifications, told.paging.people.len());
    if count <= allowed {
        return Ok(());
    }
    let unknown = match told.paging.unknown {
        0 => String::new(),
        unknown => format!(", {unknown} of them to nobody knows whom"),
    };
    let whom = if people == 1 { "person" } else { "people" };
    let message = format!(
        "applying it would send {count} notifications to {people} {whom}{unknown}, and {allowed} \
         are allowed: --max-notifications {count}"
    );
    Err(Refusal::Precluded { kind: "NOTIFICATIONS", name: plan.id.to_string(), message })
}

fn stale(plan: &Stored, of: &Integration, problem: &str) -> Refusal {
    let handle = &of.integration.handle;
    let message = format!("{problem}; make a new one: im integration plan {handle}");
    Refusal::Precluded { kind: "MOVED", name: plan.id.to_string(), message }
}

/// What of a plan is no longer as it was; none where all of it is. What has come since is not its
/// business.
fn moved(planned: &[Line], now: &[Line]) -> Option<String> {
    let now: HashMap<String, &Line> = now.iter().map(|line| (line.about(), line)).collect();
    let moved: Vec<String> = planned
        .iter()
        .filter(|line| now.get(&line.about()) != Some(line))
        .map(|line| format!("{} ({:?})", line.about(), line.title))
        .collect();
    let more = moved.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let named: Vec<&str> = moved.iter().take(NAMED).map(String::as_str).collect();
    (!moved.is_empty())
        .then(|| format!("since the plan was made, these have moved: {}{more}", named.join(", ")))
}
