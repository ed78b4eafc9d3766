//! Notes, and where each of them is.

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, types::Json};
use tandem_domain::{
    id::{Connector, IncidentId, IntegrationId, LinkId, NoteId},
    incident::Actor,
    outbound::{Act, ActKind},
    reconcile::{NewNote, NoteTrack},
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, column},
};

/// Where those notes of the given links are whose way is not done yet, and those that are mentioned
/// on a link, by their id here or over there.
pub async fn tracks(
    conn: &mut PgConnection,
    links: &[LinkId],
    mentioned: &[(LinkId, NoteId)],
    foreign: &[(LinkId, &str)],
) -> Result<Vec<(IncidentId, NoteTrack)>, StoreError> {
    let links: Vec<Uuid> = links.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        with found as (
            select note, link from note_links where link = any($1) and foreign_id is null
            union
            select note, link
            from unnest($2::uuid[], $3::text[]) as mentioned (link, foreign_id)
            join note_links using (link, foreign_id)
            union
            select note, link
            from unnest($4::uuid[], $5::uuid[]) as mentioned (link, note)
            join note_links using (link, note)
        )
        select
            notes.id, notes.incident, notes.text, notes.author,
            note_links.link, note_links.foreign_id, note_links.issued
        from found
        join note_links on note_links.note = found.note and note_links.link = found.link
        join notes on notes.id = found.note
        order by notes.id
        "#,
        &links,
        column(foreign, |(link, _)| link.uuid()) as Vec<Uuid>,
        column(foreign, |(_, note)| *note) as Vec<&str>,
        column(mentioned, |(link, _)| link.uuid()) as Vec<Uuid>,
        column(mentioned, |(_, note)| note.uuid()) as Vec<Uuid>
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading notes"))?;
    let track = |author: serde_json::Value, id: Uuid| {
        Place { table: "notes", row: id }.json("author", author)
    };
    rows.into_iter()
        .map(|row| {
            let track = NoteTrack {
                note: NoteId::from_uuid(row.id),
                link: LinkId::from_uuid(row.link),
                text: row.text,
                author: track(row.author, row.id)?,
                foreign: row.foreign_id,
                issued: row.issued,
            };
            Ok((IncidentId::from_uuid(row.incident), track))
        })
        .collect()
}

/// Adds notes.
pub async fn add(
    conn: &mut PgConnection,
    notes: &[(IncidentId, &NewNote)],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into notes (id, incident, text, author, at)
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[])
        "#,
        column(notes, |(_, note)| note.id.uuid()) as Vec<Uuid>,
        column(notes, |(incident, _)| incident.uuid()) as Vec<Uuid>,
        column(notes, |(_, note)| &*note.text) as Vec<&str>,
        column(notes, |(_, note)| Json(&note.author)) as Vec<Json<&Actor>>,
        column(notes, |(_, note)| note.at.to_sqlx()) as Vec<jiff_sqlx::Timestamp>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("adding notes"))?;
    Ok(())
}

/// Writes where notes are, new and changed. An act that is issued for the first time counts as sent
/// on its way now.
pub async fn write_tracks(
    conn: &mut PgConnection,
    tracks: &[&NoteTrack],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into note_links (note, link, foreign_id, issued, issued_at, issues)
        select
            note, link, foreign_id, issued,
            case when issued and foreign_id is null then now() end,
            case when issued and foreign_id is null then 1 else 0 end
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[])
            as new (note, link, foreign_id, issued)
        on conflict (note, link) do update set
            foreign_id = excluded.foreign_id,
            issued = excluded.issued,
            issued_at = case
                when excluded.issued and not note_links.issued then excluded.issued_at
                else note_links.issued_at
            end,
            issues = case
                when excluded.issued and not note_links.issued then excluded.issues
                else note_links.issues
            end
        "#,
        column(tracks, |track| track.note.uuid()) as Vec<Uuid>,
        column(tracks, |track| track.link.uuid()) as Vec<Uuid>,
        column(tracks, |track| track.foreign.as_deref()) as Vec<Option<&str>>,
        column(tracks, |track| track.issued) as Vec<bool>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("writing where notes are"))?;
    Ok(())
}

/// Remembers that the external side refused notes for good: they are not sent again.
pub async fn refuse(
    conn: &mut PgConnection,
    refused: &[(LinkId, NoteId)],
) -> Result<(), StoreError> {
    let links: Vec<Uuid> = refused.iter().map(|(link, _)| link.uuid()).collect();
    let notes: Vec<Uuid> = refused.iter().map(|(_, note)| note.uuid()).collect();
    sqlx::query!(
        r#"
        update note_links
        set issued_at = null
        from unnest($1::uuid[], $2::uuid[]) as refused (link, note)
        where note_links.link = refused.link and note_links.note = refused.note
        "#,
        &links,
        &notes
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("remembering which notes were refused"))?;
    Ok(())
}

/// A note whose act was issued and of which nothing was heard since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The act.
    pub act: Act,
    /// The connector it goes through.
    pub connector: Connector,
    /// When it was last sent on its way.
    pub issued_at: Timestamp,
}

/// Takes notes that were sent on their way before `before` and came to nothing since, each time
/// twice as long ago as the time before; keeps other copies off them until the transaction ends.
pub async fn take_unanswered(
    conn: &mut PgConnection,
    now: Timestamp,
    again_after: Duration,
    limit: u32,
) -> Result<Vec<Unanswered>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select
            note_links.note, note_links.link, note_links.issued_at as "issued_at!",
            notes.text, notes.author,
            links.integration, links.record as "record!",
            integrations.config ->> 'connector' as "connector!"
        from note_links
        join notes on notes.id = note_links.note
        join links on links.id = note_links.link
        join integrations on integrations.id = links.integration
        where
            note_links.issued
            and note_links.foreign_id is null
            and note_links.issued_at
                < $1::timestamptz - $2 * interval '1 second' * (2 ^ least(note_links.issues - 1, 5))
            and links.record is not null
            and not links.detached
            and integrations.deleted_at is null
        order by note_links.issued_at
        limit $3
        for update of note_links skip locked
        "#,
        now.to_sqlx() as jiff_sqlx::Timestamp,
        again_after.as_secs_f64(),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("taking unanswered notes"))?;
    rows.into_iter()
        .map(|row| {
            let place = Place { table: "note_links", row: row.note };
            let note = NoteId::from_uuid(row.note);
            let act = Act {
                link: LinkId::from_uuid(row.link),
                integration: IntegrationId::from_uuid(row.integration),
                record: place.text("record", row.record)?,
                actor: place.json("author", row.author)?,
                kind: ActKind::Note { note, text: row.text },
            };
            let connector = place.text("connector", row.connector)?;
            Ok(Unanswered { act, connector, issued_at: row.issued_at.to_jiff() })
        })
        .collect()
}

/// Remembers that notes were sent on their way again.
pub async fn mark_issued(
    conn: &mut PgConnection,
    issued: &[(LinkId, NoteId)],
    at: Timestamp,
) -> Result<(), StoreError> {
    let links: Vec<Uuid> = issued.iter().map(|(link, _)| link.uuid()).collect();
    let notes: Vec<Uuid> = issued.iter().map(|(_, note)| note.uuid()).collect();
    sqlx::query!(
        r#"
        update note_links
        set issued_at = $3, issues = issues + 1
        from unnest($1::uuid[], $2::uuid[]) as sent (link, note)
        where note_links.link = sent.link and note_links.note = sent.note
        "#,
        &links,
        &notes,
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("remembering which notes were sent again"))?;
    Ok(())
}
