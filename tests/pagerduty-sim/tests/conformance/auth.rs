//! Keys, `From`, content type: §3.1 and §3.2.

use serde_json::{Value, json};
use tandem_pagerduty_sim::{ACCOUNT_TOKEN, READ_ONLY_TOKEN, USER_TOKEN};

use crate::harness::{BOT, PRIYA, PRIYA_EMAIL, Pd, id, new_incident};

/// §3.2, code 2006 (§8 INFER: 401).
#[tokio::test]
async fn a_call_without_a_known_key_is_refused_with_2006() {
    let pd = Pd::start().await;
    let none = pd.send("GET", "/incidents", &[], Value::Null).await;
    let wrong = [("authorization", "Token token=nope")];
    let wrong = pd.send("GET", "/incidents", &wrong, Value::Null).await;
    for reply in [none, wrong] {
        assert_eq!((reply.status, reply.code()), (401, 2006));
    }
}

/// §3.1 [R-AUTH].
#[tokio::test]
async fn a_key_is_taken_as_token_and_as_bearer() {
    let pd = Pd::start().await;
    for value in [format!("Token token={USER_TOKEN}"), format!("Bearer {USER_TOKEN}")] {
        let reply = pd.send("GET", "/users/me", &[("authorization", &value)], Value::Null).await;
        assert_eq!((reply.status, id(&reply.body["user"])), (200, BOT));
    }
}

/// §3.2 (airflow plugin #1): code 2016 and its words.
#[tokio::test]
async fn an_account_key_without_from_is_refused_with_2016() {
    let pd = Pd::start().await;
    let auth = format!("Token token={ACCOUNT_TOKEN}");
    let headers = [("authorization", auth.as_str())];
    let reply = pd.send("POST", "/incidents", &headers, new_incident("t", json!({}))).await;
    assert_eq!((reply.status, reply.code()), (400, 2016));
    let message = "You must specify a user's email address in the \"From\" header to perform this \
                   action";
    assert_eq!(reply.body["error"]["message"], message);
}

/// §3.2: 1008 `Requester User Not Found`, and GH go-pagerduty#336: 1028.
#[tokio::test]
async fn an_unknown_or_malformed_from_is_refused() {
    let pd = Pd::start().await;
    let body = || new_incident("t", json!({}));
    let unknown = pd.call_as("nobody@example.com", "POST", "/incidents", body()).await;
    assert_eq!((unknown.status, unknown.code()), (400, 1008));
    assert_eq!(unknown.body["error"]["message"], "Requester User Not Found");
    let malformed = pd.call_as("Priya", "POST", "/incidents", body()).await;
    assert_eq!((malformed.status, malformed.code()), (400, 1028));
}

/// §6: the user named by `From` is the actor of an account key's call.
#[tokio::test]
async fn from_names_the_actor_of_an_account_key() {
    let pd = Pd::start().await;
    let reply = pd.call_as(PRIYA_EMAIL, "POST", "/incidents", new_incident("t", json!({}))).await;
    assert_eq!(reply.incident()["last_status_change_by"]["id"], PRIYA);
}

/// §3.1: `From` is not documented for webhook subscriptions and custom field values.
#[tokio::test]
async fn calls_without_a_documented_from_do_not_need_it() {
    let pd = Pd::start().await;
    let auth = format!("Token token={ACCOUNT_TOKEN}");
    let headers = [("authorization", auth.as_str())];
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}/custom_fields/values", id(&incident));
    let body = json!({ "custom_fields": [{ "name": "environment", "value": "production" }] });
    assert_eq!(pd.send("PUT", &path, &headers, body).await.status, 201);
}

/// §3.6 and §3.2: `/users/me` of an account key is a 400 whose error is a string.
#[tokio::test]
async fn an_account_key_is_nobody() {
    let pd = Pd::start().await;
    let auth = format!("Token token={ACCOUNT_TOKEN}");
    let reply = pd.send("GET", "/users/me", &[("authorization", &auth)], Value::Null).await;
    assert_eq!(reply.status, 400);
    let error = reply.body["error"].as_str().expect("a string");
    assert!(error.starts_with("Because this request was made using an account-level access token"));
}

/// §3.2: read-only key on a write.
#[tokio::test]
async fn a_read_only_key_cannot_write() {
    let pd = Pd::start().await;
    let auth = format!("Token token={READ_ONLY_TOKEN}");
    let headers = [("authorization", auth.as_str()), ("from", PRIYA_EMAIL)];
    let write = pd.send("POST", "/incidents", &headers, new_incident("t", json!({}))).await;
    assert_eq!((write.status, write.code()), (403, 2010));
    assert_eq!(pd.send("GET", "/incidents", &headers, Value::Null).await.status, 200);
}

/// §3.1 (GH go-pagerduty#89): 2001 with `params must be a Hash`.
#[tokio::test]
async fn a_body_not_declared_as_json_is_refused_with_2001() {
    let pd = Pd::start().await;
    let response = pd
        .http
        .post(format!("{}/incidents", pd.sim.url))
        .header("authorization", format!("Token token={USER_TOKEN}"))
        .body(new_incident("t", json!({})).to_string())
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 400);
    let body: Value = response.json().await.expect("JSON");
    let expected = json!({ "error":
        { "message": "Invalid Input Provided", "code": 2001, "errors": ["params must be a Hash"] } });
    assert_eq!(body, expected);
}

/// §7.13: a deleted user as `From` is 1008; a deleted user's own key is worth nothing.
#[tokio::test]
async fn a_deleted_user_cannot_act() {
    let pd = Pd::start().await;
    for user in [PRIYA, BOT] {
        let path = format!("/_sim/users/{user}");
        assert_eq!(pd.send("PUT", &path, &[], json!({ "deleted": true })).await.status, 200);
    }
    let reply = pd.call_as(PRIYA_EMAIL, "POST", "/incidents", new_incident("t", json!({}))).await;
    assert_eq!(reply.code(), 1008);
    assert_eq!(pd.get("/incidents").await.status, 401);
}

/// §8: a revoked key is refused until it is restored.
#[tokio::test]
async fn a_key_can_be_revoked_and_restored() {
    let pd = Pd::start().await;
    for (revoked, status) in [(true, 401), (false, 200)] {
        pd.send("PUT", "/_sim/tokens/user", &[], json!({ "revoked": revoked })).await;
        assert_eq!(pd.get("/incidents").await.status, status);
    }
}

/// §3.2, §7.13: a person without the right to change incidents, named as the author.
#[tokio::test]
async fn an_author_without_rights_is_refused_with_1018() {
    let pd = Pd::start().await;
    pd.send("PUT", &format!("/_sim/users/{PRIYA}"), &[], json!({ "read_only": true })).await;
    let body = || new_incident("t", json!({}));
    let reply = pd.call_as(PRIYA_EMAIL, "POST", "/incidents", body()).await;
    assert_eq!((reply.status, reply.code()), (403, 1018));
    let read = pd.call_as(PRIYA_EMAIL, "GET", "/incidents", Value::Null).await;
    assert_eq!(read.status, 200);
    pd.send("PUT", &format!("/_sim/users/{PRIYA}"), &[], json!({ "read_only": false })).await;
    assert_eq!(pd.call_as(PRIYA_EMAIL, "POST", "/incidents", body()).await.status, 201);
}

/// RFC 9110, section 6.6.1: a server with a clock says when it answered; the far side's clock is read from that.
#[tokio::test]
async fn every_answer_says_when_it_was_made() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}", id(&incident));
    let fault = json!({ "next": 1, "path_prefix": "/users", "effect": { "kind": "rate_limit", "bare": true } });
    pd.knobs(json!({ "rest": [fault] })).await;
    let replies = [
        pd.get(&path).await,
        pd.update(&path[11..], json!({ "title": "" })).await,
        pd.get("/nothing").await,
        pd.get("/users").await,
        pd.send("GET", &path, &[], Value::Null).await,
    ];
    let statuses = replies.each_ref().map(|it| it.status);
    assert_eq!(statuses, [200, 400, 404, 429, 401]);
    for reply in replies {
        let date = reply.headers.get("date").expect("a date").to_str().expect("text");
        let at = jiff::fmt::rfc2822::parse(date).expect("a date as HTTP writes it").timestamp();
        let call = pd.sim.calls(0).pop().expect("a call").time;
        let last: jiff::Timestamp = call.parse().expect("an instant");
        let apart = last.duration_since(at).abs();
        assert!(apart < jiff::SignedDuration::from_secs(10), "{date} {call}");
    }
}
