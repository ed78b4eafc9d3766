//! How an integration stands, counted for people: links by how it stands with them, how long ago
//! records were seen, when anything last went through.
//!
//! Nothing here is read to decide anything, so a count may be a moment old.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use tandem_domain::id::{IntegrationId, Org};

use crate::{StoreError, rows::Place};

/// How many links stand in which way. What somebody has to do something about goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Links {
    /// Both sides are known to say the same.
    pub in_step: u64,
    /// Something is on its way to the external side.
    pub writing: u64,
    /// What was seen last could not be put in order.
    pub in_doubt: u64,
    /// Somebody has to decide a conflict.
    pub conflict: u64,
    /// Something stands in the way.
    pub problem: u64,
}

/// How long ago the records of incidents that are not over were last seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// How many there are.
    pub links: u64,
    /// Half of them were seen since then.
    pub median_at: Option<Timestamp>,
    /// The one that was not seen for longest.
    pub oldest_at: Option<Timestamp>,
}

/// When an integration's events last had an effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// What the external side told.
    pub inbound: Option<Timestamp>,
    /// What was reported of writes to it.
    pub outbound: Option<Timestamp>,
}

/// Counts an integration's links by how it stands with them; those taken apart do not count.
pub async fn links(
    conn: &mut PgConnection,
    integration: IntegrationId,
) -> Result<Links, StoreError> {
    let row = sqlx::query!(
        r#"
        select
            count(*) filter (where standing = 'in_step') as "in_step!",
            count(*) filter (where standing = 'writing') as "writing!",
            count(*) filter (where standing = 'in_doubt') as "in_doubt!",
            count(*) filter (where standing = 'conflict') as "conflict!",
            count(*) filter (where standing = 'problem') as "problem!"
        from (
            select
                case
                    when problem is not null then 'problem'
                    when exists (
                        select
                        from conflicts
                        where
                            conflicts.incident = links.incident
                            and conflicts.link = links.id
                            and conflicts.standing = 'open'
                    ) then 'conflict'
                    when jsonb_path_exists(fields::jsonb, '$.*.held') then 'in_doubt'
                    when
                        record is null
                        or confirmed < version
                        or jsonb_path_exists(fields::jsonb, '$.*.open[*]')
                    then 'writing'
                    else 'in_step'
                end as standing
            from links
            where integration = $1 and not detached
        ) as each
        "#,
        integration.uuid()
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("counting links"))?;
    let place = Place { table: "links", row: integration.uuid() };
    Ok(Links {
        in_step: place.count("in_step", row.in_step)?,
        writing: place.count("writing", row.writing)?,
        in_doubt: place.count("in_doubt", row.in_doubt)?,
        conflict: place.count("conflict", row.conflict)?,
        problem: place.count("problem", row.problem)?,
    })
}

/// Tells how long ago the records of open incidents were seen.
///
/// One that was never seen since it was linked counts from then. `swept_at` is since when all that is
/// open was looked at and nothing else was found.
pub async fn freshness(
    conn: &mut PgConnection,
    integration: IntegrationId,
    swept_at: Option<Timestamp>,
) -> Result<Freshness, StoreError> {
    let row = sqlx::query!(
        r#"
        select
            count(*) as "links!",
            percentile_disc(0.5) within group (order by seen_at desc) as "median_at",
            min(seen_at) as "oldest_at"
        from (
            select
                greatest(
                    (
                        select max(
                            coalesce(
                                field.value #>> '{theirs,stamp,arrived}',
                                field.value #>> '{theirs,stamp,received}'
                            )::timestamptz
                        )
                        from jsonb_each(links.fields::jsonb) as field
                    ),
                    links.created_at,
                    $2::timestamptz
                ) as seen_at
            from links
            join incidents on incidents.id = links.incident
            where
                links.integration = $1
                and not links.detached
                and links.record is not null
                and incidents.status not in ('resolved', 'closed')
        ) as each
        "#,
        integration.uuid(),
        swept_at.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("telling how long ago records were seen"))?;
    let place = Place { table: "links", row: integration.uuid() };
    Ok(Freshness {
        links: place.count("links", row.links)?,
        median_at: row.median_at.map(jiff_sqlx::Timestamp::to_jiff),
        oldest_at: row.oldest_at.map(jiff_sqlx::Timestamp::to_jiff),
    })
}

/// When an integration's events last had an effect, since a time.
pub async fn heard(
    conn: &mut PgConnection,
    integration: IntegrationId,
    since: Timestamp,
) -> Result<Heard, StoreError> {
    let row = sqlx::query!(
        r#"
        select
            max(at) filter (where source = $1) as "inbound",
            max(at) filter (where source = $2) as "outbound"
        from inbox
        where at >= $3 and source in ($1, $2) and effect = 'applied'
        "#,
        integration.to_string(),
        format!("receipts-{integration}"),
        since.to_sqlx() as jiff_sqlx::Timestamp
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("telling when anything was heard"))?;
    Ok(Heard {
        inbound: row.inbound.map(jiff_sqlx::Timestamp::to_jiff),
        outbound: row.outbound.map(jiff_sqlx::Timestamp::to_jiff),
    })
}

/// How many dead letters of an integration wait for somebody.
pub async fn dead_letters(
    conn: &mut PgConnection,
    integration: IntegrationId,
) -> Result<u64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"
        select count(*) as "count!"
        from dead_letters
        where integration = $1 and state = 'open'
        "#,
        integration.uuid()
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("counting dead letters"))?;
    Place { table: "dead_letters", row: integration.uuid() }.count("count", count)
}

/// What incidents of an organisation say, and how many of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The text.
    pub text: String,
    /// How many incidents say so.
    pub incidents: u64,
}

/// Whom the newest incidents of an organisation are assigned to, in the platform's words, and the
/// addresses of those on the platform who wrote them.
pub async fn people(
    conn: &mut PgConnection,
    org: &Org,
    newest: u32,
) -> Result<Vec<Said>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select who as "text!", count(distinct id) as "incidents!"
        from (
            select id, assigned_to, authorship
            from incidents
            where org = $1
            order by created_at desc, id desc
            limit $2
        ) as newest
        cross join lateral (
            select assigned_to
            union
            select field.value #>> '{by,email}'
            from jsonb_each(authorship::jsonb) as field
            where field.value #>> '{by,side}' = 'platform'
        ) as named (who)
        where who is not null
        group by who
        order by 2 desc, 1
        "#,
        org.as_str(),
        i64::from(newest)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing people"))?;
    Ok(rows.into_iter().map(|row| said(row.text, row.incidents)).collect())
}

/// The types of the newest incidents of an organisation.
pub async fn incident_types(
    conn: &mut PgConnection,
    org: &Org,
    newest: u32,
) -> Result<Vec<Said>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select incident_type as "text!", count(*) as "incidents!"
        from (
            select incident_type
            from incidents
            where org = $1
            order by created_at desc, id desc
            limit $2
        ) as newest
        where incident_type is not null
        group by incident_type
        order by 2 desc, 1
        "#,
        org.as_str(),
        i64::from(newest)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing incident types"))?;
    Ok(rows.into_iter().map(|row| said(row.text, row.incidents)).collect())
}

fn said(text: String, incidents: i64) -> Said {
    Said { text, incidents: u64::try_from(incidents).unwrap_or_default() }
}
