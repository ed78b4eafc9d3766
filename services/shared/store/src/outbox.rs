//! Messages decided together with the truth: stored with it, published after it.

use serde_json::value::RawValue;
use sqlx::PgConnection;

use crate::{
    StoreError,
    rows::{Raw, column, text_of},
};

/// A message to be published.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it goes.
    pub subject: String,
    /// The id under which a repeat is recognised.
    pub message_id: String,
    /// The message.
    pub body: Box<RawValue>,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
}

/// Adds messages, in order.
pub async fn add(conn: &mut PgConnection, messages: &[Message]) -> Result<(), StoreError> {
    let bodies = messages.iter().map(|message| text_of(&message.body));
    let bodies = bodies.collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        r#"
        insert into outbox (subject, message_id, body, traceparent)
        select subject, message_id, body::json, traceparent
        from unnest($1::text[], $2::text[], $3::text[], $4::text[])
            with ordinality as new (subject, message_id, body, traceparent, place)
        order by place
        "#,
        column(messages, |message| &*message.subject) as Vec<&str>,
        column(messages, |message| &*message.message_id) as Vec<&str>,
        bodies as Vec<String>,
        column(messages, |message| message.traceparent.as_deref()) as Vec<Option<&str>>
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
        select id, subject, message_id, body as "body: Raw", traceparent
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
        (row.id, Message { subject, message_id, body: row.body.0, traceparent })
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
