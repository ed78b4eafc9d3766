//! How an integration is doing, and whether its connection works, while nothing is wrong and while
//! something is.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_pagerduty_sim::{ACCOUNT_TOKEN, BOT_EMAIL, Effect, ErrorBody};
use tandem_tests::{Stack, eventually};

use super::{answered, calls, check, configure_token, fault, printed, refused, rest, stage, test};

/// Each check with its verdict.
fn verdicts(checkup: &Value) -> Vec<(&str, &str)> {
    let all = checkup["checks"].as_array().unwrap().iter();
    all.map(|check| (check["name"].as_str().unwrap(), check["verdict"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_works_passes_every_check() {
    let stack = Stack::start().await;
    answered(&stack).await;
    // A change, so that the clocks were compared.
    let record = stack.act(json!({"action": "trigger", "title": "measured"}));
    let incident = stack.incident_of(record["id"].as_str().unwrap(), "it arrives", |_| true).await;
    let update = ["incident", "update", incident["id"].as_str().unwrap(), "--title", "read"];
    stack.im.json(&update).await.unwrap();
    stack.at_rest().await;
    let (code, checkup) = test(&stack).await;
    let names = [
        "postgres",
        "nats",
        "enabled",
        "egress",
        "reachable",
        "token",
        "abilities",
        "from_user",
        "subscription",
        "rate_limit",
        "services",
        "signature",
        "clock",
    ];
    assert_eq!(verdicts(&checkup), names.map(|name| (name, "ok")), "{checkup}");
    assert_eq!((code, &checkup["ok"]), (0, &json!(true)));
    let found = |name| check(&checkup, name)["found"].as_str().unwrap();
    assert_eq!(found("token"), format!("valid: a key of the user Incidents Sync ({BOT_EMAIL})"));
    assert_eq!(found("services"), "1 mapped, all of them there");
    assert_eq!(found("signature"), "1 held, each signs and verifies");
    assert!(found("rate_limit").contains(" of 960 calls left"), "{checkup}");

    let output = stack.im.run(&["integration", "test", "sim-pd"]).await.unwrap();
    let table = printed(&output);
    assert!(table.starts_with("CHECK "), "{table}");
    assert!(table.lines().next().unwrap().contains("WAY OUT"), "{table}");
    let url = format!("{}/api/v1/integrations/sim-pd/test", stack.http_url);
    let answer: Value = stack.http.post(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(verdicts(&answer), verdicts(&checkup));

    // The door's own self-check stays what it was.
    let url = format!("{}/test", stack.webhook_url());
    let answer: Value = stack.http.post(url).send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["ok"], &answer["secrets"][0]["status"]), (&json!(true), &json!("ok")));
    assert!(refused(&stack, &["integration", "test", "nobody"], 3).await.contains("nobody"));
    assert!(refused(&stack, &["integration", "test"], 64).await.contains("INTEGRATION"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_is_wrong_is_named_with_a_way_out() {
    let stack = Stack::start().await;
    answered(&stack).await;
    configure_token(&stack, ACCOUNT_TOKEN).await;
    let (code, checkup) = test(&stack).await;
    assert_eq!(check(&checkup, "token")["found"], "valid: a key of the account");
    assert_eq!((code, &check(&checkup, "from_user")["verdict"]), (0, &json!("ok")));

    stage(&stack, "users/PB0T5YN", &json!({"read_only": true})).await;
    let add = ["integration", "service-mapping", "add", "sim-pd", "--pd-service", "PGONE00"];
    stack.im.json(&[&add[..], &["--incident-type", "old"]].concat()).await.unwrap();
    let limit = ["integration", "configure", "sim-pd", "--rate-limit", "960"];
    stack.im.json(&limit).await.unwrap();
    stack.pagerduty.turn(|knobs| knobs.limits.calls_per_minute = 700);
    let checkup =
        eventually("the new configuration is in force", Duration::from_secs(10), || async {
            let (code, checkup) = test(&stack).await;
            let of = |name: &str| check(&checkup, name)["verdict"].clone();
            let seen = (of("from_user"), of("services"), of("rate_limit"), code);
            if seen == (json!("failed"), json!("failed"), json!("warning"), 1) {
                Ok(checkup)
            } else {
                Err(checkup)
            }
        })
        .await;
    let way_out = |name| check(&checkup, name)["way_out"].as_str().unwrap();
    assert!(way_out("from_user").contains("--from-email"), "{checkup}");
    assert!(way_out("services").contains("service-mapping remove sim-pd"), "{checkup}");
    assert_eq!(way_out("rate_limit"), "im integration configure sim-pd --rate-limit 700");
    let output = stack.im.run(&["integration", "test", "sim-pd"]).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        (output.status.code(), told.as_str()),
        (Some(1), "error: failed: from_user, services\n")
    );

    // What the key may not see is a warning, and stops nothing.
    fault(
        &stack,
        Some("/webhook_subscriptions"),
        Effect::Error { status: 403, body: ErrorBody::Json, applied: false },
    );
    let (_, checkup) = test(&stack).await;
    assert_eq!(check(&checkup, "subscription")["verdict"], "warning");
    let status = stack.im.json(&["integration", "sync-status", "sim-pd"]).await.unwrap();
    assert_eq!(status["state"], "running", "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_counts_what_there_is_and_what_waits() {
    let stack = Stack::start().await;
    answered(&stack).await;
    let record = stack.act(json!({"action": "trigger", "title": "one"}));
    let incident = stack.incident_of(record["id"].as_str().unwrap(), "it arrives", |_| true).await;
    let id = incident["id"].as_str().unwrap();
    stack.im.json(&["incident", "update", id, "--title", "mine"]).await.unwrap();
    stack.at_rest().await;
    let words = ["integration", "sync-status", "sim-pd"];
    let status = stack.im.json(&words).await.unwrap();
    assert_eq!((&status["state"], &status["reason"]), (&json!("running"), &json!(null)));
    let links = json!({"in_step": 1, "writing": 0, "in_doubt": 0, "conflict": 0, "problem": 0});
    assert_eq!(status["links"], links, "{status}");
    assert_eq!(status["freshness"]["links"], 1);
    let (median, worst) = (&status["freshness"]["median_s"], &status["freshness"]["worst_s"]);
    assert!(median == worst && worst.as_i64().unwrap() < 30, "{status}");
    assert!(status["last_inbound_time"].is_string() && status["last_outbound_time"].is_string());
    assert_eq!(
        (&status["outbound"]["waiting"], &status["outbound"]["eta_s"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(status["outbound"]["calls_per_minute"], 900);
    let lanes = status["outbound"]["lanes"].as_array().unwrap();
    let lanes: Vec<_> = lanes.iter().map(|lane| lane["name"].as_str().unwrap()).collect();
    assert_eq!(lanes, ["resolve", "acknowledge", "people", "fields", "notes", "reads"]);
    assert_eq!((&status["open_conflicts"], &status["open_dead_letters"]), (&json!(0), &json!(0)));

    // A change that is refused for good: a problem, and a dead letter.
    stack.pagerduty.turn(|knobs| knobs.behaviour.max_title = 5);
    stack.im.json(&["incident", "update", id, "--title", "far too long"]).await.unwrap();
    let status = eventually("it is counted", Duration::from_secs(10), || async {
        let status = stack.im.json(&words).await.unwrap();
        let seen = (&status["links"]["problem"], &status["open_dead_letters"]);
        if seen == (&json!(1), &json!(1)) { Ok(status) } else { Err(status) }
    })
    .await;
    assert_eq!(status["links"]["in_step"], 0);

    let table = printed(&stack.im.run(&words).await.unwrap());
    for row in ["state", "waiting", "budget", "eta", "freshness", "dead letters", "last inbound"] {
        assert!(table.lines().any(|line| line.starts_with(row)), "{row} in {table}");
    }
    let disabled = ["integration", "configure", "sim-pd", "--enabled", "false"];
    stack.im.json(&disabled).await.unwrap();
    let table = printed(&stack.im.run(&["status"]).await.unwrap());
    let line = table.lines().nth(1).unwrap();
    assert!(table.starts_with("HANDLE ") && line.starts_with("sim-pd  disabled"), "{table}");
    let all = stack.im.json(&["status"]).await.unwrap();
    assert!(all[0]["reason"].as_str().unwrap().ends_with("im integration enable sim-pd"), "{all}");
    let (code, body) = rest(&stack, "/api/v1/status").await;
    assert_eq!((code, &body["integrations"][0]["state"]), (200, &json!("disabled")));
    let (code, body) = rest(&stack, "/api/v1/integrations/sim-pd/sync-status").await;
    assert_eq!((code, &body["handle"]), (200, &json!("sim-pd")));
    assert!(refused(&stack, &["integration", "sync-status", "nobody"], 3).await.contains("nobody"));
    let told = refused(&stack, &["integration", "oncall", "sim-pd"], 4).await;
    assert!(
        told.contains("is disabled") && told.contains("im integration enable sim-pd"),
        "{told}"
    );
    assert_eq!(calls(&stack, "/oncalls"), 0);
}
