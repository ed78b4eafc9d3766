//! Integrations: written by admin, read by admin and, in its own transaction, by the reconciler.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tandem_domain::{
    id::{IntegrationId, Org},
    integration::Integration,
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, bigint},
};

/// An integration with its sealed credentials and the times of its row.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The configuration; its `version` grows with every change of the row.
    pub integration: Integration,
    /// The API token, sealed.
    pub token: Option<String>,
    /// The webhook signing secrets that were given by hand, or stay valid for a while, sealed, newest
    /// first.
    pub signing_secrets: Vec<String>,
    /// The webhook subscriptions that are managed.
    pub subscriptions: Vec<Subscription>,
    /// When it was configured.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// A webhook subscription that is managed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id over there.
    pub id: String,
    /// Where it sends to.
    pub url: String,
    /// The one service it is about; none where it is about all of them.
    pub service: Option<String>,
    /// What its webhooks are signed with, sealed.
    pub secret: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When a ping of it came in.
    pub confirmed_at: Option<Timestamp>,
    /// Whether another one is to take its place.
    #[serde(default)]
    pub replaced: bool,
}

impl Stored {
    /// Every signing secret in force, sealed.
    pub fn secrets(&self) -> Vec<String> {
        let managed = self.subscriptions.iter().map(|held| held.secret.clone());
        managed.chain(self.signing_secrets.iter().cloned()).collect()
    }
}

#[derive(Debug)]
struct Row {
    id: Uuid,
    config: serde_json::Value,
    token: Option<String>,
    signing_secrets: Vec<String>,
    subscriptions: serde_json::Value,
    created_at: jiff_sqlx::Timestamp,
    updated_at: jiff_sqlx::Timestamp,
    deleted: bool,
}

impl Row {
    fn stored(self) -> Result<Stored, StoreError> {
        let place = Place { table: "integrations", row: self.id };
        Ok(Stored {
            integration: place.json("config", self.config)?,
            token: self.token,
            signing_secrets: self.signing_secrets,
            subscriptions: place.json("subscriptions", self.subscriptions)?,
            created_at: self.created_at.to_jiff(),
            updated_at: self.updated_at.to_jiff(),
            deleted: self.deleted,
        })
    }
}

/// The configurations of every integration of the organisations that the given integrations
/// belong to, and of the given organisations.
pub async fn configs(
    conn: &mut PgConnection,
    integrations: &[IntegrationId],
    orgs: &[String],
) -> Result<Vec<Integration>, StoreError> {
    let integrations: Vec<Uuid> = integrations.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        select id, config
        from integrations
        where
            deleted_at is null
            and (
                org = any($2)
                or org in (select named.org from integrations as named where named.id = any($1))
            )
        "#,
        &integrations,
        orgs
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading the configuration"))?;
    let config = |row: (Uuid, serde_json::Value)| {
        Place { table: "integrations", row: row.0 }.json("config", row.1)
    };
    rows.into_iter().map(|row| config((row.id, row.config))).collect()
}

/// The integrations of an organisation that are called `reference`: by id, by handle or by name.
/// Names need not be unique, so there can be several.
pub async fn named(
    conn: &mut PgConnection,
    org: &Org,
    reference: &str,
) -> Result<Vec<Stored>, StoreError> {
    let id = reference.parse::<IntegrationId>().ok().map(IntegrationId::uuid);
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, config, token, signing_secrets, subscriptions, created_at, updated_at,
            deleted_at is not null as "deleted!"
        from integrations
        where org = $1 and deleted_at is null and (id = $2 or handle = $3 or name = $3)
        order by handle = $3 desc, id
        "#,
        org.as_str(),
        id,
        reference
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("finding an integration"))?;
    rows.into_iter().map(Row::stored).collect()
}

/// One integration, deleted ones included; with `lock` nobody else changes it until the
/// transaction ends.
pub async fn get(
    conn: &mut PgConnection,
    id: IntegrationId,
    lock: bool,
) -> Result<Option<Stored>, StoreError> {
    if lock {
        sqlx::query!("select id from integrations where id = $1 for update", id.uuid())
            .fetch_optional(&mut *conn)
            .await
            .map_err(StoreError::doing("locking an integration"))?;
    }
    let row = sqlx::query_as!(
        Row,
        r#"
        select
            id, config, token, signing_secrets, subscriptions, created_at, updated_at,
            deleted_at is not null as "deleted!"
        from integrations
        where id = $1
        "#,
        id.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading an integration"))?;
    row.map(Row::stored).transpose()
}

/// Every integration, deleted ones included; of one organisation, or of all.
pub async fn list(conn: &mut PgConnection, org: Option<&Org>) -> Result<Vec<Stored>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, config, token, signing_secrets, subscriptions, created_at, updated_at,
            deleted_at is not null as "deleted!"
        from integrations
        where $1::text is null or org = $1
        order by org, handle, id
        "#,
        org.map(Org::as_str)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing integrations"))?;
    rows.into_iter().map(Row::stored).collect()
}

/// The version of every integration that is not deleted.
pub async fn versions(conn: &mut PgConnection) -> Result<Vec<(IntegrationId, u64)>, StoreError> {
    let rows = sqlx::query!("select id, version from integrations where deleted_at is null")
        .fetch_all(conn)
        .await
        .map_err(StoreError::doing("reading versions of integrations"))?;
    let version = |(id, version): (Uuid, i64)| {
        let version = Place { table: "integrations", row: id }.count("version", version)?;
        Ok((IntegrationId::from_uuid(id), version))
    };
    rows.into_iter().map(|row| version((row.id, row.version))).collect()
}

/// The handles in use in an organisation.
pub async fn handles(conn: &mut PgConnection, org: &Org) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!(
        "select handle from integrations where org = $1 and deleted_at is null",
        org.as_str()
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing handles"))
}

/// Writes an integration, new or changed. [`StoreError::is_taken`] says that its handle is in use.
pub async fn write(conn: &mut PgConnection, stored: &Stored) -> Result<(), StoreError> {
    let Stored { integration, token, signing_secrets, subscriptions, .. } = stored;
    let subscriptions = serde_json::to_value(subscriptions).map_err(StoreError::Json)?;
    let config = serde_json::to_value(integration).map_err(StoreError::Json)?;
    sqlx::query!(
        r#"
        insert into integrations (
            id, org, handle, name, config, token, signing_secrets, version, created_at, updated_at,
            deleted_at, subscriptions
        )
        values (
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::timestamptz,
            case when $11::bool then $10::timestamptz end, $12
        )
        on conflict (id) do update set
            handle = excluded.handle,
            name = excluded.name,
            config = excluded.config,
            token = excluded.token,
            signing_secrets = excluded.signing_secrets,
            subscriptions = excluded.subscriptions,
            version = excluded.version,
            updated_at = excluded.updated_at,
            deleted_at = excluded.deleted_at
        "#,
        integration.id.uuid(),
        integration.org.as_str(),
        integration.handle.as_str(),
        integration.name,
        config,
        token.as_deref(),
        signing_secrets,
        bigint(integration.version),
        stored.created_at.to_sqlx() as jiff_sqlx::Timestamp,
        stored.updated_at.to_sqlx() as jiff_sqlx::Timestamp,
        stored.deleted,
        subscriptions
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("writing an integration"))?;
    Ok(())
}

/// Says whether nobody else sees to an integration's subscriptions; holds until the transaction ends.
pub async fn begin_tending(
    conn: &mut PgConnection,
    integration: IntegrationId,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "mine!""#,
        format!("subscriptions of {integration}")
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("waiting for nobody to see to subscriptions"))
}
