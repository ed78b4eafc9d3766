//! Every event once, and what became of it.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_store::{
    StoreError,
    inbox::{self, Arrival, Key},
};

use crate::support::{at, integration_id, store};

fn arrival(number: i64, effect: &str) -> Arrival {
    Arrival {
        source: integration_id().to_string(),
        delivery: format!("d{number}"),
        event: format!("e{number}"),
        kind: "observation",
        effect: effect.to_owned(),
        at: at(number),
    }
}

fn key(delivery: &str, event: &str) -> Key {
    let source = integration_id().to_string();
    Key { source, delivery: delivery.to_owned(), event: event.to_owned() }
}

#[sqlx::test]
async fn an_event_is_known_by_its_delivery_and_by_itself(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    inbox::add(&mut conn, &[arrival(1, "applied"), arrival(2, "applied")]).await.unwrap();
    let asked = [key("d1", "other"), key("other", "e2"), key("d3", "e3")];
    let mut known = inbox::known(&mut conn, &asked).await.unwrap();
    known.sort_by(|a, b| a.delivery.cmp(&b.delivery));
    assert_eq!(known, [key("d1", "e1"), key("d2", "e2")]);
    let again = inbox::add(&mut conn, &[arrival(3, "applied"), arrival(1, "applied")]).await;
    assert!(matches!(again, Err(StoreError::Raced)), "{again:?}");
}

#[sqlx::test]
async fn ignored_events_are_counted_by_reason_and_listed(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    let effects = ["applied", "ignored: outside", "ignored: unlinked", "ignored: outside"];
    let numbered = effects.iter().zip(1..);
    let arrivals: Vec<_> = numbered.map(|(effect, number)| arrival(number, effect)).collect();
    inbox::add(&mut conn, &arrivals).await.unwrap();
    let ignored = inbox::ignored(&mut conn, integration_id(), at(0)).await.unwrap();
    let told: Vec<_> = ignored.iter().map(|it| (&*it.reason, it.count, it.last_at)).collect();
    assert_eq!(told, [("outside", 2, at(4)), ("unlinked", 1, at(3))]);
    let later = inbox::ignored(&mut conn, integration_id(), at(4)).await.unwrap();
    assert_eq!(later.len(), 1);

    let page = inbox::list_ignored(&mut conn, integration_id(), None, None, 2).await.unwrap();
    let deliveries: Vec<_> = page.iter().map(|event| &*event.delivery).collect();
    assert_eq!(deliveries, ["d4", "d3"]);
    let after = Some((page[1].at, &*page[1].delivery));
    let rest = inbox::list_ignored(&mut conn, integration_id(), None, after, 9).await.unwrap();
    assert_eq!(rest.len(), 1);
    let outside = Some("outside");
    let found = inbox::list_ignored(&mut conn, integration_id(), outside, None, 9).await.unwrap();
    assert_eq!(found.len(), 2);
}

#[sqlx::test]
async fn a_report_is_known_by_its_work_whatever_it_came_to(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    let report = |delivery: &str, number| Arrival {
        source: format!("receipts-{}", integration_id()),
        delivery: delivery.to_owned(),
        event: delivery.to_owned(),
        kind: "receipt",
        ..arrival(number, "applied")
    };
    inbox::add(
        &mut conn,
        &[report("lnk_1-v7-settled", 5), report("nte_1-noted", 6), arrival(7, "applied")],
    )
    .await
    .unwrap();
    for (work, since, reported) in [
        ("lnk_1-v7", 4, true),
        ("lnk_1-v7", 5, true),
        // Sent again by hand since then.
        ("lnk_1-v7", 6, false),
        ("lnk_1-v8", 4, false),
        ("nte_1", 4, true),
        ("d7", 4, false),
    ] {
        let found = inbox::reported(&mut conn, integration_id(), work, at(since)).await.unwrap();
        assert_eq!(found, reported, "{work} since {since}");
    }
}
