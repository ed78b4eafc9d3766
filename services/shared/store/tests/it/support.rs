//! A database with something in it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use tandem_domain::{
    decision::{Cause, Decision, Head, Rule},
    field::Field,
    id::{DecisionId, IncidentId, IntegrationId, LinkId, Org},
    incident::{Actor, Incident, Owned, Side},
    link::Link,
};
use tandem_store::{PgConnection, Store, decisions, incidents, links};
use uuid::Uuid;

/// A store on the test's database.
pub(crate) fn store(database: &PgConnectOptions) -> Store {
    Store::connect(database.to_url_lossy().as_str(), "test", 4).unwrap()
}

/// The organisation of every test.
pub(crate) fn org() -> Org {
    "acme-corp".parse().unwrap()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

pub(crate) fn incident_id(number: u128) -> IncidentId {
    IncidentId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn link_id(number: u128) -> LinkId {
    LinkId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn integration_id() -> IntegrationId {
    IntegrationId::from_uuid(Uuid::from_u128(1))
}

/// An incident without any decision.
pub(crate) fn incident(number: u128) -> Incident {
    let owned = |value: &str| Owned {
        value: Some(value.to_owned()),
        rev: 1,
        at: at(0),
        by: Actor::unnamed(Side::Platform),
        edited: None,
        place: None,
        span: None,
        via: None,
    };
    let fields = [(Field::Title, "t"), (Field::Severity, "SEV-3"), (Field::Status, "open")];
    Incident {
        id: incident_id(number),
        org: org(),
        fields: fields.map(|(field, value)| (field, owned(value))).into_iter().collect(),
        incident_type: None,
        revision: 1,
        sequence: 0,
        created_at: at(0),
        updated_at: at(0),
        chain: Head::default(),
    }
}

/// A chain of so many decisions about an incident, which then ends with it.
pub(crate) fn chain(incident: &mut Incident, length: u64) -> Vec<Decision> {
    let number = incident.id.uuid().as_u128();
    (1..=length)
        .map(|position| {
            let decision = Decision {
                id: DecisionId::from_uuid(Uuid::from_u128((number << 32) | u128::from(position))),
                incident: incident.id,
                position,
                previous: incident.chain.hash.clone(),
                link: None,
                field: Field::Title,
                before: Some(format!("title {}", position - 1)),
                before_by: Some(Actor::unnamed(Side::External)),
                before_at: Some(at(0)),
                after: Some(format!("title {position}")),
                external: None,
                rule: Rule::Edited,
                cause: Cause { kind: "edit".to_owned(), id: position.to_string() },
                actor: Actor { name: Some("Ana".to_owned()), ..Actor::unnamed(Side::Platform) },
                authored_at: at(0),
                at: at(0) + SignedDuration::from_micros(i64::try_from(position).unwrap()),
                config_version: Some(3),
            };
            incident.chain = Head { length: position, hash: decision.hash() };
            decision
        })
        .collect()
}

/// Stores so many incidents, each with a chain of so many decisions.
pub(crate) async fn decide(conn: &mut PgConnection, count: u128, length: u64) {
    for number in 1..=count {
        let mut incident = incident(number);
        let decisions = chain(&mut incident, length);
        incidents::write(conn, &[&incident]).await.unwrap();
        decisions::add(conn, &decisions.iter().collect::<Vec<_>>()).await.unwrap();
    }
}

/// Stores an integration, so far as foreign keys ask for it.
pub(crate) async fn integrate(conn: &mut PgConnection) -> IntegrationId {
    sqlx::query(
        "insert into integrations (id, org, handle, name, config, version, created_at, updated_at)
         values ($1, 'acme-corp', 'h', 'n', '{}', 1, now(), now())",
    )
    .bind(integration_id().uuid())
    .execute(conn)
    .await
    .unwrap();
    integration_id()
}

/// Stores an incident with a link to a record.
pub(crate) async fn joined(conn: &mut PgConnection, number: u128, record: &str) -> Link {
    incidents::write(conn, &[&incident(number)]).await.unwrap();
    let mut link = Link::new(link_id(number), incident_id(number), integration_id());
    link.record = Some(record.to_owned().try_into().unwrap());
    link.fields = BTreeMap::new();
    links::write(conn, &[&link]).await.unwrap();
    link
}
