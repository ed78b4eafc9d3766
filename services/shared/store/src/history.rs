//! The versions that an integration's configuration had: each kept as it was, with who made it and
//! when. Append-only, and without secrets.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use tandem_domain::{id::IntegrationId, integration::Integration};

use crate::{
    StoreError,
    rows::{Place, bigint},
};

/// A configuration as it was from some time on.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The configuration; its `version` says which one this is.
    pub integration: Integration,
    /// Since when.
    pub at: Timestamp,
    /// Who made it so.
    pub actor: String,
    /// By what, such as `integration.update`.
    pub action: String,
}

/// Keeps a version, in the transaction that makes it.
pub async fn add(
    conn: &mut PgConnection,
    integration: &Integration,
    at: Timestamp,
    actor: &str,
    action: &str,
) -> Result<(), StoreError> {
    let config = serde_json::to_value(integration).map_err(StoreError::Json)?;
    sqlx::query!(
        r#"
        insert into integration_versions (integration, version, at, actor, action, config)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (integration, version) do nothing
        "#,
        integration.id.uuid(),
        bigint(integration.version),
        at.to_sqlx() as jiff_sqlx::Timestamp,
        actor,
        action,
        config
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("keeping a version of a configuration"))?;
    Ok(())
}

/// The versions of an integration before `before`, newest first.
pub async fn list(
    conn: &mut PgConnection,
    integration: IntegrationId,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Version>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select at as "at: jiff_sqlx::Timestamp", actor, action, config
        from integration_versions
        where integration = $1 and ($2::bigint is null or version < $2)
        order by version desc
        limit $3
        "#,
        integration.uuid(),
        before.map(bigint),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing versions of a configuration"))?;
    let place = Place { table: "integration_versions", row: integration.uuid() };
    rows.into_iter()
        .map(|row| {
            Ok(Version {
                integration: place.json("config", row.config)?,
                at: row.at.to_jiff(),
                actor: row.actor,
                action: row.action,
            })
        })
        .collect()
}
