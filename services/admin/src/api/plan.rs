//! Plans: made, read, and applied.

use tandem_domain::{
    id::{Mint, Org, PlanId},
    plan::Kind,
};
use tandem_proto::v1::{self, plan_service_server::PlanService};
use tandem_runtime::clock;
use tandem_store::{
    PgConnection, Store, integrations,
    plans::{self, Asked, LineState, Progress, State, Stored},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

pub(crate) use super::apply_plan::apply;
use super::find;
use crate::{Admin, caller::Caller, page, plans as making, refusal::Refusal, wire::plan as wire};

/// How long a plan is kept that nobody has applied.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Makes a plan and keeps it.
pub(crate) async fn create(
    admin: &Admin,
    caller: &Caller,
    request: v1::CreatePlanRequest,
) -> Result<v1::Plan, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let found = find(&mut transaction, caller, &request.org, &request.integration).await?;
    drop(transaction);
    let made = making::make(admin, &found).await?;
    let (integration, now) = (&found.integration, clock::now());
    let plan = Stored {
        id: Mint::new(now, Uuid::new_v4().as_bytes()).id(),
        integration: integration.id,
        org: integration.org.clone(),
        state: State::Planned,
        actor: caller.name().to_owned(),
        config_version: integration.version,
        told: serde_json::to_value(&made.told).map_err(|error| Refusal::Broken {
            what: "a plan cannot be kept",
            source: error.into(),
        })?,
        problem: None,
        author: None,
        created_at: now,
        read_at: made.read_at,
        applied_at: None,
        finished_at: None,
        progress: Progress::default(),
    };
    let mut transaction = admin.store.begin().await?;
    let before = now.checked_sub(KEPT).unwrap_or(now);
    plans::forget(&mut transaction, integration.id, before).await?;
    plans::create(&mut transaction, &plan, &made.lines).await?;
    let kept = shown(&mut transaction, caller, plan.id).await?;
    Store::commit(transaction).await?;
    Ok(kept)
}

/// Answers a plan, or the newest one of an integration.
pub(crate) async fn get(
    admin: &Admin,
    caller: &Caller,
    request: v1::GetPlanRequest,
) -> Result<v1::Plan, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let id = if request.plan.is_empty() && !request.integration.is_empty() {
        let found = find(&mut transaction, caller, &request.org, &request.integration).await?;
        let handle = found.integration.handle.to_string();
        let newest = plans::newest(&mut transaction, found.integration.id).await?;
        newest.ok_or_else(|| Refusal::unknown("plan of", handle))?
    } else {
        plan_id(&request.plan)?
    };
    shown(&mut transaction, caller, id).await
}

/// Lists a plan's lines.
pub(crate) async fn lines(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListPlanLinesRequest,
) -> Result<v1::ListPlanLinesResponse, Refusal> {
    let id = plan_id(&request.plan)?;
    let size = page::size(request.page_size)?;
    let after = page::after::<u64>(&request.page_token)?.unwrap_or_default();
    let (kind, state) = (kind(request.kind()), became(request.state()));
    let mut transaction = admin.store.begin().await?;
    seen(&mut transaction, caller, id).await?;
    let limit = page::with_one_more(size);
    let asked = Asked { kind, state, after, limit };
    let mut page = plans::list(&mut transaction, id, asked).await?;
    let next_page_token = page::next(&mut page, size, |line| line.position);
    let lines = page.into_iter().map(wire::line).collect();
    Ok(v1::ListPlanLinesResponse { lines, next_page_token })
}

pub(super) async fn shown(
    conn: &mut PgConnection,
    caller: &Caller,
    id: PlanId,
) -> Result<v1::Plan, Refusal> {
    let stored = seen(conn, caller, id).await?;
    let integration = integrations::get(conn, stored.integration, false).await?;
    let handle = integration.map(|found| found.integration.handle.to_string());
    Ok(wire::plan(stored, handle.unwrap_or_default()))
}

/// A plan of an organisation that the caller sees.
pub(super) async fn seen(
    conn: &mut PgConnection,
    caller: &Caller,
    id: PlanId,
) -> Result<Stored, Refusal> {
    let stored = plans::get(conn, id).await?;
    let is_seen = |org: &Org| caller.sees(org);
    let stored = stored.filter(|stored| is_seen(&stored.org));
    stored.ok_or_else(|| Refusal::unknown("plan", id.to_string()))
}

pub(super) fn plan_id(text: &str) -> Result<PlanId, Refusal> {
    if text.is_empty() {
        return Err(Refusal::invalid("plan", "must be the id of a plan (pln_…)"));
    }
    text.parse().map_err(|_| Refusal::unknown("plan", text))
}

const fn kind(asked: v1::PlanLineKind) -> Option<Kind> {
    match asked {
        v1::PlanLineKind::Unspecified => None,
        v1::PlanLineKind::Link => Some(Kind::Link),
        v1::PlanLineKind::Update => Some(Kind::Update),
        v1::PlanLineKind::CreateHere => Some(Kind::CreateHere),
        v1::PlanLineKind::CreateThere => Some(Kind::CreateThere),
    }
}

const fn became(asked: v1::PlanLineState) -> Option<LineState> {
    match asked {
        v1::PlanLineState::Unspecified => None,
        v1::PlanLineState::Planned => Some(LineState::Planned),
        v1::PlanLineState::Sent => Some(LineState::Sent),
        v1::PlanLineState::Done => Some(LineState::Done),
        v1::PlanLineState::Moved => Some(LineState::Moved),
        v1::PlanLineState::Failed => Some(LineState::Failed),
    }
}

#[tonic::async_trait]
impl PlanService for Admin {
    async fn create_plan(
        &self,
        request: Request<v1::CreatePlanRequest>,
    ) -> Result<Response<v1::Plan>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(create(self, &caller, request.into_inner()).await?))
    }

    async fn get_plan(
        &self,
        request: Request<v1::GetPlanRequest>,
    ) -> Result<Response<v1::Plan>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(get(self, &caller, request.into_inner()).await?))
    }

    async fn list_plan_lines(
        &self,
        request: Request<v1::ListPlanLinesRequest>,
    ) -> Result<Response<v1::ListPlanLinesResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(lines(self, &caller, request.into_inner()).await?))
    }

    async fn apply_plan(
        &self,
        request: Request<v1::ApplyPlanRequest>,
    ) -> Result<Response<v1::Plan>, Status> {
        let caller = Caller::of(&request)?;
        let applied = apply(self, &caller, request.into_inner()).await?;
        Ok(Response::new(applied))
    }
}
