//! Other services: what they may say and hear, and under whose name.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, HeaderMap};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tandem_dev::Guest;
use tandem_tests::{GUESTS, Stack, eventually};

/// What is more than enough to hear of something, and little enough to wait for nothing.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The broker, as another service sees it.
pub(crate) async fn visit(stack: &Stack, guest: Guest) -> Client {
    let options =
        ConnectOptions::with_user_and_password(guest.name.to_owned(), guest.name.to_owned());
    options.connect(stack.nats.url()).await.unwrap()
}

/// An edit that claims to be somebody else's, and of tomorrow.
fn edit(number: u8, incident: &str, change: &Value) -> Value {
    let mut edit = json!({
        "kind": "edit", "id": format!("edt_{number:032x}"), "org": "demo", "incident": incident,
        "at": "2100-01-01T00:00:00Z",
        "author": {"side": "platform", "name": "Dana Whitlock", "email": "dana@acme.test"},
    });
    edit.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    edit
}

/// Publishes and gives the broker's word that it is on disk; nothing where nobody is there.
pub(crate) async fn published(
    client: &Client,
    subject: &str,
    headers: HeaderMap,
    body: &Value,
) -> Option<Value> {
    let request = client.request_with_headers(subject.to_owned(), headers, body.to_string().into());
    let answer = tokio::time::timeout(SOON, request).await.expect("an answer in time").ok()?;
    Some(serde_json::from_slice(&answer.payload).unwrap())
}

async fn created(stack: &Stack) -> String {
    let words = ["incident", "create", "--title", "Checkout is slow", "--severity", "SEV-2"];
    let made = stack.im.json(&words).await.unwrap();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_another_service_is_its_own_whatever_it_claims() {
    let stack = Stack::start().await;
    let incident = created(&stack).await;
    let [guest, _] = GUESTS;
    let client = visit(&stack, guest).await;
    let subject = format!("tandem.in.platform.demo.{incident}");

    let answers = format!("tandem.answer.{}.first", guest.name);
    let mut answer = client.subscribe(answers.clone()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "first");
    headers.insert("Tandem-Reply-To", answers.as_str());
    // What the server would say of us, said by us.
    headers.insert("Nats-Request-Info", r#"{"acc":"TANDEM","user":"admin"}"#);
    let change = json!({"change": "update", "fields": {"title": "Checkout is down"}});
    let change = edit(1, &incident, &change);
    let stored = published(&client, &subject, headers.clone(), &change).await.unwrap();
    assert_eq!(stored["stream"], "TANDEM_IN");
    let said = tokio::time::timeout(SOON, answer.next()).await.unwrap().unwrap();
    let said: Value = serde_json::from_slice(&said.payload).unwrap();
    assert_eq!((&said["reply"], &said["revision"]), (&json!("accepted"), &json!(2)), "{said}");
    let again = published(&client, &subject, headers, &change).await.unwrap();
    assert_eq!(again["duplicate"], true, "the same id is the same message");

    let told = stack.im.run(&["explain", &incident, "title"]).await.unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("Checkout is down") && told.contains(guest.name), "{told}");
    assert!(!told.contains("Dana") && !told.contains("2100"), "{told}");

    // Who is later wins; whoever says that it is of tomorrow is no later than it came.
    stack.im.json(&["incident", "update", &incident, "--title", "Checkout is back"]).await.unwrap();
    let seen = stack.im.json(&["incident", "get", &incident]).await.unwrap();
    assert_eq!(seen["title"], "Checkout is back");
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_service_can_neither_say_nor_hear_what_is_not_its_own() {
    let stack = Stack::start().await;
    let incident = created(&stack).await;
    let [guest, neighbour] = GUESTS;
    let (client, other) = (visit(&stack, guest).await, visit(&stack, neighbour).await);
    let body = edit(1, &incident, &json!({"change": "update", "fields": {"title": "x"}}));

    // Nobody is there who would take it: not of another organisation, nor under another name, nor
    // what is no edit, nor what only we may do.
    for subject in [
        format!("tandem.in.platform.elsewhere.{incident}"),
        format!("tandem.in.outside.{}.demo.{incident}", neighbour.name),
        format!("tandem.in.outside.{}.demo.{incident}", guest.name),
        format!("tandem.in.pagerduty.{}.Q1", stack.integration),
        format!("incidents.v1.demo.{incident}.updated"),
        "$JS.API.STREAM.DELETE.TANDEM_IN".to_owned(),
        "$JS.API.CONSUMER.CREATE.INCIDENTS.guest.incidents.v1.>".to_owned(),
        format!("tandem.feed.CONSUMER.INFO.INCIDENTS.{}", neighbour.name),
    ] {
        let answer = published(&client, &subject, HeaderMap::new(), &body).await;
        let refused = answer.as_ref().is_none_or(|said| said["error"].is_object());
        assert!(refused, "{subject}: {answer:?}");
    }
    let operator = async_nats::connect(stack.nats.url()).await.unwrap();
    for (stream, readers) in [("TANDEM_IN", 1), ("INCIDENTS", GUESTS.len())] {
        let subject = format!("$JS.API.STREAM.INFO.{stream}");
        let held = published(&operator, &subject, HeaderMap::new(), &json!({})).await.unwrap();
        assert_eq!(held["state"]["consumer_count"], readers, "as it was: {held}");
    }

    let everything = [">", "incidents.v1.>", "tandem.>", "_INBOX.tandem-admin.>"];
    let mut overheard = Vec::new();
    for subject in everything {
        overheard.push(other.subscribe(subject).await.unwrap());
    }
    other.flush().await.unwrap();
    let mut feed = client.subscribe("incidents.v1.>").await.unwrap();
    client.flush().await.unwrap();
    stack.im.json(&["incident", "update", &incident, "--title", "Heard"]).await.unwrap();
    let event = tokio::time::timeout(SOON, feed.next()).await.unwrap().unwrap();
    assert!(event.subject.starts_with("incidents.v1.demo."), "{}", event.subject);
    // Whatever reached the neighbour would have come before this.
    other.publish("incidents.v1.own", "own".into()).await.unwrap();
    let first = tokio::time::timeout(SOON, overheard[1].next()).await.unwrap().unwrap();
    assert_eq!(first.subject.as_str(), "incidents.v1.own");
    let first = tokio::time::timeout(SOON, overheard[0].next()).await.unwrap().unwrap();
    assert_eq!(first.subject.as_str(), "incidents.v1.own");
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_service_says_and_is_no_edit_is_a_dead_letter() {
    let stack = Stack::start().await;
    let incident = created(&stack).await;
    let [guest, _] = GUESTS;
    let client = visit(&stack, guest).await;
    let subject = format!("tandem.in.platform.demo.{incident}");
    let change = json!({"change": "update", "fields": {"title": "x"}});
    let mut elsewhere = edit(1, &incident, &change);
    elsewhere["org"] = json!("elsewhere");
    let receipt = json!({
        "kind": "receipt", "id": "r", "integration": stack.integration, "outcome": "refused",
        "link": "lnk_00000000000000000000000000000001", "version": 3, "before": null, "reason": "no",
    });
    let bodies = [
        (elsewhere, "it is about something else than its subject"),
        (receipt, "other services publish edits and nothing else"),
        (json!({"kind": "edit"}), "not an event: missing field"),
    ];
    for (body, _) in &bodies {
        assert!(published(&client, &subject, HeaderMap::new(), body).await.is_some());
    }
    let letters = eventually("they are set aside", SOON, || async {
        let letters = stack.im.json(&["dlq", "list"]).await.map_err(|error| error.to_string())?;
        if letters.as_array().map(Vec::len) == Some(bodies.len()) {
            Ok(letters)
        } else {
            Err(letters.to_string())
        }
    })
    .await;
    for (_, cause) in &bodies {
        assert!(letters.to_string().contains(cause), "{cause}: {letters:#}");
    }
}
