//! Incidents: locked and written by the reconciler, read by everybody.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tandem_domain::{
    decision::Head,
    field::{Field, LabelName},
    id::{IncidentId, LinkId, Org},
    incident::{Actor, Incident, Owned},
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, Raw},
};

mod write;

pub use write::{change, write};

/// Who set a field, when and in which revision; the value is in the field's own column.
#[derive(Debug, Serialize, Deserialize)]
struct Authorship<A> {
    rev: u64,
    at: Timestamp,
    by: A,
    #[serde(default)]
    edited: Option<Timestamp>,
    #[serde(default)]
    place: Option<u64>,
    #[serde(default)]
    span: Option<(Timestamp, Timestamp)>,
    #[serde(default)]
    via: Option<LinkId>,
}

#[derive(Debug)]
struct Row {
    id: Uuid,
    org: String,
    title: String,
    description: Option<String>,
    severity: String,
    status: String,
    assigned_to: Option<String>,
    escalation_policy: Option<String>,
    incident_type: Option<String>,
    labels: Raw,
    authorship: Raw,
    revision: i64,
    sequence: i64,
    created_at: jiff_sqlx::Timestamp,
    updated_at: jiff_sqlx::Timestamp,
    chain_length: i64,
    chain_hash: String,
}

impl Row {
    fn incident(self) -> Result<Incident, StoreError> {
        let place = Place { table: "incidents", row: self.id };
        let authorship: BTreeMap<Field, Authorship<Actor>> =
            place.raw("authorship", &self.authorship)?;
        let mut values = BTreeMap::from([
            (Field::Title, Some(self.title)),
            (Field::Description, self.description),
            (Field::Severity, Some(self.severity)),
            (Field::Status, Some(self.status)),
            (Field::AssignedTo, self.assigned_to),
            (Field::EscalationPolicy, self.escalation_policy),
        ]);
        let labels: BTreeMap<LabelName, String> = place.raw("labels", &self.labels)?;
        values.extend(labels.into_iter().map(|(name, value)| (Field::Label(name), Some(value))));
        let owned = |(field, set): (Field, Authorship<Actor>)| {
            let value = values.remove(&field).flatten();
            let Authorship { rev, at, by, edited, place, span, via } = set;
            (field, Owned { value, rev, at, by, edited, place, span, via })
        };
        Ok(Incident {
            id: IncidentId::from_uuid(self.id),
            org: place.text("org", self.org)?,
            fields: authorship.into_iter().map(owned).collect(),
            incident_type: self.incident_type,
            revision: place.count("revision", self.revision)?,
            sequence: place.count("sequence", self.sequence)?,
            created_at: self.created_at.to_jiff(),
            updated_at: self.updated_at.to_jiff(),
            chain: Head {
                length: place.count("chain_length", self.chain_length)?,
                hash: self.chain_hash,
            },
        })
    }
}

/// Locks incidents until the transaction ends, in id order so that copies cannot block each other
/// in a circle, and reads them.
pub async fn lock(
    conn: &mut PgConnection,
    ids: &[IncidentId],
) -> Result<Vec<Incident>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, org, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels as "labels: Raw", authorship as "authorship: Raw", revision,
            sequence, created_at, updated_at, chain_length, chain_hash
        from incidents
        where id = any($1)
        order by id
        for update
        "#,
        &ids
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("locking incidents"))?;
    rows.into_iter().map(Row::incident).collect()
}

/// The same, leaving out those that somebody else has locked.
pub async fn lock_free(
    conn: &mut PgConnection,
    ids: &[IncidentId],
) -> Result<Vec<Incident>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, org, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels as "labels: Raw", authorship as "authorship: Raw", revision,
            sequence, created_at, updated_at, chain_length, chain_hash
        from incidents
        where id = any($1)
        order by id
        for update skip locked
        "#,
        &ids
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("locking incidents"))?;
    rows.into_iter().map(Row::incident).collect()
}

/// Incidents by id, as they are, without locking them.
pub async fn read(
    conn: &mut PgConnection,
    ids: &[IncidentId],
) -> Result<Vec<Incident>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, org, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels as "labels: Raw", authorship as "authorship: Raw", revision,
            sequence, created_at, updated_at, chain_length, chain_hash
        from incidents
        where id = any($1)
        order by id
        "#,
        &ids
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading incidents"))?;
    rows.into_iter().map(Row::incident).collect()
}

/// The incidents of an organisation that are not over, by id, after the given one.
pub async fn open(
    conn: &mut PgConnection,
    org: &Org,
    after: Option<IncidentId>,
    limit: u32,
) -> Result<Vec<Incident>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, org, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels as "labels: Raw", authorship as "authorship: Raw", revision,
            sequence, created_at, updated_at, chain_length, chain_hash
        from incidents
        where
            org = $1
            and status not in ('resolved', 'closed')
            and ($2::uuid is null or id > $2)
        order by id
        limit $3
        "#,
        org.as_str(),
        after.map(IncidentId::uuid),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading what is not over"))?;
    rows.into_iter().map(Row::incident).collect()
}

/// Those of the incidents that are there.
pub async fn existing(
    conn: &mut PgConnection,
    ids: &[IncidentId],
) -> Result<Vec<IncidentId>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let found = sqlx::query_scalar!("select id from incidents where id = any($1)", &ids)
        .fetch_all(conn)
        .await
        .map_err(StoreError::doing("looking for incidents"))?;
    Ok(found.into_iter().map(IncidentId::from_uuid).collect())
}

/// One incident of an organisation.
pub async fn get(
    conn: &mut PgConnection,
    org: &Org,
    id: IncidentId,
) -> Result<Option<Incident>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select
            id, org, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels as "labels: Raw", authorship as "authorship: Raw", revision,
            sequence, created_at, updated_at, chain_length, chain_hash
        from incidents
        where org = $1 and id = $2
        "#,
        org.as_str(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading an incident"))?;
    row.map(Row::incident).transpose()
}

/// Which incidents to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those in this status.
    pub status: Option<String>,
    /// Only those of this severity.
    pub severity: Option<String>,
    /// Only those after this one in the list: its creation time and id.
    pub after: Option<(Timestamp, IncidentId)>,
    /// At most so many.
    pub limit: u32,
}

/// Incidents of an organisation, newest first.
pub async fn list(
    conn: &mut PgConnection,
    org: &Org,
    filter: &Filter,
) -> Result<Vec<Incident>, StoreError> {
    let (after_at, after_id) =
        filter.after.map_or((None, None), |(at, id)| (Some(at.to_sqlx()), Some(id.uuid())));
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, org, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels as "labels: Raw", authorship as "authorship: Raw", revision,
            sequence, created_at, updated_at, chain_length, chain_hash
        from incidents
        where
            org = $1
            and ($2::text is null or status = $2)
            and ($3::text is null or severity = $3)
            and ($4::timestamptz is null or (created_at, id) < ($4, $5::uuid))
        order by created_at desc, id desc
        limit $6
        "#,
        org.as_str(),
        filter.status.as_deref(),
        filter.severity.as_deref(),
        after_at as Option<jiff_sqlx::Timestamp>,
        after_id,
        i64::from(filter.limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing incidents"))?;
    rows.into_iter().map(Row::incident).collect()
}
