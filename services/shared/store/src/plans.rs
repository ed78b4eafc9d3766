//! Plans: what joining two sides would come to, line by line, and how far it was done.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde_json::Value as Json;
use sqlx::PgConnection;
use tandem_domain::{
    id::{IncidentId, IntegrationId, Org, PlanId},
    incident::Actor,
    plan::Line,
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, bigint, column},
};

mod lines;

pub use lines::{
    Asked, LineState, Standing, StoredLine, forget_unheard, list, sent, settle, standing, unsent,
};

/// How it stands with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was made.
    Planned,
    /// It is being applied.
    Applying,
    /// Every line of it was done.
    Applied,
    /// It was applied, and not every line could be done.
    Failed,
    /// The sides had moved when it was to be applied.
    Stale,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Planned, Self::Applying, Self::Applied, Self::Failed, Self::Stale];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Stale => "stale",
        }
    }
}

/// A plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its id.
    pub id: PlanId,
    /// The integration.
    pub integration: IntegrationId,
    /// The organisation.
    pub org: Org,
    /// How it stands with it.
    pub state: State,
    /// Who had it made.
    pub actor: String,
    /// The version of the configuration it was made under.
    pub config_version: u64,
    /// What is told of it beside its lines.
    pub told: Json,
    /// Why it was not done, or not all of it.
    pub problem: Option<String>,
    /// Whose edits applying it makes.
    pub author: Option<Actor>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the external side was read for it.
    pub read_at: Timestamp,
    /// When somebody had it applied.
    pub applied_at: Option<Timestamp>,
    /// When the last line was dealt with.
    pub finished_at: Option<Timestamp>,
    /// How far it is.
    pub progress: Progress,
}

/// How many lines a plan has, and what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// All of them.
    pub total: u64,
    /// Asked for, and not known to be done.
    pub sent: u64,
    /// Done.
    pub done: u64,
    /// Left alone, since a side had moved.
    pub moved: u64,
    /// Not done, for another reason.
    pub failed: u64,
}

#[derive(Debug)]
struct Row {
    id: Uuid,
    integration: Uuid,
    org: String,
    state: String,
    actor: String,
    config_version: i64,
    told: Json,
    problem: Option<String>,
    author: Option<Json>,
    created_at: jiff_sqlx::Timestamp,
    read_at: jiff_sqlx::Timestamp,
    applied_at: Option<jiff_sqlx::Timestamp>,
    finished_at: Option<jiff_sqlx::Timestamp>,
    total: i64,
    sent: i64,
    done: i64,
    moved: i64,
    failed: i64,
}

impl Row {
    fn stored(self) -> Result<Stored, StoreError> {
        let place = Place { table: "plans", row: self.id };
        Ok(Stored {
            id: PlanId::from_uuid(self.id),
            integration: IntegrationId::from_uuid(self.integration),
            org: place.text("org", self.org)?,
            state: place.named("state", &self.state, &State::ALL, State::name)?,
            actor: self.actor,
            config_version: place.count("config_version", self.config_version)?,
            told: self.told,
            problem: self.problem,
            author: self.author.map(|json| place.json("author", json)).transpose()?,
            created_at: self.created_at.to_jiff(),
            read_at: self.read_at.to_jiff(),
            applied_at: self.applied_at.map(jiff_sqlx::Timestamp::to_jiff),
            finished_at: self.finished_at.map(jiff_sqlx::Timestamp::to_jiff),
            progress: Progress {
                total: place.count("total", self.total)?,
                sent: place.count("sent", self.sent)?,
                done: place.count("done", self.done)?,
                moved: place.count("moved", self.moved)?,
                failed: place.count("failed", self.failed)?,
            },
        })
    }
}

/// Keeps a plan that was just made, with its lines in their order.
pub async fn create(
    conn: &mut PgConnection,
    plan: &Stored,
    lines: &[Line],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into plans (
            id, integration, org, state, actor, config_version, told, created_at, read_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        "#,
        plan.id.uuid(),
        plan.integration.uuid(),
        plan.org.as_str(),
        plan.state.name(),
        plan.actor,
        bigint(plan.config_version),
        plan.told,
        plan.created_at.to_sqlx() as jiff_sqlx::Timestamp,
        plan.read_at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(&mut *conn)
    .await
    .map_err(StoreError::doing("keeping a plan"))?;
    let json = lines.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    let json = json.map_err(StoreError::Json)?;
    let record = |line: &Line| line.record.as_ref().map(|record| record.record.to_string());
    sqlx::query!(
        r#"
        insert into plan_lines (plan, position, kind, incident, record, line, state)
        select $1, position, kind, incident, record, line, 'planned'
        from unnest($2::text[], $3::uuid[], $4::text[], $5::jsonb[])
            with ordinality as new (kind, incident, record, line, position)
        "#,
        plan.id.uuid(),
        column(lines, |line| line.kind.name()) as Vec<&str>,
        column(lines, |line| line.incident.map(IncidentId::uuid)) as Vec<Option<Uuid>>,
        column(lines, record) as Vec<Option<String>>,
        &json
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("keeping a plan's lines"))?;
    Ok(())
}

/// Forgets the plans of an integration that nobody had applied, made before a time.
pub async fn forget(
    conn: &mut PgConnection,
    integration: IntegrationId,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let gone = sqlx::query!(
        r#"
        delete from plans
        where integration = $1 and state in ('planned', 'stale') and created_at < $2
        "#,
        integration.uuid(),
        before.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("forgetting old plans"))?;
    Ok(gone.rows_affected())
}

/// One plan.
pub async fn get(conn: &mut PgConnection, id: PlanId) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select
            id, integration, org, state, actor, config_version, told, problem, author, created_at,
            read_at, applied_at, finished_at, total as "total!", sent as "sent!", done as "done!",
            moved as "moved!", failed as "failed!"
        from
            plans,
            lateral (
                select
                    count(*) as total,
                    count(*) filter (where state = 'sent') as sent,
                    count(*) filter (where state = 'done') as done,
                    count(*) filter (where state = 'moved') as moved,
                    count(*) filter (where state = 'failed') as failed
                from plan_lines
                where plan = plans.id
            ) as progress
        where id = $1
        "#,
        id.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading a plan"))?;
    row.map(Row::stored).transpose()
}

/// The plan of an integration that was made last.
pub async fn newest(
    conn: &mut PgConnection,
    integration: IntegrationId,
) -> Result<Option<PlanId>, StoreError> {
    let id = sqlx::query_scalar!(
        r#"
        select id from plans where integration = $1 order by created_at desc, id desc limit 1
        "#,
        integration.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("looking for the newest plan"))?;
    Ok(id.map(PlanId::from_uuid))
}

/// Begins to apply a plan; says whether it was still to be begun, and no other of its integration is
/// under way.
pub async fn begin(
    conn: &mut PgConnection,
    id: PlanId,
    author: &Actor,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let author = serde_json::to_value(author).map_err(StoreError::Json)?;
    let begun = sqlx::query!(
        r#"
        update plans
        set state = 'applying', author = $2, applied_at = $3, next_at = $3
        where
            id = $1
            and state = 'planned'
            and not exists (
                select
                from plans as other
                where other.integration = plans.integration and other.state = 'applying'
            )
        "#,
        id.uuid(),
        author,
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("beginning to apply a plan"))?;
    Ok(begun.rows_affected() == 1)
}

/// Notes that the sides have moved since a plan was made.
pub async fn outdate(conn: &mut PgConnection, id: PlanId, problem: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "update plans set state = 'stale', problem = $2 where id = $1 and state = 'planned'",
        id.uuid(),
        problem
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("noting that a plan is stale"))?;
    Ok(())
}

/// Takes the plan in hand that has waited longest, so that no other copy does before `until`.
pub async fn claim(
    conn: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<PlanId>, StoreError> {
    let id = sqlx::query_scalar!(
        r#"
        update plans
        set next_at = $2
        where id = (
            select id
            from plans
            where state = 'applying' and next_at <= $1
            order by next_at
            limit 1
            for update skip locked
        )
        returning id
        "#,
        now.to_sqlx() as jiff_sqlx::Timestamp,
        until.to_sqlx() as jiff_sqlx::Timestamp
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("looking for a plan to go on with"))?;
    Ok(id.map(PlanId::from_uuid))
}

/// Lets go of a plan until a time; `problem` is what it waits for, where something is in the way.
pub async fn rest(
    conn: &mut PgConnection,
    id: PlanId,
    until: Timestamp,
    problem: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update plans set next_at = $2, problem = $3 where id = $1 and state = 'applying'",
        id.uuid(),
        until.to_sqlx() as jiff_sqlx::Timestamp,
        problem
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("letting go of a plan"))?;
    Ok(())
}

/// Ends a plan of which every line was dealt with.
pub async fn finish(
    conn: &mut PgConnection,
    id: PlanId,
    state: State,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update plans
        set state = $2, finished_at = $3, problem = null, next_at = null
        where id = $1 and state = 'applying'
        "#,
        id.uuid(),
        state.name(),
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("ending a plan"))?;
    Ok(())
}
