//! Bodies as PagerDuty sends them, by hand: the examples that the decoder is tested with, and what
//! each of them shows on the platform.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tandem_tests::{Stack, Webhook};

use super::{
    row::Shows::{self, Field, Line, Note},
    scene::Scene,
};

/// One delivery a line.
const EXAMPLES: &str =
    include_str!("../../../services/shared/connectors/tests/fixtures/deliveries.jsonl");

/// The examples, in the order in which they were sent.
pub(super) fn examples() -> impl Iterator<Item = Value> {
    EXAMPLES.lines().map(|line| serde_json::from_str(line).expect("a body is JSON"))
}

/// A delivery of a body, to the byte.
pub(super) fn delivery(body: &str) -> Webhook {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let delivery = format!("by-hand-{}", SENT.fetch_add(1, Ordering::Relaxed));
    Webhook { delivery: Some(delivery), body: body.as_bytes().to_vec() }
}

/// The record a body is about; empty where it is about none.
pub(super) fn record(body: &Value) -> &str {
    let data = &body["event"]["data"];
    let own = (data["type"] == "incident").then(|| &data["id"]);
    let id = own.unwrap_or_else(|| match &data["incident_role_assignments"][0] {
        Value::Null => &data["incident"]["id"],
        role => &role["incident"]["id"],
    });
    id.as_str().unwrap_or_default()
}

/// The first example of a type, as an event of another type that nobody has sent yet, about another
/// record and with other members of `data`.
pub(super) fn like(
    example: &str,
    event_type: &str,
    record: Option<&str>,
    with: &[(&str, &str)],
) -> Value {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let mut body = examples()
        .find(|body| body["event"]["event_type"] == example)
        .unwrap_or_else(|| panic!("there is no example of {example}"));
    let event = &mut body["event"];
    event["event_type"] = json!(event_type);
    event["id"] = json!(format!("01HVBYHAND{:016}", SENT.fetch_add(1, Ordering::Relaxed)));
    if let Some(record) = record {
        let own = event["data"]["type"] == "incident";
        let place = if own { "/data/id" } else { "/data/incident/id" };
        *event.pointer_mut(place).expect("it is about a record") = json!(record);
    }
    for (place, value) in with {
        let member = event["data"].pointer_mut(place).expect("the example has the member");
        *member = serde_json::from_str(value).expect("a member is JSON");
    }
    body
}

/// What each example does, line by line.
const SHOWN: &[(&str, &[Shows])] = &[
    (
        "incident.triggered",
        &[
            Field("title", "Refunds are stuck for French cards"),
            Field("status", "open"),
            Field("severity", "SEV-2"),
            Field("incident_type", "payments"),
            Field("assigned_to", "Amina Diallo"),
            Field("escalation_policy", "Payments first line"),
        ],
    ),
    ("incident.acknowledged", &[Field("status", "mitigated")]),
    ("incident.annotated", &[Note("About 300 refunds wait since 09:05 UTC")]),
    ("incident.priority_updated", &[Line("priority set to P2")]),
    ("incident.unacknowledged", &[Field("status", "open")]),
    (
        "incident.escalated",
        &[Line("escalated to Jonas Keller"), Field("assigned_to", "Jonas Keller")],
    ),
    ("incident.reassigned", &[Field("assigned_to", "Mei Tanaka")]),
    (
        "incident.delegated",
        &[Field("escalation_policy", "Core platform rota"), Field("assigned_to", "Jonas Keller")],
    ),
    ("incident.service_updated", &[Line("moved to service Settlement ledger")]),
    ("incident.incident_type.changed", &[Line("incident type changed to major_incident")]),
    (
        "incident.responder.added",
        &[Line("Amina Diallo was asked to respond: Please join, the queue is yours")],
    ),
    ("incident.responder.replied", &[Line("Amina Diallo replied to the request: joined")]),
    (
        "incident.conference_bridge.updated",
        &[Line("conference bridge: https://meet.example.test/tandem-7f3a91, +1 212-555-0161,,77#")],
    ),
    (
        "incident.status_update_published",
        &[Line("status update: The old routing table is being restored")],
    ),
    (
        "incident.custom_field_values.updated",
        &[Line("custom fields: tandem_link is now https://tandem.example.test/i/7f3a91")],
    ),
    ("incident.workflow.started", &[Line("workflow Call the big room started")]),
    ("incident.workflow.completed", &[Line("workflow Call the big room completed")]),
    ("incident.role.assigned", &[Line("roles: Incident lead is Mei Tanaka")]),
    ("incident.task.created", &[Line("task created: Write to the merchants")]),
    ("incident.action_invocation.created", &[Line("action Drain the refund worker: created")]),
    ("incident.resolved", &[Field("status", "resolved")]),
    ("incident.annotated", &[Note("Resolution Note: routing table restored")]),
    ("incident.reopened", &[Field("status", "open")]),
    (
        "incident.resolved",
        &[
            Field("title", "Too many 5xx at the gateway"),
            Field("status", "resolved"),
            Line("merged into Refunds are stuck for French cards"),
        ],
    ),
    (
        "incident.triggered",
        &[
            Field("title", "db-7 runs out of disk"),
            Field("status", "open"),
            Field("incident_type", "payments"),
        ],
    ),
    ("service.updated", &[]),
    ("pagey.ping", &[]),
    ("incident.task.updated", &[Line("task updated: Write to the merchants (in_progress)")]),
    ("incident.task.completed", &[Line("task completed: Write to the merchants")]),
    ("incident.action_invocation.updated", &[Line("action Drain the refund worker: running")]),
    ("incident.action_invocation.terminated", &[Line("action Drain the refund worker: aborted")]),
    ("service.created", &[]),
    ("service.deleted", &[]),
    ("service.custom_field_values.updated", &[]),
    // It tells what was so long before, so nothing of its state is taken.
    ("incident.snoozed", &[Line("unknown event type incident.snoozed")]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_a_body_is_taken_and_shows_its_effect() {
    let stack = Stack::start().await;
    let words = ["integration", "service-mapping", "add", "sim-pd", "--pd-service", "PCHK0UT"];
    stack.im.json(&[&words[..], &["--incident-type", "payments"]].concat()).await.unwrap();
    let bodies: Vec<_> = examples().collect();
    let types: Vec<_> = bodies.iter().map(|body| &body["event"]["event_type"]).collect();
    assert_eq!(types, SHOWN.iter().map(|(event_type, _)| *event_type).collect::<Vec<_>>());
    let first = record(&bodies[0]).to_owned();
    let mut story = Scene::about(&stack, &first);
    for ((line, body), (_, shows)) in EXAMPLES.lines().zip(&bodies).zip(SHOWN) {
        let record = record(body);
        if record == first {
            story.post(line, shows).await;
        } else {
            Scene::about(&stack, record).post(line, shows).await;
        }
        // Laid out otherwise it is still the same event, and the timeline tells of it once.
        let again = delivery(&serde_json::to_string_pretty(body).unwrap());
        assert_eq!(stack.post(&again).await.unwrap(), 202);
    }
    story.end().await;
    let incident = stack.incident_of(&first, "it stays", |_| true).await;
    assert_eq!((&incident["severity"], &incident["status"]), (&json!("SEV-2"), &json!("open")));
    assert_eq!(incident["assigned_to"], "Jonas Keller", "resolving unassigned nobody");
    assert_eq!(stack.incidents().await.len(), 3, "nothing else begins an incident");
}
