//! Faults of REST: §3.2's forms of errors, §4's limits, §8's knobs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tandem_pagerduty_sim::USER_TOKEN;

use crate::harness::{Pd, Receiver, id, new_incident};

async fn rest(pd: &Pd, fault: Value) {
    pd.knobs(json!({ "rest": [fault] })).await;
}

/// §4: 429 with headers and body, or with neither.
#[tokio::test]
async fn a_rate_limit_comes_with_headers_or_bare() {
    let pd = Pd::start().await;
    let effect = json!({ "kind": "rate_limit", "reset_s": 7 });
    rest(&pd, json!({ "next": 1, "effect": effect })).await;
    let full = pd.get("/abilities").await;
    assert_eq!((full.status, full.code()), (429, 2020));
    assert_eq!(full.headers["ratelimit-reset"], "7");
    rest(&pd, json!({ "next": 1, "effect": { "kind": "rate_limit", "bare": true } })).await;
    let bare = pd.get("/abilities").await;
    assert_eq!((bare.status, bare.body), (429, Value::Null));
    assert!(bare.headers.get("ratelimit-reset").is_none());
    assert_eq!(pd.get("/abilities").await.status, 200);
}

/// §3.2: the forms of error bodies that clients have met.
#[tokio::test]
async fn errors_come_in_every_form_seen() {
    let pd = Pd::start().await;
    for (body, pointer, is) in [
        ("json", "/error/code", "number"),
        ("errors_string", "/error/errors", "string"),
        ("errors_map", "/error/errors", "object"),
        ("error_array", "/error", "array"),
        ("error_string", "/error", "string"),
        ("html", "", "string"),
        ("empty", "", "null"),
    ] {
        let effect = json!({ "kind": "error", "status": 502, "body": body });
        rest(&pd, json!({ "next": 1, "effect": effect })).await;
        let reply = pd.get("/abilities").await;
        let value = reply.body.pointer(pointer).expect(body);
        let kind = match value {
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            _ => "null",
        };
        assert_eq!((reply.status, kind), (502, is), "{body}");
    }
}

/// A fault hits only the calls it names.
#[tokio::test]
async fn a_fault_hits_what_it_names() {
    let pd = Pd::start().await;
    let effect = json!({ "kind": "error", "status": 500 });
    rest(&pd, json!({ "method": "POST", "path_prefix": "/incidents", "effect": effect })).await;
    assert_eq!(pd.get("/incidents").await.status, 200);
    assert_eq!(pd.call("POST", "/incidents", new_incident("t", json!({}))).await.status, 500);
    assert!(pd.sim.incidents().is_empty());
    assert_eq!(pd.sim.calls(0).pop().expect("a call").fault.as_deref(), Some("error"));
}

/// A probability of one half hits about half of the calls, the same ones for the same seed.
#[tokio::test]
async fn a_probability_is_rolled_from_the_seed() {
    let rolled = async || {
        let pd = Pd::start().await;
        rest(&pd, json!({ "probability": 0.5, "effect": { "kind": "error" } })).await;
        let mut out = Vec::new();
        for _ in 0..40 {
            out.push(pd.get("/abilities").await.status);
        }
        out
    };
    let (first, second) = (rolled().await, rolled().await);
    assert_eq!(first, second);
    let hit = first.iter().filter(|it| **it == 503).count();
    assert!((8..=32).contains(&hit), "{hit}");
}

/// §8: 5xx, the write applied all the same.
#[tokio::test]
async fn an_error_may_hide_a_write_that_took_effect() {
    let pd = Pd::start().await;
    let effect = json!({ "kind": "error", "status": 503, "applied": true });
    rest(&pd, json!({ "next": 1, "method": "POST", "effect": effect })).await;
    assert_eq!(pd.call("POST", "/incidents", new_incident("t", json!({}))).await.status, 503);
    assert_eq!(pd.sim.incidents().len(), 1);
}

/// §8, §6 (c): the webhook of a write arrives before its answer.
#[tokio::test]
async fn a_webhook_may_overtake_the_answer() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    let effect = json!({ "kind": "slow", "ms": 300, "applied": "first" });
    rest(&pd, json!({ "next": 1, "effect": effect })).await;
    let reply = pd.call("POST", "/incidents", new_incident("t", json!({}))).await;
    let answered = Instant::now();
    assert_eq!(reply.status, 201);
    let ahead = answered.duration_since(receiver.hooks()[0].at);
    assert!(ahead > Duration::from_millis(100), "{ahead:?}");
}

/// §8: slow answers whose write is applied late, or never.
#[tokio::test]
async fn a_slow_write_is_applied_late_or_never() {
    for (applied, status, count) in [("after", 201, 1), ("never", 504, 0)] {
        let pd = Pd::start().await;
        let effect = json!({ "kind": "slow", "ms": 50, "applied": applied });
        rest(&pd, json!({ "next": 1, "effect": effect })).await;
        let before = Instant::now();
        let reply = pd.call("POST", "/incidents", new_incident("t", json!({}))).await;
        assert!(before.elapsed() >= Duration::from_millis(50));
        assert_eq!((reply.status, pd.sim.incidents().len()), (status, count));
    }
}

/// §8: a connection cut before any byte of an answer, the write applied or not.
#[tokio::test]
async fn a_cut_connection_leaves_the_outcome_open() {
    let auth = format!("Token token={USER_TOKEN}");
    for (applied, count) in [(true, 1), (false, 0)] {
        let pd = Pd::start().await;
        rest(&pd, json!({ "next": 1, "effect": { "kind": "cut", "applied": applied } })).await;
        let headers = [("authorization", auth.as_str())];
        let body = new_incident("t", json!({}));
        let reply = pd.try_send("POST", "/incidents", &headers, body).await;
        assert!(reply.is_err(), "{reply:?}");
        assert_eq!(pd.sim.incidents().len(), count);
        assert_eq!(pd.sim.calls(0)[0].status, 0);
        assert_eq!(pd.get("/incidents").await.status, 200);
    }
}

/// §8: a read may show what was before the last change.
#[tokio::test]
async fn a_stale_read_shows_the_state_before() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "acknowledged").await.incident();
    rest(&pd, json!({ "next": 2, "effect": { "kind": "stale" } })).await;
    let path = format!("/incidents/{}", id(&incident));
    assert_eq!(pd.get(&path).await.incident()["status"], "triggered");
    let list = pd.get("/incidents?statuses[]=triggered").await;
    assert_eq!(list.body["incidents"].as_array().expect("a list").len(), 1);
    assert_eq!(pd.get(&path).await.incident()["status"], "acknowledged");
}

/// §8: webhooks lost for good.
#[tokio::test]
async fn webhooks_can_be_lost() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    pd.knobs(json!({ "webhooks": { "drop_next": 1 } })).await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "resolved").await.incident();
    receiver.wait(1).await;
    assert_eq!(receiver.types(), ["incident.resolved"]);
    assert_eq!(pd.sim.deliveries(0)[0].outcome, "lost");
}

/// §3.2: every code of the documentation can be answered with, in its words.
#[tokio::test]
async fn every_documented_code_can_be_had() {
    let pd = Pd::start().await;
    for (status, code, words) in [
        (400, 1005, "Data Updated Since Last Request"),
        (400, 1011, "Cannot Process Reassign Action"),
        (403, 2008, "Account Locked"),
        (403, 2009, "Only HTTPS Requests Accepted"),
        (400, 2011, "The Action Requires a requester_id"),
        (403, 2012, "Account Expired"),
        (408, 2016, "The Request Took Too Long to Process"),
        (403, 2018, "Access Denied: May Have Lost Access at Resolve"),
        (500, 2000, "Something went wrong on our side"),
    ] {
        let effect = json!({ "kind": "refuse", "status": status, "code": code });
        rest(&pd, json!({ "next": 1, "effect": effect })).await;
        let reply = pd.get("/abilities").await;
        assert_eq!((reply.status, reply.code()), (status, code));
        assert_eq!(reply.body["error"]["message"], words);
    }
}
