//! Rate limits: §4.

use serde_json::json;

use crate::harness::{PRIYA_EMAIL, Pd, id};

fn header(reply: &crate::harness::Reply, name: &str) -> u64 {
    reply.headers.get(name).expect(name).to_str().expect("text").parse().expect("a number")
}

/// §4: headers on every answer; 429 with 2020 once the minute's calls are used up.
#[tokio::test]
async fn the_limit_is_told_and_enforced() {
    let pd = Pd::start().await;
    let reply = pd.get("/abilities").await;
    assert_eq!(
        (header(&reply, "ratelimit-limit"), header(&reply, "ratelimit-remaining")),
        (960, 959)
    );
    let reset = header(&reply, "ratelimit-reset");
    assert!((1..=60).contains(&reset), "{reset}");
    pd.knobs(json!({ "limits": { "calls_per_minute": 3 } })).await;
    assert_eq!(pd.get("/abilities").await.status, 200);
    assert_eq!(header(&pd.get("/abilities").await, "ratelimit-remaining"), 0);
    let over = pd.get("/abilities").await;
    assert_eq!((over.status, over.code()), (429, 2020));
    assert_eq!(over.body["error"]["message"], "Rate Limit Exceeded");
    assert_eq!(header(&over, "ratelimit-remaining"), 0);
}

/// §4: the limit is of a key's owner, so another key is not hit.
#[tokio::test]
async fn each_owner_has_a_limit() {
    let pd = Pd::start().await;
    pd.knobs(json!({ "limits": { "calls_per_minute": 1 } })).await;
    let account = async || pd.call_as(PRIYA_EMAIL, "GET", "/abilities", json!(null)).await.status;
    assert_eq!((pd.get("/abilities").await.status, account().await), (200, 200));
    assert_eq!((pd.get("/abilities").await.status, account().await), (429, 429));
}

/// §4, §3.5 [CL]: `PUT /incidents` has a limit of its own, and the headers show the nearest.
#[tokio::test]
async fn bulk_updates_have_a_limit_of_their_own() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let element = json!({ "id": id(&incident), "type": "incident_reference", "title": "u" });
    let body = json!({ "incidents": [element] });
    let first = pd.call("PUT", "/incidents", body.clone()).await;
    assert_eq!(
        (header(&first, "ratelimit-limit"), header(&first, "ratelimit-remaining")),
        (500, 499)
    );
    pd.knobs(json!({ "limits": { "bulk_updates_per_minute": 1 } })).await;
    assert_eq!(pd.call("PUT", "/incidents", body).await.status, 429);
    assert_eq!(pd.get("/abilities").await.status, 200);
}

/// §4: creating and `GET /oncalls` have limits whose figures are unknown: knobs, off by default.
#[tokio::test]
async fn creates_and_on_calls_can_be_limited() {
    let pd = Pd::start().await;
    pd.knobs(json!({ "limits": { "creates_per_minute": 1, "oncalls_per_minute": 1 } })).await;
    pd.create("t").await;
    let body = crate::harness::new_incident("u", json!({}));
    assert_eq!(pd.call("POST", "/incidents", body).await.status, 429);
    assert_eq!(pd.get("/oncalls").await.status, 200);
    assert_eq!(pd.get("/oncalls").await.status, 429);
}
