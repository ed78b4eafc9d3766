//! What became of each field that was to be written, for people who ask what was sent.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgConnection;
use tandem_domain::{
    field::Field,
    id::{IncidentId, LinkId},
    reconcile::{Write, WriteState},
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, Raw, batch, bigint},
};

const STATES: [WriteState; 5] = [
    WriteState::Asked,
    WriteState::Sent,
    WriteState::Equal,
    WriteState::Unexpected,
    WriteState::Refused,
];

#[derive(Serialize)]
struct Written<'a> {
    incident: Uuid,
    link: Uuid,
    version: i64,
    field: Field,
    value: Option<&'a str>,
    state: &'static str,
    at: Timestamp,
}

/// Adds what became of writes, in order.
pub async fn add(
    conn: &mut PgConnection,
    writes: &[(IncidentId, &Write)],
) -> Result<(), StoreError> {
    let rows = writes.iter().map(|(incident, write)| Written {
        incident: incident.uuid(),
        link: write.link.uuid(),
        version: bigint(write.version),
        field: write.field,
        value: write.value.as_deref(),
        state: write.state.name(),
        at: write.at,
    });
    let rows: Vec<_> = rows.collect();
    sqlx::query!(
        r#"
        insert into writes (incident, link, version, field, value, state, at)
        select incident, link, version, field, value, state, at
        from jsonb_populate_recordset(null::writes, $1) with ordinality
        order by ordinality
        "#,
        batch(&rows)? as Raw
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
