//! An integration that is paused, and one that is disabled for a while: what waits, what is left
//! aside, and that nothing of it is lost.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually, stays};

use super::{agree, healing, records, settled_in, status};

const WITHIN: Duration = Duration::from_mins(1);

async fn switch(stack: &Stack, how: &str) -> Value {
    stack.im.json(&["integration", how, "sim-pd"]).await.unwrap()
}

/// Waits until the egress knows whether it is to make calls: while it is not, nobody knows when what
/// waits will be done.
async fn heard(stack: &Stack, calls: bool) {
    eventually("the egress has heard", WITHIN, || async {
        let told = status(stack).await;
        let outbound = &told["outbound"];
        if outbound.is_object() && outbound["eta_s"].is_i64() == calls { Ok(()) } else { Err(told) }
    })
    .await;
}

fn notes(record: &Value, text: &str) -> usize {
    let notes = record["notes"].as_array().into_iter().flatten();
    notes.filter(|note| note["content"] == text).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_integration_makes_no_call_takes_in_what_is_told_and_sends_the_newest_afterwards()
{
    let stack = healing().await;
    let known = records(&stack, "known", 1).await;
    let record = known[0].as_str();
    let incident = stack.incident_of(record, "it is there", |_| true).await;
    let id = incident["id"].as_str().unwrap();

    assert_eq!(switch(&stack, "pause").await["paused"], true);
    heard(&stack, false).await;
    let before = stack.pagerduty.calls(0).len();
    stack.im.json(&["incident", "update", id, "--title", "first"]).await.unwrap();
    stack.im.json(&["incident", "update", id, "--title", "second"]).await.unwrap();
    stack.im.json(&["note", "add", id, "while it was paused"]).await.unwrap();
    stack.act(json!({"action": "acknowledge", "incident": record}));
    stack.incident_of(record, "what is told is taken in", |it| it["status"] == "mitigated").await;
    eventually("it shows what waits", WITHIN, || async {
        let told = status(&stack).await;
        let lanes = told["outbound"]["lanes"].as_array().cloned().unwrap_or_default();
        let waits = |name: &str| lanes.iter().any(|it| it["name"] == name && it["waiting"] == 1);
        if waits("fields") && waits("notes") { Ok(()) } else { Err(told) }
    })
    .await;
    let told = status(&stack).await;
    assert_eq!(told["state"], "paused");
    assert!(told["reason"].as_str().unwrap().ends_with("im integration resume sim-pd"), "{told}");
    let refused = stack.im.run(&["integration", "oncall", "sim-pd"]).await.unwrap();
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    stays("no call", Duration::from_secs(2), || async { stack.pagerduty.calls(0).len() }).await;
    assert_eq!(stack.pagerduty.calls(0).len(), before);
    let listed = stack.im.run(&["integration", "list"]).await.unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("inbound only (paused)"));

    switch(&stack, "resume").await;
    let seen = stack
        .record(record, "the newest is there", |it| {
            it["title"] == "second" && notes(it, "while it was paused") == 1
        })
        .await;
    assert_eq!(seen["status"], "acknowledged");
    let titled = stack.pagerduty.calls(0).into_iter().skip(before);
    let titled = titled.filter(|call| call.method == "PUT" && call.path.contains(record)).count();
    assert_eq!(titled, 1, "one write of two changes");
    heard(&stack, true).await;
    agree(&stack).await;
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_on_either_side_of_a_disabled_integration_is_caught_up_with() {
    let stack = healing().await;
    let known = records(&stack, "known", 3).await;
    settled_in(&stack).await;
    let [told, edited, closed] = [&known[0], &known[1], &known[2]].map(String::as_str);
    let incident = async |record: &str| {
        let found = stack.incident_of(record, "it is there", |_| true).await;
        found["id"].as_str().unwrap().to_owned()
    };
    let (edited_id, closed_id) = (incident(edited).await, incident(closed).await);

    assert_eq!(switch(&stack, "disable").await["enabled"], false);
    eventually("the egress has stopped", WITHIN, || async {
        let told = status(&stack).await;
        if told["outbound"].is_null() { Ok(()) } else { Err(told) }
    })
    .await;
    let before = stack.pagerduty.calls(0).len();
    stack.act(json!({"action": "acknowledge", "incident": told}));
    stack.act(json!({"action": "annotate", "incident": told, "content": "from over there"}));
    stack.act(json!({"action": "trigger", "title": "new over there", "urgency": "high"}));
    stack.im.json(&["incident", "update", &edited_id, "--title", "edited here"]).await.unwrap();
    stack.im.json(&["note", "add", &edited_id, "written here"]).await.unwrap();
    stack.im.json(&["incident", "update", &closed_id, "--status", "closed"]).await.unwrap();
    let words = ["incident", "create", "--title", "new here", "--type", "infrastructure"];
    stack.im.json(&words).await.unwrap();
    eventually("what was told is left aside", WITHIN, || async {
        let words = ["integration", "ignored", "sim-pd"];
        let reasons = stack.im.json(&words).await.unwrap();
        let count = |it: &Value| it["count"].as_i64().unwrap_or_default();
        let of = reasons.as_array().unwrap().iter();
        let aside = of.filter(|it| it["reason"].as_str().unwrap().contains("not enabled"));
        if aside.map(count).sum::<i64>() >= 3 { Ok(()) } else { Err(reasons) }
    })
    .await;
    assert_eq!(stack.pagerduty.calls(0).len(), before);
    assert_eq!(status(&stack).await["state"], "disabled");

    switch(&stack, "enable").await;
    agree(&stack).await;
    stack.record(closed, "what was closed here is resolved", |it| it["status"] == "resolved").await;
    stack
        .record(edited, "what was edited here", |it| {
            it["title"] == "edited here" && notes(it, "written here") == 1
        })
        .await;
    eventually("what was opened here", WITHIN, || async {
        let all = stack.pagerduty.incidents();
        let made = all.iter().filter(|it| it["title"] == "new here").count();
        if made == 1 { Ok(()) } else { Err(all) }
    })
    .await;
    agree(&stack).await;
    stack.at_rest().await;
}
