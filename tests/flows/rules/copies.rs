//! Several copies of the reconciler on one database, hot incidents in every batch, killed at random.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use tandem_dev::{Service, ServiceOptions, bins, ports};
use tandem_store::{Store, verify::verify};
use tandem_tests::{Stack, eventually};

use super::{publish, publish_on};

/// A further copy of the reconciler beside the stack's own.
fn another(stack: &Stack, name: &str, folder: &std::path::Path) -> Service {
    let address = format!("127.0.0.1:{}", ports::free().expect("a port"));
    let env = [
        ("NATS_URL", stack.nats.url()),
        ("DATABASE_URL", database_url(stack)),
        ("TANDEM_OPS_ADDR", address.clone()),
    ];
    Service::start(ServiceOptions {
        name: name.to_owned(),
        program: bins::built("tandem-reconciler").expect("it is built"),
        env: env.map(|(name, value)| (name.to_owned(), value)).into(),
        log: folder.join(format!("{name}.log")),
        ready_url: Some(format!("http://{address}/readyz")),
        ..ServiceOptions::default()
    })
    .expect("it starts")
}

fn database_url(stack: &Stack) -> String {
    use sqlx::ConnectOptions as _;
    stack.database.connect_options().to_url_lossy().to_string()
}

/// An incident that no integration takes: nothing of it leaves the platform.
async fn incident(stack: &Stack, title: &str) -> String {
    let made = stack.im.json(&["incident", "create", "--title", title]).await.unwrap();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_copies_killed_at_random_apply_every_edit_once_and_in_order() {
    let mut stack = Stack::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut others = tokio::task::block_in_place(|| {
        ["second", "third"].map(|name| another(&stack, name, folder.path()))
    });
    let mut incidents = Vec::new();
    for number in 0..6 {
        incidents.push(incident(&stack, &format!("hot {number}")).await);
    }
    let client = async_nats::connect(stack.nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let (edits, rounds) = (1500_u64, 10);
    for round in 0..rounds {
        let part = edits / rounds;
        for edit in round * part..(round + 1) * part {
            let id = &incidents[usize::try_from(edit).unwrap() % incidents.len()];
            let change = json!({"change": "update", "fields": {"title": format!("title {edit}")}});
            publish_on(&jetstream, id, edit, &change).await;
        }
        tokio::task::block_in_place(|| {
            let copy = match round % 3 {
                0 => &mut stack.reconciler,
                1 => &mut others[0],
                _ => &mut others[1],
            };
            copy.kill9()?;
            copy.resume_unready()
        })
        .unwrap();
    }
    let count = "select count(*) from inbox where delivery like 'edt\\_000000000000%'";
    eventually("every edit is taken in", Duration::from_mins(1), || async {
        match u64::try_from(stack.count(count).await) {
            Ok(taken) if taken == edits => Ok(()),
            other => Err(other),
        }
    })
    .await;
    stack.at_rest().await;
    let all: BTreeMap<String, String> = stack
        .incidents()
        .await
        .iter()
        .map(|it| (it["id"].as_str().unwrap().to_owned(), it["title"].as_str().unwrap().to_owned()))
        .collect();
    for (number, id) in (0_u64..).zip(&incidents) {
        let last = edits - incidents.len() as u64 + number;
        assert_eq!(all[id], format!("title {last}"), "the last edit in the stream is the end");
    }
    once_each(&stack, edits + incidents.len() as u64).await;
}

/// Every edit was decided once, every chain is whole, every public event left once and in order,
/// and no two copies ever blocked each other in a circle.
async fn once_each(stack: &Stack, edits: u64) {
    let titles = "select count(*) from decisions where field = 'title'";
    assert_eq!(u64::try_from(stack.count(titles).await), Ok(edits));
    let store = Store::connect(&database_url(stack), "test", 1).unwrap();
    assert_eq!(verify(&store, None).await.unwrap().breaks, []);
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(stack.count(deadlocks).await, 0, "deadlocks");
    let told = "select sum(sequence)::bigint from incidents";
    let jetstream =
        async_nats::jetstream::new(async_nats::connect(stack.nats.url()).await.unwrap());
    let mut feed = jetstream.get_stream("INCIDENTS").await.unwrap();
    let messages = feed.info().await.unwrap().state.messages;
    assert_eq!(i64::try_from(messages), Ok(stack.count(told).await), "public events, once each");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_that_somebody_holds_makes_only_its_own_edits_wait() {
    let stack = Stack::start().await;
    let (held, free) = (incident(&stack, "held").await, incident(&stack, "free").await);
    let mut holding = stack.database.begin().await.unwrap();
    sqlx::query("select from incidents where title = 'held' for update")
        .execute(&mut *holding)
        .await
        .unwrap();
    let retitled = |title: &str| json!({"change": "update", "fields": {"title": title}});
    publish(&stack, &held, 1, &retitled("held, later")).await;
    for edit in 2..6 {
        publish(&stack, &free, edit, &retitled(&format!("free {edit}"))).await;
    }
    eventually("the others go on", Duration::from_secs(10), || async {
        match stack.count("select count(*) from incidents where title = 'free 5'").await {
            1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let waiting = "select count(*) from incidents where title = 'held'";
    assert_eq!(stack.count(waiting).await, 1, "it is held");
    holding.rollback().await.unwrap();
    eventually("its edit is applied, too", Duration::from_secs(15), || async {
        match stack.count("select count(*) from incidents where title = 'held, later'").await {
            1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_incident_loses_only_its_own_edits() {
    let stack = Stack::start().await;
    let poisoned = incident(&stack, "poisoned").await;
    let mut others = Vec::new();
    for number in 0..4 {
        others.push(incident(&stack, &format!("sound {number}")).await);
    }
    sqlx::query("update incidents set authorship = '[]' where title = 'poisoned'")
        .execute(&stack.database)
        .await
        .unwrap();
    let client = async_nats::connect(stack.nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    for edit in 0..200_u64 {
        let id = match edit % 5 {
            0 => &poisoned,
            number => &others[usize::try_from(number).unwrap() - 1],
        };
        let change = json!({"change": "update", "fields": {"title": format!("title {edit}")}});
        publish_on(&jetstream, id, edit, &change).await;
    }
    eventually("the others have all of theirs", Duration::from_secs(30), || async {
        match stack.count("select count(*) from decisions where rule = 'edited'").await {
            160 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    eventually("its own are set aside", Duration::from_secs(30), || async {
        let dead = "select count(*) from dead_letters where cause like 'incidents %authorship%'";
        match stack.count(dead).await {
            40 => Ok(()),
            other => Err(other),
        }
    })
    .await;
}
