//! Links and notes: who may have a record, what is being created, and who has which note.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_domain::{
    clock::Offset,
    id::NoteId,
    incident::{Actor, Side},
    link::{Link, Published},
    reconcile::{NewNote, NoteTrack},
};
use tandem_store::{
    clocks, incidents,
    links::{self, Levelled},
    notes,
};
use uuid::Uuid;

use crate::support::{
    at, incident, incident_id, integrate, integration_id, joined, link_id, store,
};

#[sqlx::test]
async fn a_link_taken_apart_lets_its_record_go_in_the_same_batch(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    integrate(&mut conn).await;
    let first = joined(&mut conn, 1, "Q1").await;
    incidents::write(&mut conn, &[&incident(2)]).await.unwrap();
    let second = Link {
        record: first.record.clone(),
        ..Link::new(link_id(2), incident_id(2), integration_id())
    };
    let taken = links::write(&mut conn, &[&second]).await;
    assert!(taken.unwrap_err().is_taken(), "a record belongs to one incident at a time");
    let parted = Link { detached: true, ..first };
    links::write(&mut conn, &[&second, &parted]).await.unwrap();
    let found = links::find(&mut conn, &[(integration_id(), "Q1")], &[]).await.unwrap();
    let order: Vec<_> = found.iter().map(|joint| (joint.link, joint.detached)).collect();
    assert_eq!(order, [(second.id, false), (parted.id, true)], "attached ones first");
}

#[sqlx::test]
async fn a_record_is_being_created_until_its_link_has_it_or_an_answer(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    integrate(&mut conn).await;
    let joined = joined(&mut conn, 1, "Q1").await;
    let unborn = Link { record: None, version: 1, ..joined.clone() };
    let published = Some(Published { want: BTreeMap::new() });
    for (link, creating) in [
        (joined.clone(), false),
        (unborn.clone(), false),
        (Link { published: published.clone(), ..unborn.clone() }, true),
        (Link { published: published.clone(), confirmed: 1, ..unborn.clone() }, false),
        (Link { published, detached: true, ..unborn }, false),
    ] {
        links::write(&mut conn, &[&link]).await.unwrap();
        let found = links::creating(&mut conn, &[integration_id()]).await.unwrap();
        assert_eq!(!found.is_empty(), creating, "{link:?}");
    }
}

#[sqlx::test]
async fn links_behind_come_in_pages_without_those_of_incidents_closed_long_ago(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    integrate(&mut conn).await;
    for number in 1..=5 {
        let link = joined(&mut conn, number, &format!("Q{number}")).await;
        let levelled = if number == 5 { 2 } else { 1 };
        links::write(&mut conn, &[&Link { levelled, ..link }]).await.unwrap();
    }
    let closed = "update incidents set status = 'closed' where id = $1";
    sqlx::query(closed).bind(incident_id(2).uuid()).execute(store.pool()).await.unwrap();
    let mut found = Vec::new();
    let mut after: Option<Levelled> = None;
    loop {
        let page = links::behind(&mut conn, integration_id(), 2, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.place);
        found.extend(page.into_iter().map(|behind| behind.incident));
    }
    assert_eq!(found, [incident_id(1), incident_id(3), incident_id(4)]);

    // Closed while the integration took no part.
    let aside = "update links set levelled = 0 where incident = $1";
    sqlx::query(aside).bind(incident_id(2).uuid()).execute(store.pool()).await.unwrap();
    let found = links::behind(&mut conn, integration_id(), 2, None, 1).await.unwrap();
    assert_eq!(found[0].incident, incident_id(2));
}

#[sqlx::test]
async fn two_notes_that_have_each_others_id_swap(_: PgPoolOptions, database: PgConnectOptions) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    integrate(&mut conn).await;
    let link = joined(&mut conn, 1, "Q1").await;
    let note = |number| NoteId::from_uuid(Uuid::from_u128(number));
    let track = |number, foreign: Option<&str>| NoteTrack {
        note: note(number),
        link: link.id,
        text: "the same".to_owned(),
        author: Actor::unnamed(Side::Platform),
        foreign: foreign.map(str::to_owned),
        issued: true,
    };
    for number in [1, 2] {
        let author = Actor::unnamed(Side::Platform);
        let (id, text) = (note(number), "the same".to_owned());
        let new = NewNote { id, text, author, at: at(0) };
        notes::add(&mut conn, &[(link.incident, &new)]).await.unwrap();
    }
    let (first, second) = (track(1, Some("P1")), track(2, Some("P2")));
    notes::write_tracks(&mut conn, &[&first, &second]).await.unwrap();
    let (first, second) = (track(1, Some("P2")), track(2, Some("P1")));
    notes::write_tracks(&mut conn, &[&first, &second]).await.unwrap();
    let known = [(link.id, "P1")];
    let tracks = notes::tracks(&mut conn, &[link.id], &[], &known).await.unwrap();
    assert_eq!(tracks, [(link.incident, second)], "only what is mentioned or on its way");
}

#[sqlx::test]
async fn a_clock_is_read_as_it_was_measured(_: PgPoolOptions, database: PgConnectOptions) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    let measured = Offset { lo: -5, hi: 7, at: Some(at(0)) };
    let written = [(integration_id(), measured)];
    clocks::write(&mut conn, &written).await.unwrap();
    let none = clocks::of(&mut conn, &[integration_id()]).await.unwrap();
    assert_eq!(none, BTreeMap::new(), "an integration that is not there has no clock");
    integrate(&mut conn).await;
    clocks::write(&mut conn, &written).await.unwrap();
    let better = [(integration_id(), Offset { lo: -4, ..measured })];
    clocks::write(&mut conn, &better).await.unwrap();
    let read = clocks::of(&mut conn, &[integration_id()]).await.unwrap();
    assert_eq!(read, BTreeMap::from(better));
}
