//! Strictness: what PagerDuty would silently ignore is a violation in the call log.

use serde_json::json;

use crate::harness::{Pd, id};

/// §3.1: unknown fields are ignored, so the answer stays PagerDuty's.
#[tokio::test]
async fn a_misspelt_field_is_answered_as_pagerduty_does_and_recorded() {
    let pd = Pd::start().await;
    let members = json!({ "urgancy": "low", "body": { "type": "incident_body", "detail": "x" } });
    let incident = pd.create_with("t", members).await;
    assert_eq!(incident["urgency"], "high");
    let found = pd.sim.violations();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|it| it.contains("unknown field: incident.urgancy")), "{found:?}");
    assert!(found.iter().any(|it| it.contains("incident.body.detail")), "{found:?}");
}

/// §3.4, §3.5: what cannot be written is a violation: the body, the key, the service of a bulk update.
#[tokio::test]
async fn writing_what_cannot_be_written_is_a_violation() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    pd.update(id(&incident), json!({ "incident_key": "k", "body": {} })).await;
    let service = json!({ "id": "PL3DG3R", "type": "service_reference" });
    let element = json!({ "id": id(&incident), "type": "incident_reference", "service": service });
    pd.call("PUT", "/incidents", json!({ "incidents": [element] })).await;
    let found = pd.sim.violations();
    for what in ["incident.incident_key", "incident.body", "incidents[0].service"] {
        assert!(found.iter().any(|it| it.ends_with(what)), "{what} in {found:?}");
    }
    assert_eq!(pd.sim.incidents()[0]["service"]["id"], "P123ABC");
}

#[tokio::test]
async fn wrong_types_words_parameters_and_paths_are_violations() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    pd.update(id(&incident), json!({ "escalation_level": "2" })).await;
    pd.get("/incidents?incident_keys=k").await;
    pd.get("/incident").await;
    let found = pd.sim.violations();
    for what in ["incident.escalation_level", "incident_keys", "no such call: GET /incident"] {
        assert!(found.iter().any(|it| it.contains(what)), "{what} in {found:?}");
    }
}

/// §3.3, §3.5: members marked as required in the documentation.
#[tokio::test]
async fn a_missing_required_member_is_a_violation() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}", id(&incident));
    pd.call("PUT", &path, json!({ "incident": { "title": "u" } })).await.incident();
    let service = json!({ "service": { "id": "PL3DG3R", "type": "Service" } });
    pd.update(id(&incident), service).await.incident();
    let found = pd.sim.violations();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("missing field: incident.type"), "{found:?}");
    assert!(found[1].contains("wrong value: incident.service.type"), "{found:?}");
}

#[tokio::test]
async fn documented_calls_violate_nothing() {
    let pd = Pd::start().await;
    let members = json!({
        "priority": { "id": "PPRI002", "type": "priority_reference" },
        "urgency": "high",
        "incident_key": "inc-7f3a91",
        "body": { "type": "incident_body", "details": "Opened from Incidents INC-7f3a91" },
        "escalation_policy": { "id": "PEPCHK1", "type": "escalation_policy_reference" },
    });
    let incident = pd.create_with("t", members).await;
    let edit = json!({
        "title": "u", "urgency": "low", "priority": null, "status": "acknowledged",
        "incident_type": { "name": "major_incident" },
        "conference_bridge": { "conference_url": "https://meet.example.test", "conference_number": "1" },
    });
    pd.update(id(&incident), edit).await.incident();
    pd.get("/incidents?statuses[]=triggered&include[]=users&sort_by=created_at:desc&limit=5").await;
    assert_eq!(pd.sim.violations(), Vec::<String>::new());
}

/// Every call is recorded with what a test needs to find it.
#[tokio::test]
async fn a_call_is_recorded_with_its_trace_and_without_its_key() {
    let pd = Pd::start().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let auth = format!("Token token={}", tandem_pagerduty_sim::ACCOUNT_TOKEN);
    let headers =
        [("authorization", auth.as_str()), ("from", "x@example.com"), ("traceparent", trace)];
    pd.send("POST", "/incidents?x=1", &headers, json!({ "incident": {} })).await;
    let call = pd.sim.calls(0).pop().expect("a call");
    assert_eq!((call.seq, call.method.as_str(), call.path.as_str()), (1, "POST", "/incidents"));
    assert_eq!((call.query.as_str(), call.status), ("x=1", 400));
    assert_eq!(call.from.as_deref(), Some("x@example.com"));
    assert_eq!(call.traceparent.as_deref(), Some(trace));
    assert_eq!((call.token.as_deref(), &call.body), (Some("account"), &json!({ "incident": {} })));
    assert_eq!(call.answer["error"]["code"], 1008);
    let shown = serde_json::to_string(&call).expect("JSON");
    assert!(!shown.contains(tandem_pagerduty_sim::ACCOUNT_TOKEN));
}

/// §3.6: what can be included is listed per call; anything else is ignored.
#[tokio::test]
async fn what_cannot_be_included_is_a_violation() {
    let pd = Pd::start().await;
    assert_eq!(pd.get("/incidents?include[]=bodies").await.status, 200);
    assert_eq!(pd.get("/priorities?include[]=teams").await.status, 200);
    let found = pd.sim.violations();
    assert!(found[0].ends_with("nothing to include: bodies"), "{found:?}");
    assert!(found[1].ends_with("unknown query parameter: include[]"), "{found:?}");
}
