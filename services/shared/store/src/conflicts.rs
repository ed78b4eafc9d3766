//! Conflicts: written by the reconciler, listed by everybody; of one field, one is open at a time.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tandem_domain::{
    conflict::{Candidate, Conflict, Ending, Reason, Standing},
    field::{Field, Value},
    id::{ConflictId, IncidentId, IntegrationId, LinkId, Org},
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, Raw, batch, word},
};

/// What was last agreed; within an object, so that "empty" is not "never".
#[derive(Debug, Serialize, Deserialize)]
struct Agreed {
    value: Value,
}

#[derive(Debug)]
struct Row {
    id: Uuid,
    incident: Uuid,
    link: Uuid,
    integration: Uuid,
    field: String,
    reason: String,
    standing: String,
    platform: serde_json::Value,
    external: serde_json::Value,
    base: Option<serde_json::Value>,
    opened_at: jiff_sqlx::Timestamp,
    ending: Option<serde_json::Value>,
}

impl Row {
    fn conflict(self) -> Result<Conflict, StoreError> {
        let place = Place { table: "conflicts", row: self.id };
        let base: Option<Agreed> = self.base.map(|json| place.json("base", json)).transpose()?;
        Ok(Conflict {
            id: ConflictId::from_uuid(self.id),
            incident: IncidentId::from_uuid(self.incident),
            link: LinkId::from_uuid(self.link),
            integration: IntegrationId::from_uuid(self.integration),
            field: place.text("field", self.field)?,
            reason: place.json("reason", self.reason.into())?,
            standing: place.json("standing", self.standing.into())?,
            platform: place.json("platform", self.platform)?,
            external: place.json("external", self.external)?,
            base: base.map(|agreed| agreed.value),
            opened_at: self.opened_at.to_jiff(),
            ending: self.ending.map(|json| place.json("ending", json)).transpose()?,
        })
    }
}

/// The open conflicts of the given incidents.
pub async fn open_of(
    conn: &mut PgConnection,
    incidents: &[IncidentId],
) -> Result<Vec<Conflict>, StoreError> {
    let incidents: Vec<Uuid> = incidents.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, incident, link, integration, field, reason, standing, platform, external, base,
            opened_at, ending
        from conflicts
        where incident = any($1) and standing = 'open'
        order by opened_at, id
        "#,
        &incidents
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading open conflicts"))?;
    rows.into_iter().map(Row::conflict).collect()
}

/// One conflict of an organisation.
pub async fn get(
    conn: &mut PgConnection,
    org: &Org,
    id: ConflictId,
) -> Result<Option<Conflict>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select
            id, incident, link, integration, field, reason, standing, platform, external, base,
            opened_at, ending
        from conflicts
        where org = $1 and id = $2
        "#,
        org.as_str(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading a conflict"))?;
    row.map(Row::conflict).transpose()
}

/// Which conflicts to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this integration.
    pub integration: Option<IntegrationId>,
    /// Only those of this incident.
    pub incident: Option<IncidentId>,
    /// Only those about this field.
    pub field: Option<Field>,
    /// Only those that stand so.
    pub standing: Option<Standing>,
    /// Only those opened for this reason.
    pub reason: Option<Reason>,
    /// Only those after this one in the list: when it was opened, and its id.
    pub after: Option<(Timestamp, ConflictId)>,
    /// At most so many.
    pub limit: u32,
}

/// Conflicts of an organisation, newest first.
pub async fn list(
    conn: &mut PgConnection,
    org: &Org,
    filter: &Filter,
) -> Result<Vec<Conflict>, StoreError> {
    let (after_at, after_id) =
        filter.after.map_or((None, None), |(at, id)| (Some(at.to_sqlx()), Some(id.uuid())));
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, incident, link, integration, field, reason, standing, platform, external, base,
            opened_at, ending
        from conflicts
        where
            org = $1
            and ($2::uuid is null or integration = $2)
            and ($3::uuid is null or incident = $3)
            and ($4::text is null or field = $4)
            and ($5::text is null or standing = $5)
            and ($6::text is null or reason = $6)
            and ($7::timestamptz is null or (opened_at, id) < ($7, $8::uuid))
        order by opened_at desc, id desc
        limit $9
        "#,
        org.as_str(),
        filter.integration.map(IntegrationId::uuid),
        filter.incident.map(IncidentId::uuid),
        filter.field.map(|field| field.to_string()),
        filter.standing.map(word).transpose()?,
        filter.reason.map(word).transpose()?,
        after_at as Option<jiff_sqlx::Timestamp>,
        after_id,
        i64::from(filter.limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing conflicts"))?;
    rows.into_iter().map(Row::conflict).collect()
}

/// How many conflicts of an integration are open.
pub async fn count_open(
    conn: &mut PgConnection,
    integration: IntegrationId,
) -> Result<u64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"
        select count(*) as "count!"
        from conflicts
        where integration = $1 and standing = 'open'
        "#,
        integration.uuid()
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("counting conflicts"))?;
    Place { table: "conflicts", row: integration.uuid() }.count("count", count)
}

#[derive(Serialize)]
struct Written<'a> {
    id: Uuid,
    incident: Uuid,
    link: Uuid,
    integration: Uuid,
    field: Field,
    reason: Reason,
    standing: Standing,
    platform: &'a Candidate,
    external: &'a Candidate,
    base: Option<Agreed>,
    opened_at: Timestamp,
    ending: Option<&'a Ending>,
}

impl<'a> From<&'a Conflict> for Written<'a> {
    fn from(conflict: &'a Conflict) -> Self {
        Self {
            id: conflict.id.uuid(),
            incident: conflict.incident.uuid(),
            link: conflict.link.uuid(),
            integration: conflict.integration.uuid(),
            field: conflict.field,
            reason: conflict.reason,
            standing: conflict.standing,
            platform: &conflict.platform,
            external: &conflict.external,
            base: conflict.base.clone().map(|value| Agreed { value }),
            opened_at: conflict.opened_at,
            ending: conflict.ending.as_ref(),
        }
    }
}

/// Writes conflicts, new and changed, each once; their incidents and links must be there.
pub async fn write(conn: &mut PgConnection, conflicts: &[&Conflict]) -> Result<(), StoreError> {
    let rows: Vec<_> = conflicts.iter().map(|conflict| Written::from(*conflict)).collect();
    // Those that end come first: they make room for one that opens about the same field.
    sqlx::query!(
        r#"
        insert into conflicts (
            id, org, incident, link, integration, field, reason, standing, platform, external,
            base, opened_at, ending
        )
        select
            new.id, incidents.org, new.incident, new.link, new.integration, new.field, new.reason,
            new.standing, new.platform, new.external, new.base, new.opened_at, new.ending
        from jsonb_populate_recordset(null::conflicts, $1) as new
        join incidents on incidents.id = new.incident
        order by new.standing = 'open'
        on conflict (id) do update set
            standing = excluded.standing,
            platform = excluded.platform,
            external = excluded.external,
            ending = excluded.ending
        "#,
        batch(&rows)? as Raw
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("writing conflicts"))?;
    Ok(())
}
