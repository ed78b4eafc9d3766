//! Status updates, responders, custom fields, snooze, merge: §3.5.

use serde_json::{Value, json};

use crate::harness::{BOT, DANA, PRIYA, Pd, Receiver, id};

async fn with_receiver() -> (Pd, Receiver) {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    (pd, receiver)
}

/// §3.5: unwrapped request, wrapped answer; html needs a subject.
#[tokio::test]
async fn a_status_update_is_published() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}/status_updates", id(&incident));
    let reply = pd.call("POST", &path, json!({ "message": "Rolling back" })).await;
    assert_eq!(
        (reply.status, &reply.body["status_update"]["message"]),
        (200, &json!("Rolling back"))
    );
    receiver.wait(2).await;
    let event = &receiver.events()[1];
    assert_eq!(event["event_type"], "incident.status_update_published");
    assert_eq!(event["data"]["id"], reply.body["status_update"]["id"]);
    let html = json!({ "message": "m", "html_message": "<b>m</b>" });
    assert_eq!(pd.call("POST", &path, html).await.status, 400);
}

fn targets(users: &[&str]) -> Value {
    let one =
        |id: &&str| json!({ "responder_request_target": { "id": id, "type": "user_reference" } });
    users.iter().map(one).collect()
}

/// §3.5: requesting, replying and cancelling; the state words are those of the API.
#[tokio::test]
async fn responders_are_requested_reply_and_are_cancelled() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}/responder_requests", id(&incident));
    let body = json!({
        "requester_id": BOT, "message": "help", "responder_request_targets": targets(&[DANA, PRIYA]),
    });
    let reply = pd.call("POST", &path, body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["responder_request"]["requester"]["id"], BOT);
    pd.sim
        .act(json!({ "action": "join", "incident": id(&incident), "user": DANA }))
        .expect("joined");
    pd.settled().await;
    let types =
        ["incident.responder.added", "incident.responder.added", "incident.responder.replied"];
    assert_eq!(receiver.types()[1..], types);
    let states: Vec<_> =
        receiver.events()[1..].iter().map(|it| it["data"]["state"].clone()).collect();
    assert_eq!(states, ["pending", "pending", "joined"]);
    let body = json!({
        "requester_id": BOT, "message": "no", "responder_request_targets": targets(&[DANA, PRIYA, BOT]),
    });
    let reply = pd.call("PUT", &format!("{path}/cancel"), body).await;
    let list = reply.body["responder_request_targets"].as_array().expect("a list");
    let results: Vec<_> = list.iter().map(|it| it["result"].clone()).collect();
    assert_eq!(results, ["joined", "cancelled", "not_found"]);
}

/// §3.5: 402 without the ability.
#[tokio::test]
async fn responders_need_the_ability() {
    let pd = Pd::start().await;
    pd.send("PUT", "/_sim/abilities", &[], json!({ "abilities": ["teams"] })).await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}/responder_requests", id(&incident));
    let body = json!({
        "requester_id": BOT, "message": "help", "responder_request_targets": targets(&[DANA]),
    });
    let reply = pd.call("POST", &path, body).await;
    assert_eq!((reply.status, reply.code()), (402, 2014));
}

/// §3.5 and §1.4: 201, all values; the event tells the changed ones with their previous values.
#[tokio::test]
async fn custom_fields_are_set_and_told_with_previous_values() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}/custom_fields/values", id(&incident));
    for value in ["https://a.example.test", "https://b.example.test"] {
        let body = json!({ "custom_fields": [{ "name": "incidents_link", "value": value }] });
        let reply = pd.call("PUT", &path, body).await;
        assert_eq!(reply.status, 201);
        let list = reply.body["custom_fields"].as_array().expect("a list");
        let field = list.iter().find(|it| it["name"] == "incidents_link").expect("a field");
        assert_eq!((&field["value"], &field["type"]), (&json!(value), &json!("field_value")));
    }
    receiver.wait(3).await;
    let data = &receiver.events()[2]["data"];
    assert_eq!(data["custom_fields"][0]["value"], "https://b.example.test");
    assert_eq!(data["changed_custom_fields"][0]["value"], "https://a.example.test");
    assert!(data["incident"]["summary"].is_null());
    let wrong = json!({ "custom_fields": [{ "name": "affected_users", "value": "many" }] });
    assert_eq!(pd.call("PUT", &path, wrong).await.status, 400);
}

/// §3.5: data types and field types; what is of another one is invalid input.
#[tokio::test]
async fn a_custom_field_takes_values_of_its_type_only() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}/custom_fields/values", id(&incident));
    let cases = [
        ("environment", json!("staging"), json!("elsewhere")),
        ("incidents_link", json!("https://a.example.test/1"), json!("a.example.test")),
        ("tags", json!(["a", "b"]), json!("a")),
        ("affected_users", json!(12), json!(1.5)),
        ("customer_visible", json!(true), json!("true")),
        ("error_rate", json!(0.25), json!("0.25")),
        ("began_at", json!("2026-03-02T09:14:07Z"), json!("yesterday")),
        ("regions", json!(["eu-west", "us-east"]), json!(["the moon"])),
    ];
    for (name, good, bad) in cases {
        let set = |value: &Value| json!({ "custom_fields": [{ "name": name, "value": value }] });
        let reply = pd.call("PUT", &path, set(&bad)).await;
        assert_eq!((reply.status, reply.code()), (400, 2001), "{name}: {bad}");
        assert_eq!(pd.call("PUT", &path, set(&good)).await.status, 201, "{name}: {good}");
        let read = pd.get(&path).await;
        let list = read.body["custom_fields"].as_array().expect("a list");
        let field = list.iter().find(|it| it["name"] == name).expect("a field");
        assert_eq!(field["value"], good, "{name}");
        assert_eq!(pd.call("PUT", &path, set(&Value::Null)).await.status, 201, "{name} cleared");
    }
    let unknown = json!({ "custom_fields": [{ "name": "colour", "value": "red" }] });
    assert_eq!(pd.call("PUT", &path, unknown).await.status, 400);
}

/// §3.5: 201; only acknowledged ones (1012), 1 s to a week (1013); it shows as pending.
#[tokio::test]
async fn only_an_acknowledged_incident_can_be_snoozed() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}/snooze", id(&incident));
    let snooze = async |seconds: u64| pd.call("POST", &path, json!({ "duration": seconds })).await;
    assert_eq!(snooze(60).await.code(), 1012);
    pd.status(id(&incident), "acknowledged").await.incident();
    for seconds in [0, 604_801] {
        assert_eq!(snooze(seconds).await.code(), 1013);
    }
    let reply = snooze(604_800).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.incident()["pending_actions"][0]["type"], "unacknowledge");
    pd.settled().await;
    assert_eq!(receiver.types(), ["incident.triggered", "incident.acknowledged"]);
}

/// §3.5, §1.7, §7.11: each source is resolved and says into what; the target emits nothing.
#[tokio::test]
async fn merging_resolves_the_sources_and_names_the_target() {
    let (pd, receiver) = with_receiver().await;
    let (target, source) = (pd.create("target").await, pd.create("source").await);
    let path = format!("/incidents/{}/merge", id(&target));
    let body = json!({ "source_incidents": [{ "id": id(&source), "type": "incident_reference" }] });
    let reply = pd.call("PUT", &path, body.clone()).await;
    assert_eq!((reply.status, &reply.incident()["type"]), (200, &json!("incident_reference")));
    pd.settled().await;
    let events = receiver.events();
    let told: Vec<_> = events.iter().filter(|it| it["event_type"] == "incident.resolved").collect();
    assert_eq!((told.len(), &told[0]["data"]["id"]), (1, &source["id"]));
    assert_eq!(told[0]["data"]["resolve_reason"]["type"], "merge_resolve_reason");
    assert_eq!(told[0]["data"]["resolve_reason"]["incident"]["id"], target["id"]);
    assert_eq!(pd.call("PUT", &path, body).await.code(), 1019);
    let read = pd.get(&format!("/incidents/{}", id(&source))).await;
    assert_eq!(read.incident()["resolve_reason"]["incident"]["id"], target["id"]);
}
