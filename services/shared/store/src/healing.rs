//! How far each integration has been looked through for what nobody told, and what was found so.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::Serialize;
use sqlx::PgConnection;
use tandem_domain::{
    finding::{Cursor, Missed},
    id::{IncidentId, IntegrationId, LinkId, Org},
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, Raw, batch, bigint},
};

/// How far one integration has been looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healing {
    /// What came to be before this was there before anybody looked.
    pub began_at: Timestamp,
    /// How far its history was looked through.
    pub cursor: Cursor,
    /// Every open record was looked at since then.
    pub swept_at: Option<Timestamp>,
    /// How many those were.
    pub swept_records: u64,
    /// How many calls that took.
    pub swept_calls: u64,
}

/// How far an integration has been looked through; none where nobody began.
pub async fn get(
    conn: &mut PgConnection,
    integration: IntegrationId,
) -> Result<Option<Healing>, StoreError> {
    let row = sqlx::query!(
        r#"
        select began_at, reached_at, owed, swept_at, swept_records, swept_calls
        from healing
        where integration = $1
        "#,
        integration.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading how far was looked"))?;
    let place = Place { table: "healing", row: integration.uuid() };
    row.map(|row| {
        let owed = place.json("owed", row.owed)?;
        Ok(Healing {
            began_at: row.began_at.to_jiff(),
            cursor: Cursor { reached: row.reached_at.to_jiff(), owed },
            swept_at: row.swept_at.map(jiff_sqlx::Timestamp::to_jiff),
            swept_records: place.count("swept_records", row.swept_records)?,
            swept_calls: place.count("swept_calls", row.swept_calls)?,
        })
    })
    .transpose()
}

/// Begins with an integration unless somebody did: from when it was configured, but from `since` at
/// most, so that one that has been there for long does not have all of its past brought in.
pub async fn begin(
    conn: &mut PgConnection,
    integration: IntegrationId,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into healing (integration, began_at, reached_at, updated_at)
        select id, greatest(created_at, $2::timestamptz), greatest(created_at, $2), $3::timestamptz
        from integrations
        where id = $1
        on conflict do nothing
        "#,
        integration.uuid(),
        since.to_sqlx() as jiff_sqlx::Timestamp,
        now.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("beginning to look"))?;
    Ok(())
}

/// Moves on through the history, if it still stands where whoever moves it began.
pub async fn reach(
    conn: &mut PgConnection,
    integration: IntegrationId,
    from: Timestamp,
    to: &Cursor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let owed = serde_json::to_value(&to.owed).map_err(StoreError::Json)?;
    sqlx::query!(
        r#"
        update healing
        set reached_at = greatest(reached_at, $3::timestamptz), owed = $4, updated_at = $5
        where integration = $1 and reached_at = $2
        "#,
        integration.uuid(),
        from.to_sqlx() as jiff_sqlx::Timestamp,
        to.reached.to_sqlx() as jiff_sqlx::Timestamp,
        owed,
        now.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("moving on through the history"))?;
    Ok(())
}

/// Every open record was looked at since a time: so many, by so many calls.
pub async fn swept(
    conn: &mut PgConnection,
    integration: IntegrationId,
    since: Timestamp,
    (records, calls): (u64, u64),
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update healing
        set swept_at = $2, swept_records = $3, swept_calls = $4, updated_at = $5
        where integration = $1 and (swept_at is null or swept_at < $2)
        "#,
        integration.uuid(),
        since.to_sqlx() as jiff_sqlx::Timestamp,
        bigint(records),
        bigint(calls),
        now.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("noting that every open record was looked at"))?;
    Ok(())
}

#[derive(Serialize)]
struct Row<'a> {
    integration: Uuid,
    entry: &'a str,
    occurred_at: Timestamp,
    found_at: Timestamp,
}

impl<'a> Row<'a> {
    fn of(missed: &'a Missed) -> Self {
        Self {
            integration: missed.integration.uuid(),
            entry: &missed.entry,
            occurred_at: missed.occurred_at,
            found_at: missed.found_at,
        }
    }
}

/// Keeps in mind what should have been told; what is known already stays as it is.
pub async fn missed(conn: &mut PgConnection, missed: &[Missed]) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = missed.iter().map(Row::of).collect();
    sqlx::query!(
        r#"
        insert into missed (integration, entry, occurred_at, found_at)
        select integration, entry, occurred_at, found_at
        from jsonb_populate_recordset(null::missed, $1)
        order by integration, entry
        on conflict do nothing
        "#,
        batch(&rows)? as Raw
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("noting what was never told"))?;
    Ok(())
}

/// What was never told, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Never {
    /// How many.
    pub count: u64,
    /// Half of them were found within so many seconds.
    pub median_s: Option<u64>,
    /// All of them were.
    pub worst_s: Option<u64>,
    /// When the last was found.
    pub last_at: Option<Timestamp>,
}

/// Counts what was found since a time that should have been told. The two clocks may differ, so a
/// span is never less than nothing.
pub async fn never_told(
    conn: &mut PgConnection,
    integration: IntegrationId,
    since: Timestamp,
) -> Result<Never, StoreError> {
    let row = sqlx::query!(
        r#"
        select
            count(*) as "count!",
            (percentile_disc(0.5) within group (order by took))::bigint as "median",
            max(took)::bigint as "worst",
            max(found_at) as "last_at"
        from (
            select
                found_at,
                greatest(ceil(extract(epoch from found_at - occurred_at)), 0) as took
            from missed
            where integration = $1 and found_at >= $2
        ) as each
        "#,
        integration.uuid(),
        since.to_sqlx() as jiff_sqlx::Timestamp
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("counting what was never told"))?;
    let place = Place { table: "missed", row: integration.uuid() };
    Ok(Never {
        count: place.count("count", row.count)?,
        median_s: row.median.map(|s| place.count("took", s)).transpose()?,
        worst_s: row.worst.map(|s| place.count("took", s)).transpose()?,
        last_at: row.last_at.map(jiff_sqlx::Timestamp::to_jiff),
    })
}

/// A link whose record has not been seen for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// The link.
    pub link: LinkId,
    /// Its incident.
    pub incident: IncidentId,
    /// The incident's organisation.
    pub org: Org,
    /// When it was seen last.
    pub seen_at: Timestamp,
}

/// Links of incidents that are not over, or have not been for long, whose records were not seen
/// since a time, those first that were not seen for longest.
pub async fn unseen(
    conn: &mut PgConnection,
    integration: IntegrationId,
    since: Timestamp,
    over_since: Timestamp,
    limit: u32,
) -> Result<Vec<Unseen>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select id, incident, org as "org!", seen_at as "seen_at!"
        from (
            select
                links.id,
                links.incident,
                incidents.org,
                coalesce(
                    (
                        select max(
                            coalesce(
                                field.value #>> '{theirs,stamp,arrived}',
                                field.value #>> '{theirs,stamp,received}'
                            )::timestamptz
                        )
                        from jsonb_each(links.fields) as field
                    ),
                    links.created_at
                ) as seen_at
            from links
            join incidents on incidents.id = links.incident
            where
                links.integration = $1
                and not links.detached
                and links.record is not null
                and links.confirmed >= links.version
                and (
                    incidents.status not in ('resolved', 'closed')
                    or incidents.updated_at >= $3
                )
        ) as each
        where seen_at < $2
        order by seen_at, id
        limit $4
        "#,
        integration.uuid(),
        since.to_sqlx() as jiff_sqlx::Timestamp,
        over_since.to_sqlx() as jiff_sqlx::Timestamp,
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("looking for records that were not seen for long"))?;
    rows.into_iter()
        .map(|row| {
            let place = Place { table: "links", row: row.id };
            Ok(Unseen {
                link: LinkId::from_uuid(row.id),
                incident: IncidentId::from_uuid(row.incident),
                org: place.text("org", row.org)?,
                seen_at: row.seen_at.to_jiff(),
            })
        })
        .collect()
}
