//! The commands that speak to a running simulator: a product of the simulator, so there is no fact behind them.

use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::Pd;

async fn run(url: &str, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagerduty-sim"));
    command.args(words).env("PAGERDUTY_SIM_URL", url);
    let run = tokio::task::spawn_blocking(move || command.output());
    run.await.expect("it is waited for").expect("it runs")
}

async fn json(url: &str, words: &[&str]) -> Value {
    let output = run(url, words).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {told}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The lines of the README, in its order.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_readme_do_what_they_say() {
    let pd = Pd::start().await;
    let url = pd.sim.url.as_str();
    let made = json(url, &["act", "trigger", "title=Disk full", "urgency=low"]).await;
    assert_eq!(
        (&made["incident"]["title"], &made["incident"]["urgency"]),
        (&"Disk full".into(), &"low".into())
    );
    let number = made["incident"]["incident_number"].to_string();
    let who = "dana.whitlock@example.com";
    let seen = json(url, &["act", "acknowledge", "--incident", &number, "--user", who]).await;
    assert_eq!(seen["incident"]["status"], "acknowledged");
    let whom = r#"assignees=["priya.raman@example.com"]"#;
    let seen = json(url, &["act", "reassign", "--incident", &number, whom]).await;
    assert_eq!(seen["incident"]["assignments"][0]["assignee"]["id"], "PRY4M2A");
    pd.get("/incidents?titel=x").await;
    pd.get("/incidents").await;
    let calls = |all: Value| all["calls"].as_array().map(Vec::len);
    assert_eq!(calls(json(url, &["calls"]).await), Some(2));
    assert_eq!(calls(json(url, &["calls", "--violating"]).await), Some(1));
    assert!(json(url, &["deliveries"]).await["deliveries"].is_array());
    let turned = json(url, &["faults", r#"{"webhooks":{"duplicate":1}}"#]).await;
    assert_eq!(turned["webhooks"]["duplicate"], 1);
    assert_eq!(json(url, &["faults"]).await["webhooks"]["duplicate"], 1);
    assert_eq!(json(url, &["faults", "--restore"]).await["webhooks"]["duplicate"], 0);
    json(url, &["reset"]).await;
    assert_eq!(json(url, &["incidents"]).await["incidents"], Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_says_why_and_ends_with_a_failure() {
    let pd = Pd::start().await;
    let url = pd.sim.url.as_str();
    for (words, told) in [
        (&["act", "acknowledge", "--incident", "77"][..], "Incident Not Found"),
        (&["act", "trigger", "title"], "is not NAME=VALUE"),
        (&["faults", "{"], "the knobs are not JSON"),
        (&["faults", r#"{"webhooks":{"duplicates":1}}"#], "duplicates"),
        (&["calls", "--url", "http://127.0.0.1:1"], "no simulator at http://127.0.0.1:1"),
    ] {
        let output = run(url, words).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(told), "{words:?}: {said}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}
