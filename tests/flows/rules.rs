//! The rules over the real services: who wins, what is written, and that nothing goes back and forth.

mod copies;
mod joined;
mod retitled;
mod soak;
mod strategies;

use serde_json::{Value, json};
use tandem_tests::Stack;

/// An alarm of PagerDuty and its incident: their ids.
async fn alarm(stack: &Stack, title: &str) -> (String, String) {
    let made = stack.act(json!({"action": "trigger", "title": title}));
    let record = made["id"].as_str().unwrap().to_owned();
    let incident = stack.incident_of(&record, "it arrives", |_| true).await;
    (record, incident["id"].as_str().unwrap().to_owned())
}

/// The last call made so far.
fn so_far(stack: &Stack) -> u64 {
    stack.pagerduty.calls(0).last().map_or(0, |call| call.seq)
}

/// How many writes PagerDuty took since a call.
fn writes(stack: &Stack, since: u64) -> usize {
    let calls = stack.pagerduty.calls(since);
    calls.iter().filter(|call| call.method == "PUT" && call.status == 200).count()
}

/// The rules by which a field of an incident was settled, in order.
async fn rules(stack: &Stack, incident: &str, field: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select rule from decisions where 'inc_' || replace(incident::text, '-', '') = $1
         and field = $2 order by position",
    )
    .bind(incident)
    .bind(field)
    .fetch_all(&stack.database)
    .await
    .expect("the decisions")
}

/// Does something on the platform as the platform itself would: as a message of its own.
async fn publish(stack: &Stack, incident: &str, edit: u64, change: &Value) {
    let client = async_nats::connect(stack.nats.url()).await.expect("nats is there");
    let jetstream = async_nats::jetstream::new(client);
    publish_on(&jetstream, incident, edit, change).await;
}

#[expect(clippy::disallowed_methods, reason = "whoever edits reads the clock")]
pub(crate) async fn publish_on(
    jetstream: &async_nats::jetstream::Context,
    incident: &str,
    edit: u64,
    change: &Value,
) {
    let now = jiff::Timestamp::now();
    let mut event = json!({
        "kind": "edit", "id": format!("edt_{edit:032x}"), "org": "demo", "incident": incident,
        "at": now, "author": {"side": "platform", "name": "Ana"},
    });
    for (name, value) in change.as_object().expect("an object") {
        event[name] = value.clone();
    }
    let subject = format!("tandem.in.platform.demo.{incident}");
    let stored = jetstream.publish(subject, event.to_string().into()).await;
    stored.expect("it is published").await.expect("it is stored");
}
