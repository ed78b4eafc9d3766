//! Questions nobody can answer: no egress, a key that was revoked, PagerDuty away or out of patience.

use std::time::{Duration, Instant};

use serde_json::json;
use tandem_pagerduty_sim::{Effect, USER_TOKEN};
use tandem_tests::{Stack, eventually};

use super::{answered, check, configure_token, fault, refused, rest, stage, test};

const ON_CALL: [&str; 3] = ["integration", "oncall", "sim-pd"];
const STATUS: [&str; 3] = ["integration", "sync-status", "sim-pd"];

#[tokio::test(flavor = "multi_thread")]
async fn without_an_egress_everybody_is_told_so_at_once() {
    let mut stack = Stack::start().await;
    answered(&stack).await;
    stack.egress.stop().unwrap();
    let began = Instant::now();
    let told = refused(&stack, &ON_CALL, 5).await;
    assert!(told.contains("no egress answers for sim-pd"), "{told}");
    assert!(told.contains("tandem-pagerduty-egress"), "{told}");
    assert!(refused(&stack, &["integration", "users", "sim-pd"], 5).await.contains("no egress"));
    assert_eq!(rest(&stack, "/api/v1/integrations/sim-pd/services").await.0, 503);
    let status = stack.im.json(&STATUS).await.unwrap();
    assert_eq!((&status["state"], &status["outbound"]), (&json!("unanswered"), &json!(null)));
    let (code, checkup) = test(&stack).await;
    assert_eq!((code, &check(&checkup, "egress")["verdict"]), (1, &json!("failed")));
    assert_eq!(check(&checkup, "signature")["verdict"], "ok", "{checkup}");
    assert!(checkup["checks"].as_array().unwrap().iter().all(|it| it["name"] != "token"));
    assert!(began.elapsed() < Duration::from_secs(10), "nobody waits for nobody");
    stack.egress.resume().unwrap();
    answered(&stack).await;
    stack.im.json(&ON_CALL).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_named_and_a_new_one_puts_it_right() {
    let stack = Stack::start().await;
    answered(&stack).await;
    stack.im.json(&["integration", "users", "sim-pd"]).await.unwrap();
    stage(&stack, "tokens/user", &json!({"revoked": true})).await;
    let (code, checkup) = test(&stack).await;
    assert_eq!((code, &check(&checkup, "reachable")["verdict"]), (1, &json!("ok")), "{checkup}");
    let token = check(&checkup, "token");
    assert!(token["found"].as_str().unwrap().contains("401"), "{token}");
    assert!(
        token["way_out"].as_str().unwrap().contains("configure sim-pd --token-file"),
        "{token}"
    );
    assert_eq!(check(&checkup, "from_user")["verdict"], "skipped");

    let status = stack.im.json(&STATUS).await.unwrap();
    assert_eq!(status["state"], "paused", "{status}");
    assert!(status["reason"].as_str().unwrap().contains("--token-file"), "{status}");
    let told = refused(&stack, &ON_CALL, 4).await;
    assert!(told.contains("paused") && told.contains("401"), "{told}");
    assert_eq!(rest(&stack, "/api/v1/integrations/sim-pd/oncall").await.0, 409);
    // Nothing more is asked with it, and what was known stays known.
    let (code, checkup) = test(&stack).await;
    assert_eq!((code, &check(&checkup, "reachable")["verdict"]), (1, &json!("skipped")));
    let users = stack.im.json(&["integration", "users", "sim-pd", "--fresh"]).await.unwrap();
    assert!(users["outdated"].as_str().unwrap().contains("401"), "{users}");

    stage(&stack, "tokens/user", &json!({"revoked": false})).await;
    configure_token(&stack, USER_TOKEN).await;
    stack.im.json(&ON_CALL).await.unwrap();
    assert_eq!(stack.im.json(&STATUS).await.unwrap()["state"], "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_pagerduty_is_away_the_last_answer_is_told_with_its_age() {
    let stack = Stack::start().await;
    answered(&stack).await;
    let before = stack.im.json(&ON_CALL).await.unwrap();
    fault(&stack, None, Effect::Cut { applied: false });
    let fresh = [&ON_CALL[..], &["--fresh"]].concat();
    let after = stack.im.json(&fresh).await.unwrap();
    assert_eq!(
        (&after["on_call"], &after["read_time"]),
        (&before["on_call"], &before["read_time"])
    );
    assert_eq!(after["outdated"], "PagerDuty did not answer in time");
    let table = stack.im.run(&fresh).await.unwrap();
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains(" s ago, and not anew: PagerDuty did not answer in time"), "{table}");
    // What was never read cannot be told.
    let told = refused(&stack, &["integration", "services", "sim-pd"], 5).await;
    assert!(told.contains("PagerDuty did not answer in time"), "{told}");
    let (code, checkup) = test(&stack).await;
    let reachable = check(&checkup, "reachable");
    assert_eq!((code, &reachable["verdict"]), (1, &json!("failed")), "{checkup}");
    assert!(reachable["way_out"].as_str().unwrap().contains("--base-url"), "{reachable}");
    let status = stack.im.json(&STATUS).await.unwrap();
    assert_eq!(status["state"], "failing", "{status}");
    assert_eq!(status["outbound"]["eta_s"], json!(null), "nobody can know");

    stack.pagerduty.turn(|knobs| knobs.rest.clear());
    let again = stack.im.json(&fresh).await.unwrap();
    assert_eq!(again["outdated"], json!(null));
    assert_eq!(stack.im.json(&STATUS).await.unwrap()["state"], "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_questions_about_on_call_hold_up_nothing_else() {
    let stack = Stack::start().await;
    answered(&stack).await;
    let record = stack.act(json!({"action": "trigger", "title": "goes on"}));
    let id = record["id"].as_str().unwrap();
    let incident = stack.incident_of(id, "it arrives", |_| true).await;
    stack.at_rest().await;
    stack.pagerduty.turn(|knobs| knobs.limits.oncalls_per_minute = 1);
    let fresh = [&ON_CALL[..], &["--fresh"]].concat();
    let answer = eventually("it is asked too often", Duration::from_secs(10), || async {
        let answer = stack.im.json(&fresh).await.unwrap();
        if answer["outdated"].is_null() { Err(answer) } else { Ok(answer) }
    })
    .await;
    assert!(answer["outdated"].as_str().unwrap().contains("429"), "{answer}");
    let asked = stack.pagerduty.calls(0).iter().filter(|call| call.path == "/oncalls").count();
    let again = stack.im.json(&fresh).await.unwrap();
    assert!(again["outdated"].as_str().unwrap().contains("asked too often"), "{again}");
    let since = stack.pagerduty.calls(0).iter().filter(|call| call.path == "/oncalls").count();
    assert_eq!(since, asked, "it is left alone for a while");

    let began = Instant::now();
    let update = ["incident", "update", incident["id"].as_str().unwrap(), "--status", "resolved"];
    stack.im.json(&update).await.unwrap();
    stack.record(id, "it is resolved", |record| record["status"] == "resolved").await;
    assert!(began.elapsed() < Duration::from_secs(10), "a resolve waited");
    let status = stack.im.json(&STATUS).await.unwrap();
    assert_eq!(status["state"], "running", "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_pagerduty_wants_no_calls_nobody_waits_for_an_answer() {
    let stack = Stack::start().await;
    answered(&stack).await;
    fault(&stack, None, Effect::RateLimit { bare: false, reset_s: 60 });
    let services = ["integration", "services", "sim-pd"];
    let told = refused(&stack, &services, 5).await;
    assert!(told.contains("429"), "{told}");
    let began = Instant::now();
    let told = refused(&stack, &services, 5).await;
    assert!(told.contains("PagerDuty wants no calls for another"), "{told}");
    let status = stack.im.json(&STATUS).await.unwrap();
    assert_eq!(status["state"], "throttled", "{status}");
    assert!(status["outbound"]["closed_until_time"].is_string(), "{status}");
    let (code, checkup) = test(&stack).await;
    let limit = check(&checkup, "rate_limit");
    assert_eq!((code, &limit["verdict"]), (1, &json!("failed")), "{checkup}");
    assert_eq!(check(&checkup, "token")["verdict"], "skipped");
    assert!(began.elapsed() < Duration::from_secs(5), "told at once");
}
