//! Why fields have their values.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgConnection;
use tandem_domain::{
    decision::{Cause, Decision},
    field::Field,
    incident::Actor,
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{batch, bigint},
};

#[derive(Serialize)]
struct Row<'a> {
    id: Uuid,
    incident: Uuid,
    link: Option<Uuid>,
    field: Field,
    before: Option<&'a str>,
    after: Option<&'a str>,
    external: Option<&'a str>,
    rule: &'static str,
    cause: &'a Cause,
    actor: &'a Actor,
    at: Timestamp,
    config_version: Option<i64>,
    position: i64,
    previous: &'a str,
    hash: String,
    before_by: Option<&'a Actor>,
    before_at: Option<Timestamp>,
    authored_at: Timestamp,
}

/// Adds decisions.
pub async fn add(conn: &mut PgConnection, decisions: &[&Decision]) -> Result<(), StoreError> {
    let rows: Vec<_> = decisions
        .iter()
        .map(|decision| Row {
            id: decision.id.uuid(),
            incident: decision.incident.uuid(),
            link: decision.link.map(tandem_domain::id::LinkId::uuid),
            field: decision.field,
            before: decision.before.as_deref(),
            after: decision.after.as_deref(),
            external: decision.external.as_deref(),
            rule: decision.rule.name(),
            cause: &decision.cause,
            actor: &decision.actor,
            at: decision.at,
            config_version: decision.config_version.map(bigint),
            position: bigint(decision.position),
            previous: &decision.previous,
            hash: decision.hash(),
            before_by: decision.before_by.as_ref(),
            before_at: decision.before_at,
            authored_at: decision.authored_at,
        })
        .collect();
    sqlx::query!(
        r#"
        insert into decisions (
            id, incident, link, field, before, after, external, rule, cause, actor, at,
            config_version, position, previous, hash, before_by, before_at, authored_at
        )
        select
            id, incident, link, field, before, after, external, rule, cause, actor, at,
            config_version, position, previous, hash, before_by, before_at, authored_at
        from jsonb_populate_recordset(null::decisions, $1)
        "#,
        batch(&rows)?
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("adding decisions"))?;
    Ok(())
}
