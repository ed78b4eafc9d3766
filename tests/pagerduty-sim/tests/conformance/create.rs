//! Creating incidents: §3.3.

use serde_json::{Value, json};

use crate::harness::{BOT, DANA, PRIYA, Pd, Receiver, TOMAS, assign, assignees, id, new_incident};

/// §3.3: 201 and the whole incident in its REST form.
#[tokio::test]
async fn creating_answers_201_with_the_whole_incident() {
    let pd = Pd::start().await;
    let members = json!({
        "priority": { "id": "PPRI002", "type": "priority_reference" },
        "urgency": "high",
        "incident_key": "inc-7f3a91",
        "body": { "type": "incident_body", "details": "Opened from Incidents" },
        "escalation_policy": { "id": "PEPCHK1", "type": "escalation_policy_reference" },
    });
    let incident = pd.create_with("Card payments failing in eu-west", members).await;
    let number = incident["incident_number"].as_u64().expect("a number");
    assert_eq!(incident["summary"], format!("[#{number}] Card payments failing in eu-west"));
    assert_eq!(incident["status"], "triggered");
    assert_eq!(incident["incident_key"], "inc-7f3a91");
    assert_eq!(incident["assigned_via"], "escalation_policy");
    assert_eq!(assignees(&incident), [PRIYA]);
    assert_eq!(incident["priority"]["name"], "P2");
    assert_eq!(incident["priority"]["type"], "priority");
    assert_eq!(incident["last_status_change_by"]["id"], BOT);
    assert_eq!(incident["incident_type"]["name"], "incident_default");
    assert_eq!(incident["service"]["html_url"], format!("{WEB}/service-directory/P123ABC"));
    assert_eq!(incident["first_trigger_log_entry"]["type"], "trigger_log_entry_reference");
    assert!(incident.get("body").is_none() && incident.get("assignees").is_none());
}

const WEB: &str = "https://northwind-ops.pagerduty.com";

/// §3.3: every member that the documented answer has.
#[tokio::test]
async fn an_incident_has_every_documented_member() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    for member in [
        "id",
        "type",
        "summary",
        "self",
        "html_url",
        "incident_number",
        "title",
        "description",
        "created_at",
        "updated_at",
        "status",
        "incident_key",
        "service",
        "assignments",
        "assigned_via",
        "last_status_change_at",
        "last_status_change_by",
        "resolved_at",
        "first_trigger_log_entry",
        "alert_counts",
        "is_mergeable",
        "incident_type",
        "escalation_policy",
        "teams",
        "pending_actions",
        "acknowledgements",
        "alert_grouping",
        "priority",
        "resolve_reason",
        "incidents_responders",
        "responder_requests",
        "urgency",
    ] {
        assert!(incident.get(member).is_some(), "{member} is missing");
    }
}

/// §8: ids are `Q` and 13 more; §1.3: 32 hexadecimal digits when the creator gave no key (OBS).
#[tokio::test]
async fn ids_and_generated_keys_look_as_observed() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    assert_eq!((id(&incident).len(), id(&incident).starts_with('Q')), (14, true));
    let key = incident["incident_key"].as_str().expect("a key");
    assert!(key.len() == 32 && key.bytes().all(|it| it.is_ascii_hexdigit()), "{key}");
}

/// §8: one monotonic number.
#[tokio::test]
async fn numbers_grow() {
    let pd = Pd::start().await;
    let first = pd.create("a").await["incident_number"].as_u64().expect("a number");
    let second = pd.create("b").await["incident_number"].as_u64().expect("a number");
    assert_eq!(second, first + 1);
}

/// §3.3: the observed text of a duplicate key.
#[tokio::test]
async fn a_second_open_incident_with_the_key_is_refused_with_2002() {
    let pd = Pd::start().await;
    pd.create_with("a", json!({ "incident_key": "k" })).await;
    let body = new_incident("b", json!({ "incident_key": "k" }));
    let reply = pd.call("POST", "/incidents", body).await;
    assert_eq!((reply.status, reply.code()), (400, 2002));
    assert_eq!(reply.body["error"]["message"], "Arguments Caused Error");
    let text = "Open incident with matching dedup key already exists on this service";
    assert_eq!(reply.body["error"]["errors"], json!([text]));
}

/// §3.3 (INFER): neither a resolved incident nor one of another service blocks a key.
#[tokio::test]
async fn a_key_blocks_only_while_open_and_only_on_its_service() {
    let pd = Pd::start().await;
    let first = pd.create_with("a", json!({ "incident_key": "k" })).await;
    let other = json!({
        "incident_key": "k", "service": { "id": "PL3DG3R", "type": "service_reference" },
    });
    pd.create_with("b", other).await;
    pd.status(id(&first), "resolved").await.incident();
    pd.create_with("c", json!({ "incident_key": "k" })).await;
    let found = pd.get("/incidents?incident_key=k&date_range=all").await;
    assert_eq!(found.body["incidents"].as_array().expect("a list").len(), 3);
}

/// §3.2: 2001 with the text of the documentation.
#[tokio::test]
async fn an_empty_title_is_refused_with_2001() {
    let pd = Pd::start().await;
    for title in ["", "   "] {
        let reply = pd.call("POST", "/incidents", new_incident(title, json!({}))).await;
        assert_eq!((reply.status, reply.code()), (400, 2001));
        assert_eq!(reply.errors(), r#"["Title cannot be empty."]"#);
    }
}

/// §3.3: assignee or policy, not both.
#[tokio::test]
async fn an_assignee_and_a_policy_exclude_each_other() {
    let pd = Pd::start().await;
    let both = json!({
        "assignments": assign(&[DANA]),
        "escalation_policy": { "id": "PEPPLT2", "type": "escalation_policy_reference" },
    });
    let reply = pd.call("POST", "/incidents", new_incident("t", both)).await;
    assert_eq!(reply.status, 400);
}

/// §3.3: an assignee, a policy, or else the service's policy.
#[tokio::test]
async fn an_incident_goes_to_whom_its_creator_says() {
    let pd = Pd::start().await;
    let direct = pd.create_with("a", json!({ "assignments": assign(&[DANA]) })).await;
    assert_eq!(assignees(&direct), [DANA]);
    assert_eq!(direct["assigned_via"], "direct_assignment");
    let policy = json!({ "id": "PEPPLT2", "type": "escalation_policy_reference" });
    let delegated = pd.create_with("b", json!({ "escalation_policy": policy })).await;
    assert_eq!(assignees(&delegated), [TOMAS]);
}

/// §1.7 [C-ALD]: `triggered` with assignees and status triggered, then `acknowledged`, same agent.
#[tokio::test]
async fn assigning_to_oneself_creates_acknowledged_in_two_events() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    let incident = pd.create_with("t", json!({ "assignments": assign(&[BOT]) })).await;
    assert_eq!(incident["status"], "acknowledged");
    let hooks = receiver.wait(2).await;
    assert_eq!(receiver.types(), ["incident.triggered", "incident.acknowledged"]);
    let (first, second) = (hooks[0].event(), hooks[1].event());
    assert_eq!(first["data"]["status"], "triggered");
    assert_eq!(first["data"]["assignees"][0]["id"], BOT);
    assert_eq!(second["data"]["status"], "acknowledged");
    assert_eq!(first["agent"], second["agent"]);
    assert!(first["occurred_at"].as_str() < second["occurred_at"].as_str());
}

/// §3.3 (INFER): a policy with nobody on call is 1015.
#[tokio::test]
async fn a_policy_with_nobody_on_call_is_refused_with_1015() {
    let pd = Pd::start().await;
    let policy = json!({ "id": "PEPN0NE", "type": "escalation_policy_reference" });
    let body = new_incident("t", json!({ "escalation_policy": policy }));
    let reply = pd.call("POST", "/incidents", body).await;
    assert_eq!((reply.status, reply.code()), (400, 1015));
}

/// §3.3: service disabled or in maintenance -> no incident.
#[tokio::test]
async fn a_service_out_of_order_takes_no_incident() {
    let pd = Pd::start().await;
    for state in ["maintenance", "disabled"] {
        pd.send("PUT", "/_sim/services/P123ABC", &[], json!({ "state": state })).await;
        let reply = pd.call("POST", "/incidents", new_incident("t", json!({}))).await;
        assert_eq!((reply.status, reply.code()), (400, 2001));
        assert_eq!(pd.get("/services/P123ABC").await.body["service"]["status"], state);
    }
    assert!(pd.sim.incidents().is_empty());
}

/// §3.3: an explicit urgency beats the service's rule.
#[tokio::test]
async fn an_explicit_urgency_beats_the_rule_of_the_service() {
    let pd = Pd::start().await;
    let service = json!({ "id": "PS34RCH", "type": "service_reference" });
    let ruled = pd.create_with("a", json!({ "service": service })).await;
    assert_eq!(ruled["urgency"], "low");
    let explicit = pd.create_with("b", json!({ "service": service, "urgency": "high" })).await;
    assert_eq!(explicit["urgency"], "high");
}

/// §1.7 (UNVERIFIED): a priority at creation emits nothing of its own unless the knob says so.
#[tokio::test]
async fn a_priority_at_creation_emits_an_event_only_by_knob() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    let members = || json!({ "priority": { "id": "PPRI001", "type": "priority_reference" } });
    pd.create_with("a", members()).await;
    pd.settled().await;
    assert_eq!(receiver.types(), ["incident.triggered"]);
    pd.knobs(json!({ "behaviour": { "create_emits_priority": true } })).await;
    pd.create_with("b", members()).await;
    pd.settled().await;
    assert_eq!(receiver.types()[1..], ["incident.triggered", "incident.priority_updated"]);
}

/// §3.3: the title is kept to the letter, whatever its characters.
#[tokio::test]
async fn a_title_of_any_characters_survives() {
    let pd = Pd::start().await;
    let title = "Zażółć \"gęślą\" — 修復済み ✅ <b>&amp; \u{0}\n\\";
    let incident = pd.create(title).await;
    let read = pd.get(&format!("/incidents/{}", id(&incident))).await;
    assert_eq!(read.incident()["title"], title);
    let stored: Vec<Value> = pd.sim.incidents();
    assert_eq!(stored[0]["title"], title);
}
