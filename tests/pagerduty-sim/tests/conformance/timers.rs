//! What happens by itself: snoozes end, acknowledgements time out, incidents resolve; §1.2, §6.

use serde_json::json;
use tandem_pagerduty_sim::Options;

use crate::harness::{Pd, Receiver, id, quick};

async fn fast() -> (Pd, Receiver) {
    let pd = Pd::with(Options { time_factor: 10_000.0, ..quick() }).await;
    // A receiver has too little time at this speed; what happened is read by REST.
    (pd, Receiver::start().await)
}

async fn becomes(pd: &Pd, status: &str) {
    crate::harness::until(status, || pd.sim.incidents()[0]["status"] == status).await;
}

/// §1.2 (INFER): the end of a snooze un-acknowledges.
#[tokio::test]
async fn the_end_of_a_snooze_unacknowledges() {
    let (pd, _) = fast().await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "acknowledged").await.incident();
    let path = format!("/incidents/{}/snooze", id(&incident));
    assert_eq!(pd.call("POST", &path, json!({ "duration": 3600 })).await.status, 201);
    becomes(&pd, "triggered").await;
}

/// §3.4: reassigning ends a snooze, so nothing happens at its end.
#[tokio::test]
async fn reassigning_ends_a_snooze() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "acknowledged").await.incident();
    let path = format!("/incidents/{}/snooze", id(&incident));
    pd.call("POST", &path, json!({ "duration": 3600 })).await.incident();
    let members = json!({ "assignments": crate::harness::assign(&["PD4N4QK"]) });
    let reply = pd.update(id(&incident), members).await;
    assert_eq!(reply.incident()["pending_actions"], json!([]));
}

/// §1.2, §6: an acknowledgement times out by nobody (agent null), then the incident resolves itself.
#[tokio::test]
async fn acknowledgements_time_out_and_incidents_resolve_by_themselves() {
    let (pd, receiver) = fast().await;
    pd.subscribe(&receiver).await;
    let service = json!({ "acknowledgement_timeout_s": 1800, "auto_resolve_timeout_s": 0 });
    pd.send("PUT", "/_sim/services/P123ABC", &[], service).await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "acknowledged").await.incident();
    becomes(&pd, "triggered").await;
    let log = pd.get(&format!("/incidents/{}/log_entries", id(&incident))).await;
    let entry = &log.body["log_entries"][0];
    assert_eq!(entry["type"], "unacknowledge_log_entry");
    assert_eq!((&entry["channel"]["type"], entry["agent"].is_null()), (&json!("timeout"), true));
}

/// §3.6: auto-resolve after the service's time-out.
#[tokio::test]
async fn an_incident_resolves_itself_after_the_time_out() {
    let (pd, _) = fast().await;
    let service = json!({ "auto_resolve_timeout_s": 14_400 });
    pd.send("PUT", "/_sim/services/P123ABC", &[], service).await;
    let incident = pd.create("t").await;
    // Acknowledging does not keep it open; it may be resolved already.
    pd.status(id(&incident), "acknowledged").await;
    becomes(&pd, "resolved").await;
}
