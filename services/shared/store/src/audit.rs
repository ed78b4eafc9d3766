//! What was done through admin: who, what, to what, and how it was before and after. Append-only.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde_json::Value as Json;
use sqlx::PgConnection;

use crate::StoreError;

/// Something that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: &'a str,
    /// The organisation it was done in; none for what concerns all.
    pub org: Option<&'a str>,
    /// What was done, such as `dead_letter.replay`.
    pub action: &'static str,
    /// What it was done to: an id.
    pub target: &'a str,
    /// Why, where somebody said.
    pub reason: Option<&'a str>,
    /// What it was before.
    pub before: Option<Json>,
    /// What it is now.
    pub after: Option<Json>,
}

/// Adds an entry, in the transaction that does what it tells.
pub async fn add(conn: &mut PgConnection, entry: Entry<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into admin_audit (at, actor, action, target, reason, before, after, org)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        entry.at.to_sqlx() as jiff_sqlx::Timestamp,
        entry.actor,
        entry.action,
        entry.target,
        entry.reason,
        entry.before,
        entry.after,
        entry.org
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("adding to the audit"))?;
    Ok(())
}
