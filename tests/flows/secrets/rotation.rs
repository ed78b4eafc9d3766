//! A master key is replaced by another one, and nobody notices.

use std::time::Duration;

use serde_json::json;
use tandem_tests::{Options, Stack, Webhook, eventually};

const OLD: &str = "5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b";
const NEW: &str = "c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4";

/// Gives the services other keys, as an operator who changes the file.
fn give(stack: &Stack, keys: &str) {
    // The file is replaced, never half written.
    let (path, new) = (stack.dir().join("master.key"), stack.dir().join("master.key.new"));
    std::fs::write(&new, keys).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_secret_moves_to_a_new_key_while_webhooks_and_calls_go_on() {
    let mut stack = Stack::start_with(Options { require_tokens: true, ..Options::default() }).await;
    let before = stack.im.json(&["keys", "list"]).await.unwrap();
    assert_eq!((&before[0]["secrets"], &before[0]["is_newest"]), (&json!(2), &json!(true)));
    let old = before[0]["id"].as_str().unwrap().to_owned();

    give(&stack, &format!("{NEW}\n{OLD}\n"));
    let listed = stack.im.json(&["keys", "list"]).await.unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "the changed file is seen: {listed}");
    let wrong = stack.im.run(&["keys", "rotate", "--key", &old]).await.unwrap();
    assert_eq!(wrong.status.code(), Some(4), "another one is the newest by now");
    let rotated = stack.im.json(&["keys", "rotate"]).await.unwrap();
    assert_eq!((&rotated["moved"], &rotated["unmoved"]), (&json!(2), &json!(0)), "{rotated}");
    assert_eq!(rotated["key"], listed[0]["id"]);
    works(&stack, "under both keys").await;

    let again = stack.im.json(&["keys", "rotate"]).await.unwrap();
    assert_eq!((&again["moved"], &again["unmoved"]), (&json!(0), &json!(2)), "{again}");
    let audited =
        "select count(*) from admin_audit where action = 'keys.rotate' and actor = 'root'";
    assert_eq!(stack.count(audited).await, 1);

    give(&stack, NEW);
    tokio::task::block_in_place(|| {
        for service in [&mut stack.admin, &mut stack.egress, &mut stack.ingress] {
            service.restart().unwrap();
        }
    });
    works(&stack, "without the old key").await;
    let after = stack.im.json(&["keys", "list"]).await.unwrap();
    assert_eq!((after.as_array().unwrap().len(), &after[0]["secrets"]), (1, &json!(2)));

    give(&stack, "no key");
    let told = stack.im.run(&["keys", "list"]).await.unwrap();
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(said.contains("64 hexadecimal digits") && !said.contains("no key\""), "{said}");
    works(&stack, "with a broken key file").await;
}

/// A webhook comes in, and what people do goes out.
async fn works(stack: &Stack, title: &str) {
    let probe = Webhook::event(&format!("E{title}"), "pagey.ping", &json!({"type": "ping"}));
    eventually("ingress opens the signing secret", Duration::from_secs(20), || async {
        match stack.post(&probe).await {
            Ok(202) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let made = stack.act(json!({"action": "trigger", "title": title, "service": "P123ABC"}));
    let record = made["id"].as_str().unwrap().to_owned();
    let incident = stack.incident_of(&record, "it arrives", |_| true).await;
    let words = ["incident", "update", incident["id"].as_str().unwrap(), "--status", "mitigated"];
    stack.im.json(&words).await.unwrap();
    stack.record(&record, "it goes out", |record| record["status"] == "acknowledged").await;
}
