//! Incidents while no reconciler runs: edits are on disk and pending, reads and watches work.

use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_bus::{publish::Outgoing, subjects, topology};
use tandem_domain::{
    event::{Change, Event},
    feed::{Happening, News, PublicEvent, Shown},
    field::Field,
    id::{EditId, IncidentId, Mint},
    incident::{Actor, Incident, Owned, Side},
};
use tandem_proto::v1;
use tandem_runtime::clock;
use tandem_store::{Store, incidents};
use tonic::Code;

use crate::{
    Running, refused,
    support::{eventually, nats},
};

fn asked() -> v1::Incident {
    v1::Incident {
        org: "acme-corp".to_owned(),
        title: "db down".to_owned(),
        severity: v1::Severity::Sev2.into(),
        ..Default::default()
    }
}

/// An incident as the reconciler would have stored it.
pub(crate) fn stored(number: u128) -> Incident {
    let at = Timestamp::UNIX_EPOCH;
    let owned = |value: &str| Owned {
        value: Some(value.to_owned()),
        rev: 1,
        at,
        by: Actor::unnamed(Side::Platform),
        edited: None,
        place: None,
        span: None,
        via: None,
    };
    Incident {
        id: IncidentId::from_uuid(uuid::Uuid::from_u128(number)),
        org: "acme-corp".parse().unwrap(),
        fields: [
            (Field::Title, owned("db down")),
            (Field::Severity, owned("SEV-2")),
            (Field::Status, owned(if number.is_multiple_of(2) { "open" } else { "closed" })),
        ]
        .into(),
        incident_type: None,
        revision: 4,
        sequence: 2,
        created_at: at,
        updated_at: at,
        chain: tandem_domain::decision::Head::default(),
    }
}

/// Waits until it is known that the connection stands: a watch ends when another one does.
pub(crate) async fn connected(admin: &Running) {
    let connections = admin.bus.connections();
    eventually("nats is there", || async { (*connections.borrow() > 0).then_some(()) }).await;
}

async fn store(admin: &Running, all: &[Incident]) {
    let mut transaction = admin.store.begin().await.unwrap();
    let all: Vec<&Incident> = all.iter().collect();
    incidents::write(&mut transaction, &all).await.unwrap();
    Store::commit(transaction).await.unwrap();
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_edit_is_refused_while_nats_is_away(_: PgPoolOptions, database: PgConnectOptions) {
    let admin = Running::alone(&database).await;
    let request = v1::CreateIncidentRequest { incident: Some(asked()), request_id: String::new() };
    let call = admin.incidents().create_incident(request).await;
    assert_eq!(call.unwrap_err().code(), Code::Unavailable);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_edit_is_on_disk_once_when_it_is_answered_as_pending(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let nats = nats(dir.path());
    let admin = Running::start(&database, &nats.url()).await;
    let request_id = EditId::to_string(&Mint::new(clock::now(), b"request").id());
    let request = v1::CreateIncidentRequest {
        incident: Some(asked()),
        request_id: request_id.replace("edt_", ""),
    };
    let created = eventually("nats is there", || async {
        let request = request.clone();
        match admin.incidents().create_incident(request).await {
            Err(status) if status.code() == Code::Unavailable => None,
            answer => Some(answer.unwrap().into_inner()),
        }
    })
    .await;
    assert!(created.pending);
    let incident = created.incident.unwrap();
    assert_eq!(incident.title, "db down");
    let again = admin.incidents().create_incident(request.clone()).await.unwrap().into_inner();
    assert_eq!(again.incident.unwrap().id, incident.id);
    let other = v1::CreateIncidentRequest { request_id: String::new(), ..request };
    admin.incidents().create_incident(other).await.unwrap();

    let mut taken =
        Box::pin(admin.bus.consume(topology::IN, topology::reconciler(), 10).await.unwrap());
    let first = taken.next().await.unwrap().unwrap();
    assert!(first.reply_to().is_some());
    let Event::Edit(edit) = first.json().unwrap() else { panic!("no edit") };
    let second = taken.next().await.unwrap().unwrap();
    let Event::Edit(next) = second.json().unwrap() else { panic!("no edit") };
    assert_ne!(next.incident, edit.incident, "the repeated request was stored once");
    assert_eq!(edit.incident.to_string(), incident.id);
    assert!(matches!(edit.change, Change::Create { .. }));
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_incident_is_read_and_listed_in_its_organisation_only(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let all = [stored(1), stored(2), stored(3)];
    store(&admin, &all).await;
    let get =
        |org: &str| v1::GetIncidentRequest { org: org.to_owned(), incident: all[0].id.to_string() };
    let found = admin.incidents().get_incident(get("acme-corp")).await.unwrap().into_inner();
    assert_eq!((found.severity(), found.status()), (v1::Severity::Sev2, v1::Status::Closed));
    assert_eq!(found.etag, "4");
    let other = admin.incidents().get_incident(get("other")).await.unwrap_err();
    assert_eq!(other.code(), Code::NotFound);

    let mut request = v1::ListIncidentsRequest {
        org: "acme-corp".to_owned(),
        status: v1::Status::Closed.into(),
        page_size: 1,
        ..Default::default()
    };
    let mut ids = Vec::new();
    loop {
        let page = admin.incidents().list_incidents(request.clone()).await.unwrap().into_inner();
        ids.extend(page.incidents.into_iter().map(|incident| incident.id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(ids, [all[2].id.to_string(), all[0].id.to_string()]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_edit_of_no_incident_or_with_a_bad_value_is_refused_at_once(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let update = |severity: v1::Severity| v1::UpdateIncidentRequest {
        org: "acme-corp".to_owned(),
        incident: stored(1).id.to_string(),
        changes: Some(v1::Incident { severity: severity.into(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["severity".to_owned()] }),
        ..Default::default()
    };
    let status = admin.incidents().update_incident(update(v1::Severity::Sev1)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let unsaid = update(v1::Severity::Unspecified);
    let status = admin.incidents().update_incident(unsaid).await.unwrap_err();
    assert_eq!(refused(&status), ["severity"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_watch_shows_what_changes_and_breaks_off_when_nats_does(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let mut nats = nats(dir.path());
    let admin = Running::start(&database, &nats.url()).await;
    let incident = stored(1);
    store(&admin, std::slice::from_ref(&incident)).await;
    eventually("nats is there", || async { admin.bus.ensure_topology().await.ok() }).await;

    let request = v1::WatchIncidentsRequest { org: "acme-corp".to_owned() };
    let mut watch = eventually("the watch begins", || async {
        admin.incidents().watch_incidents(request.clone()).await.ok()
    })
    .await
    .into_inner();
    let event = PublicEvent {
        org: incident.org.clone(),
        incident: incident.id,
        happening: Happening::Updated,
        sequence: 2,
        at: Timestamp::UNIX_EPOCH,
        news: News::Changes { changes: Vec::new() },
        shown: Shown::from(&incident),
    };
    let subject = subjects::feed(&event.org, event.incident, event.happening);
    let message = Outgoing::json(subject, event.id(), &event.cloud_event()).unwrap();
    admin.bus.publish(message).await.unwrap();

    let change = tokio::time::timeout(Duration::from_secs(10), watch.message());
    let change = change.await.unwrap().unwrap().unwrap();
    assert_eq!((change.event.as_str(), change.sequence), ("updated", 2));
    assert_eq!(change.incident.unwrap().id, incident.id.to_string());

    nats.restart().unwrap();
    let end = tokio::time::timeout(Duration::from_secs(10), watch.message()).await.unwrap();
    assert_eq!(end.unwrap_err().code(), Code::Unavailable);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_open_watch_does_not_hold_up_the_end(_: PgPoolOptions, database: PgConnectOptions) {
    let dir = tempfile::tempdir().unwrap();
    let nats = nats(dir.path());
    let admin = Running::start(&database, &nats.url()).await;
    connected(&admin).await;
    let request = v1::WatchIncidentsRequest { org: "acme-corp".to_owned() };
    let mut watch = eventually("the watch begins", || async {
        admin.incidents().watch_incidents(request.clone()).await.ok()
    })
    .await
    .into_inner();
    admin.stop.ask();
    let end = tokio::time::timeout(Duration::from_secs(5), watch.message()).await.unwrap();
    assert_eq!(end.unwrap(), None);
}
