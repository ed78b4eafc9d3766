//! Every event once.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgConnection;

use crate::{StoreError, rows::batch};

/// An event that has arrived.
#[derive(Debug, Clone, Serialize)]
pub struct Arrival {
    /// Where its identity is unique.
    pub source: String,
    /// The delivery it came with.
    pub delivery: String,
    /// The event itself, over several deliveries.
    pub event: String,
    /// What kind of event it is.
    pub kind: &'static str,
    /// When the stream had it.
    pub at: Timestamp,
}

/// Takes in the arrivals that were never seen; returns the (source, delivery) of those.
pub async fn admit(
    conn: &mut PgConnection,
    arrivals: &[Arrival],
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        insert into inbox (source, delivery, event, kind, effect, at)
        select source, delivery, event, kind, 'taken', at
        from jsonb_to_recordset($1)
            as arrival (source text, delivery text, event text, kind text, at timestamptz)
        on conflict do nothing
        returning source, delivery
        "#,
        batch(arrivals)?
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("taking in events"))?;
    Ok(rows.into_iter().map(|row| (row.source, row.delivery)).collect())
}

/// What became of an event.
#[derive(Debug, Clone, Serialize)]
pub struct Effect {
    /// Where its identity is unique.
    pub source: String,
    /// The delivery it came with.
    pub delivery: String,
    /// What became of it.
    pub effect: String,
}

/// Records what became of events.
pub async fn record(conn: &mut PgConnection, effects: &[Effect]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update inbox
        set effect = outcome.effect
        from jsonb_to_recordset($1) as outcome (source text, delivery text, effect text)
        where inbox.source = outcome.source and inbox.delivery = outcome.delivery
        "#,
        batch(effects)?
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("recording what became of events"))?;
    Ok(())
}
