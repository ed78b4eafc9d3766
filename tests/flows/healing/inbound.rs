//! An integration that nothing is sent to: it is subscribed to and healed like any other.

use serde_json::{Value, json};
use tandem_tests::Stack;

use super::{
    agree::{agree, records, settled_in},
    healing, status,
};

/// The calls that changed something about a record.
fn writes(stack: &Stack) -> Vec<String> {
    let calls = stack.pagerduty.calls(0).into_iter();
    let writes = calls.filter(|call| call.method != "GET" && call.path.starts_with("/incidents"));
    writes.map(|call| format!("{} {}", call.method, call.path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_inbound_only_is_subscribed_to_and_healed_and_nothing_is_sent_to_it() {
    let stack = healing().await;
    let words = ["integration", "configure", "sim-pd", "--direction", "inbound"];
    stack.im.json(&[&words[..], &["--public-url", &stack.http_url]].concat()).await.unwrap();
    let known = records(&stack, "alarm", 3).await;
    settled_in(&stack).await;
    let shown = stack.im.json(&["integration", "get", "sim-pd"]).await.unwrap();
    let subscriptions = shown["subscriptions"].as_array().unwrap();
    assert_eq!(subscriptions.len(), 1, "{shown}");
    assert!(subscriptions[0]["confirm_time"].is_string(), "{shown}");

    stack.pagerduty.turn(|knobs| knobs.webhooks.drop = true);
    stack.act(json!({"action": "acknowledge", "incident": known[0]}));
    stack.act(json!({"action": "annotate", "incident": known[0], "content": "on it"}));
    stack.act(json!({"action": "retitle", "incident": known[1], "title": "only over there"}));
    stack.act(json!({"action": "resolve", "incident": known[2]}));
    stack.act(json!({"action": "trigger", "title": "never told"}));
    agree(&stack).await;
    let told = status(&stack).await;
    assert_eq!(told["state"], "running", "{told}");
    assert_eq!(told["subscription"]["sending"], "on", "{told}");

    let all = stack.incidents().await;
    let ours = all.iter().find(|incident| incident["title"] == "alarm 0").unwrap();
    let words = ["incident", "update", ours["id"].as_str().unwrap(), "--title", "only here"];
    let updated: Value = stack.im.json(&words).await.unwrap();
    assert_eq!(updated["title"], "only here");
    stack.im.json(&["note", "add", ours["id"].as_str().unwrap(), "only here, too"]).await.unwrap();
    stack.at_rest().await;
    assert_eq!(writes(&stack), Vec::<String>::new());
    let checks = stack.im.json(&["integration", "test", "sim-pd"]).await.unwrap();
    let of = |name: &str| {
        checks["checks"].as_array().unwrap().iter().find(|it| it["name"] == name).cloned()
    };
    assert_eq!(of("egress").unwrap()["verdict"], "ok", "{checks}");
}
