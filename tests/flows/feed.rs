//! The public feed and edits by NATS are as `proto/asyncapi.yaml` says, and the example that reads the feed works.

mod follows;

use std::{collections::BTreeSet, time::Duration};

use async_nats::{HeaderMap, Subscriber};
use futures_util::StreamExt;
use jsonschema::Validator;
use serde_json::{Value, json};
use tandem_domain::{event::Event, feed::Happening};
use tandem_tests::{GUESTS, Stack};

use crate::outsiders::{SOON, published, visit};

const DOCUMENT: &str = include_str!("../../proto/asyncapi.yaml");

fn document() -> Value {
    serde_saphyr::from_str(DOCUMENT).unwrap()
}

/// What tells whether something is as one of the document's schemas says.
fn schema(document: &Value, name: &str) -> Validator {
    let root = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "allOf": [{"$ref": format!("#/components/schemas/{name}")}],
        "components": document["components"],
    });
    jsonschema::options().should_validate_formats(true).build(&root).unwrap()
}

fn assert_fits(schema: &Validator, value: &Value) {
    let wrong: Vec<_> =
        schema.iter_errors(value).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{value:#}");
}

/// The words that the code would have taken in place of a wrong one, by its own account.
fn words(refused: &str) -> BTreeSet<String> {
    let (_, expected) = refused.split_once("expected").unwrap_or_else(|| panic!("{refused}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// The examples of edits.
fn examples(document: &Value) -> Vec<Value> {
    let examples = document["components"]["messages"]["edit"]["examples"].as_array().unwrap();
    examples.iter().map(|example| example["payload"].clone()).collect()
}

fn refusal_of(event: &Value) -> String {
    Event::from_json(event.to_string().as_bytes()).unwrap_err().to_string()
}

#[test]
fn the_document_names_every_event_every_change_and_every_refusal_there_is() {
    let document = document();
    let parameters = &document["channels"]["events"]["parameters"];
    let events = words(&serde_json::from_str::<Happening>("\"?\"").unwrap_err().to_string());
    assert_eq!(strings(&parameters["event"]["enum"]), events);
    let messages = document["channels"]["events"]["messages"].as_object().unwrap();
    assert_eq!(messages.keys().cloned().collect::<BTreeSet<_>>(), events);

    let mut other = examples(&document).remove(0);
    other["change"] = json!("?");
    let changes = words(&refusal_of(&other));
    let schema = &document["components"]["schemas"]["edit"]["oneOf"];
    let documented = schema.as_array().unwrap().iter();
    let documented = documented.map(|it| it["properties"]["change"]["const"].as_str().unwrap());
    assert_eq!(documented.map(str::to_owned).collect::<BTreeSet<_>>(), changes);
    let shown = examples(&document);
    let shown = shown.iter().map(|it| it["change"].as_str().unwrap().to_owned());
    assert_eq!(shown.collect::<BTreeSet<_>>(), changes, "there is an example of each");

    let refusals = serde_json::from_str::<tandem_domain::event::Refusal>("\"?\"").unwrap_err();
    let answer = &document["components"]["schemas"]["answer"]["oneOf"][1]["properties"];
    assert_eq!(strings(&answer["refusal"]["enum"]), words(&refusals.to_string()));
}

#[test]
fn every_example_of_an_edit_is_one() {
    let document = document();
    let edit = schema(&document, "edit");
    for example in examples(&document) {
        assert_fits(&edit, &example);
        let read = Event::from_json(example.to_string().as_bytes()).unwrap();
        // Nothing in it was passed over, and nothing is written that the document does not know.
        let written = serde_json::to_value(read).unwrap();
        assert_fits(&edit, &written);
        for (name, value) in example.as_object().unwrap() {
            assert_eq!(&written[name], value, "{name}");
        }
    }
}

/// The next event, which must be as the document says.
async fn next(feed: &mut Subscriber, document: &Value) -> (String, Value) {
    let message = tokio::time::timeout(SOON, feed.next()).await.expect("in time").unwrap();
    let event: Value = serde_json::from_slice(&message.payload).unwrap();
    let happening = message.subject.rsplit('.').next().unwrap().to_owned();
    assert_fits(&schema(document, &happening), &event);
    let headers = message.headers.expect("it has headers");
    assert!(headers.get("Nats-Msg-Id").is_some(), "{headers:?}");
    let subject = event["subject"].as_str().unwrap();
    assert_eq!(message.subject.as_str(), format!("incidents.v1.demo.{subject}.{happening}"));
    (happening, event)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_as_documented_and_in_sequence() {
    let stack = Stack::start().await;
    let document = document();
    let client = visit(&stack, GUESTS[0]).await;
    let mut feed = client.subscribe("incidents.v1.>").await.unwrap();
    client.flush().await.unwrap();
    let escalations = ["integration", "configure", "sim-pd", "--sync-escalations", "true"];
    stack.im.json(&escalations).await.unwrap();
    let words = ["incident", "create", "--title", "Checkout is slow", "--severity", "SEV-2"];
    let words = [&words[..], &["--type", "infrastructure", "--label", "region=eu"]].concat();
    let made = stack.im.json(&words).await.unwrap();
    let id = made["id"].as_str().unwrap();
    let mut seen = BTreeSet::new();
    while !seen.contains("linked") {
        seen.insert(next(&mut feed, &document).await.0);
    }
    stack.im.json(&["incident", "update", id, "--title", "Checkout is down"]).await.unwrap();
    stack.im.json(&["note", "add", id, "The queue is full."]).await.unwrap();
    stack.im.json(&["incident", "escalate", id, "--level", "2"]).await.unwrap();
    let all = strings(&document["channels"]["events"]["parameters"]["event"]["enum"]);
    let mut last = 0;
    while seen != all {
        let (happening, event) = next(&mut feed, &document).await;
        let sequence: u64 = event["sequence"].as_str().unwrap().parse().unwrap();
        assert!(last == 0 || sequence == last + 1, "{last}, then {event}");
        last = sequence;
        seen.insert(happening);
    }
    stack.at_rest().await;
}

/// Edits that the document forbids, by what is wrong with them.
fn bad_edits(incident: &str) -> Vec<(&'static str, Value)> {
    let update = |fields: Value| json!({"change": "update", "fields": fields});
    let page = json!({"change": "page", "message": " ", "users": ["Dana Whitlock"]});
    let link = "lnk_019ad1f000007000800000000000000e";
    let bad = [
        ("a severity that is none", update(json!({"severity": "SEV-9"}))),
        ("a status that is none", update(json!({"status": "asleep"}))),
        ("no title", update(json!({"title": null}))),
        ("a blank title", update(json!({"title": "  "}))),
        ("a title that is too long", update(json!({"title": "x".repeat(1025)}))),
        ("a field that is none", update(json!({"colour": "red"}))),
        ("a number", update(json!({"title": 7}))),
        ("nothing to change", json!({"change": "update"})),
        ("no such change", json!({"change": "vanish"})),
        ("no such level", json!({"change": "escalate", "level": 0})),
        ("nothing to say", page),
        ("no record", json!({"change": "link", "integration": "int_1", "record": ""})),
        ("a link of another kind", json!({"change": "unlink", "link": incident})),
        ("a number for a switch", json!({"change": "resync", "link": link, "read": 1})),
        ("no choice", json!({"change": "resolve", "conflict": "cfl_1", "choice": "both"})),
    ];
    let envelope = |(place, (what, change)): (usize, (&'static str, Value))| {
        let mut edit = json!({
            "kind": "edit", "id": format!("edt_{:032x}", place + 1), "org": "demo",
            "incident": incident, "at": "2026-12-01T09:14:05Z",
        });
        edit.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        (what, edit)
    };
    bad.into_iter().enumerate().map(envelope).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_document_forbids_is_refused_and_what_it_allows_is_answered_as_it_says() {
    let stack = Stack::start().await;
    let document = document();
    let (edit, answer) = (schema(&document, "edit"), schema(&document, "answer"));
    let words = ["incident", "create", "--title", "Checkout is slow", "--severity", "SEV-2"];
    let made = stack.im.json(&words).await.unwrap();
    let incident = made["id"].as_str().unwrap();
    let [guest, _] = GUESTS;
    let client = visit(&stack, guest).await;
    let mut answers = client.subscribe(format!("tandem.answer.{}.*", guest.name)).await.unwrap();
    let publish = async |name: &str, body: &Value| {
        let mut headers = HeaderMap::new();
        let to = format!("tandem.answer.{}.{name}", guest.name);
        headers.insert("Tandem-Reply-To", to.as_str());
        let subject = format!("tandem.in.platform.demo.{incident}");
        published(&client, &subject, headers, body).await.expect("it is stored");
    };
    let mut letters = 0;
    for (what, bad) in bad_edits(incident) {
        assert!(!edit.is_valid(&bad), "{what}: {bad}");
        let read = Event::from_json(bad.to_string().as_bytes()).is_ok();
        publish("bad", &bad).await;
        if !read {
            letters += 1;
            continue;
        }
        let said = tokio::time::timeout(SOON, answers.next()).await.expect(what).unwrap();
        let said: Value = serde_json::from_slice(&said.payload).unwrap();
        assert_fits(&answer, &said);
        assert_eq!(said["refusal"], "unfit", "{what}: {said}");
    }
    tandem_tests::eventually("they are set aside", SOON, || async {
        let words = ["dlq", "list", "--limit", "100"];
        let found = stack.im.json(&words).await.map_err(|error| error.to_string())?;
        let count = found.as_array().map_or(0, Vec::len);
        if count == letters { Ok(()) } else { Err(format!("{count} of {letters}: {found}")) }
    })
    .await;

    let mut good = examples(&document).remove(1);
    good["incident"] = json!(incident);
    assert_fits(&edit, &good);
    let mut stale = good.clone();
    stale["id"] = json!("edt_019ad1f0000070008000000000000099");
    for (body, reply) in [(good, "accepted"), (stale, "refused")] {
        publish("good", &body).await;
        let said = tokio::time::timeout(SOON, answers.next()).await.unwrap().unwrap();
        let said: Value = serde_json::from_slice(&said.payload).unwrap();
        assert_fits(&answer, &said);
        assert_eq!(said["reply"], reply, "{said}");
    }
    let quiet = tokio::time::timeout(Duration::from_millis(1), answers.next()).await;
    assert!(quiet.is_err(), "each is answered once: {quiet:?}");
}
