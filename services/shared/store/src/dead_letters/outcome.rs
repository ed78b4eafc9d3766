//! What becomes of open letters: sent again, given up, or pointless by themselves.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use tandem_domain::id::DeadLetterId;

use super::State;
use crate::StoreError;

/// Marks an open letter as sent again; `edited` is what went in place of the original.
pub async fn mark_replayed(
    conn: &mut PgConnection,
    id: DeadLetterId,
    edited: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update dead_letters
        set
            state = 'replayed', replays = replays + 1, edited = $2, reason = null,
            changed_at = $3
        where id = $1 and state = 'open'
        "#,
        id.uuid(),
        edited,
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("marking a dead letter as replayed"))?;
    Ok(())
}

/// Gives an open letter its last state, and the reason.
pub async fn settle(
    conn: &mut PgConnection,
    id: DeadLetterId,
    state: State,
    reason: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update dead_letters
        set state = $2, reason = $3, changed_at = $4
        where id = $1 and state = 'open'
        "#,
        id.uuid(),
        state.name(),
        reason,
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("settling a dead letter"))?;
    Ok(())
}

/// Finds open letters that have become pointless, one of them or all, and says which.
///
/// That is a desired state after which a newer one was answered or given up, a note that has got there, and an event
/// that was taken in by another delivery.
pub async fn supersede(
    conn: &mut PgConnection,
    only: Option<DeadLetterId>,
    at: Timestamp,
) -> Result<Vec<DeadLetterId>, StoreError> {
    let rows = sqlx::query!(
        r#"
        with pointless as (
            select letter.id, 'version ' || links.confirmed || ' was answered since' as reason
            from dead_letters as letter
            join links on links.id = letter.link
            where
                letter.state = 'open'
                and letter.kind = 'state'
                and links.confirmed > letter.version
            union all
            select letter.id, 'version ' || newer.version || ' was given up since'
            from dead_letters as letter
            join dead_letters as newer on newer.subject = letter.subject
            where
                letter.state = 'open'
                and letter.kind = 'state'
                and newer.kind = 'state'
                and newer.version > letter.version
            union all
            select letter.id, 'the note is there since'
            from dead_letters as letter
            join note_links on note_links.link = letter.link
            where
                letter.state = 'open'
                and letter.kind = 'act'
                and note_links.foreign_id is not null
                and right(letter.subject, 36) = 'nte_' || replace(note_links.note::text, '-', '')
            union all
            select letter.id, 'the event was taken in since: ' || inbox.effect
            from dead_letters as letter
            join inbox
                on inbox.source = letter.source
                and (inbox.delivery = letter.delivery or inbox.event = letter.event)
            where letter.state = 'open' and letter.kind = 'event'
        )
        update dead_letters
        set state = 'superseded', reason = pointless.reason, changed_at = $2
        from pointless
        where
            dead_letters.id = pointless.id
            and dead_letters.state = 'open'
            and ($1::uuid is null or dead_letters.id = $1)
        returning dead_letters.id
        "#,
        only.map(DeadLetterId::uuid),
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("finding superseded dead letters"))?;
    Ok(rows.into_iter().map(|row| DeadLetterId::from_uuid(row.id)).collect())
}
