//! Writing incidents: new ones, and those that are there.

use std::collections::BTreeMap;

use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, types::Json};
use tandem_domain::{
    field::Field,
    incident::{Incident, Owned},
};
use uuid::Uuid;

use super::Authorship;
use crate::{
    StoreError,
    rows::{bigint, text_of},
};

/// What is written of an incident, by column.
#[derive(Default)]
struct Columns<'a> {
    id: Vec<Uuid>,
    org: Vec<&'a str>,
    title: Vec<&'a str>,
    description: Vec<Option<&'a str>>,
    severity: Vec<&'a str>,
    status: Vec<&'a str>,
    assigned_to: Vec<Option<&'a str>>,
    escalation_policy: Vec<Option<&'a str>>,
    incident_type: Vec<Option<&'a str>>,
    labels: Vec<Json<BTreeMap<&'a str, &'a str>>>,
    authorship: Vec<String>,
    revision: Vec<i64>,
    sequence: Vec<i64>,
    created_at: Vec<jiff_sqlx::Timestamp>,
    updated_at: Vec<jiff_sqlx::Timestamp>,
    chain_length: Vec<i64>,
    chain_hash: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(incidents: &[&'a Incident]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for incident in incidents {
            columns.push(incident)?;
        }
        Ok(columns)
    }

    fn push(&mut self, incident: &'a Incident) -> Result<(), StoreError> {
        let authorship = incident.fields.iter().map(|(field, owned)| {
            let Owned { rev, at, ref by, edited, place, span, via, .. } = *owned;
            (field, Authorship { rev, at, by, edited, place, span, via })
        });
        self.id.push(incident.id.uuid());
        self.org.push(incident.org.as_str());
        self.title.push(incident.value(Field::Title).unwrap_or_default());
        self.description.push(incident.value(Field::Description));
        self.severity.push(incident.value(Field::Severity).unwrap_or_default());
        self.status.push(incident.value(Field::Status).unwrap_or_default());
        self.assigned_to.push(incident.value(Field::AssignedTo));
        self.escalation_policy.push(incident.value(Field::EscalationPolicy));
        self.incident_type.push(incident.incident_type.as_deref());
        self.labels.push(Json(incident.labels().collect()));
        self.authorship.push(text_of(&authorship.collect::<BTreeMap<_, _>>())?);
        self.revision.push(bigint(incident.revision));
        self.sequence.push(bigint(incident.sequence));
        self.created_at.push(incident.created_at.to_sqlx());
        self.updated_at.push(incident.updated_at.to_sqlx());
        self.chain_length.push(bigint(incident.chain.length));
        self.chain_hash.push(&incident.chain.hash);
        Ok(())
    }
}

/// Writes incidents, new and changed.
pub async fn write(conn: &mut PgConnection, incidents: &[&Incident]) -> Result<(), StoreError> {
    let rows = Columns::of(incidents)?;
    sqlx::query!(
        r#"
        insert into incidents (
            id, org, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels, authorship, revision, sequence, created_at, updated_at,
            chain_length, chain_hash
        )
        select
            id, org, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels, authorship::json, revision, sequence, created_at, updated_at,
            chain_length, chain_hash
        from unnest(
            $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::jsonb[], $11::text[], $12::bigint[], $13::bigint[],
            $14::timestamptz[], $15::timestamptz[], $16::bigint[], $17::text[]
        ) as new (
            id, org, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels, authorship, revision, sequence, created_at, updated_at,
            chain_length, chain_hash
        )
        on conflict (id) do update set
            title = excluded.title,
            description = excluded.description,
            severity = excluded.severity,
            status = excluded.status,
            assigned_to = excluded.assigned_to,
            escalation_policy = excluded.escalation_policy,
            incident_type = excluded.incident_type,
            labels = excluded.labels,
            authorship = excluded.authorship,
            revision = excluded.revision,
            sequence = excluded.sequence,
            updated_at = excluded.updated_at,
            (chain_length, chain_hash) = (excluded.chain_length, excluded.chain_hash)
        "#,
        rows.id as Vec<Uuid>,
        rows.org as Vec<&str>,
        rows.title as Vec<&str>,
        rows.description as Vec<Option<&str>>,
        rows.severity as Vec<&str>,
        rows.status as Vec<&str>,
        rows.assigned_to as Vec<Option<&str>>,
        rows.escalation_policy as Vec<Option<&str>>,
        rows.incident_type as Vec<Option<&str>>,
        rows.labels as Vec<Json<BTreeMap<&str, &str>>>,
        rows.authorship as Vec<String>,
        rows.revision as Vec<i64>,
        rows.sequence as Vec<i64>,
        rows.created_at as Vec<jiff_sqlx::Timestamp>,
        rows.updated_at as Vec<jiff_sqlx::Timestamp>,
        rows.chain_length as Vec<i64>,
        rows.chain_hash as Vec<&str>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("writing incidents"))?;
    Ok(())
}

/// Writes incidents that are there and locked by this transaction: what never changes is left.
pub async fn change(conn: &mut PgConnection, incidents: &[&Incident]) -> Result<(), StoreError> {
    let rows = Columns::of(incidents)?;
    sqlx::query!(
        r#"
        update incidents
        set
            title = new.title,
            description = new.description,
            severity = new.severity,
            status = new.status,
            assigned_to = new.assigned_to,
            escalation_policy = new.escalation_policy,
            incident_type = new.incident_type,
            labels = new.labels,
            authorship = new.authorship::json,
            revision = new.revision,
            sequence = new.sequence,
            updated_at = new.updated_at,
            chain_length = new.chain_length,
            chain_hash = new.chain_hash
        from unnest(
            $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::jsonb[], $10::text[], $11::bigint[], $12::bigint[],
            $13::timestamptz[], $14::bigint[], $15::text[]
        ) as new (
            id, title, description, severity, status, assigned_to, escalation_policy,
            incident_type, labels, authorship, revision, sequence, updated_at, chain_length,
            chain_hash
        )
        where incidents.id = new.id
        "#,
        rows.id as Vec<Uuid>,
        rows.title as Vec<&str>,
        rows.description as Vec<Option<&str>>,
        rows.severity as Vec<&str>,
        rows.status as Vec<&str>,
        rows.assigned_to as Vec<Option<&str>>,
        rows.escalation_policy as Vec<Option<&str>>,
        rows.incident_type as Vec<Option<&str>>,
        rows.labels as Vec<Json<BTreeMap<&str, &str>>>,
        rows.authorship as Vec<String>,
        rows.revision as Vec<i64>,
        rows.sequence as Vec<i64>,
        rows.updated_at as Vec<jiff_sqlx::Timestamp>,
        rows.chain_length as Vec<i64>,
        rows.chain_hash as Vec<&str>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("changing incidents"))?;
    Ok(())
}
