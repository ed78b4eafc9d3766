//! How far each integration's clock is from ours, as last measured.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::PgConnection;
use tandem_domain::{clock::Offset, id::IntegrationId};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Raw, batch},
};

/// The bounds as they were measured; age them to the present. What was never measured is missing.
pub async fn of(
    conn: &mut PgConnection,
    integrations: &[IntegrationId],
) -> Result<BTreeMap<IntegrationId, Offset>, StoreError> {
    let integrations: Vec<Uuid> = integrations.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        "select integration, lo, hi, at from clocks where integration = any($1)",
        &integrations
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading clocks"))?;
    let offset = rows.into_iter().map(|row| {
        let offset = Offset { lo: row.lo, hi: row.hi, at: Some(row.at.to_jiff()) };
        (IntegrationId::from_uuid(row.integration), offset)
    });
    Ok(offset.collect())
}

#[derive(Serialize)]
struct Written {
    integration: Uuid,
    lo: i64,
    hi: i64,
    at: Timestamp,
}

/// Writes measured bounds; of an integration that is gone, nothing.
pub async fn write(
    conn: &mut PgConnection,
    offsets: &[(IntegrationId, Offset)],
) -> Result<(), StoreError> {
    let row = |(integration, offset): &(IntegrationId, Offset)| {
        let Offset { lo, hi, at } = *offset;
        Some(Written { integration: integration.uuid(), lo, hi, at: at? })
    };
    let mut rows: Vec<_> = offsets.iter().filter_map(row).collect();
    // In one order, so that copies cannot block each other in a circle.
    rows.sort_by_key(|row| row.integration);
    sqlx::query!(
        r#"
        insert into clocks (integration, lo, hi, at)
        select new.integration, new.lo, new.hi, new.at
        from jsonb_populate_recordset(null::clocks, $1) as new
        join integrations on integrations.id = new.integration
        order by new.integration
        on conflict (integration) do update set
            lo = excluded.lo,
            hi = excluded.hi,
            at = excluded.at
        "#,
        batch(&rows)? as Raw
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("writing clocks"))?;
    Ok(())
}

/// An integration's bounds as they are at `now`.
pub async fn at(
    conn: &mut PgConnection,
    integration: IntegrationId,
    now: Timestamp,
) -> Result<Offset, StoreError> {
    let offsets = of(conn, &[integration]).await?;
    Ok(offsets.get(&integration).copied().unwrap_or_default().aged(now))
}
