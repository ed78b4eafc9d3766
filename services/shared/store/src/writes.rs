//! What became of each field that was to be written, for people who ask what was sent.

use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use tandem_domain::{
    field::Field,
    id::{IncidentId, LinkId},
    reconcile::{Write, WriteState},
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, bigint, column},
};

const STATES: [WriteState; 5] = [
    WriteState::Asked,
    WriteState::Sent,
    WriteState::Equal,
    WriteState::Unexpected,
    WriteState::Refused,
];

/// Adds what became of writes, in order.
pub async fn add(
    conn: &mut PgConnection,
    writes: &[(IncidentId, &Write)],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into writes (incident, link, version, field, value, state, at)
        select incident, link, version, field, value, state, at
        from unnest(
            $1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[],
            $7::timestamptz[]
        ) with ordinality as new (incident, link, version, field, value, state, at, place)
        order by place
        "#,
        column(writes, |(incident, _)| incident.uuid()) as Vec<Uuid>,
        column(writes, |(_, write)| write.link.uuid()) as Vec<Uuid>,
        column(writes, |(_, write)| bigint(write.version)) as Vec<i64>,
        column(writes, |(_, write)| write.field.to_string()) as Vec<String>,
        column(writes, |(_, write)| write.value.as_deref()) as Vec<Option<&str>>,
        column(writes, |(_, write)| write.state.name()) as Vec<&str>,
        column(writes, |(_, write)| write.at.to_sqlx()) as Vec<jiff_sqlx::Timestamp>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("adding what became of writes"))?;
    Ok(())
}

/// What became of a write, as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place in the order of lines.
    pub position: u64,
    /// What became of it.
    pub write: Write,
}

/// What became of an incident's writes after a position, in order; of one field, or of all.
pub async fn list(
    conn: &mut PgConnection,
    incident: IncidentId,
    field: Option<Field>,
    after: u64,
    limit: u32,
) -> Result<Vec<Line>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select position, link, version, field, value, state, at
        from writes
        where incident = $1 and ($2::text is null or field = $2) and position > $3
        order by position
        limit $4
        "#,
        incident.uuid(),
        field.map(|field| field.to_string()),
        bigint(after),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading what became of writes"))?;
    let place = Place { table: "writes", row: incident.uuid() };
    rows.into_iter()
        .map(|row| {
            let write = Write {
                link: LinkId::from_uuid(row.link),
                version: place.count("version", row.version)?,
                field: place.text("field", row.field)?,
                value: row.value,
                state: place.named("state", &row.state, &STATES, WriteState::name)?,
                at: row.at.to_jiff(),
            };
            Ok(Line { position: place.count("position", row.position)?, write })
        })
        .collect()
}
