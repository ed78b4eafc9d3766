//! The lines of a plan, and what became of each.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde_json::Value as Json;
use sqlx::PgConnection;
use tandem_domain::{
    id::PlanId,
    plan::{Kind, Line},
};

use crate::{
    StoreError,
    rows::{Place, bigint},
};

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// Nothing yet.
    Planned,
    /// It was asked for.
    Sent,
    /// It was done.
    Done,
    /// It was left alone, since a side had moved.
    Moved,
    /// It was not done, for another reason.
    Failed,
}

impl LineState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Planned, Self::Sent, Self::Done, Self::Moved, Self::Failed];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Moved => "moved",
            Self::Failed => "failed",
        }
    }
}

/// A line with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLine {
    /// Its place in the plan; the first is 1.
    pub position: u64,
    /// The line.
    pub line: Line,
    /// What became of it.
    pub state: LineState,
    /// Why, where it was not done.
    pub reason: Option<String>,
}

#[derive(Debug)]
struct Row {
    position: i64,
    line: Json,
    state: String,
    reason: Option<String>,
}

impl Row {
    fn stored(self, plan: PlanId) -> Result<StoredLine, StoreError> {
        let place = Place { table: "plan_lines", row: plan.uuid() };
        Ok(StoredLine {
            position: place.count("position", self.position)?,
            line: place.json("line", self.line)?,
            state: place.named("state", &self.state, &LineState::ALL, LineState::name)?,
            reason: self.reason,
        })
    }
}

/// Which lines to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Only those of this kind.
    pub kind: Option<Kind>,
    /// Only those of which this became.
    pub state: Option<LineState>,
    /// Only those after this place.
    pub after: u64,
    /// At most so many.
    pub limit: u32,
}

/// Lines of a plan, in its order.
pub async fn list(
    conn: &mut PgConnection,
    plan: PlanId,
    asked: Asked,
) -> Result<Vec<StoredLine>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select position, line, state, reason
        from plan_lines
        where
            plan = $1
            and position > $2
            and ($3::text is null or kind = $3)
            and ($4::text is null or state = $4)
        order by position
        limit $5
        "#,
        plan.uuid(),
        bigint(asked.after),
        asked.kind.map(Kind::name),
        asked.state.map(LineState::name),
        i64::from(asked.limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing a plan's lines"))?;
    rows.into_iter().map(|row| row.stored(plan)).collect()
}

/// The next lines that were not asked for yet.
pub async fn unsent(
    conn: &mut PgConnection,
    plan: PlanId,
    limit: u32,
) -> Result<Vec<StoredLine>, StoreError> {
    let state = Some(LineState::Planned);
    list(conn, plan, Asked { state, limit, ..Asked::default() }).await
}

/// Notes that a line was asked for, by the id that this is known by.
pub async fn sent(
    conn: &mut PgConnection,
    plan: PlanId,
    position: u64,
    (sent_as, at): (&str, Timestamp),
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update plan_lines
        set state = 'sent', sent_as = $3, sent_at = $4
        where plan = $1 and position = $2 and state in ('planned', 'sent')
        "#,
        plan.uuid(),
        bigint(position),
        sent_as,
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("noting that a line was asked for"))?;
    Ok(())
}

/// Has the lines asked for again of which the reconciler never heard although they were asked for
/// before a time: the broker may have lost its disk. Gives how many those are.
pub async fn forget_unheard(
    conn: &mut PgConnection,
    plan: PlanId,
    before: Timestamp,
    unheard: &[u64],
) -> Result<u64, StoreError> {
    let unheard: Vec<i64> = unheard.iter().map(|position| bigint(*position)).collect();
    let again = sqlx::query!(
        r#"
        update plan_lines
        set state = 'planned', sent_as = null, sent_at = null
        where plan = $1 and position = any($2) and state = 'sent' and sent_at < $3
        "#,
        plan.uuid(),
        &unheard,
        before.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("having lines asked for again"))?;
    Ok(again.rows_affected())
}

/// Notes what became of a line in the end.
pub async fn settle(
    conn: &mut PgConnection,
    plan: PlanId,
    position: u64,
    (state, reason): (LineState, Option<&str>),
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update plan_lines
        set state = $3, reason = $4
        where plan = $1 and position = $2 and state in ('planned', 'sent')
        "#,
        plan.uuid(),
        bigint(position),
        state.name(),
        reason
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("noting what became of a line"))?;
    Ok(())
}

/// How it stands with a line that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its place in the plan.
    pub position: u64,
    /// What became of what was asked; none while the reconciler has not had it.
    pub effect: Option<String>,
    /// Whether the two are linked by now, and nothing waits to be written.
    pub settled: bool,
    /// What stands in the way of writing.
    pub problem: Option<String>,
}

/// How it stands with the lines that were asked for.
pub async fn standing(
    conn: &mut PgConnection,
    plan: PlanId,
    limit: u32,
) -> Result<Vec<Standing>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select
            lines.position,
            (
                select effect
                from inbox
                where
                    inbox.source = any (array[
                        'findings-int_' || replace(plans.integration::text, '-', ''),
                        'edits-' || plans.org
                    ])
                    and inbox.delivery = lines.sent_as
                limit 1
            ) as effect,
            coalesce(links.record is not null and links.confirmed >= links.version, false)
                as "settled!",
            links.problem as "problem?"
        from plan_lines as lines
        join plans on plans.id = lines.plan
        left join lateral (
            select record, confirmed, version, problem
            from links
            where
                links.integration = plans.integration
                and not links.detached
                and (
                    (lines.record is not null and links.record = lines.record)
                    or (lines.record is null and links.incident = lines.incident)
                )
            limit 1
        ) as links on true
        where lines.plan = $1 and lines.state = 'sent'
        order by lines.position
        limit $2
        "#,
        plan.uuid(),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("looking what became of a plan's lines"))?;
    let place = Place { table: "plan_lines", row: plan.uuid() };
    rows.into_iter()
        .map(|row| {
            Ok(Standing {
                position: place.count("position", row.position)?,
                effect: row.effect,
                settled: row.settled,
                problem: row.problem,
            })
        })
        .collect()
}
