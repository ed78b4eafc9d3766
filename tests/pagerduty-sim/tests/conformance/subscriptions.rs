//! Webhook subscriptions over REST: §2.4 and §2.5.

use serde_json::{Value, json};

use crate::harness::{BOT, LEDGER, Pd, Receiver, id};

fn body(url: &str, filter: &Value, events: &[&str]) -> Value {
    json!({ "webhook_subscription": {
        "type": "webhook_subscription",
        "delivery_method": {
            "type": "http_delivery_method",
            "url": url,
            "custom_headers": [{ "name": "X-Sync-Env", "value": "prod" }],
        },
        "description": "Incidents sync",
        "events": events,
        "filter": filter,
    } })
}

const ALL: &[&str] = &["incident.triggered", "incident.acknowledged", "incident.resolved"];

fn account() -> Value {
    json!({ "type": "account_reference" })
}

async fn create(pd: &Pd, body: Value) -> Value {
    let reply = pd.call("POST", "/webhook_subscriptions", body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["webhook_subscription"].clone()
}

/// §2.5: the secret is a string in the create response only; header values are redacted.
#[tokio::test]
async fn the_secret_shows_once() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    let made = create(&pd, body(&receiver.url, &account(), ALL)).await;
    let method = &made["delivery_method"];
    assert_eq!(method["secret"].as_str().expect("a secret").len(), 64);
    assert_eq!(method["custom_headers"][0]["value"], "-- redacted --");
    assert_eq!((&made["active"], &method["temporarily_disabled"]), (&json!(true), &json!(false)));
    let path = format!("/webhook_subscriptions/{}", id(&made));
    let read = pd.get(&path).await;
    assert!(read.body["webhook_subscription"]["delivery_method"]["secret"].is_null());
    let list = pd.get("/webhook_subscriptions?filter_type=account").await;
    assert!(list.body["webhook_subscriptions"][0]["delivery_method"]["secret"].is_null());
    assert_eq!(pd.sim.violations(), Vec::<String>::new());
}

/// §2.5: filter and events decide what is sent.
#[tokio::test]
async fn only_what_was_subscribed_to_is_sent() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    let filter = json!({ "type": "service_reference", "id": LEDGER });
    create(&pd, body(&receiver.url, &filter, &["incident.resolved"])).await;
    let filter = json!({ "type": "team_reference", "id": "PTEAM77" });
    create(&pd, body(&receiver.url, &filter, &["incident.acknowledged"])).await;
    let checkout = pd.create("checkout").await;
    let service = json!({ "service": { "id": LEDGER, "type": "service_reference" } });
    let ledger = pd.create_with("ledger", service).await;
    for incident in [&checkout, &ledger] {
        for status in ["acknowledged", "resolved"] {
            pd.status(id(incident), status).await.incident();
        }
    }
    pd.settled().await;
    let mut got: Vec<_> =
        receiver.hooks().iter().map(|it| (it.incident(), it.event_type())).collect();
    got.sort();
    let mut expected = vec![
        (id(&checkout).to_owned(), "incident.acknowledged".to_owned()),
        (id(&ledger).to_owned(), "incident.resolved".to_owned()),
    ];
    expected.sort();
    assert_eq!(got, expected);
}

/// §2.5: only some fields change; URL and secret do not; DELETE is 204.
#[tokio::test]
async fn a_subscription_is_updated_and_deleted() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    let made = create(&pd, body(&receiver.url, &account(), ALL)).await;
    let path = format!("/webhook_subscriptions/{}", id(&made));
    let edit = json!({ "webhook_subscription": {
        "type": "webhook_subscription", "active": false, "events": ["incident.resolved"],
    } });
    let reply = pd.call("PUT", &path, edit).await;
    let read = &reply.body["webhook_subscription"];
    assert_eq!((&read["active"], &read["events"]), (&json!(false), &json!(["incident.resolved"])));
    assert_eq!(read["delivery_method"]["url"], receiver.url);
    let incident = pd.create("t").await;
    pd.status(id(&incident), "resolved").await.incident();
    pd.settled().await;
    assert!(receiver.hooks().is_empty());
    assert_eq!(pd.call("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(pd.get(&path).await.status, 404);
}

/// §2.4: 202 without a body, then a signed `pagey.ping`.
#[tokio::test]
async fn a_ping_is_delivered_like_a_webhook() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    let made = create(&pd, body(&receiver.url, &account(), ALL)).await;
    let path = format!("/webhook_subscriptions/{}/ping", id(&made));
    let reply = pd.call("POST", &path, Value::Null).await;
    assert_eq!((reply.status, reply.body), (202, Value::Null));
    let hook = receiver.wait(1).await.remove(0);
    let text = String::from_utf8(hook.bytes.to_vec()).expect("UTF-8");
    let tail = format!(
        r#""agent":{{"id":"{BOT}","type":"user_reference"}},"client":null,"data":{{"message":"Hello from your friend Pagey!","type":"ping"}}}}}}"#
    );
    assert!(text.ends_with(&tail), "{text}");
    assert_eq!(hook.event()["resource_type"], "pagey");
    assert!(hook.header("x-pagerduty-signature").starts_with("v1="));
}

/// §2.5: ten per scope, and the odd body of the error.
#[tokio::test]
async fn the_eleventh_subscription_of_a_scope_is_refused_with_2019() {
    let pd = Pd::start().await;
    for _ in 0..10 {
        create(&pd, body("http://127.0.0.1:9/", &account(), ALL)).await;
    }
    let eleventh = body("http://127.0.0.1:9/", &account(), ALL);
    let reply = pd.call("POST", "/webhook_subscriptions", eleventh).await;
    let expected = json!({ "errors": { "code": 2019, "detail": "Subscription Limit Exceeded" } });
    assert_eq!((reply.status, reply.body), (400, expected));
    let service = json!({ "type": "service_reference", "id": LEDGER });
    create(&pd, body("http://127.0.0.1:9/", &service, ALL)).await;
}

/// §2.5: at least one event, each of a known type; unique header names.
#[tokio::test]
async fn a_malformed_subscription_is_refused() {
    let pd = Pd::start().await;
    let mut twice = body("http://127.0.0.1:9/", &account(), ALL);
    let header = json!({ "name": "x-sync-env", "value": "b" });
    let headers = twice.pointer_mut("/webhook_subscription/delivery_method/custom_headers");
    headers.and_then(Value::as_array_mut).expect("headers").push(header);
    for wrong in [
        body("http://127.0.0.1:9/", &account(), &[]),
        body("http://127.0.0.1:9/", &account(), &["incident.priority_changed"]),
        body("ftp://127.0.0.1/", &account(), ALL),
        body("http://127.0.0.1:9/", &json!({ "type": "service_reference" }), ALL),
        twice,
    ] {
        assert_eq!(pd.call("POST", "/webhook_subscriptions", wrong).await.status, 400);
    }
}

/// §2.5 (GH terraform-provider-pagerduty#685) and §10: two quirks, by knob.
#[tokio::test]
async fn quirks_of_creation_are_knobs() {
    let pd = Pd::start().await;
    let mut inactive = body("http://127.0.0.1:9/", &account(), ALL);
    inactive["webhook_subscription"]["active"] = json!(false);
    assert_eq!(create(&pd, inactive.clone()).await["active"], true);
    let knobs = json!({ "inactive_ignored_on_create": false, "subscription_created_201": true });
    pd.knobs(json!({ "behaviour": knobs })).await;
    let reply = pd.call("POST", "/webhook_subscriptions", inactive).await;
    assert_eq!((reply.status, &reply.body["webhook_subscription"]["active"]), (201, &json!(false)));
}

/// §2.5: lists by scope need the id of the scope; a filter names something that exists.
#[tokio::test]
async fn subscriptions_are_listed_by_what_they_are_about() {
    let pd = Pd::start().await;
    let service = json!({ "type": "service_reference", "id": "P123ABC" });
    let made =
        create(&pd, body("https://a.example.test/h", &service, &["incident.triggered"])).await;
    create(&pd, body("https://b.example.test/h", &account(), &["incident.triggered"])).await;
    for (query, count) in [
        ("", 2),
        ("?filter_type=account", 1),
        ("?filter_type=service&filter_id=P123ABC", 1),
        ("?filter_type=service&filter_id=PL3DG3R", 0),
    ] {
        let listed = pd.get(&format!("/webhook_subscriptions{query}")).await;
        let found = listed.body["webhook_subscriptions"].as_array().map(Vec::len);
        assert_eq!(found, Some(count), "{query}");
    }
    assert_eq!(pd.get("/webhook_subscriptions?filter_type=team").await.status, 400);
    let nowhere = json!({ "webhook_subscription": {
        "filter": { "type": "service_reference", "id": "PNONE" },
    } });
    let path = format!("/webhook_subscriptions/{}", made["id"].as_str().expect("an id"));
    assert_eq!(pd.call("PUT", &path, nowhere).await.status, 404);
}
