//! Open questions whose answer is a knob, §10: each default, and each alternative.

use serde_json::{Value, json};
use tandem_pagerduty_sim::{ACCOUNT_TOKEN, Options};

use crate::harness::{
    DANA, PRIYA, Pd, Receiver, assign, assignees, id, new_incident, quick, until,
};

async fn behaving(knobs: Value) -> (Pd, Receiver) {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    pd.knobs(json!({ "behaviour": knobs })).await;
    (pd, receiver)
}

/// §3.1 (GH superplane#1674): `From` not enforced; §6: then nobody is the agent.
#[tokio::test]
async fn from_may_not_be_enforced() {
    let (pd, receiver) = behaving(json!({ "from_required": false })).await;
    let auth = format!("Token token={ACCOUNT_TOKEN}");
    let headers = [("authorization", auth.as_str())];
    let reply = pd.send("POST", "/incidents", &headers, new_incident("t", json!({}))).await;
    assert_eq!(reply.status, 201);
    receiver.wait(1).await;
    assert!(receiver.events()[0]["agent"].is_null());
}

/// §1.7 (INFER): acknowledging assigns to whoever does it, or not.
#[tokio::test]
async fn acknowledging_may_not_assign() {
    for (assigns, expected) in [(true, DANA), (false, PRIYA)] {
        let (pd, _) = behaving(json!({ "acknowledge_assigns": assigns })).await;
        let incident = pd.create("t").await;
        let act = json!({ "action": "acknowledge", "incident": id(&incident), "user": DANA });
        let seen = pd.sim.act(act).expect("done");
        assert_eq!(assignees(&seen), [expected]);
    }
}

/// §3.4 (UNVERIFIED): handing an acknowledged incident over.
#[tokio::test]
async fn handing_over_may_unacknowledge() {
    for (knob, expected) in [(false, "acknowledged"), (true, "triggered")] {
        let (pd, receiver) = behaving(json!({ "reassign_unacknowledges": knob })).await;
        let incident = pd.create("t").await;
        pd.status(id(&incident), "acknowledged").await.incident();
        let reply = pd.update(id(&incident), json!({ "assignments": assign(&[DANA]) })).await;
        assert_eq!(reply.incident()["status"], expected);
        pd.settled().await;
        let types = ["incident.reassigned", "incident.unacknowledged"];
        assert_eq!(receiver.types()[2..], types[..=usize::from(knob)]);
    }
}

/// §3.4 (UNVERIFIED): a null priority may be ignored.
#[tokio::test]
async fn a_null_priority_may_be_ignored() {
    let (pd, _) = behaving(json!({ "priority_null_clears": false })).await;
    let incident = pd.create("t").await;
    pd.update(id(&incident), json!({ "priority": "P1" })).await.incident();
    let reply = pd.update(id(&incident), json!({ "priority": null })).await;
    assert_eq!(reply.incident()["priority"]["name"], "P1");
}

/// §3.4 (UNVERIFIED): a service with a fixed urgency rule may refuse a change.
#[tokio::test]
async fn a_fixed_urgency_may_be_refused() {
    for (refused, status) in [(false, 200), (true, 400)] {
        let (pd, _) = behaving(json!({ "fixed_urgency_refused": refused })).await;
        let service = json!({ "service": { "id": "PS34RCH", "type": "service_reference" } });
        let incident = pd.create_with("t", service).await;
        let reply = pd.update(id(&incident), json!({ "urgency": "high" })).await;
        assert_eq!(reply.status, status);
    }
}

/// §3.4, §10 (UNVERIFIED): lengths of title and body, in characters.
#[tokio::test]
async fn titles_and_bodies_have_lengths() {
    let (pd, _) = behaving(json!({ "max_body": 10 })).await;
    pd.create(&"ż".repeat(1024)).await;
    let body = |text: &str| json!({ "body": { "type": "incident_body", "details": text } });
    pd.create_with("t", body("żółćżółćżó")).await;
    for wrong in
        [new_incident(&"ż".repeat(1025), json!({})), new_incident("t", body("żółćżółćżół"))]
    {
        let reply = pd.call("POST", "/incidents", wrong).await;
        assert_eq!((reply.status, reply.code()), (400, 2001));
    }
}

/// §1.7: events of one action are apart, or share one instant.
#[tokio::test]
async fn events_of_one_action_may_share_their_instant() {
    for equal in [false, true] {
        let (pd, receiver) = behaving(json!({ "equal_occurred_at": equal })).await;
        let incident = pd.create("t").await;
        let members = json!({ "priority": "P1", "status": "resolved" });
        pd.update(id(&incident), members).await.incident();
        receiver.wait(3).await;
        let events = receiver.events();
        assert_eq!(events[1]["occurred_at"] == events[2]["occurred_at"], equal);
    }
}

/// §2.3 (UNVERIFIED): a redirect may be tried again.
#[tokio::test]
async fn a_redirect_may_be_tried_again() {
    let (pd, receiver) = behaving(json!({ "redirect": "retry" })).await;
    receiver.answer(&[302]);
    pd.create("t").await;
    receiver.wait(2).await;
    assert_eq!(pd.sim.deliveries(0)[0].outcome, "retry");
}

/// §3.6 (GH mcp-server#47): the time of day in since and until may be ignored.
#[tokio::test]
async fn the_time_of_day_may_be_ignored() {
    for by_day in [false, true] {
        let (pd, _) = behaving(json!({ "day_granularity": by_day })).await;
        let incident = pd.create("t").await;
        let day = &incident["created_at"].as_str().expect("text")[..10];
        // Nothing happens after the last instant of a day, unless only the day counts.
        let path = format!("since={day}T23:59:59.999Z");
        let log = pd.get(&format!("/log_entries?{path}")).await;
        assert_eq!(log.body["log_entries"] != json!([]), by_day);
    }
}

/// §6 (UNVERIFIED): time-outs are done by nobody, or by the service.
#[tokio::test]
async fn automation_may_be_the_service() {
    let pd = Pd::with(Options { time_factor: 10_000.0, ..quick() }).await;
    pd.knobs(json!({ "behaviour": { "automation_is_service": true } })).await;
    let service = json!({ "auto_resolve_timeout_s": 3600 });
    pd.send("PUT", "/_sim/services/P123ABC", &[], service).await;
    pd.create("t").await;
    until("resolved", || pd.sim.incidents()[0]["status"] == "resolved").await;
    let by = pd.sim.incidents()[0]["last_status_change_by"].clone();
    assert_eq!((&by["id"], &by["type"]), (&json!("P123ABC"), &json!("service_reference")));
}

/// §2.4: the agent of a ping was null in 2022.
#[tokio::test]
async fn a_ping_may_have_no_agent() {
    let (pd, receiver) = behaving(json!({ "ping_agent_null": true })).await;
    let list = pd.get("/webhook_subscriptions").await;
    let path =
        format!("/webhook_subscriptions/{}/ping", id(&list.body["webhook_subscriptions"][0]));
    pd.call("POST", &path, Value::Null).await;
    receiver.wait(1).await;
    assert!(receiver.events()[0]["agent"].is_null());
}

/// §5: about 120 events a minute per integration key.
#[tokio::test]
async fn events_are_limited_per_key() {
    let pd = Pd::start().await;
    pd.knobs(json!({ "limits": { "events_per_minute": 1 } })).await;
    let event = json!({
        "routing_key": "e93facc04764012d7bfb002500d5d101",
        "event_action": "trigger",
        "payload": { "summary": "s", "source": "s", "severity": "info" },
    });
    let enqueue = async || pd.send("POST", "/v2/enqueue", &[], event.clone()).await.status;
    assert_eq!((enqueue().await, enqueue().await), (202, 429));
}

/// §10 (UNVERIFIED): the HTTP status of 1001 and 1002.
#[tokio::test]
async fn a_repetition_may_be_refused_with_another_status() {
    let (pd, _) = behaving(json!({ "repeated_status": 409 })).await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "resolved").await.incident();
    let again = pd.status(id(&incident), "resolved").await;
    assert_eq!((again.status, again.code()), (409, 1001));
}

/// §2.5, §10 (UNVERIFIED): the body of a refusal about subscriptions.
#[tokio::test]
async fn refusals_about_subscriptions_may_have_a_shape_of_their_own() {
    let (pd, _) = behaving(json!({ "subscription_errors_odd": true })).await;
    let missing = pd.get("/webhook_subscriptions/PNONE").await;
    let odd = json!({ "errors": { "code": 2100, "detail": "Not Found" } });
    assert_eq!((missing.status, missing.body), (404, odd));
    assert_eq!(pd.get("/incidents/QNONE").await.code(), 5001, "only those");
}

/// §6, §3.5 (UNVERIFIED): a scoped app may act as a bot.
#[tokio::test]
async fn the_agent_may_be_a_bot() {
    let (pd, receiver) = behaving(json!({ "agent_is_bot": true })).await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}/notes", id(&incident));
    let noted = pd.call("POST", &path, json!({ "note": { "content": "n" } })).await;
    assert_eq!(noted.body["note"]["user"]["type"], "bot_user_reference");
    for hook in receiver.wait(2).await {
        assert_eq!(hook.event()["agent"]["type"], "bot_user_reference");
    }
    let by_hand = json!({ "action": "acknowledge", "incident": id(&incident) });
    pd.sim.act(by_hand).expect("a person acknowledges");
    let hooks = receiver.wait(3).await;
    assert_eq!(hooks[2].event()["agent"]["type"], "user_reference");
}
