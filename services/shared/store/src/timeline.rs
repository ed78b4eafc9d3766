//! What happened to an incident, for people.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, types::Json};
use tandem_domain::{id::IncidentId, incident::Actor, reconcile::TimelineEntry};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, bigint, column},
};

/// Adds lines, in order.
pub async fn add(
    conn: &mut PgConnection,
    entries: &[(IncidentId, &TimelineEntry)],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into timeline (incident, at, kind, text, actor)
        select incident, at, kind, text, actor
        from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::jsonb[])
            with ordinality as new (incident, at, kind, text, actor, place)
        order by place
        "#,
        column(entries, |(incident, _)| incident.uuid()) as Vec<Uuid>,
        column(entries, |(_, entry)| entry.at.to_sqlx()) as Vec<jiff_sqlx::Timestamp>,
        column(entries, |(_, entry)| entry.kind.name()) as Vec<&str>,
        column(entries, |(_, entry)| &*entry.text) as Vec<&str>,
        column(entries, |(_, entry)| Json(&entry.actor)) as Vec<Json<&Actor>>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("adding to the timeline"))?;
    Ok(())
}

/// A line as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place in the order of lines.
    pub position: u64,
    /// When it happened, on the clock of the side it happened on.
    pub at: Timestamp,
    /// What kind of line it is; the names are those of `TimelineKind`.
    pub kind: String,
    /// The line.
    pub text: String,
    /// Who did it.
    pub actor: Actor,
}

/// An incident's lines after a position, in order.
pub async fn list(
    conn: &mut PgConnection,
    incident: IncidentId,
    after: u64,
    limit: u32,
) -> Result<Vec<Line>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select position, at, kind, text, actor
        from timeline
        where incident = $1 and position > $2
        order by position
        limit $3
        "#,
        incident.uuid(),
        bigint(after),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading the timeline"))?;
    let place = Place { table: "timeline", row: incident.uuid() };
    rows.into_iter()
        .map(|row| {
            Ok(Line {
                position: place.count("position", row.position)?,
                at: row.at.to_jiff(),
                kind: row.kind,
                text: row.text,
                actor: place.json("actor", row.actor)?,
            })
        })
        .collect()
}
