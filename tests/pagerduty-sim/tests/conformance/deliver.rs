//! Delivery: headers, signatures, retries, order, drops, disabling; §2.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tandem_pagerduty_sim::{Options, RetryCurve};

use crate::harness::{Pd, Receiver, SECRET, id, quick, until};

fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body);
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

async fn with_receiver() -> (Pd, Receiver, Value) {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    let subscription = pd.subscribe(&receiver).await;
    (pd, receiver, subscription)
}

/// §2.1 (OBS C-N8N) and §2.2.
#[tokio::test]
async fn a_webhook_carries_the_documented_headers_and_a_right_signature() {
    let (pd, receiver, subscription) = with_receiver().await;
    pd.create("Zażółć — 修復済み ✅").await;
    let hook = receiver.wait(1).await.remove(0);
    assert_eq!(hook.header("user-agent"), "PagerDuty-Webhook/V3.0");
    assert_eq!(hook.header("accept"), "application/json");
    assert_eq!(hook.header("content-type"), "application/json");
    assert_eq!(hook.header("content-length"), hook.bytes.len().to_string());
    assert_eq!(hook.header("x-webhook-subscription"), id(&subscription));
    assert_eq!(hook.header("x-webhook-id").len(), 36);
    assert_eq!(hook.header("x-pagerduty-signature"), sign(SECRET, &hook.bytes));
}

/// §2.2: one entry per active secret, joined by a comma without a space.
#[tokio::test]
async fn during_a_rotation_both_secrets_sign() {
    let (pd, receiver, subscription) = with_receiver().await;
    let path = format!("/_sim/subscriptions/{}", id(&subscription));
    let rotated = pd.send("POST", &format!("{path}/rotate"), &[], Value::Null).await;
    let new = rotated.body["secret"].as_str().expect("a secret");
    pd.create("a").await;
    let hook = receiver.wait(1).await.remove(0);
    let both = format!("{},{}", sign(new, &hook.bytes), sign(SECRET, &hook.bytes));
    assert_eq!(hook.header("x-pagerduty-signature"), both);
    pd.send("POST", &format!("{path}/retire"), &[], Value::Null).await;
    pd.create("b").await;
    let hook = receiver.wait(2).await.remove(1);
    assert_eq!(hook.header("x-pagerduty-signature"), sign(new, &hook.bytes));
}

/// §2.3: 5xx and 429 are tried again; id and bytes stay.
#[tokio::test]
async fn a_failed_webhook_is_tried_again_with_the_same_id_and_bytes() {
    let (pd, receiver, _) = with_receiver().await;
    receiver.answer(&[503, 429, 500]);
    pd.create("t").await;
    let hooks = receiver.wait(4).await;
    for hook in &hooks[1..] {
        assert_eq!(hook.header("x-webhook-id"), hooks[0].header("x-webhook-id"));
        assert_eq!(hook.bytes, hooks[0].bytes);
    }
    assert!(hooks[1].at - hooks[0].at >= Duration::from_millis(20));
    assert!(hooks[2].at - hooks[1].at >= Duration::from_millis(40));
    pd.settled().await;
    let outcomes: Vec<_> = pd.sim.deliveries(0).iter().map(|it| it.outcome.clone()).collect();
    assert_eq!(outcomes, ["retry", "retry", "retry", "delivered"]);
}

/// §2.3: while one is retried, later ones of the same incident wait; other incidents do not.
#[tokio::test]
async fn a_retry_blocks_its_incident_only() {
    let (pd, receiver, _) = with_receiver().await;
    receiver.answer(&[500, 500]);
    let blocked = pd.create("blocked").await;
    receiver.wait(2).await;
    pd.status(id(&blocked), "acknowledged").await.incident();
    pd.status(id(&blocked), "resolved").await.incident();
    let free = pd.create("free").await;
    receiver.wait(6).await;
    let of = |incident: &Value| -> Vec<_> {
        let hooks = receiver.hooks();
        let mine = hooks.iter().filter(|it| it.incident() == id(incident));
        mine.map(crate::harness::Hook::event_type).collect()
    };
    let triggered = "incident.triggered";
    let expected = [triggered, triggered, triggered, "incident.acknowledged", "incident.resolved"];
    assert_eq!(of(&blocked), expected);
    assert_eq!(of(&free), [triggered]);
}

/// §2.3: order is kept per incident, over many.
#[tokio::test]
async fn events_of_each_incident_arrive_in_order() {
    let (pd, receiver, _) = with_receiver().await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let incident = pd.create(&format!("t{number}")).await;
        pd.status(id(&incident), "acknowledged").await.incident();
        pd.status(id(&incident), "resolved").await.incident();
        ids.push(id(&incident).to_owned());
    }
    receiver.wait(60).await;
    let hooks = receiver.hooks();
    for incident in ids {
        let mine: Vec<_> = hooks.iter().filter(|it| it.incident() == incident).collect();
        let types: Vec<_> = mine.iter().map(|it| it.event_type()).collect();
        assert_eq!(types, ["incident.triggered", "incident.acknowledged", "incident.resolved"]);
        let times: Vec<_> = mine.iter().map(|it| it.event()["occurred_at"].to_string()).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    }
}

/// §2.3: any other 4xx drops at once, and so does a redirect (UNVERIFIED, by knob).
#[tokio::test]
async fn a_4xx_or_a_redirect_drops_at_once() {
    let (pd, receiver, _) = with_receiver().await;
    receiver.answer(&[404, 302]);
    let incident = pd.create("t").await;
    pd.settled().await;
    pd.status(id(&incident), "acknowledged").await.incident();
    pd.settled().await;
    pd.status(id(&incident), "resolved").await.incident();
    pd.settled().await;
    let outcomes: Vec<_> = pd.sim.deliveries(0).iter().map(|it| it.outcome.clone()).collect();
    assert_eq!(outcomes, ["dropped", "dropped", "delivered"]);
}

/// §2.3: three drops in a row disable; what happens then is lost for good; enabling helps.
#[tokio::test]
async fn three_drops_in_a_row_disable_the_subscription() {
    let (pd, receiver, subscription) = with_receiver().await;
    receiver.answer(&[400, 200, 400, 400, 400]);
    for number in 0..5 {
        pd.create(&format!("t{number}")).await;
        pd.settled().await;
    }
    let path = format!("/webhook_subscriptions/{}", id(&subscription));
    let disabled = async || {
        let reply = pd.get(&path).await;
        reply.body["webhook_subscription"]["delivery_method"]["temporarily_disabled"].clone()
    };
    assert_eq!(disabled().await, true);
    pd.create("lost").await;
    pd.settled().await;
    assert_eq!(receiver.hooks().len(), 5);
    assert_eq!(pd.sim.deliveries(0).pop().expect("a record").outcome, "lost");
    assert_eq!(pd.call("POST", &format!("{path}/enable"), Value::Null).await.status, 200);
    assert_eq!(disabled().await, false);
    pd.create("heard").await;
    receiver.wait(6).await;
}

/// §2.3: disabling lasts 24 h, here scaled to 2 s.
#[tokio::test]
async fn a_disabled_subscription_comes_back_after_a_day() {
    let pd = Pd::with(Options { time_factor: 43_200.0, ..quick() }).await;
    let receiver = Receiver::start().await;
    let subscription = pd.subscribe(&receiver).await;
    let path = format!("/webhook_subscriptions/{}", id(&subscription));
    let disabled = async |is: bool| {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let reply = pd.get(&path).await;
            let method = &reply.body["webhook_subscription"]["delivery_method"];
            if method["temporarily_disabled"] == is {
                return;
            }
            assert!(Instant::now() < deadline, "never disabled: {is}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    pd.knobs(json!({ "limits": { "calls_per_minute": 0 } })).await;
    receiver.answer(&[400; 100]);
    for _ in 0..3 {
        pd.create("t").await;
    }
    disabled(true).await;
    disabled(false).await;
}

/// §2.3: after 48 h (here scaled to 1 s) of retries a webhook counts as dropped.
#[tokio::test]
async fn a_webhook_is_given_up_after_two_days() {
    let pd = Pd::with(Options { time_factor: 172_800.0, ..quick() }).await;
    pd.send("POST", "/_sim/subscriptions", &[], json!({ "url": "http://127.0.0.1:9/" })).await;
    pd.create("t").await;
    pd.settled().await;
    let attempts = pd.sim.deliveries(0);
    assert!(attempts.len() > 2, "{attempts:?}");
    let (last, before) = attempts.split_last().expect("attempts");
    assert_eq!(last.outcome, "dropped");
    assert!(before.iter().all(|it| it.outcome == "retry"));
}

/// §2.3: no answer within 5 s (here scaled) is a failure to be retried.
#[tokio::test]
async fn a_silent_receiver_is_tried_again() {
    let pd = Pd::with(Options { time_factor: 25.0, ..quick() }).await;
    let receiver = Receiver::start().await;
    pd.subscribe(&receiver).await;
    receiver.answer(&[0]);
    pd.create("t").await;
    receiver.wait(2).await;
    pd.settled().await;
    let first = &pd.sim.deliveries(0)[0];
    assert_eq!((first.outcome.as_str(), first.status, first.attempt), ("retry", None, 1));
}

/// §2.3: a refused connection is retried, and what waited arrives in order.
#[tokio::test]
async fn a_refused_connection_is_tried_again() {
    let pd = Pd::start().await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", free.local_addr().expect("an address"));
    drop(free);
    pd.send("POST", "/_sim/subscriptions", &[], json!({ "url": url })).await;
    pd.create("t").await;
    until("two refused attempts", || pd.sim.deliveries(0).len() >= 2).await;
    assert!(pd.sim.deliveries(0).iter().all(|it| it.outcome == "retry"));
    assert_eq!(pd.sim.pending(), 1);
}

/// §2.3, §7.2: duplicates keep the id.
#[tokio::test]
async fn duplicates_keep_their_id() {
    let (pd, receiver, _) = with_receiver().await;
    pd.knobs(json!({ "webhooks": { "duplicate": 2 } })).await;
    pd.create("t").await;
    let hooks = receiver.wait(3).await;
    assert!(hooks.iter().all(|it| it.header("x-webhook-id") == hooks[0].header("x-webhook-id")));
    pd.settled().await;
    assert_eq!(receiver.hooks().len(), 3);
}

/// §2.3 (INFER): two subscriptions tell one change under two ids but one event id.
#[tokio::test]
async fn two_subscriptions_share_the_event_but_not_the_webhook() {
    let (pd, receiver, _) = with_receiver().await;
    pd.subscribe(&receiver).await;
    pd.create("t").await;
    let hooks = receiver.wait(2).await;
    assert_ne!(hooks[0].header("x-webhook-id"), hooks[1].header("x-webhook-id"));
    assert_eq!(hooks[0].bytes, hooks[1].bytes);
}

/// §8: a webhook comes between the shortest and the longest delay after its change.
#[tokio::test]
async fn a_webhook_comes_after_its_delay() {
    let retry = RetryCurve { first: Duration::from_secs(1), max: Duration::from_secs(1) };
    let pd = Pd::with(Options { webhook_delay_ms: (80, 90), retry, ..quick() }).await;
    let receiver = Receiver::start().await;
    pd.subscribe(&receiver).await;
    let before = Instant::now();
    pd.sim.act(json!({ "action": "trigger", "title": "t" })).expect("done");
    assert_eq!(pd.sim.pending(), 1);
    let hook = receiver.wait(1).await.remove(0);
    assert!(hook.at - before >= Duration::from_millis(80));
}

/// §2.1: custom headers are sent in clear, and credentials in the URL as Basic.
#[tokio::test]
async fn custom_headers_and_url_credentials_are_sent() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    let url = receiver.url.replace("http://", "http://hook:secret@");
    let headers = json!([{ "name": "X-Sync-Env", "value": "prod" }]);
    let body = json!({ "url": url, "custom_headers": headers });
    assert_eq!(pd.send("POST", "/_sim/subscriptions", &[], body).await.status, 200);
    pd.create("t").await;
    let hook = receiver.wait(1).await.remove(0);
    assert_eq!(hook.header("x-sync-env"), "prod");
    assert_eq!(hook.header("authorization"), "Basic aG9vazpzZWNyZXQ=");
}

/// §2.3: a body over 256 KB is lost, and its lane goes on.
#[tokio::test]
async fn a_body_over_256_kib_is_lost() {
    let (pd, receiver, _) = with_receiver().await;
    pd.knobs(json!({ "behaviour": { "max_title": 0 } })).await;
    let incident = pd.create(&"x".repeat(300 * 1024)).await;
    pd.update(id(&incident), json!({ "title": "short" })).await.incident();
    pd.status(id(&incident), "acknowledged").await.incident();
    receiver.wait(1).await;
    pd.settled().await;
    assert_eq!(receiver.types(), ["incident.acknowledged"]);
}
