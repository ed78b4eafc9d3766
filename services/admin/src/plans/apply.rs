//! Applying plans, a few lines at a time: what is asked for first, then whether it was done.
//!
//! A copy takes a plan in hand for a while by moving its next turn ahead, so that another goes on
//! where one dies. A line is asked for in one of two ways, neither of which bypasses the rules: a
//! record is reported by the egress as the healer reports what it finds, or an edit is sent to the
//! reconciler. Both can be asked for twice: an edit has one id however often it is sent, and what is
//! reported again is no news. A line is done when the reconciler has dealt with it, the two are
//! linked, and nothing waits to be written. What the reconciler never hears of, since the broker lost
//! it, is asked for again.

use std::time::Duration;

use jiff::SignedDuration;
use tandem_bus::ask::{Look, Looked};
use tandem_domain::{
    event::{Edit, Snapshot},
    id::PlanId,
    incident::{Actor, Side},
    plan::{Ask, Kind, Line, Plan, Sides, plan},
};
use tandem_runtime::{clock, process::chain};
use tandem_store::{
    Store, StoreError, incidents,
    integrations::{self, Stored as Integration},
    plans::{self, LineState, State, Stored, StoredLine},
};
use tokio::time::Instant;

use super::sides;
use crate::{Admin, ask, edits, refusal::Refusal};

/// How long a plan is in one copy's hands. Where a step takes longer, two copies do the same for a
/// while, which does no harm.
const IN_HAND: SignedDuration = SignedDuration::from_secs(15);
/// How long a step may go on asking for lines.
const STEP: Duration = Duration::from_secs(3);
/// How many lines may have been asked for that are not done.
const WINDOW: u32 = 100;
/// How long the reconciler may take to hear of a line before it is asked for again; longer than the
/// broker knows a repeated message by.
const HEARD_WITHIN: SignedDuration = SignedDuration::from_mins(3);
/// How long until it is looked again what became of them.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(200);
/// How long until another try where something is in the way.
const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(2);
/// How often it is looked for a plan whose turn it is.
const IDLE: Duration = Duration::from_millis(250);
/// How long until another try when Postgres was away.
const AGAIN: Duration = Duration::from_millis(500);

/// Applies plans until dropped.
pub async fn run(admin: Admin) {
    let mut is_waiting = false;
    loop {
        let wait = match step(&admin).await {
            Ok(true) => {
                is_waiting = false;
                continue;
            }
            Ok(false) => {
                is_waiting = false;
                IDLE
            }
            Err(error) => {
                if !std::mem::replace(&mut is_waiting, true) {
                    tracing::warn!(error = chain(&error), "plans wait");
                }
                AGAIN
            }
        };
        tokio::select! {
            () = admin.plans.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// What a line came to when it was asked for.
enum Asked {
    /// It is known by this id.
    As(String),
    /// It is settled.
    Settled(LineState, Option<String>),
}

/// Goes on with one plan; says whether there was one.
async fn step(admin: &Admin) -> Result<bool, StoreError> {
    let now = clock::now();
    let until = now.checked_add(IN_HAND).unwrap_or(now);
    let mut conn = admin.store.acquire().await?;
    let Some(id) = plans::claim(&mut conn, now, until).await? else { return Ok(false) };
    let Some(stored) = plans::get(&mut conn, id).await? else { return Ok(false) };
    let integration = integrations::get(&mut conn, stored.integration, false).await?;
    drop(conn);
    let Some(integration) = integration.filter(|found| !found.deleted) else {
        end(admin, &stored, State::Failed).await?;
        return Ok(true);
    };
    let waiting = settle(admin, id).await?;
    let problem = match ask_for(admin, (&stored, &integration), waiting).await {
        Ok(()) => None,
        Err(Refusal::Unavailable { .. }) => Some("nats or the database is away".to_owned()),
        Err(refusal) => Some(said(&refusal)),
    };
    let mut conn = admin.store.acquire().await?;
    let Some(after) = plans::get(&mut conn, id).await? else { return Ok(true) };
    let progress = after.progress;
    let dealt_with = progress.done + progress.moved + progress.failed;
    if dealt_with == progress.total {
        drop(conn);
        let whole = progress.done == progress.total;
        end(admin, &stored, if whole { State::Applied } else { State::Failed }).await?;
        return Ok(true);
    }
    let wait = if problem.is_some() { TRY_AGAIN } else { LOOK_AGAIN };
    let now = clock::now();
    let again = now.checked_add(wait).unwrap_or(now);
    plans::rest(&mut conn, id, again, problem.as_deref()).await?;
    Ok(true)
}

async fn end(admin: &Admin, plan: &Stored, state: State) -> Result<(), StoreError> {
    let mut conn = admin.store.acquire().await?;
    plans::finish(&mut conn, plan.id, state, clock::now()).await?;
    tracing::info!(plan.id = %plan.id, state = state.name(), "a plan was applied");
    Ok(())
}

/// Notes what became of the lines that were asked for; gives how many are still not done.
async fn settle(admin: &Admin, id: PlanId) -> Result<u32, StoreError> {
    let mut transaction = admin.store.begin().await?;
    let (mut waiting, mut unheard) = (0, Vec::new());
    for line in plans::standing(&mut transaction, id, 2 * WINDOW).await? {
        let became = match (line.effect.as_deref(), line.settled, line.problem) {
            (None, ..) => {
                unheard.push(line.position);
                None
            }
            (Some("applied"), true, _) => Some((LineState::Done, None)),
            (Some("applied"), false, problem) => problem.map(|it| (LineState::Failed, Some(it))),
            (Some("refused"), ..) => {
                let reason = "it was no longer as planned when it was its turn";
                Some((LineState::Moved, Some(reason.to_owned())))
            }
            (Some(ignored), ..) => {
                let reason = ignored.strip_prefix("ignored: ").unwrap_or(ignored);
                Some((LineState::Failed, Some(reason.to_owned())))
            }
        };
        match became {
            None => waiting += 1,
            Some((state, reason)) => {
                let outcome = (state, reason.as_deref());
                plans::settle(&mut transaction, id, line.position, outcome).await?;
            }
        }
    }
    let now = clock::now();
    let before = now.checked_sub(HEARD_WITHIN).unwrap_or(now);
    let again = plans::forget_unheard(&mut transaction, id, before, &unheard).await?;
    Store::commit(transaction).await?;
    Ok(waiting - u32::try_from(again).unwrap_or(waiting).min(waiting))
}

/// Asks for the next lines, as many as may be waited for.
async fn ask_for(
    admin: &Admin,
    (stored, integration): (&Stored, &Integration),
    waiting: u32,
) -> Result<(), Refusal> {
    let until = Instant::now() + STEP;
    let mut conn = admin.store.acquire().await?;
    let lines = plans::unsent(&mut conn, stored.id, WINDOW.saturating_sub(waiting)).await?;
    drop(conn);
    let somebody = || Actor::unnamed(Side::Platform);
    let ask = Ask {
        seed: stored.id.to_string(),
        author: stored.author.clone().unwrap_or_else(somebody),
        at: stored.applied_at.unwrap_or(stored.created_at),
    };
    for StoredLine { position, line, .. } in lines {
        if Instant::now() >= until {
            return Ok(());
        }
        let asked = match line.edit(&integration.integration, &ask) {
            Some(edit) => send(admin, integration, &line, edit).await?,
            None => report(admin, integration, &line).await?,
        };
        let mut conn = admin.store.acquire().await?;
        match asked {
            Asked::As(id) => {
                let known = (id.as_str(), clock::now());
                plans::sent(&mut conn, stored.id, position, known).await?;
            }
            Asked::Settled(state, reason) => {
                let outcome = (state, reason.as_deref());
                plans::settle(&mut conn, stored.id, position, outcome).await?;
            }
        }
    }
    Ok(())
}

/// Sends the edit that a line comes to.
async fn send(
    admin: &Admin,
    integration: &Integration,
    line: &Line,
    edit: Edit,
) -> Result<Asked, Refusal> {
    if let Some(record) = &line.record {
        if !is_at_revision(admin, line).await? {
            return is_done(admin, integration, line).await;
        }
        if look(admin, integration, record, false).await? == Found::Moved {
            return is_done(admin, integration, line).await;
        }
    }
    let id = edit.id.to_string();
    match edits::submit(admin, edit).await {
        Ok(_) => Ok(Asked::As(id)),
        Err(refusal @ Refusal::Unavailable { .. }) => Err(refusal),
        Err(refusal @ Refusal::Stale { .. }) => {
            Ok(Asked::Settled(LineState::Moved, Some(said(&refusal))))
        }
        Err(refusal) => Ok(Asked::Settled(LineState::Failed, Some(said(&refusal)))),
    }
}

/// Has a line's record reported.
async fn report(admin: &Admin, integration: &Integration, line: &Line) -> Result<Asked, Refusal> {
    let Some(record) = &line.record else {
        let reason = Some("it names neither an incident nor a record".to_owned());
        return Ok(Asked::Settled(LineState::Failed, reason));
    };
    if !is_at_revision(admin, line).await? {
        return is_done(admin, integration, line).await;
    }
    match look(admin, integration, record, true).await? {
        Found::Reported(finding) => Ok(Asked::As(finding)),
        Found::AsPlanned | Found::Moved => is_done(admin, integration, line).await,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    AsPlanned,
    Reported(String),
    /// Or it is gone.
    Moved,
}

async fn look(
    admin: &Admin,
    integration: &Integration,
    planned: &Snapshot,
    report: bool,
) -> Result<Found, Refusal> {
    let (record, planned) = (planned.record.clone(), Some(Box::new(planned.clone())));
    let wanted = Look { record, planned, report };
    Ok(match ask::look(admin, integration, wanted).await? {
        Looked::Reported { finding } => Found::Reported(finding),
        Looked::Seen { .. } => Found::AsPlanned,
        Looked::Moved | Looked::Gone => Found::Moved,
    })
}

/// Whether a line's incident is at the revision that the line was made of.
async fn is_at_revision(admin: &Admin, line: &Line) -> Result<bool, StoreError> {
    let Some((id, revision)) = line.incident.zip(line.revision) else { return Ok(true) };
    let mut conn = admin.store.acquire().await?;
    let found = incidents::read(&mut conn, &[id]).await?;
    Ok(found.iter().any(|incident| incident.revision == revision))
}

/// What became of a line whose sides are no longer as planned: where nothing is left to do it was
/// done, by a copy that died before it could note it, or by itself.
async fn is_done(admin: &Admin, integration: &Integration, line: &Line) -> Result<Asked, Refusal> {
    let gone = Asked::Settled(LineState::Moved, Some("the record is gone".to_owned()));
    let Some(record) = &line.record else { return Ok(gone) };
    let wanted = Look { record: record.record.clone(), planned: None, report: false };
    let Looked::Seen { reading } = ask::look(admin, integration, wanted).await? else {
        return Ok(gone);
    };
    let of = &integration.integration;
    let (configs, states) = sides::around(admin, of, &reading).await?;
    let now = configs.get(&of.id).map_or_else(Plan::default, |config| {
        let (incidents, records) = (states, vec![*reading]);
        plan(Sides { integration: config, configs: &configs, incidents, records, at: clock::now() })
    });
    let left = now.lines.iter().any(|other| other.is_about(line));
    let is_linked = now.in_step + now.under_way > 0;
    Ok(if !left && is_linked {
        Asked::Settled(LineState::Done, None)
    } else {
        let moved = match line.kind {
            Kind::CreateHere => "the record has moved since the plan was made",
            _ => "the incident or the record has moved since the plan was made",
        };
        Asked::Settled(LineState::Moved, Some(moved.to_owned()))
    })
}

/// A refusal in words for people.
fn said(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Invalid(violations) => violations
            .iter()
            .map(|violation| format!("{} {}", violation.field, violation.problem))
            .collect::<Vec<_>>()
            .join("; "),
        other => chain(other),
    }
}
