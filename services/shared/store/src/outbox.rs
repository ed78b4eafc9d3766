//! Messages decided together with the truth: stored with it, published after it.

use serde::Serialize;
use sqlx::PgConnection;

use crate::{
    StoreError,
    rows::{Raw, batch},
};

/// A message to be published.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// Where it goes.
    pub subject: String,
    /// The id under which a repeat is recognised.
    pub message_id: String,
    /// The message.
    pub body: serde_json::Value,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
}

/// Adds messages, in order.
pub async fn add(conn: &mut PgConnection, messages: &[Message]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into outbox (subject, message_id, body, traceparent)
        select subject, message_id, body, traceparent
        from jsonb_populate_recordset(null::outbox, $1) with ordinality
        order by ordinality
        "#,
        batch(messages)? as Raw
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("adding to the outbox"))?;
    Ok(())
}

/// Takes the oldest messages and keeps other copies off them until the transaction ends.
pub async fn take(conn: &mut PgConnection, limit: u32) -> Result<Vec<(i64, Message)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select id, subject, message_id, body, traceparent
        from outbox
        order by id
        limit $1
        for update skip locked
        "#,
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("taking from the outbox"))?;
    let message = rows.into_iter().map(|row| {
        let (subject, message_id, traceparent) = (row.subject, row.message_id, row.traceparent);
        (row.id, Message { subject, message_id, body: row.body, traceparent })
    });
    Ok(message.collect())
}

/// Removes messages that the broker has on disk.
pub async fn remove(conn: &mut PgConnection, ids: &[i64]) -> Result<(), StoreError> {
    sqlx::query!("delete from outbox where id = any($1)", ids)
        .execute(conn)
        .await
        .map_err(StoreError::doing("removing from the outbox"))?;
    Ok(())
}
