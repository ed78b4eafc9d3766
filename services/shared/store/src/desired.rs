//! What each link's external side should hold: one row per link, the newest version only.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde_json::value::RawValue;
use sqlx::PgConnection;
use tandem_domain::{id::LinkId, outbound::Desired};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, Raw, bigint, column, text_of},
};

/// A desired state with where it goes.
#[derive(Debug, Clone)]
pub struct Addressed<'a> {
    /// The subject.
    pub subject: String,
    /// The desired state.
    pub desired: &'a Desired,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
}

#[derive(Debug)]
struct Row {
    link: Uuid,
    subject: String,
    version: i64,
    body: Raw,
    traceparent: Option<String>,
}

impl Row {
    fn waiting(self) -> Result<Waiting, StoreError> {
        let place = Place { table: "desired", row: self.link };
        Ok(Waiting {
            link: LinkId::from_uuid(self.link),
            subject: self.subject,
            version: place.count("version", self.version)?,
            body: self.body.0,
            traceparent: self.traceparent,
        })
    }
}

/// Writes desired states; of one link, the newest of the batch only.
pub async fn write(conn: &mut PgConnection, states: &[Addressed<'_>]) -> Result<(), StoreError> {
    let bodies =
        states.iter().map(|state| text_of(state.desired)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        r#"
        insert into desired (link, subject, version, body, traceparent)
        select distinct on (link) link, subject, version, body::json, traceparent
        from unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[])
            as new (link, subject, version, body, traceparent)
        order by link, version desc
        on conflict (link) do update set
            subject = excluded.subject,
            version = excluded.version,
            body = excluded.body,
            traceparent = excluded.traceparent
        "#,
        column(states, |state| state.desired.link.uuid()) as Vec<Uuid>,
        column(states, |state| &*state.subject) as Vec<&str>,
        column(states, |state| bigint(state.desired.version)) as Vec<i64>,
        bodies as Vec<String>,
        column(states, |state| state.traceparent.as_deref()) as Vec<Option<&str>>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("writing desired states"))?;
    Ok(())
}

/// A desired state that waits to be published.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The link.
    pub link: LinkId,
    /// Where it goes.
    pub subject: String,
    /// Its version.
    pub version: u64,
    /// The message.
    pub body: Box<RawValue>,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
}

/// The newest desired state of a link.
pub async fn latest(conn: &mut PgConnection, link: LinkId) -> Result<Option<Desired>, StoreError> {
    let body = sqlx::query_scalar!(
        r#"select body as "body: Raw" from desired where link = $1"#,
        link.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading a desired state"))?;
    let place = Place { table: "desired", row: link.uuid() };
    body.map(|body| place.raw("body", &body)).transpose()
}

/// Takes desired states that wait to be published and keeps other copies off them until the
/// transaction ends, so that an older version can never overtake a newer one.
pub async fn take(conn: &mut PgConnection, limit: u32) -> Result<Vec<Waiting>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select link, subject, version, body as "body: Raw", traceparent
        from desired
        where published < version
        limit $1
        for update skip locked
        "#,
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("taking desired states"))?;
    rows.into_iter().map(Row::waiting).collect()
}

/// Takes desired states that were published before `before` and got no receipt since.
///
/// The broker may have lost them; if it has not, the repeat is recognised by its version. Nobody
/// waits for those of integrations that were deleted.
pub async fn take_unanswered(
    conn: &mut PgConnection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Waiting>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            desired.link, desired.subject, desired.version, desired.body as "body: Raw",
            desired.traceparent
        from links
        join desired on desired.link = links.id
        join integrations on integrations.id = links.integration
        where
            links.confirmed < links.version
            and integrations.deleted_at is null
            and desired.version = links.version
            and desired.published = desired.version
            and coalesce(desired.published_at, '-infinity') < $1
        limit $2
        for update of desired skip locked
        "#,
        before.to_sqlx() as jiff_sqlx::Timestamp,
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("taking unanswered desired states"))?;
    rows.into_iter().map(Row::waiting).collect()
}

/// Marks versions as published.
pub async fn mark_published(
    conn: &mut PgConnection,
    published: &[(LinkId, u64)],
    at: Timestamp,
) -> Result<(), StoreError> {
    let links: Vec<Uuid> = published.iter().map(|(link, _)| link.uuid()).collect();
    let versions: Vec<i64> = published.iter().map(|(_, version)| bigint(*version)).collect();
    sqlx::query!(
        r#"
        update desired
        set published = sent.version, published_at = $3
        from unnest($1::uuid[], $2::bigint[]) as sent (link, version)
        where desired.link = sent.link
        "#,
        &links,
        &versions,
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("marking desired states as published"))?;
    Ok(())
}
