//! Links: found by record, key or incident; written by the reconciler.

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use tandem_domain::{
    id::{IncidentId, IntegrationId, LinkId, Org, RecordId},
    link::Link,
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, Raw, bigint, column},
};

mod write;

pub use write::{change, write};

#[derive(Debug)]
struct Row {
    id: Uuid,
    incident: Uuid,
    integration: Uuid,
    record: Option<String>,
    number: Option<i64>,
    url: Option<String>,
    problem: Option<String>,
    version: i64,
    confirmed: i64,
    asked: i64,
    published: Option<Raw>,
    fields: Raw,
    detached: bool,
    summons: Raw,
    levelled: i64,
    created_at: jiff_sqlx::Timestamp,
    updated_at: jiff_sqlx::Timestamp,
}

/// A link with the times of its row.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The link.
    pub link: Link,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Row {
    fn link(self) -> Result<Stored, StoreError> {
        let place = Place { table: "links", row: self.id };
        let record = |text| place.text::<RecordId>("record", text);
        let number = |number| place.count("number", number);
        let link = Link {
            id: LinkId::from_uuid(self.id),
            incident: IncidentId::from_uuid(self.incident),
            integration: IntegrationId::from_uuid(self.integration),
            record: self.record.map(record).transpose()?,
            number: self.number.map(number).transpose()?,
            url: self.url,
            problem: self.problem,
            version: place.count("version", self.version)?,
            confirmed: place.count("confirmed", self.confirmed)?,
            asked: place.count("asked", self.asked)?,
            published: self.published.map(|json| place.raw("published", &json)).transpose()?,
            fields: place.raw("fields", &self.fields)?,
            detached: self.detached,
            summons: place.raw("summons", &self.summons)?,
            levelled: place.count("levelled", self.levelled)?,
            reread: false,
        };
        let (created_at, updated_at) = (self.created_at.to_jiff(), self.updated_at.to_jiff());
        Ok(Stored { link, created_at, updated_at })
    }
}

/// Holds records or incidents for this transaction, whether they are there yet or not, so that two
/// copies cannot both find one missing. Keys are taken in the order given: give them sorted.
pub async fn hold(conn: &mut PgConnection, keys: &[String]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        select pg_advisory_xact_lock(hashtextextended(key, 0))::text as held
        from unnest($1::text[]) as key
        "#,
        keys
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("holding records"))?;
    Ok(())
}

/// The same, waiting for nobody; gives the keys that somebody else holds.
pub async fn hold_free(
    conn: &mut PgConnection,
    keys: &[String],
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select key as "key!", pg_try_advisory_xact_lock(hashtextextended(key, 0)) as "held!"
        from unnest($1::text[]) as key
        "#,
        keys
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("holding records"))?;
    Ok(rows.into_iter().filter(|row| !row.held).map(|row| row.key).collect())
}

/// Those of the integrations in which a record is being created right now.
pub async fn creating(
    conn: &mut PgConnection,
    integrations: &[IntegrationId],
) -> Result<Vec<IntegrationId>, StoreError> {
    let integrations: Vec<Uuid> = integrations.iter().map(|id| id.uuid()).collect();
    let found = sqlx::query_scalar!(
        r#"
        select asked.id as "id!"
        from unnest($1::uuid[]) as asked (id)
        where exists (
            select
            from links
            where
                integration = asked.id
                and record is null
                and published is not null
                and not detached
                and confirmed < version
        )
        "#,
        &integrations
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("looking for records that are being created"))?;
    Ok(found.into_iter().map(IntegrationId::from_uuid).collect())
}

/// A link by what it joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joint {
    /// The link.
    pub link: LinkId,
    /// The incident.
    pub incident: IncidentId,
    /// The integration.
    pub integration: IntegrationId,
    /// The record, as text.
    pub record: Option<String>,
    /// Whether it was taken apart.
    pub detached: bool,
}

/// The links among the given (integration, record) pairs and link ids, those that were taken apart
/// last: of those, a record can have several.
pub async fn find(
    conn: &mut PgConnection,
    records: &[(IntegrationId, &str)],
    links: &[LinkId],
) -> Result<Vec<Joint>, StoreError> {
    let links: Vec<Uuid> = links.iter().map(|link| link.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        with wanted as (
            select * from unnest($1::uuid[], $2::text[]) as wanted (integration, record)
        ),
        found as (
            select id, incident, links.integration, links.record, detached
            from wanted
            join links using (integration, record)
            where not links.detached
            union all
            select id, incident, links.integration, links.record, detached
            from wanted
            join links using (integration, record)
            where links.detached
            union all
            select id, incident, integration, record, detached from links where id = any($3)
        )
        select distinct
            id as "id!", incident as "incident!", integration as "integration!", record,
            detached as "detached!"
        from found
        order by 5
        "#,
        column(records, |(integration, _)| integration.uuid()) as Vec<Uuid>,
        column(records, |(_, record)| *record) as Vec<&str>,
        &links
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("finding links"))?;
    let joint = rows.into_iter().map(|row| Joint {
        link: LinkId::from_uuid(row.id),
        incident: IncidentId::from_uuid(row.incident),
        integration: IntegrationId::from_uuid(row.integration),
        record: row.record,
        detached: row.detached,
    });
    Ok(joint.collect())
}

/// Every link of the given incidents.
pub async fn of_incidents(
    conn: &mut PgConnection,
    incidents: &[IncidentId],
) -> Result<Vec<Stored>, StoreError> {
    let incidents: Vec<Uuid> = incidents.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, incident, integration, record, number, url, problem, version, confirmed, asked,
            published as "published: Raw", fields as "fields: Raw", detached,
            summons as "summons: Raw", levelled, created_at, updated_at
        from links
        where incident = any($1)
        order by id
        "#,
        &incidents
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading links"))?;
    rows.into_iter().map(Row::link).collect()
}

/// One link.
pub async fn get(conn: &mut PgConnection, id: LinkId) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select
            id, incident, integration, record, number, url, problem, version, confirmed, asked,
            published as "published: Raw", fields as "fields: Raw", detached,
            summons as "summons: Raw", levelled, created_at, updated_at
        from links
        where id = $1
        "#,
        id.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading a link"))?;
    row.map(Row::link).transpose()
}

/// Links of an integration, newest first, after the given place in the list.
pub async fn list(
    conn: &mut PgConnection,
    integration: IntegrationId,
    after: Option<(Timestamp, LinkId)>,
    limit: u32,
) -> Result<Vec<Stored>, StoreError> {
    let (after_at, after_id) =
        after.map_or((None, None), |(at, id)| (Some(at.to_sqlx()), Some(id.uuid())));
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, incident, integration, record, number, url, problem, version, confirmed, asked,
            published as "published: Raw", fields as "fields: Raw", detached,
            summons as "summons: Raw", levelled, created_at, updated_at
        from links
        where
            integration = $1
            and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
        order by created_at desc, id desc
        limit $4
        "#,
        integration.uuid(),
        after_at as Option<jiff_sqlx::Timestamp>,
        after_id,
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing links"))?;
    rows.into_iter().map(Row::link).collect()
}

/// Links of an integration that were written within so long until now, the last written first.
pub async fn changed(
    conn: &mut PgConnection,
    integration: IntegrationId,
    within: Duration,
    limit: u32,
) -> Result<Vec<Stored>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, incident, integration, record, number, url, problem, version, confirmed, asked,
            published as "published: Raw", fields as "fields: Raw", detached,
            summons as "summons: Raw", levelled, created_at, updated_at
        from links
        where integration = $1 and updated_at > now() - make_interval(secs => $2)
        order by updated_at desc, id
        limit $3
        "#,
        integration.uuid(),
        within.as_secs_f64(),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("looking for links that changed"))?;
    rows.into_iter().map(Row::link).collect()
}

/// A link's place in the order in which links are compared again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levelled {
    /// The version of the configuration it was last compared under.
    pub version: u64,
    /// The link.
    pub link: LinkId,
}

/// A link that was last compared under an older version of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Its place.
    pub place: Levelled,
    /// Its incident, which is not closed, or was while the integration took no part.
    pub incident: IncidentId,
    /// The organisation.
    pub org: Org,
}

/// Says whether nobody else looks for links to compare again; holds until the transaction ends.
pub async fn begin_sweep(conn: &mut PgConnection) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended('sweep', 0)) as "mine!""#
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("waiting for nobody to sweep"))
}

/// Links of an integration that were last compared under a version before the given one, after the
/// given place.
pub async fn behind(
    conn: &mut PgConnection,
    integration: IntegrationId,
    version: u64,
    after: Option<Levelled>,
    limit: u32,
) -> Result<Vec<Behind>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select links.id, links.levelled, links.incident, incidents.org
        from links
        join incidents on incidents.id = links.incident
        where
            links.integration = $1
            and links.levelled < $2
            and not links.detached
            and (links.levelled, links.id) > ($3, $4)
            and (incidents.status <> 'closed' or links.levelled = 0)
        order by links.levelled, links.id
        limit $5
        "#,
        integration.uuid(),
        bigint(version),
        after.map_or(-1, |place| bigint(place.version)),
        after.map_or_else(Uuid::nil, |place| place.link.uuid()),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("looking for links to compare again"))?;
    rows.into_iter()
        .map(|row| {
            let place = Place { table: "links", row: row.id };
            let version = place.count("levelled", row.levelled)?;
            Ok(Behind {
                place: Levelled { version, link: LinkId::from_uuid(row.id) },
                incident: IncidentId::from_uuid(row.incident),
                org: place.text("org", row.org)?,
            })
        })
        .collect()
}
