//! Writing links: new ones, and those that are there.

use sqlx::PgConnection;
use tandem_domain::{id::RecordId, link::Link};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{bigint, text_of},
};

/// What is written of a link, by column.
#[derive(Default)]
struct Columns<'a> {
    id: Vec<Uuid>,
    incident: Vec<Uuid>,
    integration: Vec<Uuid>,
    record: Vec<Option<&'a str>>,
    number: Vec<Option<i64>>,
    url: Vec<Option<&'a str>>,
    problem: Vec<Option<&'a str>>,
    version: Vec<i64>,
    confirmed: Vec<i64>,
    asked: Vec<i64>,
    published: Vec<Option<String>>,
    fields: Vec<String>,
    detached: Vec<bool>,
    summons: Vec<String>,
    levelled: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(links: impl Iterator<Item = &'a Link>) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for link in links {
            columns.push(link)?;
        }
        Ok(columns)
    }

    fn push(&mut self, link: &'a Link) -> Result<(), StoreError> {
        self.id.push(link.id.uuid());
        self.incident.push(link.incident.uuid());
        self.integration.push(link.integration.uuid());
        self.record.push(link.record.as_ref().map(RecordId::as_str));
        self.number.push(link.number.map(bigint));
        self.url.push(link.url.as_deref());
        self.problem.push(link.problem.as_deref());
        self.version.push(bigint(link.version));
        self.confirmed.push(bigint(link.confirmed));
        self.asked.push(bigint(link.asked));
        self.published.push(link.published.as_ref().map(text_of).transpose()?);
        self.fields.push(text_of(&link.fields)?);
        self.detached.push(link.detached);
        self.summons.push(text_of(&link.summons)?);
        self.levelled.push(bigint(link.levelled));
        Ok(())
    }
}

/// Writes links, new and changed.
pub async fn write(conn: &mut PgConnection, links: &[&Link]) -> Result<(), StoreError> {
    let rows = Columns::of(links.iter().copied())?;
    // Links that were taken apart come first: they let their records go to others.
    sqlx::query!(
        r#"
        insert into links (
            id, incident, integration, record, number, url, problem, version, confirmed, asked,
            published, fields, detached, summons, levelled
        )
        select
            id, incident, integration, record, number, url, problem, version, confirmed, asked,
            published::json, fields::json, detached, summons::jsonb, levelled
        from unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[],
            $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::boolean[],
            $14::text[], $15::bigint[]
        ) as new (
            id, incident, integration, record, number, url, problem, version, confirmed, asked,
            published, fields, detached, summons, levelled
        )
        order by detached desc
        on conflict (id) do update set
            record = excluded.record,
            number = excluded.number,
            url = excluded.url,
            problem = excluded.problem,
            version = excluded.version,
            confirmed = excluded.confirmed,
            asked = excluded.asked,
            published = excluded.published,
            fields = excluded.fields,
            detached = excluded.detached,
            summons = excluded.summons,
            levelled = excluded.levelled,
            updated_at = now()
        "#,
        rows.id as Vec<Uuid>,
        rows.incident as Vec<Uuid>,
        rows.integration as Vec<Uuid>,
        rows.record as Vec<Option<&str>>,
        rows.number as Vec<Option<i64>>,
        rows.url as Vec<Option<&str>>,
        rows.problem as Vec<Option<&str>>,
        rows.version as Vec<i64>,
        rows.confirmed as Vec<i64>,
        rows.asked as Vec<i64>,
        rows.published as Vec<Option<String>>,
        rows.fields as Vec<String>,
        rows.detached as Vec<bool>,
        rows.summons as Vec<String>,
        rows.levelled as Vec<i64>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("writing links"))?;
    Ok(())
}

/// Writes links that are there, of incidents that are locked by this transaction. Those that were
/// taken apart come first: they let their records go to others.
pub async fn change(conn: &mut PgConnection, links: &[&Link]) -> Result<(), StoreError> {
    for detached in [true, false] {
        let part = || links.iter().copied().filter(|link| link.detached == detached);
        if part().next().is_some() {
            update(conn, Columns::of(part())?).await?;
        }
    }
    Ok(())
}

async fn update(conn: &mut PgConnection, rows: Columns<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update links
        set
            record = new.record,
            number = new.number,
            url = new.url,
            problem = new.problem,
            version = new.version,
            confirmed = new.confirmed,
            asked = new.asked,
            published = new.published::json,
            fields = new.fields::json,
            detached = new.detached,
            summons = new.summons::jsonb,
            levelled = new.levelled,
            updated_at = now()
        from unnest(
            $1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[],
            $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::boolean[], $12::text[],
            $13::bigint[]
        ) as new (
            id, record, number, url, problem, version, confirmed, asked, published, fields,
            detached, summons, levelled
        )
        where links.id = new.id
        "#,
        rows.id as Vec<Uuid>,
        rows.record as Vec<Option<&str>>,
        rows.number as Vec<Option<i64>>,
        rows.url as Vec<Option<&str>>,
        rows.problem as Vec<Option<&str>>,
        rows.version as Vec<i64>,
        rows.confirmed as Vec<i64>,
        rows.asked as Vec<i64>,
        rows.published as Vec<Option<String>>,
        rows.fields as Vec<String>,
        rows.detached as Vec<bool>,
        rows.summons as Vec<String>,
        rows.levelled as Vec<i64>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("changing links"))?;
    Ok(())
}
