//! Bodies of webhooks: §1.1 to §1.6, to the byte where captures allow.

use serde_json::{Value, json};

use crate::harness::{BOT, DANA, PRIYA, Pd, Receiver, TOMAS, id};

async fn with_receiver() -> (Pd, Receiver) {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    (pd, receiver)
}

/// Replaces what differs from run to run.
fn settled(text: &str, event: &Value) -> String {
    let data = &event["data"];
    let mut out = text.to_owned();
    for (value, name) in [
        (&event["id"], "EVENT"),
        (&event["occurred_at"], "AT"),
        (&data["id"], "ID"),
        (&data["created_at"], "CREATED"),
    ] {
        out = out.replace(value.as_str().expect("text"), name);
    }
    out
}

/// §1.5, §1.6 line 1: every member, in the order of captures, compact.
#[tokio::test]
async fn a_triggered_event_is_laid_out_as_in_captures() {
    let (pd, receiver) = with_receiver().await;
    pd.create_with("Card payments failing", json!({ "incident_key": "inc-7f3a91" })).await;
    let hook = receiver.wait(1).await.remove(0);
    let text = std::str::from_utf8(&hook.bytes).expect("UTF-8");
    let expected = concat!(
        r#"{"event":{"id":"EVENT","event_type":"incident.triggered","resource_type":"incident","#,
        r#""occurred_at":"AT","agent":{"html_url":"https://northwind-ops.pagerduty.com/users/PB0T5YN","#,
        r#""id":"PB0T5YN","self":"https://api.pagerduty.com/users/PB0T5YN","summary":"Incidents Sync","#,
        r#""type":"user_reference"},"client":null,"data":{"id":"ID","type":"incident","#,
        r#""self":"https://api.pagerduty.com/incidents/ID","#,
        r#""html_url":"https://northwind-ops.pagerduty.com/incidents/ID","number":1,"#,
        r#""status":"triggered","incident_key":"inc-7f3a91","created_at":"CREATED","#,
        r#""title":"Card payments failing","#,
        r#""service":{"html_url":"https://northwind-ops.pagerduty.com/services/P123ABC","#,
        r#""id":"P123ABC","self":"https://api.pagerduty.com/services/P123ABC","#,
        r#""summary":"Checkout API","type":"service_reference"},"#,
        r#""assignees":[{"html_url":"https://northwind-ops.pagerduty.com/users/PRY4M2A","#,
        r#""id":"PRY4M2A","self":"https://api.pagerduty.com/users/PRY4M2A","#,
        r#""summary":"Priya Raman","type":"user_reference"}],"#,
        r#""escalation_policy":{"html_url":"https://northwind-ops.pagerduty.com/escalation_policies/PEPCHK1","#,
        r#""id":"PEPCHK1","self":"https://api.pagerduty.com/escalation_policies/PEPCHK1","#,
        r#""summary":"Checkout primary","type":"escalation_policy_reference"},"#,
        r#""teams":[{"html_url":"https://northwind-ops.pagerduty.com/teams/PTEAM77","#,
        r#""id":"PTEAM77","self":"https://api.pagerduty.com/teams/PTEAM77","#,
        r#""summary":"Payments","type":"team_reference"}],"priority":null,"urgency":"high","#,
        r#""conference_bridge":null,"resolve_reason":null,"#,
        r#""incident_type":{"name":"incident_default"}}}}"#,
    );
    assert_eq!(settled(text, &hook.event()), expected);
    assert_eq!(hook.event()["id"].as_str().expect("an id").len(), 26);
}

/// §1.1: milliseconds and `Z`; §1.3: fields carry seconds.
#[tokio::test]
async fn instants_are_written_as_documented() {
    let (pd, receiver) = with_receiver().await;
    pd.create("t").await;
    receiver.wait(1).await;
    let event = &receiver.events()[0];
    let occurred_at = event["occurred_at"].as_str().expect("text");
    assert_eq!((occurred_at.len(), occurred_at.ends_with('Z')), (24, true));
    assert_eq!(event["data"]["created_at"].as_str().expect("text").len(), 20);
}

/// §1.3: `priority`, `reopened_at` and `resolve_reason` where they apply; the priority's page is shared.
#[tokio::test]
async fn a_priority_links_to_the_page_of_all_priorities() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    pd.update(id(&incident), json!({ "priority": "P2" })).await.incident();
    receiver.wait(2).await;
    let priority = &receiver.events()[1]["data"]["priority"];
    assert_eq!(
        priority["html_url"],
        "https://northwind-ops.pagerduty.com/account/incident_priorities"
    );
    assert_eq!(
        (&priority["summary"], &priority["type"]),
        (&json!("P2"), &json!("priority_reference"))
    );
}

/// An action, its parameters, the event it emits, the type of the event's data.
type Told = (&'static str, Value, &'static str, &'static str);

/// The life of an incident, one event at a time.
fn life() -> Vec<Told> {
    let none = || json!({});
    let of = "incident";
    vec![
        ("acknowledge", none(), "incident.acknowledged", of),
        ("unacknowledge", none(), "incident.unacknowledged", of),
        ("escalate", json!({ "level": 3 }), "incident.escalated", of),
        ("reassign", json!({ "assignees": [DANA] }), "incident.reassigned", of),
        ("delegate", json!({ "escalation_policy": "PEPPLT2" }), "incident.delegated", of),
        ("set_priority", json!({ "priority": "P1" }), "incident.priority_updated", of),
        ("set_service", json!({ "service": "PL3DG3R" }), "incident.service_updated", of),
        ("set_type", json!({ "incident_type": "m" }), "incident.incident_type.changed", of),
        ("resolve", none(), "incident.resolved", of),
        ("reopen", none(), "incident.reopened", of),
    ]
}

/// What people add to an incident.
fn additions() -> Vec<Told> {
    let bridge = json!({ "conference_bridge": { "conference_url": "https://meet.example.test" } });
    let fields = json!({ "fields": { "PFLDENV": "production" } });
    let ask = json!({ "assignees": [TOMAS], "message": "m" });
    let message = json!({ "message": "m" });
    let responder = "incident_responder";
    vec![
        ("annotate", json!({ "content": "n" }), "incident.annotated", "incident_note"),
        ("publish", message, "incident.status_update_published", "incident_status_update"),
        ("set_bridge", bridge, "incident.conference_bridge.updated", "incident_conference_bridge"),
        ("set_fields", fields, "incident.custom_field_values.updated", "incident_field_values"),
        ("request_responder", ask, "incident.responder.added", responder),
        ("decline", json!({ "user": TOMAS }), "incident.responder.replied", responder),
    ]
}

/// What other parts of PagerDuty tell.
fn staged() -> Vec<Told> {
    let workflow = "incident_workflow_instance";
    let invocation = "incident_action_invocation";
    let told = [
        ("role.assigned", "incident.role.assigned", "incident_role_assignment"),
        ("task.created", "incident.task.created", "incident_task"),
        ("task.updated", "incident.task.updated", "incident_task"),
        ("task.completed", "incident.task.completed", "incident_task"),
        ("action_invocation.created", "incident.action_invocation.created", invocation),
        ("action_invocation.updated", "incident.action_invocation.updated", invocation),
        ("action_invocation.terminated", "incident.action_invocation.terminated", invocation),
        ("workflow.started", "incident.workflow.started", workflow),
        ("workflow.completed", "incident.workflow.completed", workflow),
    ];
    told.into_iter().map(|(action, event, data)| (action, json!({}), event, data)).collect()
}

/// §1.2 and §1.6: every incident event can be had, with its `data.type`; §1.4: where the id is.
#[tokio::test]
async fn every_event_type_has_its_shape() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let id = id(&incident).to_owned();
    let mut seen = vec!["incident.triggered"];
    for (action, more, event_type, data_type) in
        life().into_iter().chain(additions()).chain(staged())
    {
        pd.settled().await;
        receiver.clear();
        let mut act = json!({ "action": action, "incident": id });
        act.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        pd.sim.act(act).expect(action);
        let event = receiver.wait(1).await[0].event();
        assert_eq!(event["event_type"], event_type);
        assert_eq!(
            (&event["data"]["type"], &event["resource_type"]),
            (&json!(data_type), &json!("incident"))
        );
        let data = &event["data"];
        let found = match data_type {
            "incident" => &data["id"],
            "incident_role_assignment" => &data["incident_role_assignments"][0]["incident"]["id"],
            _ => &data["incident"]["id"],
        };
        assert_eq!(found, &id, "{event_type}");
        seen.push(event_type);
    }
    assert_eq!(seen.len(), 26, "all incident events of §1.2");
}

/// §1.2: the four events about services.
#[tokio::test]
async fn services_have_events_too() {
    let (pd, receiver) = with_receiver().await;
    for (event, kind) in [
        ("service.created", "service"),
        ("service.updated", "service"),
        ("service.deleted", "service"),
        ("service.custom_field_values.updated", "service_field_values"),
    ] {
        pd.settled().await;
        receiver.clear();
        pd.send("PUT", "/_sim/services/P123ABC", &[], json!({ "event": event })).await;
        let told = receiver.wait(1).await[0].event();
        assert_eq!((&told["event_type"], &told["data"]["type"]), (&json!(event), &json!(kind)));
        assert_eq!((&told["resource_type"], &told["agent"]), (&json!("service"), &Value::Null));
    }
}

/// §6: a person's agent is that person; nobody's is null.
#[tokio::test]
async fn the_agent_is_who_acted() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    let act = |more: Value| {
        let mut act = json!({ "incident": id(&incident) });
        act.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        pd.sim.act(act).expect("done");
    };
    act(json!({ "action": "acknowledge", "user": "dana.whitlock@example.com" }));
    act(json!({ "action": "unacknowledge", "automatic": true }));
    act(json!({ "action": "resolve" }));
    receiver.wait(4).await;
    let agents: Vec<_> = receiver.events().iter().map(|it| it["agent"]["id"].clone()).collect();
    assert_eq!(agents, [json!(BOT), json!(DANA), Value::Null, json!(PRIYA)]);
}

/// §1.3, §8: the variants of bodies that receivers must bear.
#[tokio::test]
async fn bodies_vary_by_knob() {
    let (pd, receiver) = with_receiver().await;
    pd.knobs(json!({ "webhooks": {
        "agent_null": true, "minimal_refs": true, "reopened_at": "null", "incident_type_absent": true,
    } }))
    .await;
    pd.create("t").await;
    receiver.wait(1).await;
    let event = &receiver.events()[0];
    assert!(event["agent"].is_null());
    assert_eq!(event["data"]["service"], json!({ "id": "P123ABC", "type": "service_reference" }));
    assert!(event["data"].get("reopened_at").is_some_and(Value::is_null));
    assert!(event["data"].get("incident_type").is_none());
}

/// §7.14: an event of a type nobody knows may come at any time.
#[tokio::test]
async fn an_unknown_event_type_precedes_each_change_by_knob() {
    let (pd, receiver) = with_receiver().await;
    pd.knobs(json!({ "webhooks": { "unknown_event": true } })).await;
    pd.create("t").await;
    receiver.wait(2).await;
    assert_eq!(receiver.types(), ["incident.telepathy.sensed", "incident.triggered"]);
}

/// §1.3, §8: `reopened_at` is absent until an incident was reopened, or always by knob.
#[tokio::test]
async fn reopened_at_appears_with_the_first_reopening() {
    let (pd, receiver) = with_receiver().await;
    let incident = pd.create("t").await;
    for status in ["resolved", "triggered"] {
        pd.status(id(&incident), status).await.incident();
    }
    pd.knobs(json!({ "webhooks": { "reopened_at": "absent" } })).await;
    pd.status(id(&incident), "resolved").await.incident();
    receiver.wait(4).await;
    let has: Vec<_> =
        receiver.events().iter().map(|it| it["data"].get("reopened_at").is_some()).collect();
    assert_eq!(has, [false, false, true, false]);
}
