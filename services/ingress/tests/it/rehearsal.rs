//! The test path tells what would be and changes nothing.

use serde_json::json;

use crate::stage::{ID, SECRET, Stage, body, eventually, signed, snapshot};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_signature_each_held_secret_is_checked() {
    let stage = Stage::ready().await;
    let path = format!("/api/v1/webhooks/{ID}/test");
    let report = stage.post(&path, &[], b"").await;
    assert_eq!(report.status, 200);
    let one_is_ok = json!({
        "integration": ID, "enabled": true, "version": 1, "ok": true,
        "secrets": [{"secret": 1, "status": "ok"}],
    });
    assert_eq!(report.json(), one_is_ok);

    let mut partial = snapshot(2, &[SECRET]);
    partial.signing_secrets.insert(0, "v1.00000000.00".to_owned());
    stage.configure(partial).await;
    let secrets = async || stage.post(&path, &[], b"").await.json()["secrets"].clone();
    let one_does_not = json!([
        {"secret": 1, "status": "does not open"},
        {"secret": 2, "status": "ok"},
    ]);
    eventually("both are reported on", async || secrets().await == one_does_not).await;
    assert!(!stage.ingress.log_tail().contains(SECRET));
    let nowhere = stage.post("/api/v1/webhooks/nonsense/test", &[], b"").await;
    assert_eq!(nowhere.refusal(), (503, "unknown_integration".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_is_judged_and_told_what_it_would_do() {
    let stage = Stage::ready().await;
    let path = format!("/api/v1/webhooks/{ID}/test");
    let resolved = body("incident.resolved", "E1");
    let report = stage.post(&path, &[signed(SECRET, &resolved)], &resolved).await.json();
    assert_eq!((&report["ok"], &report["verified"]), (&json!(true), &json!(true)));
    let event = &report["events"][0];
    assert_eq!(event["event_type"], "incident.resolved");
    assert_eq!(event["known"], true);
    assert_eq!(event["record"], "Q1T7M4Z0KD82WB");
    assert_eq!(event["changes"], "status");
    assert_eq!(event["shows"]["status"]["value"], "resolved");

    let wrong = stage.post(&path, &[signed("another", &resolved)], &resolved).await.json();
    assert_eq!((&wrong["verified"], &wrong["code"]), (&json!(false), &json!("signature_wrong")));
    assert_eq!(wrong["events"], json!(null));
    let nonsense = stage.post(&path, &[signed(SECRET, b"hello")], b"hello").await.json();
    assert_eq!((&nonsense["ok"], &nonsense["verified"]), (&json!(false), &json!(true)));

    // Had any of them been published, it would lie before this one.
    assert_eq!(stage.deliver("end", &body("pagey.ping", "END")).await.status, 202);
    assert_eq!(stage.published_up_to("END").await.len(), 1);
}
