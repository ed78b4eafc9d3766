//! Webhook subscriptions that are made, confirmed, watched and replaced by themselves.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_pagerduty_sim::USER_TOKEN;
use tandem_tests::{Stack, eventually, stays};

use super::{healing, status};

/// The subscriptions of ours, as PagerDuty shows them.
async fn ours(stack: &Stack) -> Vec<Value> {
    let url = format!("{}/_sim/subscriptions", stack.pagerduty.url);
    let answer: Value = stack.http.get(url).send().await.unwrap().json().await.unwrap();
    let all = answer["subscriptions"].as_array().unwrap().iter();
    let shown = all.map(|it| it["subscription"].clone());
    shown
        .filter(|it| it["description"].as_str().unwrap_or_default().starts_with("Tandem"))
        .collect()
}

async fn delete(stack: &Stack, id: &str) {
    let url = format!("{}/webhook_subscriptions/{id}", stack.pagerduty.url);
    let key = format!("Token token={USER_TOKEN}");
    let answer = stack.http.delete(url).header("authorization", key).send().await.unwrap();
    answer.error_for_status().unwrap();
}

/// Has what the stack subscribed to by hand deleted, so that only what is managed sends.
async fn only_managed(stack: &Stack) {
    let url = format!("{}/_sim/subscriptions", stack.pagerduty.url);
    let answer: Value = stack.http.get(url).send().await.unwrap().json().await.unwrap();
    for it in answer["subscriptions"].as_array().unwrap() {
        let it = &it["subscription"];
        if !it["description"].as_str().unwrap_or_default().starts_with("Tandem") {
            delete(stack, it["id"].as_str().unwrap()).await;
        }
    }
}

/// Has the webhook subscription made, and waits until it is confirmed.
async fn subscribed(stack: &Stack) -> Value {
    let words = ["integration", "configure", "sim-pd", "--public-url", &stack.http_url];
    let made = stack.im.json(&words).await.unwrap();
    let all = made["subscriptions"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{made}");
    assert!(all[0]["confirm_time"].is_string(), "{made}");
    assert_eq!(all[0]["service"], "P123ABC", "of the one service that is mapped");
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_url_is_all_it_takes_and_what_is_deleted_comes_back() {
    let stack = healing().await;
    let made = subscribed(&stack).await;
    assert_eq!(
        (&made["signing_secrets"], &made["public_url"]),
        (&json!(2), &json!(stack.http_url))
    );
    only_managed(&stack).await;
    let record = stack.act(json!({"action": "trigger", "title": "by what is managed"}));
    stack.incident_of(record["id"].as_str().unwrap(), "it arrives", |_| true).await;
    let tries = stack.pagerduty.deliveries(0);
    assert!(tries.iter().all(|attempt| attempt.status != Some(401)), "{tries:#?}");

    let id = ours(&stack).await[0]["id"].as_str().unwrap().to_owned();
    delete(&stack, &id).await;
    let told = eventually("it is made anew and confirmed", Duration::from_secs(40), || async {
        let shown = stack.im.json(&["integration", "get", "sim-pd"]).await.unwrap();
        let one = &shown["subscriptions"][0];
        let new = one["id"] != *id && one["confirm_time"].is_string();
        if new { Ok(shown) } else { Err(shown) }
    })
    .await;
    assert_eq!(told["subscriptions"].as_array().unwrap().len(), 1, "{told}");
    let told = eventually("it shows", Duration::from_secs(20), || async {
        let told = status(&stack).await;
        if told["subscription"]["sending"] == "on" { Ok(told) } else { Err(told) }
    })
    .await;
    assert_eq!(told["subscription"]["reason"], Value::Null, "{told}");
    // No secret shows anywhere.
    let url = format!("{}/_sim/subscriptions", stack.pagerduty.url);
    let all: Value = stack.http.get(url).send().await.unwrap().json().await.unwrap();
    let logs = stack.logs();
    for secret in all["subscriptions"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|it| it["secrets"].as_array().unwrap())
    {
        assert!(!logs.contains(secret.as_str().unwrap()));
    }
    let end = ["integration", "configure", "sim-pd", "--public-url", ""];
    stack.im.json(&end).await.unwrap();
    eventually("nothing is subscribed any more", Duration::from_secs(20), || async {
        let left = ours(&stack).await;
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_managed_is_deleted_with_its_integration() {
    let stack = healing().await;
    subscribed(&stack).await;
    let output = stack.im.run(&["integration", "delete", "sim-pd", "--yes"]).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!(ours(&stack).await, Vec::<Value>::new());
    let deleted = "select subscriptions::text from integrations where deleted_at is not null";
    let held: String = sqlx::query_scalar(deleted).fetch_one(&stack.database).await.unwrap();
    assert_eq!(held, "[]");
    // Nobody makes them anew.
    let calls = || {
        let all = stack.pagerduty.calls(0).into_iter();
        all.filter(|call| call.method == "POST" && call.path == "/webhook_subscriptions").count()
    };
    stays("no subscription is made", Duration::from_secs(3), || async {
        (ours(&stack).await.len(), calls())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_deleted_with_its_integration_is_named() {
    let mut stack = healing().await;
    subscribed(&stack).await;
    let id = ours(&stack).await[0]["id"].as_str().unwrap().to_owned();
    // What somebody else has changed meanwhile stays whole.
    let stale = ["integration", "delete", "sim-pd", "--yes", "--etag", "1"];
    let output = stack.im.run(&stale).await.unwrap();
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(ours(&stack).await.len(), 1);
    tokio::task::block_in_place(|| stack.egress.stop()).unwrap();
    let output = stack.im.run(&["integration", "delete", "sim-pd", "--yes"]).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&id) && said.contains("no egress answers for sim-pd"), "{said}");
    assert!(said.contains("delete them there"), "{said}");
    let output = stack.im.run(&["integration", "get", "sim-pd"]).await.unwrap();
    assert_eq!(output.status.code(), Some(3), "it is gone all the same: {output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_replaced_without_a_gap() {
    let stack = healing().await;
    subscribed(&stack).await;
    only_managed(&stack).await;
    let before = ours(&stack).await[0]["id"].as_str().unwrap().to_owned();
    let words = ["integration", "rotate-secrets", "sim-pd"];
    let rotated = stack.im.json(&words).await.unwrap();
    assert_eq!(rotated["subscriptions"][0]["replaced"], true, "{rotated}");
    let mut records = Vec::new();
    for number in 0..40 {
        let title = format!("while secrets are replaced {number}");
        let record = stack.act(json!({"action": "trigger", "title": title}));
        records.push(record["id"].as_str().unwrap().to_owned());
        stack.im.json(&["integration", "get", "sim-pd"]).await.unwrap();
    }
    eventually("the new one has taken its place", Duration::from_secs(40), || async {
        let left = ours(&stack).await;
        let done = left.len() == 1 && left[0]["id"] != *before;
        if done { Ok(()) } else { Err(left) }
    })
    .await;
    for record in &records {
        stack.incident_of(record, "it arrives", |_| true).await;
    }
    let tries = stack.pagerduty.deliveries(0);
    let lost: Vec<_> = tries.iter().filter(|it| it.outcome == "dropped").collect();
    assert!(lost.is_empty(), "{lost:#?}");
    stack.at_rest().await;
    let told = status(&stack).await;
    assert_eq!(told["never_told"]["count"], 0, "each came by a webhook: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_leads_nowhere_is_told_with_a_way_out() {
    let stack = healing().await;
    let nowhere = format!("http://127.0.0.1:{}", tandem_dev::ports::free().unwrap());
    let words = ["integration", "configure", "sim-pd", "--public-url", &nowhere];
    let output = stack.im.run(&words).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("not confirmed yet"), "{said}");
    eventually("the reason shows", Duration::from_secs(30), || async {
        let told = status(&stack).await;
        let reason = told["subscription"]["reason"].as_str().unwrap_or_default().to_owned();
        if reason.contains("did not come in") { Ok(()) } else { Err(told) }
    })
    .await;
    // Without any that is managed there is nothing to replace.
    let end = ["integration", "configure", "sim-pd", "--public-url", ""];
    stack.im.json(&end).await.unwrap();
    eventually("it is deleted", Duration::from_secs(30), || async {
        let left = ours(&stack).await;
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    let none = eventually("nothing is managed", Duration::from_secs(20), || async {
        let output = stack.im.run(&["integration", "rotate-secrets", "sim-pd"]).await.unwrap();
        if output.status.code() == Some(0) { Err(()) } else { Ok(output) }
    })
    .await;
    let said = String::from_utf8_lossy(&none.stderr);
    assert!(said.contains("--public-url"), "{said}");
}
