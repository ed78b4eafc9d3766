//! The REST API, as `curl` sees it.

use std::net::SocketAddr;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_dev::http;
use tandem_proto::v1;

use crate::Running;

/// The body of the handbook, to the letter.
const BODY: &str = r#"{"organization_id":"acme-corp","integration_type":"pagerduty","name":"Production PagerDuty","base_url":"https://api.pagerduty.com","credentials":{"token":"your_pagerduty_api_token"},"sync_direction":"bidirectional","enabled":true}"#;

/// Status and body of a request with a JSON body.
pub(crate) async fn call(
    rest: SocketAddr,
    method: &'static str,
    path: &str,
    body: &str,
) -> (u16, serde_json::Value) {
    let (url, body) = (format!("http://{rest}{path}"), body.to_owned());
    let headers = [("content-type", "application/json")];
    let response =
        tokio::task::spawn_blocking(move || http::request(method, &url, &headers, &body));
    let response = response.await.unwrap().unwrap();
    (response.status, serde_json::from_str(&response.body).unwrap_or_default())
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn the_documented_body_creates_an_integration(_: PgPoolOptions, database: PgConnectOptions) {
    let admin = Running::alone(&database).await;
    let (status, created) = call(admin.rest, "POST", "/api/v1/integrations", BODY).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(created["handle"], "prod-pd");
    let path = created["webhook_path"].as_str().unwrap();
    assert_eq!(created["webhook_url"], format!("https://sync.test{path}"));
    assert_eq!(admin.get("prod-pd").await.unwrap().id, created["id"]);

    for reference in ["prod-pd", created["id"].as_str().unwrap()] {
        let path = format!("/api/v1/integrations/{reference}");
        assert_eq!(call(admin.rest, "GET", &path, "").await, (200, created.clone()));
    }
    let (_, listed) = call(admin.rest, "GET", "/api/v1/integrations", "").await;
    assert_eq!(listed["integrations"], serde_json::json!([created]));
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_bad_body_is_told_by_its_own_field_names(_: PgPoolOptions, database: PgConnectOptions) {
    let admin = Running::alone(&database).await;
    let body = BODY
        .replace("acme-corp", "Acme Corp")
        .replace("\"pagerduty\"", "\"jira\"")
        .replace("https://api", "api");
    let (status, problem) = call(admin.rest, "POST", "/api/v1/integrations", &body).await;
    assert_eq!(status, 422, "{problem}");
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["organization_id", "integration_type", "base_url"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn what_is_no_use_is_refused_with_the_reason(_: PgPoolOptions, database: PgConnectOptions) {
    let admin = Running::alone(&database).await;
    let misspelt = BODY.replace("base_url", "base_uri");
    let (status, problem) = call(admin.rest, "POST", "/api/v1/integrations", &misspelt).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("base_uri"), "{problem}");

    let direction = BODY.replace("bidirectional", "sideways");
    let (status, problem) = call(admin.rest, "POST", "/api/v1/integrations", &direction).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &"sync_direction".into()));

    assert_eq!(call(admin.rest, "POST", "/api/v1/integrations", "{").await.0, 400);
    assert_eq!(call(admin.rest, "GET", "/api/v1/integrations/none", "").await.0, 404);
    assert_eq!(call(admin.rest, "GET", "/api/v1/nothing", "").await.0, 404);
    assert_eq!(call(admin.rest, "DELETE", "/api/v1/integrations", "").await.0, 405);
    let all = v1::ListIntegrationsRequest::default();
    let all = admin.integrations().list_integrations(all).await.unwrap().into_inner();
    assert_eq!(all.integrations, []);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn tokens_and_keys_have_their_addresses(_: PgPoolOptions, database: PgConnectOptions) {
    let admin = Running::alone(&database).await;
    let body = r#"{"organization_id":"acme-corp","name":"bot","role":"viewer","expire_time":"2999-01-01T00:00:00Z"}"#;
    let (status, made) = call(admin.rest, "POST", "/api/v1/tokens", body).await;
    assert_eq!(status, 201, "{made}");
    assert!(made["secret"].as_str().unwrap().starts_with("tdm_"), "{made}");
    let bad = body.replace("viewer", "king");
    let (status, problem) = call(admin.rest, "POST", "/api/v1/tokens", &bad).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &"role".into()), "{problem}");
    let listed = "/api/v1/tokens?organization_id=acme-corp";
    let (status, tokens) = call(admin.rest, "GET", listed, "").await;
    assert_eq!((status, &tokens["tokens"][0]["name"]), (200, &"bot".into()), "{tokens}");
    assert!(!tokens.to_string().contains("tdm_"));
    let revoke = "/api/v1/tokens/bot/revoke?organization_id=acme-corp";
    let (status, revoked) = call(admin.rest, "POST", revoke, "").await;
    assert_eq!(status, 200);
    assert!(revoked["revoke_time"].is_string(), "{revoked}");
    let (status, keys) = call(admin.rest, "GET", "/api/v1/keys", "").await;
    assert_eq!((status, &keys["keys"][0]["is_newest"]), (200, &true.into()), "{keys}");
    let (status, rotated) = call(admin.rest, "POST", "/api/v1/keys/rotate", "").await;
    assert_eq!((status, &rotated["moved"]), (200, &0.into()), "{rotated}");
    assert_eq!(call(admin.rest, "POST", "/api/v1/keys/rotate?key=zz", "").await.0, 422);
}
