//! The rest of the API: forwarded where that is set up, and not there otherwise.

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::IntoResponse,
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    client,
    stage::{ID, Stage},
};

/// An admin API that answers with what it was asked.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let header = |name: &str| headers.get(name).map_or("-", |value| value.to_str().unwrap());
    let said = format!(
        "{method} {uri} {} {} {}",
        header("authorization"),
        header("cookie"),
        String::from_utf8_lossy(&body)
    );
    let headers = [("content-type", "text/plain"), ("etag", "\"7\""), ("set-cookie", "a=b")];
    (StatusCode::CREATED, headers, said)
}

#[expect(clippy::disallowed_methods, reason = "the test ends it by its handle")]
async fn upstream() -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/admin", listener.local_addr().unwrap());
    let serving = async { axum::serve(listener, Router::new().fallback(echo)).await.unwrap() };
    (url, tokio::spawn(serving))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_webhook_goes_upstream_and_its_answer_comes_back() {
    let (url, serving) = upstream().await;
    let stage = Stage::ready_with(&["--api-upstream".to_owned(), url]).await;
    let headers = [("authorization", "Bearer t".to_owned()), ("cookie", "c=d".to_owned())];
    let path = "/api/v1/integrations?page=2";
    let answer = client::send(stage.addr, "PUT", path, &headers, b"{}").await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body, "PUT /admin/api/v1/integrations?page=2 Bearer t - {}");
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.header("etag"), Some("\"7\""));
    assert_eq!(answer.header("set-cookie"), None);
    let escaping = stage.get(stage.addr, "/api/v1/../../secret").await;
    assert_eq!(escaping.refusal(), (404, "no_such_path".to_owned()));
    let large = vec![b' '; 1024 * 1024 + 1];
    let large = client::send(stage.addr, "POST", "/api/v1/integrations", &[], &large).await;
    assert_eq!(large.refusal(), (413, "too_large".to_owned()));

    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    let away = stage.get(stage.addr, "/api/v1/integrations").await;
    assert_eq!(away.refusal(), (502, "upstream_away".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_door_shows_webhooks_only() {
    let stage = Stage::ready().await;
    for path in ["/api/v1/integrations", "/api/v1/", "/", "/metrics"] {
        let answer = stage.get(stage.addr, path).await;
        assert_eq!(answer.refusal(), (404, "no_such_path".to_owned()), "{path}");
    }
    assert_eq!(stage.get(stage.addr, &format!("/api/v1/webhooks/{ID}")).await.status, 405);
    assert_eq!(stage.get(stage.addr, "/healthz").await.status, 200);
}
