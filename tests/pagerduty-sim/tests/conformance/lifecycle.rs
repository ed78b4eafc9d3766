//! Updating incidents: the table of states and what each change does, §3.4 and §3.5.

use serde_json::json;

use crate::harness::{
    BOT, DANA, LEDGER, PRIYA, PRIYA_EMAIL, Pd, Receiver, TOMAS, assign, assignees, id,
};

async fn with_receiver() -> (Pd, Receiver) {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    (pd, receiver)
}

/// §3.4 table, triggered -> acknowledged; §7.9: it goes to the acting user.
#[tokio::test]
async fn acknowledging_assigns_to_the_acting_user() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let reply = pd.status(id(&incident), "acknowledged").await;
    assert_eq!(reply.incident()["status"], "acknowledged");
    assert_eq!(assignees(reply.incident()), [BOT]);
    assert_eq!(reply.incident()["acknowledgements"][0]["acknowledger"]["id"], BOT);
    receiver.wait(2).await;
    let event = &receiver.events()[1];
    assert_eq!(event["event_type"], "incident.acknowledged");
    assert_eq!(event["data"]["assignees"][0]["id"], BOT);
}

/// §3.4 table: acknowledged twice is 1002, resolved twice is 1001 (HTTP 400 assumed).
#[tokio::test]
async fn doing_it_twice_is_refused_with_1002_and_1001() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    for (status, code) in [("acknowledged", 1002), ("resolved", 1001)] {
        assert_eq!(pd.status(id(&incident), status).await.status, 200);
        let again = pd.status(id(&incident), status).await;
        assert_eq!((again.status, again.code()), (400, code));
    }
}

/// §3.4 table (UNVERIFIED): another user's acknowledge may be added, by knob.
#[tokio::test]
async fn a_second_acknowledge_is_added_by_knob() {
    let pd = Pd::start().await;
    pd.knobs(json!({ "behaviour": { "second_acknowledge_adds": true } })).await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}", id(&incident));
    let body = json!({ "incident": { "type": "incident", "status": "acknowledged" } });
    pd.call_as(PRIYA_EMAIL, "PUT", &path, body.clone()).await.incident();
    let second = pd.call("PUT", &path, body.clone()).await;
    let list = second.incident()["acknowledgements"].as_array().expect("a list").len();
    assert_eq!(list, 2);
    assert_eq!(pd.call("PUT", &path, body).await.code(), 1002);
}

/// §3.4 (INFER): acknowledged -> triggered un-acknowledges.
#[tokio::test]
async fn setting_triggered_unacknowledges() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "acknowledged").await.incident();
    let reply = pd.status(id(&incident), "triggered").await;
    assert_eq!(reply.incident()["status"], "triggered");
    assert_eq!(reply.incident()["acknowledgements"], json!([]));
    receiver.wait(3).await;
    assert_eq!(receiver.types()[2], "incident.unacknowledged");
}

/// §3.4 (UNVERIFIED): triggered -> triggered does nothing, or is refused by knob.
#[tokio::test]
async fn triggered_to_triggered_does_nothing_unless_told() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    assert_eq!(pd.status(id(&incident), "triggered").await.status, 200);
    pd.settled().await;
    assert_eq!(receiver.types(), ["incident.triggered"]);
    pd.knobs(json!({ "behaviour": { "retrigger_refused": true } })).await;
    assert_eq!(pd.status(id(&incident), "triggered").await.code(), 1003);
}

/// §3.3 field notes, §7.8: resolving empties assignments and acknowledgements.
#[tokio::test]
async fn resolving_empties_assignments() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "acknowledged").await.incident();
    let reply = pd.status(id(&incident), "resolved").await;
    assert_eq!(reply.incident()["assignments"], json!([]));
    assert_eq!(reply.incident()["acknowledgements"], json!([]));
    assert!(reply.incident()["resolved_at"].is_string());
    receiver.wait(3).await;
    assert_eq!(receiver.events()[2]["data"]["assignees"], json!([]));
}

/// §3.4 table, resolved -> triggered: reopens with the current policy's people.
#[tokio::test]
async fn setting_a_resolved_incident_triggered_reopens_it() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "resolved").await.incident();
    let reply = pd.status(id(&incident), "triggered").await;
    assert_eq!(reply.incident()["status"], "triggered");
    assert_eq!(assignees(reply.incident()), [PRIYA]);
    assert!(reply.incident()["resolved_at"].is_null());
    receiver.wait(3).await;
    let event = &receiver.events()[2];
    assert_eq!(event["event_type"], "incident.reopened");
    assert!(event["data"]["reopened_at"].is_string());
}

/// §3.4 table: reopening takes assignees from the request.
#[tokio::test]
async fn reopening_takes_the_assignees_of_the_request() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "resolved").await.incident();
    let members = json!({ "status": "triggered", "assignments": assign(&[DANA]) });
    let reply = pd.update(id(&incident), members).await;
    assert_eq!(assignees(reply.incident()), [DANA]);
    pd.settled().await;
    assert_eq!(receiver.types()[2..], ["incident.reopened"]);
}

/// §3.4 table, resolved -> acknowledged: reopens, assigned to the acting user; events by knob.
#[tokio::test]
async fn acknowledging_a_resolved_incident_reopens_it() {
    for (knob, events) in [
        ("both", &["incident.reopened", "incident.acknowledged"][..]),
        ("reopened", &["incident.reopened"][..]),
        ("acknowledged", &["incident.acknowledged"][..]),
    ] {
        let (pd, receiver) = with_receiver().await;
        pd.knobs(json!({ "behaviour": { "reopen_acknowledged": knob } })).await;
        let incident = pd.create("t").await;
        pd.status(id(&incident), "resolved").await.incident();
        let reply = pd.status(id(&incident), "acknowledged").await;
        assert_eq!(reply.incident()["status"], "acknowledged");
        assert_eq!(assignees(reply.incident()), [BOT]);
        pd.settled().await;
        assert_eq!(receiver.types()[2..], *events);
    }
}

/// §3.4: users -> reassigned, policy -> delegated, level -> escalated.
#[tokio::test]
async fn each_way_of_handing_over_has_its_event() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let id = id(&incident);
    let moved = pd.update(id, json!({ "assignments": assign(&[DANA, TOMAS]) })).await;
    assert_eq!(assignees(moved.incident()), [DANA, TOMAS]);
    let policy = json!({ "id": "PEPPLT2", "type": "escalation_policy_reference" });
    let delegated = pd.update(id, json!({ "escalation_policy": policy })).await;
    assert_eq!(assignees(delegated.incident()), [TOMAS]);
    let escalated = pd.update(id, json!({ "escalation_level": 2 })).await;
    assert_eq!(assignees(escalated.incident()), [DANA, "PN00RH4"]);
    pd.settled().await;
    let events = ["incident.reassigned", "incident.delegated", "incident.escalated"];
    assert_eq!(receiver.types()[1..], events);
}

/// §3.4 (INFER): assignees and policy together are 400.
#[tokio::test]
async fn assignees_and_policy_together_are_refused_and_change_nothing() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let policy = json!({ "id": "PEPPLT2", "type": "escalation_policy_reference" });
    let both = json!({ "title": "u", "assignments": assign(&[DANA]), "escalation_policy": policy });
    assert_eq!(pd.update(id(&incident), both).await.status, 400);
    assert_eq!(pd.sim.incidents()[0]["title"], "t");
}

/// §3.4 [KB-reassign-incidents]: low urgency cannot be escalated, 1006; reassigning works.
#[tokio::test]
async fn a_low_urgency_incident_cannot_be_escalated() {
    let pd = Pd::start().await;
    let incident = pd.create_with("t", json!({ "urgency": "low" })).await;
    let reply = pd.update(id(&incident), json!({ "escalation_level": 2 })).await;
    assert_eq!((reply.status, reply.code()), (400, 1006));
    let moved = pd.update(id(&incident), json!({ "assignments": assign(&[DANA]) })).await;
    assert_eq!(moved.status, 200);
}

/// §3.4 [KB-edit-incidents]: raising urgency un-acknowledges; §1.2: there is no event for urgency.
#[tokio::test]
async fn raising_urgency_unacknowledges() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create_with("t", json!({ "urgency": "low" })).await;
    pd.status(id(&incident), "acknowledged").await.incident();
    let reply = pd.update(id(&incident), json!({ "urgency": "high" })).await;
    assert_eq!(reply.incident()["status"], "triggered");
    pd.settled().await;
    assert_eq!(receiver.types()[2..], ["incident.unacknowledged"]);
}

/// §1.2: there is no event for title and urgency; the next event shows them.
#[tokio::test]
async fn title_and_urgency_change_silently() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    pd.update(id(&incident), json!({ "title": "u", "urgency": "low" })).await.incident();
    pd.settled().await;
    assert_eq!(receiver.types(), ["incident.triggered"]);
    pd.status(id(&incident), "resolved").await.incident();
    receiver.wait(2).await;
    let data = &receiver.events()[1]["data"];
    assert_eq!((&data["title"], &data["urgency"]), (&json!("u"), &json!("low")));
}

/// §3.4: an empty title is 2001 on update too.
#[tokio::test]
async fn an_empty_title_is_refused_on_update() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let reply = pd.update(id(&incident), json!({ "title": "" })).await;
    assert_eq!((reply.status, reply.code()), (400, 2001));
}

/// §3.4: priority as an object or a name; null clears it (UNVERIFIED, by knob).
#[tokio::test]
async fn a_priority_is_set_by_object_or_name_and_cleared_by_null() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let id = id(&incident);
    let object = json!({ "priority": { "id": "PPRI003", "type": "priority_reference" } });
    assert_eq!(pd.update(id, object).await.incident()["priority"]["name"], "P3");
    let named = pd.update(id, json!({ "priority": "P1" })).await;
    assert_eq!(named.incident()["priority"]["id"], "PPRI001");
    assert!(pd.update(id, json!({ "priority": null })).await.incident()["priority"].is_null());
    pd.settled().await;
    assert_eq!(receiver.types()[1..], ["incident.priority_updated"; 3]);
    let unknown = json!({ "priority": { "id": "PNOPE", "type": "priority_reference" } });
    assert_eq!(pd.update(id, unknown).await.code(), 1020);
}

/// §3.4: the service can be moved by a single update; the policy stays.
#[tokio::test]
async fn an_incident_moves_to_another_service() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let service = json!({ "service": { "id": LEDGER, "type": "service_reference" } });
    let reply = pd.update(id(&incident), service).await;
    assert_eq!(reply.incident()["service"]["id"], LEDGER);
    assert_eq!(reply.incident()["escalation_policy"]["id"], "PEPCHK1");
    receiver.wait(2).await;
    assert_eq!(receiver.types()[1], "incident.service_updated");
}

/// §3.4: no body and no `incident_key` can be written after creation.
#[tokio::test]
async fn the_body_cannot_be_edited() {
    let pd = Pd::start().await;
    let body = json!({ "body": { "type": "incident_body", "details": "first" } });
    let incident = pd.create_with("t", body).await;
    let edit = json!({ "body": { "type": "incident_body", "details": "second" } });
    assert_eq!(pd.update(id(&incident), edit).await.status, 200);
    let read = pd.get(&format!("/incidents/{}?include[]=body", id(&incident))).await;
    assert_eq!(read.incident()["body"]["details"], "first");
}

/// §3.5 PUT /incidents: 200 with the whole incidents, in order.
#[tokio::test]
async fn a_bulk_update_changes_all() {
    let pd = Pd::start().await;
    let (a, b) = (pd.create("a").await, pd.create("b").await);
    let element = |it| json!({ "id": id(it), "type": "incident_reference", "status": "resolved" });
    let body = json!({ "incidents": [element(&a), element(&b)] });
    let reply = pd.call("PUT", "/incidents", body).await;
    assert_eq!(reply.status, 200);
    let list = reply.body["incidents"].as_array().expect("a list");
    assert!(list.iter().all(|it| it["status"] == "resolved") && list.len() == 2);
}

/// §3.5 (INFER): all or nothing; by knob the ones before the failing one stay.
#[tokio::test]
async fn a_bulk_update_is_all_or_nothing_unless_told() {
    for (partial, expected) in [(false, "triggered"), (true, "resolved")] {
        let pd = Pd::start().await;
        pd.knobs(json!({ "behaviour": { "bulk_partial": partial } })).await;
        let (a, b) = (pd.create("a").await, pd.create("b").await);
        pd.status(id(&b), "resolved").await.incident();
        let element =
            |it| json!({ "id": id(it), "type": "incident_reference", "status": "resolved" });
        let body = json!({ "incidents": [element(&a), element(&b)] });
        assert_eq!(pd.call("PUT", "/incidents", body).await.code(), 1001);
        assert_eq!(pd.sim.incidents()[0]["status"], expected);
    }
}

/// §3.5: over 250 is 413.
#[tokio::test]
async fn a_bulk_update_of_over_250_is_refused_with_413() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let element = json!({ "id": id(&incident), "type": "incident", "urgency": "low" });
    let body = json!({ "incidents": vec![element; 251] });
    assert_eq!(pd.call("PUT", "/incidents", body).await.status, 413);
}

/// §3.2: an incident that does not exist is 404 with 5001.
#[tokio::test]
async fn an_unknown_incident_is_404() {
    let pd = Pd::start().await;
    let reply = pd.status("QNOSUCHTHING00", "resolved").await;
    assert_eq!((reply.status, reply.code()), (404, 5001));
}

/// §3.4 (UNVERIFIED): assignees given with an acknowledge stay, or give way to the acting user.
#[tokio::test]
async fn assignees_given_with_an_acknowledge_stay_unless_told() {
    for (win, expected) in [(true, DANA), (false, BOT)] {
        let (pd, receiver) = with_receiver().await;
        pd.knobs(json!({ "behaviour": { "given_assignees_win": win } })).await;
        let incident = pd.create("t").await;
        let members = json!({ "status": "acknowledged", "assignments": assign(&[DANA]) });
        let reply = pd.update(id(&incident), members).await;
        assert_eq!(assignees(reply.incident()), [expected]);
        assert_eq!(reply.incident()["acknowledgements"][0]["acknowledger"]["id"], BOT);
        pd.settled().await;
        assert_eq!(receiver.types()[1..], ["incident.reassigned", "incident.acknowledged"]);
    }
}

/// §8 (UNVERIFIED): the order of the events of one update of several fields.
#[tokio::test]
async fn the_status_comes_last_unless_told() {
    let orders = [
        (false, ["incident.priority_updated", "incident.reassigned", "incident.acknowledged"]),
        (true, ["incident.acknowledged", "incident.priority_updated", "incident.reassigned"]),
    ];
    for (first, order) in orders {
        let (pd, receiver) = with_receiver().await;
        pd.knobs(json!({ "behaviour": { "status_first": first } })).await;
        let incident = pd.create("t").await;
        let members = json!({
            "status": "acknowledged", "assignments": assign(&[DANA]), "priority": "P1", "title": "u",
        });
        pd.update(id(&incident), members).await.incident();
        pd.settled().await;
        assert_eq!(receiver.types()[1..], order);
    }
}
