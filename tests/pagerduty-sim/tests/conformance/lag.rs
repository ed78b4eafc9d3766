//! Reads that lag behind writes, as of a replica: §8, the knob `read_lag_ms`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Pd, id};

async fn lagging(by_ms: u64) -> Pd {
    let pd = Pd::start().await;
    pd.knobs(json!({ "behaviour": { "read_lag_ms": by_ms } })).await;
    pd
}

/// §8: a read may show what was some time ago, never what never was; a write sees and answers the latest.
#[tokio::test]
async fn reads_may_lag_behind() {
    let pd = lagging(3_600_000).await;
    let incident = pd.create("one").await;
    let path = format!("/incidents/{}", id(&incident));
    let seen = async || {
        let reply = pd.get(&path).await;
        reply.body.pointer("/incident/title").map(|it| it.as_str().expect("text").to_owned())
    };
    // A read that does not lag is one of many thousands while the incident is that young.
    assert_eq!((seen().await, pd.get(&path).await.code()), (None, 5001), "not there yet");
    let list = pd.get("/incidents").await;
    assert_eq!(list.body["incidents"], json!([]));
    assert_eq!(pd.get(&format!("{path}/notes")).await.status, 404);
    assert_eq!(pd.get("/log_entries").await.body["log_entries"], json!([]));
    let written = pd.update(id(&incident), json!({ "title": "two" })).await;
    assert_eq!(written.incident()["title"], "two", "the answer to a write is the latest");
    pd.knobs(json!({ "behaviour": { "read_lag_ms": 0 } })).await;
    assert_eq!(seen().await.as_deref(), Some("two"));
}

/// §8: the lag has an end, and until then each version may be seen, in any order.
#[tokio::test]
async fn a_lagging_read_shows_versions_that_were_and_the_last_one_in_the_end() {
    let pd = lagging(300).await;
    let incident = pd.create("0").await;
    let path = format!("/incidents/{}", id(&incident));
    let mut seen = BTreeSet::new();
    let end = Instant::now() + Duration::from_millis(600);
    let mut version = 0;
    while Instant::now() < end {
        version += 1;
        pd.update(id(&incident), json!({ "title": version.to_string() })).await.incident();
        if let Some(title) = pd.get(&path).await.body.pointer("/incident/title") {
            let title: u32 = title.as_str().expect("text").parse().expect("a number");
            seen.insert(version - title);
        }
        // No faster than the rate limit allows.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(seen.len() > 3, "how far behind reads were: {seen:?}");
    tokio::time::sleep(Duration::from_millis(310)).await;
    for _ in 0..20 {
        assert_eq!(pd.get(&path).await.incident()["title"], version.to_string());
    }
}
