//! Reading letters: one, a page of them, and their root causes.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use tandem_domain::id::{DeadLetterId, IntegrationId, Org};
use uuid::Uuid;

use super::{State, Stored, Way, row::Row};
use crate::StoreError;

/// Which letters are meant; what is not said does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this organisation.
    pub org: Option<Org>,
    /// Only those of this integration.
    pub integration: Option<IntegrationId>,
    /// Only those that were going this way.
    pub way: Option<Way>,
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those of this root cause.
    pub group: Option<String>,
}

/// Which part of a list is meant.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only what comes after this place.
    pub after: Option<(Timestamp, DeadLetterId)>,
    /// How many at most.
    pub limit: u32,
}

/// Letters of one root cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The root cause.
    pub group: String,
    /// Which way they were going.
    pub way: Way,
    /// The newest of them: its cause in words.
    pub cause: String,
    /// How many there are.
    pub count: u64,
    /// When the first one was given up.
    pub first_at: Timestamp,
    /// When the last one was given up.
    pub last_at: Timestamp,
}

/// One letter.
pub async fn get(conn: &mut PgConnection, id: DeadLetterId) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query_as!(Row, "select * from dead_letters where id = $1", id.uuid())
        .fetch_optional(conn)
        .await
        .map_err(StoreError::doing("reading a dead letter"))?;
    row.map(Row::stored).transpose()
}

/// One letter, which nobody else changes until the transaction ends.
pub async fn lock(conn: &mut PgConnection, id: DeadLetterId) -> Result<Option<Stored>, StoreError> {
    let row =
        sqlx::query_as!(Row, "select * from dead_letters where id = $1 for update", id.uuid())
            .fetch_optional(conn)
            .await
            .map_err(StoreError::doing("locking a dead letter"))?;
    row.map(Row::stored).transpose()
}

/// Letters, newest first.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Stored>, StoreError> {
    let (after_at, after_id) =
        page.after.map_or((None, None), |(at, id)| (Some(at.to_sqlx()), Some(id.uuid())));
    let rows = sqlx::query_as!(
        Row,
        r#"
        select *
        from dead_letters
        where
            ($1::text is null or org = $1)
            and ($2::uuid is null or integration = $2)
            and ($3::text is null or direction = $3)
            and ($4::text is null or state = $4)
            and ($5::text is null or cause_group = $5)
            and ($6::timestamptz is null or (stored_at, id) < ($6, $7::uuid))
        order by stored_at desc, id desc
        limit $8
        "#,
        filter.org.as_ref().map(Org::as_str),
        filter.integration.map(IntegrationId::uuid),
        filter.way.map(Way::name),
        filter.state.map(State::name),
        filter.group.as_deref(),
        after_at as Option<jiff_sqlx::Timestamp>,
        after_id as Option<Uuid>,
        i64::from(page.limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing dead letters"))?;
    rows.into_iter().map(Row::stored).collect()
}

/// The root causes of letters, the most frequent first.
pub async fn groups(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<Group>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select
            cause_group,
            direction,
            (array_agg(cause order by stored_at desc))[1] as "cause!",
            count(*) as "count!",
            min(at) as "first_at!: jiff_sqlx::Timestamp",
            max(at) as "last_at!: jiff_sqlx::Timestamp"
        from dead_letters
        where
            ($1::text is null or org = $1)
            and ($2::uuid is null or integration = $2)
            and ($3::text is null or direction = $3)
            and ($4::text is null or state = $4)
            and ($5::text is null or cause_group = $5)
        group by cause_group, direction
        order by count(*) desc, cause_group, direction
        limit $6
        "#,
        filter.org.as_ref().map(Org::as_str),
        filter.integration.map(IntegrationId::uuid),
        filter.way.map(Way::name),
        filter.state.map(State::name),
        filter.group.as_deref(),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("grouping dead letters"))?;
    let group = rows.into_iter().filter_map(|row| {
        Some(Group {
            group: row.cause_group,
            way: Way::of(&row.direction)?,
            cause: row.cause,
            count: u64::try_from(row.count).unwrap_or_default(),
            first_at: row.first_at.to_jiff(),
            last_at: row.last_at.to_jiff(),
        })
    });
    Ok(group.collect())
}
