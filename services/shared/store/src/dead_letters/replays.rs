//! Replays of many letters: which, how far, and when the next one may go.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use tandem_domain::id::{DeadLetterId, IntegrationId, Org, ReplayId};
use uuid::Uuid;

use super::{Filter, Stored, Way, row::Row};
use crate::{
    StoreError,
    rows::{Place, bigint},
};

/// A replay of many letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// The organisation, where one was said.
    pub org: Option<String>,
    /// The integration, where one was said.
    pub integration: Option<IntegrationId>,
    /// Who asked for it.
    pub actor: String,
    /// How far it is.
    pub progress: Progress,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the last letter was dealt with.
    pub finished_at: Option<Timestamp>,
}

/// How many letters of a replay there are, and what became of those dealt with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// All of them.
    pub total: u64,
    /// Sent.
    pub sent: u64,
    /// Pointless by the time it was their turn.
    pub superseded: u64,
    /// Left open, because they cannot be sent as they are.
    pub failed: u64,
}

#[derive(Debug)]
struct ReplayRow {
    id: Uuid,
    org: Option<String>,
    integration: Option<Uuid>,
    actor: String,
    total: i64,
    sent: i64,
    superseded: i64,
    failed: i64,
    created_at: jiff_sqlx::Timestamp,
    finished_at: Option<jiff_sqlx::Timestamp>,
}

impl ReplayRow {
    fn replay(self) -> Result<Replay, StoreError> {
        let place = Place { table: "replays", row: self.id };
        Ok(Replay {
            id: ReplayId::from_uuid(self.id),
            org: self.org,
            integration: self.integration.map(IntegrationId::from_uuid),
            actor: self.actor,
            progress: Progress {
                total: place.count("total", self.total)?,
                sent: place.count("sent", self.sent)?,
                superseded: place.count("superseded", self.superseded)?,
                failed: place.count("failed", self.failed)?,
            },
            created_at: self.created_at.to_jiff(),
            finished_at: self.finished_at.map(jiff_sqlx::Timestamp::to_jiff),
        })
    }
}

/// Begins a replay of the open letters that are meant and in no other replay; says how many those
/// are. With `only`, of these letters alone.
pub async fn begin(
    conn: &mut PgConnection,
    replay: &Replay,
    filter: &Filter,
    only: Option<&[DeadLetterId]>,
) -> Result<u64, StoreError> {
    let only: Option<Vec<Uuid>> = only.map(|ids| ids.iter().map(|id| id.uuid()).collect());
    let taken = sqlx::query!(
        r#"
        update dead_letters
        set replay = $1
        where
            state = 'open'
            and replay is null
            and ($2::text is null or org = $2)
            and ($3::uuid is null or integration = $3)
            and ($4::text is null or direction = $4)
            and ($5::text is null or cause_group = $5)
            and ($6::uuid[] is null or id = any($6))
        "#,
        replay.id.uuid(),
        filter.org.as_ref().map(Org::as_str),
        filter.integration.map(IntegrationId::uuid),
        filter.way.map(Way::name),
        filter.group.as_deref(),
        only.as_deref()
    )
    .execute(&mut *conn)
    .await
    .map_err(StoreError::doing("gathering dead letters to replay"))?;
    let total = taken.rows_affected();
    sqlx::query!(
        r#"
        insert into replays (id, org, integration, actor, total, created_at, next_at)
        values ($1, $2, $3, $4, $5, $6, $6)
        "#,
        replay.id.uuid(),
        replay.org,
        replay.integration.map(IntegrationId::uuid),
        replay.actor,
        bigint(total),
        replay.created_at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("beginning a replay"))?;
    Ok(total)
}

/// One replay.
pub async fn replay(conn: &mut PgConnection, id: ReplayId) -> Result<Option<Replay>, StoreError> {
    let row = sqlx::query_as!(
        ReplayRow,
        r#"
        select
            id, org, integration, actor, total, sent, superseded, failed, created_at, finished_at
        from replays
        where id = $1
        "#,
        id.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading a replay"))?;
    row.map(ReplayRow::replay).transpose()
}

/// The replay whose next letter has waited longest, and keeps other copies off it until the
/// transaction ends.
pub async fn due(conn: &mut PgConnection, now: Timestamp) -> Result<Option<Replay>, StoreError> {
    let row = sqlx::query_as!(
        ReplayRow,
        r#"
        select
            id, org, integration, actor, total, sent, superseded, failed, created_at, finished_at
        from replays
        where finished_at is null and next_at <= $1
        order by next_at
        limit 1
        for update skip locked
        "#,
        now.to_sqlx() as jiff_sqlx::Timestamp
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("looking for a replay to go on with"))?;
    row.map(ReplayRow::replay).transpose()
}

/// When the next letter of any replay may go.
pub async fn wake_at(conn: &mut PgConnection) -> Result<Option<Timestamp>, StoreError> {
    let at = sqlx::query_scalar!(
        r#"
        select min(next_at) as "at: jiff_sqlx::Timestamp" from replays where finished_at is null
        "#
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("looking when a replay goes on"))?;
    Ok(at.map(jiff_sqlx::Timestamp::to_jiff))
}

/// The next letter of a replay, in the order in which they were given up.
pub async fn next_letter(
    conn: &mut PgConnection,
    replay: ReplayId,
) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select *
        from dead_letters
        where replay = $1 and state = 'open'
        order by stored_at, sequence
        limit 1
        for update
        "#,
        replay.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("taking the next dead letter of a replay"))?;
    row.map(Row::stored).transpose()
}

/// Leaves a letter open and out of its replay, with the reason why it could not be sent.
pub async fn set_apart(
    conn: &mut PgConnection,
    id: DeadLetterId,
    reason: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update dead_letters set replay = null, reason = $2, changed_at = $3 where id = $1",
        id.uuid(),
        reason,
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("leaving a dead letter out of a replay"))?;
    Ok(())
}

/// Records how far a replay is, and when its next letter may go.
pub async fn advance(
    conn: &mut PgConnection,
    replay: ReplayId,
    progress: Progress,
    next_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update replays
        set sent = $2, superseded = $3, failed = $4, next_at = $5
        where id = $1
        "#,
        replay.uuid(),
        bigint(progress.sent),
        bigint(progress.superseded),
        bigint(progress.failed),
        next_at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("going on with a replay"))?;
    Ok(())
}

/// Ends a replay. Letters that are no longer open although it never had them were settled by
/// somebody, or by themselves, meanwhile.
pub async fn finish(
    conn: &mut PgConnection,
    replay: ReplayId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update replays
        set superseded = total - sent - failed, finished_at = $2
        where id = $1
        "#,
        replay.uuid(),
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("ending a replay"))?;
    Ok(())
}
