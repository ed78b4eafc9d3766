//! The door: what ingress takes, what it refuses, and with which status.

use std::time::Duration;

use serde_json::json;
use tandem_tests::{Stack, Webhook, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_by_hand_shows_within_a_second_and_its_repeats_change_nothing() {
    let stack = Stack::start().await;
    let webhook = Webhook::triggered("01HV5COHWWEVSU808G7EKOV5Y6", "Q1T7M4Z0KD82WB", "By hand ☎");
    assert_eq!(stack.post(&webhook).await.unwrap(), 202);
    let shown = eventually("it is listed", Duration::from_secs(1), || async {
        let all = stack.incidents().await;
        all.iter().find(|i| i["title"] == "By hand ☎").cloned().ok_or(all)
    })
    .await;
    assert_eq!(shown["assigned_to"], "Priya Raman");
    assert_eq!(shown["escalation_policy"], "Checkout primary");

    assert_eq!(stack.post(&webhook).await.unwrap(), 202, "the same delivery");
    let other = webhook.redelivered_as("another-delivery");
    assert_eq!(stack.post(&other).await.unwrap(), 202, "the same event in another delivery");
    let marker = Webhook::triggered("EMARKER", "QMARKER", "marker");
    assert_eq!(stack.post(&marker).await.unwrap(), 202);
    eventually("what came later is through", Duration::from_secs(5), || async {
        let all = stack.incidents().await;
        if all.len() == 2 { Ok(()) } else { Err(all) }
    })
    .await;
    let id = shown["id"].as_str().unwrap();
    let again = stack.im.json(&["incident", "get", id]).await.unwrap();
    assert_eq!(again, shown, "nothing changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_and_what_is_not() {
    let stack = Stack::start().await;
    let webhook = Webhook::triggered("E1", "Q1", "x");
    let wrong = tandem_tests::sign("another secret", &webhook.body);
    assert_eq!(stack.post_signed(&webhook, &wrong).await.unwrap(), 401);
    assert_eq!(stack.post_signed(&webhook, "v1=zz").await.unwrap(), 401);
    let both = format!(
        "{wrong}, {}",
        tandem_tests::sign(
            "2LHo6pdkkOeNZWwav8jzbDWOnnIkpUJKIkuEpAdrN7bi134SXsXzN6AXI3RMAh1h",
            &webhook.body
        )
    );
    assert_eq!(stack.post_signed(&webhook, &both).await.unwrap(), 202, "one of several is ours");

    let garbage = Webhook { delivery: Some("g".to_owned()), body: b"not json".to_vec() };
    assert_eq!(stack.post(&garbage).await.unwrap(), 400);
    let deep = Webhook { delivery: Some("d".to_owned()), body: "[".repeat(100_000).into_bytes() };
    assert_eq!(stack.post(&deep).await.unwrap(), 400);
    let large = Webhook { delivery: Some("l".to_owned()), body: vec![b' '; 300 * 1024] };
    assert_eq!(stack.post(&large).await.unwrap(), 413);

    let ping = Webhook::event("EP2", "pagey.ping", &json!({"type": "ping", "message": "hi"}));
    assert_eq!(stack.post(&ping).await.unwrap(), 202);
    let unknown =
        Webhook::event("EU1", "incident.teleported", &json!({"id": "Q1", "type": "incident"}));
    assert_eq!(stack.post(&unknown).await.unwrap(), 202);
    eventually("both are on record", Duration::from_secs(5), || async {
        let seen = stack.count("select count(*) from inbox where event in ('EP2', 'EU1')").await;
        if seen == 2 { Ok(()) } else { Err(seen) }
    })
    .await;

    let nobody =
        stack.webhook_url().replace(&stack.integration, "int_00000000000070008000000000000000");
    let answer = stack.http.post(nobody).body("{}").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 503, "an unknown integration may be our own fault");
    let test = stack.http.post(format!("{}/test", stack.webhook_url())).send().await.unwrap();
    assert_eq!(test.status().as_u16(), 200);
    let deleted = stack.im.run(&["integration", "delete", "sim-pd", "--yes"]).await.unwrap();
    assert!(deleted.status.success(), "{deleted:?}");
    eventually("a deleted integration is gone", Duration::from_secs(5), || async {
        match stack.post(&webhook).await {
            Ok(410) => Ok(()),
            other => Err(other),
        }
    })
    .await;
}
