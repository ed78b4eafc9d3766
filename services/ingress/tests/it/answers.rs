//! What is answered to each kind of delivery, and what is published for it.

use serde_json::json;
use tandem_bus::config::Snapshot;
use tandem_domain::field::Field;

use crate::{
    client,
    stage::{DELIVERIES, ID, SECRET, Stage, body, eventually, signed, snapshot},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_answered_202_and_lies_in_the_stream() {
    let stage = Stage::ready().await;
    let raw = DELIVERIES.lines().next().unwrap().as_bytes();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let headers = [
        ("x-webhook-id", "d-1".to_owned()),
        ("traceparent", format!("00-{trace}-b7ad6b7169203331-01")),
    ];
    let bare = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    let answer = stage.deliver_to(bare, &headers, raw).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let event = "01HV5COHWWEVSU808G7EKOV5Y6";
    assert_eq!(answer.json(), json!({"status": "accepted", "event": event}));

    let published = stage.published_up_to(event).await;
    let [it] = published.as_slice() else { panic!("{}", published.len()) };
    assert_eq!(it.subject, format!("tandem.in.pagerduty.{ID}.Q1T7M4Z0KD82WB"));
    assert!(it.traceparent.as_ref().unwrap().contains(trace), "{:?}", it.traceparent);
    assert_eq!(it.observation.delivery, "d-1");
    assert_eq!(it.observation.integration.to_string(), ID);
    let title = &it.observation.snapshot.as_ref().unwrap().fields[&Field::Title];
    assert_eq!(title.value.as_deref(), Some("Refunds are stuck for French cards"));
    assert_eq!(
        stage.counted(&["outcome=\"accepted\"", "event_type=\"incident.triggered\""]).await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_delivery_is_answered_alike_and_stored_once() {
    let stage = Stage::ready().await;
    let first = body("incident.triggered", "E1");
    assert_eq!(stage.deliver("d-1", &first).await.status, 202);
    let again = stage.deliver("d-1", &first).await;
    assert_eq!(again.json(), json!({"status": "accepted", "event": "E1"}));
    // The same event by another way is for the reconciler to recognise: it knows both ids.
    assert_eq!(stage.deliver("d-2", &first).await.status, 202);
    // A delivery id is not signed: one that was spent on an old event must not hide a new one.
    assert_eq!(stage.deliver("d-1", &body("incident.resolved", "E2")).await.status, 202);
    let published = stage.published_up_to("E2").await;
    let seen: Vec<_> = published
        .iter()
        .map(|it| (it.observation.delivery.as_str(), it.observation.event.as_str()))
        .collect();
    assert_eq!(seen, [("d-1", "E1"), ("d-2", "E1"), ("d-1", "E2")]);
    assert_eq!(stage.counted(&["outcome=\"duplicate\""]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_taken_the_ping_and_unknown_ones_included() {
    let stage = Stage::ready().await;
    for (number, line) in DELIVERIES.lines().enumerate() {
        let answer = stage.deliver(&format!("d-{number}"), line.as_bytes()).await;
        assert_eq!(answer.status, 202, "{line}");
    }
    let last = "01HVFUTURE00000000000000001";
    let published = stage.published_up_to(last).await;
    assert_eq!(published.len(), DELIVERIES.lines().count());
    let ping = published.iter().find(|it| it.observation.event_type == "pagey.ping").unwrap();
    assert_eq!(ping.subject, format!("tandem.in.pagerduty.{ID}.-"));
    assert_eq!(stage.counted(&["outcome=\"accepted\"", "event_type=\"pagey.ping\""]).await, 1);
    assert_eq!(stage.counted(&["outcome=\"accepted\"", "event_type=\"other\""]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_become_right_is_refused() {
    let stage = Stage::ready().await;
    let ping = body("pagey.ping", "P1");
    let path = format!("/api/v1/webhooks/{ID}");
    let refusal = async |headers: &[(&str, String)], body: &[u8]| {
        stage.post(&path, headers, body).await.refusal()
    };
    let expect = |status, code: &str| (status, code.to_owned());
    assert_eq!(refusal(&[], &ping).await, expect(401, "signature_missing"));
    let malformed = [("x-pagerduty-signature", "v1=xyz".to_owned())];
    assert_eq!(refusal(&malformed, &ping).await, expect(401, "signature_malformed"));
    let wrong = [signed("another secret", &ping)];
    assert_eq!(refusal(&wrong, &ping).await, expect(401, "signature_wrong"));
    let of_another_body = [signed(SECRET, b"{}")];
    assert_eq!(refusal(&of_another_body, &ping).await, expect(401, "signature_wrong"));
    for nonsense in ["", "hello", "{}", "{\"event\":{\"id\":\"x\"}}", &"[".repeat(100_000)] {
        let headers = [signed(SECRET, nonsense.as_bytes())];
        assert_eq!(refusal(&headers, nonsense.as_bytes()).await, expect(400, "not_a_delivery"));
    }
    for size in [256 * 1024 + 1, 300 * 1024, 900 * 1024] {
        let large = vec![b' '; size];
        assert_eq!(refusal(&[signed(SECRET, &large)], &large).await, expect(413, "too_large"));
    }
    let mut fitting = ping.clone();
    fitting.resize(256 * 1024, b' ');
    assert_eq!(stage.post(&path, &[signed(SECRET, &fitting)], &fitting).await.status, 202);
    assert_eq!(stage.published_up_to("P1").await.len(), 1);
    assert_eq!(stage.counted(&["outcome=\"signature_wrong\""]).await, 2);
    assert_eq!(stage.counted(&["outcome=\"too_large\""]).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_our_own_fault_is_put_off() {
    let stage = Stage::ready().await;
    let ping = body("pagey.ping", "P1");
    let unknown = "int_0190a1b2c3d47e5f8a9b000000000000";
    for id in [unknown, "lnk_0190a1b2c3d47e5f8a9b000000000000", "nonsense"] {
        let refusal = stage.deliver_to(id, &[], &ping).await.refusal();
        assert_eq!(refusal, (503, "unknown_integration".to_owned()), "{id}");
    }
    stage.configure(snapshot(2, &[])).await;
    answers_in_the_end(&stage, &ping, 503, "no_secret").await;

    let mut partial = snapshot(3, &["another secret"]);
    partial.signing_secrets.push("v1.00000000.00".to_owned());
    stage.configure(partial).await;
    answers_in_the_end(&stage, &ping, 503, "secret_does_not_open").await;

    let mut foreign = snapshot(4, &[SECRET]);
    foreign.integration.connector = "pigeon-post".parse().unwrap();
    stage.configure(foreign).await;
    answers_in_the_end(&stage, &ping, 503, "unknown_integration").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_whose_secret_may_be_on_its_way_is_put_off() {
    let stage = Stage::ready().await;
    let mut managed = snapshot(2, &[SECRET]);
    managed.integration.public_url = Some("https://tandem.acme.test".to_owned());
    managed.senders = vec!["PWSUB01".to_owned()];
    stage.configure(managed).await;
    let raw = body("pagey.ping", "P1");
    let from = async |sender: &str, secret: &str| {
        let headers = [signed(secret, &raw), ("x-webhook-subscription", sender.to_owned())];
        stage.post(&format!("/api/v1/webhooks/{ID}"), &headers, &raw).await
    };
    let refused = async |sender: &str| from(sender, "nobody's").await.refusal();
    let put_off = (503, "unknown_subscription".to_owned());
    eventually("a new one is put off", async || refused("PWSUB02").await == put_off).await;
    assert_eq!(refused("PWSUB01").await, (401, "signature_wrong".to_owned()), "it is known");
    assert_eq!(from("PWSUB02", SECRET).await.status, 202, "what is signed rightly is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_in_force_decides() {
    let stage = Stage::ready().await;
    let deliver = async |event: &str| {
        let answer = stage.deliver(event, &body("incident.triggered", event)).await;
        answer.status
    };
    let accepts = async |secret: &str| {
        let raw = body("pagey.ping", "P");
        let headers = [signed(secret, &raw), ("x-webhook-id", "p".to_owned())];
        stage.post(&format!("/api/v1/webhooks/{ID}"), &headers, &raw).await.status == 202
    };
    stage.configure(snapshot(2, &["the new one", SECRET])).await;
    eventually("the new secret is in force", async || accepts("the new one").await).await;
    assert!(accepts(SECRET).await, "while it is rotated, the old one is in force too");
    stage.configure(snapshot(3, &["the new one"])).await;
    eventually("the old secret is gone", async || !accepts(SECRET).await).await;

    let mut disabled = snapshot(4, &[SECRET]);
    disabled.integration.enabled = false;
    stage.configure(disabled).await;
    eventually("a disabled one is accepted", async || accepts(SECRET).await).await;
    assert_eq!(deliver("E1").await, 202);
    assert_eq!(stage.published_up_to("E1").await.last().unwrap().observation.event, "E1");
    assert_eq!(
        stage.counted(&["outcome=\"disabled\"", "event_type=\"incident.triggered\""]).await,
        1
    );

    stage.configure(Snapshot { deleted: true, ..snapshot(5, &[SECRET]) }).await;
    eventually("a deleted one is gone", async || deliver("E2").await == 410).await;
    let gone = stage.deliver("d", &body("pagey.ping", "P")).await.refusal();
    assert_eq!(gone, (410, "deleted_integration".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_accepted_whole_and_stored_once_each() {
    let stage = Stage::ready().await;
    let deliveries = (0..300).map(|number| {
        let (event, path) = (format!("B{number}"), format!("/api/v1/webhooks/{ID}"));
        let (addr, raw) = (stage.addr, body("incident.triggered", &event));
        async move { client::send(addr, "POST", &path, &[signed(SECRET, &raw)], &raw).await.status }
    });
    let statuses = futures_util::future::join_all(deliveries).await;
    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    assert_eq!(stage.deliver("end", &body("pagey.ping", "END")).await.status, 202);
    let mut events: Vec<_> =
        stage.published_up_to("END").await.into_iter().map(|it| it.observation.event).collect();
    events.sort();
    events.dedup();
    assert_eq!(events.len(), 301);
}

/// Waits until a ping is answered so.
async fn answers_in_the_end(stage: &Stage, ping: &[u8], status: u16, code: &str) {
    eventually(code, async || {
        let answer = stage.deliver("p", ping).await;
        answer.status == status && answer.json()["code"] == code
    })
    .await;
}
