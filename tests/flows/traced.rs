//! One trace from a cause to its effects: the trace ids of every message and call are compared.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{Stream, StreamExt};
use serde_json::json;
use tandem_tests::{Stack, Webhook, eventually};

/// A trace that somebody outside has begun.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Whether a subject is of a kind.
type Is<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// Whether a subject begins so and has that last token.
fn is_from_to(subject: &str, head: &str, last: &str) -> bool {
    subject.starts_with(head) && subject.rsplit('.').next() == Some(last)
}

/// Everything that is published from now on: what the services tell each other, and the public feed.
async fn listen(stack: &Stack) -> impl Stream<Item = async_nats::Message> + Send + Unpin {
    let client = async_nats::connect(stack.nats.url()).await.unwrap();
    let inside = client.subscribe("tandem.>").await.unwrap();
    let public = client.subscribe("incidents.v1.>").await.unwrap();
    client.flush().await.unwrap();
    futures_util::stream::select(inside, public)
}

/// The trace id of a trace context.
fn trace_of(traceparent: &str) -> String {
    let parts: Vec<_> = traceparent.split('-').collect();
    assert_eq!(parts.len(), 4, "{traceparent}");
    assert_eq!((parts[0], parts[1].len(), parts[2].len()), ("00", 32, 16), "{traceparent}");
    assert_ne!(parts[1], "0".repeat(32), "{traceparent}");
    parts[1].to_owned()
}

/// Waits for the first message of each kind and gives their trace ids.
async fn traces_of(
    messages: &mut (impl Stream<Item = async_nats::Message> + Send + Unpin),
    kinds: &[(&'static str, Is<'_>)],
) -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    let all = async {
        while found.len() < kinds.len() {
            let message = messages.next().await.expect("the connection lasts");
            let subject = message.subject.as_str();
            let Some((kind, _)) = kinds.iter().find(|(_, is_it)| is_it(subject)) else { continue };
            let header = message.headers.as_ref().and_then(|headers| headers.get("traceparent"));
            let header = header.map(|value| value.as_str().to_owned()).unwrap_or_default();
            found.entry(*kind).or_insert_with(|| trace_of(&header));
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(15), all).await;
    let names: Vec<_> = kinds.iter().map(|(name, _)| name).collect();
    assert!(in_time.is_ok(), "of {names:?} only {found:?}");
    found
}

/// Waits for a call and gives its trace id.
async fn trace_of_call(stack: &Stack, method: &str, path: &str) -> String {
    let what = format!("{method} {path} carries a trace");
    let traceparent = eventually(&what, Duration::from_secs(15), || async {
        let calls = stack.pagerduty.calls(0);
        let call = calls.iter().find(|call| call.method == method && call.path == path);
        call.and_then(|call| call.traceparent.clone()).ok_or(calls)
    })
    .await;
    trace_of(&traceparent)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_spans_from_a_webhook_to_the_call_and_the_public_event_it_causes() {
    let stack = Stack::start().await;
    // The record is unknown until the webhook below, which tells too little of it: so it is read.
    stack.pagerduty.turn(|knobs| knobs.webhooks.drop = true);
    let made = stack.act(json!({"action": "trigger", "title": "traced"}));
    let record = made["id"].as_str().unwrap();
    let note = json!({
        "id": "PNOTE01", "type": "incident_note", "content": "heard first", "trimmed": false,
        "incident": {"id": record, "type": "incident_reference", "summary": "traced",
            "self": made["self"], "html_url": made["html_url"]},
    });
    let webhook = Webhook::event("ETRACED", "incident.annotated", &note);
    let mut messages = listen(&stack).await;
    let within = format!("00-{TRACE}-00f067aa0ba902b7-01");
    assert_eq!(stack.post_within(&within, &webhook).await.unwrap(), 202);

    let observed = format!("tandem.in.pagerduty.{}.", stack.integration);
    let kinds: &[(&str, Is<'_>)] = &[
        ("message to the reconciler", &|subject| subject.starts_with(&observed)),
        ("message to the egress", &|subject| is_from_to(subject, "tandem.out.", "state")),
        ("public event", &|subject| is_from_to(subject, "incidents.v1.demo.", "created")),
    ];
    let mut traces = traces_of(&mut messages, kinds).await;
    let call = trace_of_call(&stack, "GET", &format!("/incidents/{record}")).await;
    traces.insert("call", call);
    for (stop, trace) in &traces {
        assert_eq!(trace, TRACE, "{stop}: {traces:?}");
    }
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_spans_from_an_edit_to_the_call_and_the_public_event_it_causes() {
    let stack = Stack::start().await;
    let made = stack.act(json!({"action": "trigger", "title": "traced"}));
    let record = made["id"].as_str().unwrap();
    let incident = stack.incident_of(record, "it arrives", |_| true).await;
    stack.at_rest().await;
    let id = incident["id"].as_str().unwrap();
    let mut messages = listen(&stack).await;
    stack.im.json(&["incident", "update", id, "--title", "traced on"]).await.unwrap();

    let kinds: &[(&str, Is<'_>)] = &[
        ("edit", &|subject| subject.starts_with("tandem.in.platform.")),
        ("message to the egress", &|subject| is_from_to(subject, "tandem.out.", "state")),
        ("public event", &|subject| is_from_to(subject, "incidents.v1.demo.", "updated")),
    ];
    let mut traces = traces_of(&mut messages, kinds).await;
    let call = trace_of_call(&stack, "PUT", &format!("/incidents/{record}")).await;
    traces.insert("call", call);
    let edit = traces["edit"].clone();
    for (stop, trace) in &traces {
        assert_eq!(*trace, edit, "{stop}: {traces:?}");
    }
    stack.at_rest().await;
}
