//! Why fields have their values: appended by the reconciler, chained per incident, never changed.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, types::Json};
use tandem_domain::{
    decision::{Cause, Decision, Rule},
    field::Field,
    id::{DecisionId, IncidentId, LinkId, Org},
    incident::Actor,
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, bigint, column},
};

/// Adds decisions, and tells the sealer whose chains grew. Their incidents must be there.
pub async fn add(conn: &mut PgConnection, decisions: &[&Decision]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        with added as (
            insert into decisions (
                id, org, incident, link, field, before, after, external, rule, cause, actor, at,
                config_version, position, previous, hash, before_by, before_at, authored_at
            )
            select
                new.id, incidents.org, new.incident, new.link, new.field, new.before, new.after,
                new.external, new.rule, new.cause, new.actor, new.at, new.config_version,
                new.position, new.previous, new.hash, new.before_by, new.before_at,
                new.authored_at
            from unnest(
                $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::jsonb[], $10::jsonb[], $11::timestamptz[], $12::bigint[],
                $13::bigint[], $14::text[], $15::text[], $16::jsonb[], $17::timestamptz[],
                $18::timestamptz[]
            ) as new (
                id, incident, link, field, before, after, external, rule, cause, actor, at,
                config_version, position, previous, hash, before_by, before_at, authored_at
            )
            join incidents on incidents.id = new.incident
            returning incident
        )
        insert into unsealed (incident) select distinct incident from added
        "#,
        column(decisions, |it| it.id.uuid()) as Vec<Uuid>,
        column(decisions, |it| it.incident.uuid()) as Vec<Uuid>,
        column(decisions, |it| it.link.map(LinkId::uuid)) as Vec<Option<Uuid>>,
        column(decisions, |it| it.field.to_string()) as Vec<String>,
        column(decisions, |it| it.before.as_deref()) as Vec<Option<&str>>,
        column(decisions, |it| it.after.as_deref()) as Vec<Option<&str>>,
        column(decisions, |it| it.external.as_deref()) as Vec<Option<&str>>,
        column(decisions, |it| it.rule.name()) as Vec<&str>,
        column(decisions, |it| Json(&it.cause)) as Vec<Json<&Cause>>,
        column(decisions, |it| Json(&it.actor)) as Vec<Json<&Actor>>,
        column(decisions, |it| it.at.to_sqlx()) as Vec<jiff_sqlx::Timestamp>,
        column(decisions, |it| it.config_version.map(bigint)) as Vec<Option<i64>>,
        column(decisions, |it| bigint(it.position)) as Vec<i64>,
        column(decisions, |it| &*it.previous) as Vec<&str>,
        column(decisions, |it| it.hash()) as Vec<String>,
        column(decisions, |it| it.before_by.as_ref().map(Json)) as Vec<Option<Json<&Actor>>>,
        column(decisions, |it| it.before_at.map(ToSqlx::to_sqlx))
            as Vec<Option<jiff_sqlx::Timestamp>>,
        column(decisions, |it| it.authored_at.to_sqlx()) as Vec<jiff_sqlx::Timestamp>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("adding decisions"))?;
    Ok(())
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) incident: Uuid,
    pub(crate) link: Option<Uuid>,
    pub(crate) field: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) external: Option<String>,
    pub(crate) rule: String,
    pub(crate) cause: serde_json::Value,
    pub(crate) actor: serde_json::Value,
    pub(crate) at: jiff_sqlx::Timestamp,
    pub(crate) config_version: Option<i64>,
    pub(crate) position: i64,
    pub(crate) previous: String,
    pub(crate) before_by: Option<serde_json::Value>,
    pub(crate) before_at: Option<jiff_sqlx::Timestamp>,
    pub(crate) authored_at: jiff_sqlx::Timestamp,
}

impl Row {
    pub(crate) fn decision(self) -> Result<Decision, StoreError> {
        let place = Place { table: "decisions", row: self.id };
        let version = |version| place.count("config_version", version);
        Ok(Decision {
            id: DecisionId::from_uuid(self.id),
            incident: IncidentId::from_uuid(self.incident),
            position: place.count("position", self.position)?,
            previous: self.previous,
            link: self.link.map(LinkId::from_uuid),
            field: place.text("field", self.field)?,
            before: self.before,
            before_by: self.before_by.map(|json| place.json("before_by", json)).transpose()?,
            before_at: self.before_at.map(jiff_sqlx::Timestamp::to_jiff),
            after: self.after,
            external: self.external,
            rule: place.named("rule", &self.rule, Rule::ALL, Rule::name)?,
            cause: place.json("cause", self.cause)?,
            actor: place.json("actor", self.actor)?,
            authored_at: self.authored_at.to_jiff(),
            at: self.at.to_jiff(),
            config_version: self.config_version.map(version).transpose()?,
        })
    }
}

/// Every decision about an incident in the order of its chain; about one field, or about all.
/// What was decided before there were chains comes first, at position 0.
pub async fn chain(
    conn: &mut PgConnection,
    incident: IncidentId,
    field: Option<Field>,
) -> Result<Vec<Decision>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, incident, link, field, before, after, external, rule, cause, actor, at,
            config_version, position, previous, before_by, before_at, authored_at
        from decisions
        where incident = $1 and ($2::text is null or field = $2)
        order by position, at, id
        "#,
        incident.uuid(),
        field.map(|field| field.to_string())
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading an incident's decisions"))?;
    rows.into_iter().map(Row::decision).collect()
}

/// Which decisions to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those about this incident.
    pub incident: Option<IncidentId>,
    /// Only those in which this link's external side took part.
    pub link: Option<LinkId>,
    /// Only those about this field.
    pub field: Option<Field>,
    /// Only those settled by this rule.
    pub rule: Option<Rule>,
    /// Only those about events accepted at this time or later.
    pub since: Option<Timestamp>,
    /// Only those about events accepted before this time.
    pub until: Option<Timestamp>,
    /// Only those after this one in the list: when its event was accepted, and its id.
    pub after: Option<(Timestamp, DecisionId)>,
    /// At most so many.
    pub limit: u32,
}

/// Decisions of an organisation, newest first.
pub async fn list(
    conn: &mut PgConnection,
    org: &Org,
    filter: &Filter,
) -> Result<Vec<Decision>, StoreError> {
    let (after_at, after_id) =
        filter.after.map_or((None, None), |(at, id)| (Some(at.to_sqlx()), Some(id.uuid())));
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, incident, link, field, before, after, external, rule, cause, actor, at,
            config_version, position, previous, before_by, before_at, authored_at
        from decisions
        where
            org = $1
            and ($2::uuid is null or incident = $2)
            and ($3::uuid is null or link = $3)
            and ($4::text is null or field = $4)
            and ($5::text is null or rule = $5)
            and at >= coalesce($6, '-infinity'::timestamptz)
            and at < coalesce($7, 'infinity'::timestamptz)
            and ($8::timestamptz is null or (at, id) < ($8, $9::uuid))
        order by at desc, id desc
        limit $10
        "#,
        org.as_str(),
        filter.incident.map(IncidentId::uuid),
        filter.link.map(LinkId::uuid),
        filter.field.map(|field| field.to_string()),
        filter.rule.map(Rule::name),
        filter.since.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        filter.until.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        after_at as Option<jiff_sqlx::Timestamp>,
        after_id,
        i64::from(filter.limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing decisions"))?;
    rows.into_iter().map(Row::decision).collect()
}

/// Makes the partition of the month that `month` lies in, unless it is there; says whether it did.
pub async fn make_partition(conn: &mut PgConnection, month: Timestamp) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select make_decisions_partition($1) as "made!""#,
        month.to_sqlx() as jiff_sqlx::Timestamp
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("making a partition for decisions"))
}
