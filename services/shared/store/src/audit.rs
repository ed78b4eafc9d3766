//! What was done through admin: who, what, to what, and how it was before and after. Append-only.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde_json::Value as Json;
use sqlx::PgConnection;
use tandem_domain::id::Org;

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

/// Something that was done, as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// Its place: later entries have higher ones.
    pub position: i64,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// The organisation it was done in; none for what concerns all.
    pub org: Option<String>,
    /// What was done.
    pub action: String,
    /// What it was done to: an id.
    pub target: String,
    /// Why, where somebody said.
    pub reason: Option<String>,
    /// What it was before.
    pub before: Option<Json>,
    /// What it is since.
    pub after: Option<Json>,
}

/// Which entries are meant.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this organisation.
    pub org: Option<Org>,
    /// Only those by this person or token.
    pub actor: Option<String>,
    /// Only those of this action, or of this kind of thing: `integration` means
    /// `integration.update` and its like.
    pub action: Option<String>,
    /// Only those done to this.
    pub target: Option<String>,
    /// Only those from this time on.
    pub since: Option<Timestamp>,
    /// Only those before this place.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: u32,
}

/// What was done, newest first.
pub async fn list(conn: &mut PgConnection, filter: &Filter) -> Result<Vec<Done>, StoreError> {
    let since = filter.since.map(ToSqlx::to_sqlx);
    let rows = sqlx::query!(
        r#"
        select
            position, at as "at: jiff_sqlx::Timestamp", actor, org, action, target, reason,
            before, after
        from admin_audit
        where
            ($1::text is null or org = $1)
            and ($2::text is null or actor = $2)
            and ($3::text is null or action = $3 or starts_with(action, $3 || '.'))
            and ($4::text is null or target = $4)
            and ($5::timestamptz is null or at >= $5)
            and ($6::bigint is null or position < $6)
        order by position desc
        limit $7
        "#,
        filter.org.as_ref().map(Org::as_str),
        filter.actor.as_deref(),
        filter.action.as_deref(),
        filter.target.as_deref(),
        since as Option<jiff_sqlx::Timestamp>,
        filter.before,
        i64::from(filter.limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading the audit"))?;
    let done = rows.into_iter().map(|row| Done {
        position: row.position,
        at: row.at.to_jiff(),
        actor: row.actor,
        org: row.org,
        action: row.action,
        target: row.target,
        reason: row.reason,
        before: row.before,
        after: row.after,
    });
    Ok(done.collect())
}
