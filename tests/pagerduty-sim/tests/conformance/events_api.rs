//! Events API v2: §5, and what it makes of agent, client and key: §6, §1.3.

use serde_json::{Value, json};

use crate::harness::{Pd, Receiver};

const KEY: &str = "e93facc04764012d7bfb002500d5d101";

fn event(action: &str, dedup: &str) -> Value {
    json!({
        "routing_key": KEY,
        "event_action": action,
        "dedup_key": dedup,
        "client": "Prometheus",
        "client_url": "https://prom.example.test/alerts/9",
        "payload": { "summary": "Disk full", "source": "db1", "severity": "critical" },
    })
}

async fn enqueue(pd: &Pd, event: Value) -> crate::harness::Reply {
    pd.send("POST", "/v2/enqueue", &[], event).await
}

/// §5: trigger, dedup, acknowledge, resolve; a key is open until resolved.
#[tokio::test]
async fn alerts_come_and_go_by_their_dedup_key() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    for action in ["trigger", "trigger", "acknowledge", "resolve", "resolve", "trigger"] {
        let reply = enqueue(&pd, event(action, "d1")).await;
        assert_eq!((reply.status, &reply.body["dedup_key"]), (202, &json!("d1")));
        assert_eq!(reply.body["status"], "success");
        pd.settled().await;
    }
    let expected =
        ["incident.triggered", "incident.acknowledged", "incident.resolved", "incident.triggered"];
    assert_eq!(receiver.types(), expected);
    assert_eq!(pd.sim.incidents().len(), 2);
}

/// §6 [C-NUD]: the agent is the integration, the client comes from the event, the key is null.
#[tokio::test]
async fn an_alert_names_its_integration_and_client() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    enqueue(&pd, event("trigger", "d1")).await;
    receiver.wait(1).await;
    let told = &receiver.events()[0];
    assert_eq!(told["agent"]["type"], "inbound_integration_reference");
    assert_eq!(told["agent"]["summary"], "Events API V2");
    let client = json!({ "name": "Prometheus", "url": "https://prom.example.test/alerts/9" });
    assert_eq!((&told["client"], &told["data"]["incident_key"]), (&client, &Value::Null));
}

/// §5: a malformed event is 400 in the Events API's own words.
#[tokio::test]
async fn a_malformed_event_is_refused() {
    let pd = Pd::start().await;
    let mut no_severity = event("trigger", "d");
    no_severity["payload"]["severity"] = json!("awful");
    let mut no_key = event("trigger", "d");
    no_key["routing_key"] = json!("nope");
    for wrong in [no_severity, no_key, event("explode", "d")] {
        let reply = enqueue(&pd, wrong).await;
        assert_eq!(
            (reply.status, &reply.body["message"]),
            (400, &json!("Event object is invalid"))
        );
    }
    assert!(pd.sim.incidents().is_empty());
}

/// §3.6: `incident_key` also finds alert keys. §5: that is how a dedup key is linked.
#[tokio::test]
async fn a_dedup_key_finds_its_incident() {
    let pd = Pd::start().await;
    enqueue(&pd, event("trigger", "d1")).await;
    let found = pd.get("/incidents?incident_key=d1").await;
    assert_eq!(found.body["incidents"].as_array().expect("a list").len(), 1);
}

/// §5: change events are taken and make no incident.
#[tokio::test]
async fn a_change_event_makes_no_incident() {
    let pd = Pd::start().await;
    let body = json!({ "routing_key": KEY, "payload": { "summary": "Deployed" } });
    assert_eq!(pd.send("POST", "/v2/change/enqueue", &[], body).await.status, 202);
    assert!(pd.sim.incidents().is_empty());
}
