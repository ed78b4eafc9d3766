//! Parts away: nothing is lost, and everything goes on by itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tandem_tests::{Options, Stack, Webhook, eventually};

fn titled(all: &[Value], title: &str) -> usize {
    all.iter().filter(|incident| incident["title"] == title).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_away_is_a_503_and_the_redelivery_arrives_once() {
    let mut stack = Stack::start().await;
    tokio::task::block_in_place(|| stack.nats.stop()).unwrap();
    let (webhook, asked) = (Webhook::triggered("EAWAY", "QAWAY", "while away"), Instant::now());
    assert_eq!(stack.post(&webhook).await.unwrap(), 503);
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    stack.pagerduty.act(json!({"action": "trigger", "title": "during the outage"})).unwrap();
    eventually("PagerDuty was refused", Duration::from_secs(10), || async {
        let tries = stack.pagerduty.deliveries(0);
        if tries.iter().any(|attempt| attempt.status == Some(503)) {
            Ok(())
        } else {
            Err(tries.len())
        }
    })
    .await;
    tokio::task::block_in_place(|| stack.nats.resume()).unwrap();
    eventually("it arrives once nats is back", Duration::from_secs(20), || async {
        let all = stack.incidents().await;
        if titled(&all, "during the outage") == 1 { Ok(()) } else { Err(all) }
    })
    .await;
    stack.at_rest().await;
    assert_eq!(titled(&stack.incidents().await, "during the outage"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_away_is_still_a_202_and_it_appears_afterwards() {
    let mut stack = Stack::start_with(Options { own_postgres: true, ..Options::default() }).await;
    let mut postgres = stack.postgres.take().expect("its own");
    tokio::task::block_in_place(|| postgres.kill9()).unwrap();
    let webhook = Webhook::triggered("EPG", "QPG", "without a database");
    assert_eq!(stack.post(&webhook).await.unwrap(), 202);
    tokio::task::block_in_place(|| postgres.resume()).unwrap();
    eventually("it appears", Duration::from_secs(20), || async {
        let all = stack.incidents().await;
        if titled(&all, "without a database") == 1 { Ok(()) } else { Err(all) }
    })
    .await;
    stack.postgres = Some(postgres);
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pagerduty_refusing_for_a_while_ends_with_one_write_per_link() {
    let stack = Stack::start().await;
    let made = stack.act(json!({"action": "trigger", "title": "first"}));
    let record = made["id"].as_str().unwrap();
    let incident = stack.incident_of(record, "it arrives", |_| true).await;
    let id = incident["id"].as_str().unwrap();
    let from = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);
    stack.pagerduty.turn(|knobs| {
        let away =
            json!({"next": 1000, "effect": {"kind": "error", "status": 503, "applied": false}});
        knobs.rest.push(serde_json::from_value(away).expect("a rule"));
    });
    for title in ["second", "third", "fourth"] {
        stack.im.json(&["incident", "update", id, "--title", title]).await.unwrap();
    }
    eventually("it was tried", Duration::from_secs(10), || async {
        let calls = stack.pagerduty.calls(from);
        if calls.iter().any(|call| call.status == 503) { Ok(()) } else { Err(calls.len()) }
    })
    .await;
    stack.pagerduty.turn(|knobs| knobs.rest.clear());
    stack.record(record, "the last title", |record| record["title"] == "fourth").await;
    stack.at_rest().await;
    let calls = stack.pagerduty.calls(from);
    let puts = calls.iter().filter(|call| call.method == "PUT" && call.status == 200).count();
    assert_eq!(puts, 1, "what was overtaken is not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_its_disk_loses_no_desired_state() {
    let mut stack = Stack::start().await;
    tokio::task::block_in_place(|| stack.egress.stop()).unwrap();
    let words = ["incident", "create", "--title", "only in Postgres", "--type", "infrastructure"];
    stack.im.json(&words).await.unwrap();
    eventually("it is published", Duration::from_secs(5), || async {
        match stack.count("select count(*) from desired where published = version").await {
            1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    stack.wipe_nats();
    tokio::task::block_in_place(|| stack.egress.resume()).unwrap();
    eventually("it is created over there", Duration::from_secs(20), || async {
        let all = stack.pagerduty.incidents();
        if titled(&all, "only in Postgres") == 1 { Ok(()) } else { Err(all) }
    })
    .await;
    stack.at_rest().await;
    assert_eq!(titled(&stack.pagerduty.incidents(), "only in Postgres"), 1);
}
