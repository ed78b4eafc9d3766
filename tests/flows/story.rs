//! The round trip: a change on either side reaches the other, once, and then there is silence.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually, stays};

/// The methods and paths of calls that change something.
fn writes(stack: &Stack) -> Vec<String> {
    let calls = stack.pagerduty.calls(0).into_iter();
    let changing =
        calls.filter(|call| call.method != "GET" && !call.path.contains("subscriptions"));
    changing.map(|call| format!("{} {}", call.method, call.path)).collect()
}

/// The notes of a record, by text.
fn notes_with(record: &Value, text: &str) -> usize {
    let notes = record["notes"].as_array().into_iter().flatten();
    notes.filter(|note| note["content"] == text).count()
}

/// The lines of an incident's timeline that hold a text.
async fn lines_with(stack: &Stack, incident: &str, text: &str) -> usize {
    let lines = stack.im.json(&["incident", "timeline", incident]).await.unwrap();
    let lines = lines.as_array().cloned().unwrap_or_default();
    lines.iter().filter(|line| line["text"].as_str().is_some_and(|t| t.contains(text))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_round_trip() {
    let stack = Stack::start().await;

    let made = stack.act(json!({"action": "trigger", "title": "Card payments failing", "service": "P123ABC", "urgency": "high"}),
    );
    let record = made["id"].as_str().unwrap();
    let incident = stack
        .incident_of(record, "triggered becomes an open SEV-2", |incident| {
            incident["severity"] == "SEV-2"
                && incident["status"] == "open"
                && incident["incident_type"] == "infrastructure"
                && incident["title"] == "Card payments failing"
        })
        .await;
    let id = incident["id"].as_str().unwrap();

    stack.act(json!({"action": "acknowledge", "incident": record}));
    stack.incident_of(record, "acknowledged is mitigated", |i| i["status"] == "mitigated").await;

    let words = ["incident", "update", id, "--title", "EU card payments failing", "--severity"];
    let updated = stack.im.json(&[&words[..], &["SEV-1"]].concat()).await.unwrap();
    assert_eq!((&updated["severity"], &updated["pending"]), (&json!("SEV-1"), &json!(false)));
    let seen = stack
        .record(record, "the new title", |record| record["title"] == "EU card payments failing")
        .await;
    assert_eq!((&seen["urgency"], &seen["status"]), (&json!("high"), &json!("acknowledged")));

    notes_pass_once(&stack, record, id).await;

    stack.act(json!({"action": "reassign", "incident": record, "assignees": ["PD4N4QK"]}));
    stack.incident_of(record, "reassigned to Dana", |i| i["assigned_to"] == "Dana Whitlock").await;

    resolve_with_one_put(&stack, record, id).await;
    let incident = stack.incident_of(record, "still SEV-1", |i| i["severity"] == "SEV-1").await;
    assert_eq!(incident["assigned_to"], "Dana Whitlock", "resolving unassigns nobody");

    created_once(&stack).await;

    stack.at_rest().await;
    let outward =
        || async { (stack.pagerduty.calls(0).len(), stack.pagerduty.deliveries(0).len()) };
    stays("silence", Duration::from_secs(10), outward).await;
    stack.at_rest().await;
}

async fn notes_pass_once(stack: &Stack, record: &str, id: &str) {
    stack.act(json!({"action": "annotate", "incident": record, "content": "rolled back <b>gateway</b> ✅"}),
    );
    eventually("their note on the timeline", Duration::from_secs(10), || async {
        match lines_with(stack, id, "rolled back <b>gateway</b> ✅").await {
            1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    stack.im.json(&["note", "add", id, "customer notice is out — Zażółć"]).await.unwrap();
    let has_note = |record: &Value| notes_with(record, "customer notice is out — Zażółć") > 0;
    stack.record(record, "our note over there", has_note).await;
    stack.at_rest().await;
    let seen = stack.record(record, "both notes", |_| true).await;
    assert_eq!(notes_with(&seen, "customer notice is out — Zażółć"), 1);
    assert_eq!(notes_with(&seen, "rolled back <b>gateway</b> ✅"), 1);
    assert_eq!(lines_with(stack, id, "customer notice is out").await, 1);
    assert_eq!(lines_with(stack, id, "rolled back").await, 1);
}

async fn resolve_with_one_put(stack: &Stack, record: &str, id: &str) {
    stack.at_rest().await;
    let before = writes(stack).len();
    stack.im.json(&["incident", "update", id, "--status", "resolved"]).await.unwrap();
    stack.record(record, "resolved over there", |record| record["status"] == "resolved").await;
    stack.at_rest().await;
    let resolved = writes(stack).split_off(before);
    assert_eq!(resolved, [format!("PUT /incidents/{record}")], "exactly one PUT");
}

async fn created_once(stack: &Stack) {
    let words = ["incident", "create", "--title", "Search is slow", "--severity", "SEV-3"];
    let words = [&words[..], &["--type", "infrastructure", "--description", "p99 > 4 s"]].concat();
    let made = stack.im.json(&words).await.unwrap();
    let id = made["id"].as_str().unwrap();
    let linked = eventually("created and linked", Duration::from_secs(10), || async {
        let incident = stack.im.json(&["incident", "get", id]).await.map_err(|e| e.to_string())?;
        match incident["links"][0]["record"].as_str() {
            Some(record) => Ok(record.to_owned()),
            None => Err(incident.to_string()),
        }
    })
    .await;
    let record =
        stack.record(&linked, "it is there", |record| record["title"] == "Search is slow").await;
    assert_eq!((&record["urgency"], &record["status"]), (&json!("low"), &json!("triggered")));
    stack.at_rest().await;
    // Nobody was named here, so it is whoever is on call over there.
    let assignee = &record["assignments"][0]["assignee"]["summary"];
    let incident = stack.im.json(&["incident", "get", id]).await.unwrap();
    assert_eq!((&incident["assigned_to"], assignee), (assignee, &json!("Priya Raman")));
    let titled = |record: &&Value| record["title"] == "Search is slow";
    assert_eq!(stack.pagerduty.incidents().iter().filter(titled).count(), 1, "created once");
    let incidents = stack.incidents().await;
    assert_eq!(incidents.iter().filter(titled).count(), 1, "and not mirrored back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_note_waits_for_the_record_it_belongs_to() {
    let stack = Stack::start().await;
    stack.pagerduty.turn(|knobs| {
        let slow = json!({"next": 2, "method": "POST", "path_prefix": "/incidents",
            "effect": {"kind": "error", "status": 503, "applied": false}});
        knobs.rest.push(serde_json::from_value(slow).expect("a rule"));
    });
    let words = ["incident", "create", "--title", "Late record", "--type", "infrastructure"];
    let made = stack.im.json(&words).await.unwrap();
    let id = made["id"].as_str().unwrap();
    stack.im.json(&["note", "add", id, "written before the record was there"]).await.unwrap();
    eventually("the note is there once", Duration::from_secs(20), || async {
        let all = stack.pagerduty.incidents();
        let noted =
            |record: &&Value| notes_with(record, "written before the record was there") == 1;
        if all.iter().any(|record| noted(&record)) { Ok(()) } else { Err(all) }
    })
    .await;
    stack.at_rest().await;
}
