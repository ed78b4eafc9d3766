//! What people ask of an integration: who is on call, what its account has, how it is doing, whether
//! its connection works; and what they are told when nobody can answer.

mod account;
mod standing;
mod trouble;

use std::{process::Output, time::Duration};

use serde_json::{Value, json};
use tandem_pagerduty_sim::{Effect, RestFault};
use tandem_tests::{Stack, eventually};

/// What a command printed for people.
fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command said besides.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A command that must fail with this code; gives what it said.
async fn refused(stack: &Stack, words: &[&str], code: i32) -> String {
    let output = stack.im.run(words).await.unwrap();
    assert_eq!(output.status.code(), Some(code), "im {words:?}: {output:?}");
    said(&output)
}

/// The REST API, as curl.
async fn rest(stack: &Stack, path: &str) -> (u16, Value) {
    let answer = stack.http.get(format!("{}{path}", stack.http_url)).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Has the simulator's stage changed.
async fn stage(stack: &Stack, path: &str, body: &Value) -> Value {
    let url = format!("{}/_sim/{path}", stack.pagerduty.url);
    let request =
        if body.get("count").is_some() { stack.http.post(url) } else { stack.http.put(url) };
    let answer = request.json(body).send().await.unwrap().error_for_status().unwrap();
    answer.json().await.unwrap()
}

/// How often a path of PagerDuty's was called.
fn calls(stack: &Stack, path: &str) -> usize {
    stack.pagerduty.calls(0).iter().filter(|call| call.path == path).count()
}

/// Every call to paths that begin so comes to this.
fn fault(stack: &Stack, path_prefix: Option<&str>, effect: Effect) {
    let path_prefix = path_prefix.map(str::to_owned);
    let fault = RestFault { next: None, probability: None, method: None, path_prefix, effect };
    stack.pagerduty.turn(|knobs| knobs.rest = vec![fault]);
}

/// Waits until the egress acts, which is when it answers.
async fn answered(stack: &Stack) {
    eventually("the egress answers", Duration::from_secs(20), || async {
        match stack.im.json(&["integration", "sync-status", "sim-pd"]).await {
            Ok(status) if !status["outbound"].is_null() => Ok(()),
            other => Err(other.map_err(|error| error.to_string())),
        }
    })
    .await;
}

/// The check of this name.
fn check<'a>(checkup: &'a Value, name: &str) -> &'a Value {
    let all = checkup["checks"].as_array().unwrap();
    all.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name} in {checkup}"))
}

/// Looks the connection over; gives the exit code and what was found.
async fn test(stack: &Stack) -> (i32, Value) {
    let words = ["integration", "test", "sim-pd", "--output", "json"];
    let output = stack.im.run(&words).await.unwrap();
    let found = serde_json::from_slice(&output.stdout);
    let found = found.unwrap_or_else(|_| panic!("{}", said(&output)));
    (output.status.code().unwrap(), found)
}

/// Makes the integration call with this key.
async fn configure_token(stack: &Stack, token: &str) {
    let words = ["integration", "configure", "sim-pd", "--token-file", "-"];
    let made = stack.im.json_fed(&words, token).await.unwrap();
    let version = made["config_version"].clone();
    assert_ne!(version, json!(null));
    eventually("the egress has the key", Duration::from_secs(20), || async {
        let (_, checkup) = test(stack).await;
        let token = &check(&checkup, "token")["verdict"];
        if token == "ok" { Ok(()) } else { Err(checkup) }
    })
    .await;
}
