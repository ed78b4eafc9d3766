//! The REST API, as `curl` sees it.

use std::{net::SocketAddr, sync::LazyLock};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_dev::http;
use tandem_proto::v1;

use crate::Running;

/// The body of the handbook, to the letter.
const BODY: &str = r#"{"organization_id":"acme-corp","integration_type":"pagerduty","name":"Production PagerDuty","base_url":"https://api.pagerduty.com","credentials":{"token":"your_pagerduty_api_token"},"sync_direction":"bidirectional","enabled":true}"#;

/// Status and body of a request with a JSON body; the answer has to be a documented one.
pub(crate) async fn call(
    rest: SocketAddr,
    method: &'static str,
    path: &str,
    body: &str,
) -> (u16, serde_json::Value) {
    let json = [("content-type", "application/json")];
    let response = send(rest, method, path, &json, body).await;
    check(method, path, &response);
    (response.status, serde_json::from_str(&response.body).unwrap_or_default())
}

/// The answer to any request.
async fn send(
    rest: SocketAddr,
    method: &'static str,
    path: &str,
    headers: &[(&'static str, &'static str)],
    body: &str,
) -> http::Response {
    let (url, body) = (format!("http://{rest}{path}"), body.to_owned());
    let headers = headers.to_vec();
    let response =
        tokio::task::spawn_blocking(move || http::request(method, &url, &headers, &body));
    response.await.unwrap().unwrap()
}

/// Whether an answer is one that the document has for the operation, or that of an address or a
/// method that it does not have.
fn check(method: &str, path: &str, response: &http::Response) {
    static DOCUMENT: LazyLock<serde_json::Value> = LazyLock::new(tandem_admin::rest::document);
    let status = response.status;
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    assert_eq!(response.header("content-type"), Some(kind), "{method} {path}: {response:?}");
    let path = path.split('?').next().unwrap();
    let parts: Vec<&str> = path.split('/').collect();
    let is_it = |known: &str| {
        let known: Vec<&str> = known.split('/').collect();
        let fits = |(known, part): (&&str, &&str)| known == part || known.starts_with('{');
        known.len() == parts.len() && known.iter().zip(&parts).all(fits)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    // An address that is spelt out goes before one with a name in it.
    let known = paths.get(path).or_else(|| paths.iter().find(|it| is_it(it.0)).map(|it| it.1));
    match known.map(|methods| &methods[method.to_lowercase()]) {
        Some(operation) if operation.is_object() => {
            let responses = &operation["responses"];
            assert!(responses[status.to_string()].is_object(), "{method} {path}: {status}");
        }
        Some(_) => assert_eq!(status, 405, "{method} {path}"),
        None => assert_eq!(status, 404, "{method} {path}"),
    }
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

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn the_document_is_there_without_a_token(_: PgPoolOptions, database: PgConnectOptions) {
    let admin = Running::guarded(&database).await;
    let path = "/api/v1/openapi.json";
    let served = send(admin.rest, "GET", path, &[], "").await;
    assert_eq!((served.status, served.header("content-type")), (200, Some("application/json")));
    let served: serde_json::Value = serde_json::from_str(&served.body).unwrap();
    assert_eq!(served["openapi"], "3.1.0");
    assert_eq!(served, tandem_admin::rest::document());
    let posted = send(admin.rest, "POST", path, &[], "").await;
    assert_eq!((posted.status, posted.header("allow")), (405, Some("get, head")));
    assert_eq!(posted.header("content-type"), Some("application/problem+json"));
    assert_eq!(call(admin.rest, "GET", "/api/v1/integrations", "").await.0, 401);
}

/// Status, detail and the fields that are named.
async fn problem(
    rest: SocketAddr,
    (method, path): (&'static str, &str),
    headers: &[(&'static str, &'static str)],
    body: &str,
) -> (u16, String, Vec<String>) {
    let response = send(rest, method, path, headers, body).await;
    check(method, path, &response);
    let problem: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(problem["status"], response.status, "{problem}");
    assert_eq!(problem["type"], "about:blank", "{problem}");
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let fields = errors.iter().map(|error| error["field"].as_str().unwrap().to_owned());
    (response.status, problem["detail"].as_str().unwrap().to_owned(), fields.collect())
}

/// The status of a problem, the method and address that it answers, the body, and the fields it names.
type Case<'a> = (u16, (&'static str, &'a str), &'a str, &'a [&'a str]);

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn whatever_cannot_be_read_is_a_problem_that_names_the_field(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
    let admin = Running::alone(&database).await;
    let integrations = "/api/v1/integrations";
    let deep = BODY.replace("\"your_pagerduty_api_token\"", "7");
    let unknown = BODY.replace("\"token\"", "\"tokn\"");
    let links = "/api/v1/links?incident=inc_00000000000000000000000000000001";
    let (few, token) = (format!("{links}&page_size=-1"), format!("{links}&page_token=zz"));
    let cases: [Case<'_>; 15] = [
        (422, ("GET", "/api/v1/dead-letters?group=1%00f"), "", &["group"]),
        (422, ("GET", &few), "", &["page_size"]),
        (422, ("GET", &token), "", &["page_token"]),
        (404, ("GET", "/api/v1/nothing"), "", &[]),
        (405, ("DELETE", integrations), "", &[]),
        (400, ("GET", "/api/v1/integrations/%ff"), "", &["integration"]),
        (422, ("GET", "/api/v1/integrations?page_size=many"), "", &["page_size"]),
        (422, ("GET", "/api/v1/integrations?page_size=-1"), "", &["page_size"]),
        (422, ("GET", "/api/v1/integrations?colour=red"), "", &["colour"]),
        (422, ("GET", "/api/v1/integrations?page_size=1&page_size=2"), "", &["page_size"]),
        (400, ("POST", integrations), "{", &[]),
        (422, ("POST", integrations), "[]", &["body"]),
        (422, ("POST", integrations), &deep, &["credentials.token"]),
        (422, ("POST", integrations), &unknown, &["credentials.tokn"]),
        (422, ("POST", "/api/v1/links"), r#"{"integration":"x"}"#, &["incident"]),
    ];
    for (status, asked, body, named) in cases {
        let (found, detail, fields) = problem(admin.rest, asked, JSON, body).await;
        assert_eq!(
            (found, fields),
            (status, named.iter().map(|name| (*name).to_owned()).collect()),
            "{asked:?}: {detail}"
        );
    }
    let asked = ("POST", integrations);
    let text = [("content-type", "text/plain")];
    let (status, detail, _) = problem(admin.rest, asked, &text, "").await;
    assert_eq!(status, 415);
    assert!(detail.contains("application/json"), "{detail}");
    let large = format!("{BODY}{}", " ".repeat(256 * 1024));
    let (status, detail, _) = problem(admin.rest, asked, JSON, &large).await;
    assert_eq!(status, 413);
    assert!(detail.contains("262144"), "{detail}");
    let actor = [("x-actor", "nobody")];
    let (status, _, fields) = problem(admin.rest, ("GET", integrations), &actor, "").await;
    assert_eq!((status, fields), (422, vec!["x-actor".to_owned()]));
    let other = send(admin.rest, "DELETE", integrations, &[], "").await;
    assert_eq!(other.header("allow"), Some("get, post, head"));
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_integration_and_its_rules_are_changed_by_what_a_body_holds(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let ask = async |method, path: &str, body: &str| call(admin.rest, method, path, body).await;
    assert_eq!(ask("POST", "/api/v1/integrations", BODY).await.0, 201);
    let one = "/api/v1/integrations/prod-pd";
    let body =
        r#"{"rate_limit":100,"sync_direction":"inbound","scope":{"teams":["PT1"]},"etag":"1"}"#;
    let (status, changed) = ask("PATCH", one, body).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!((&changed["rate_limit"], &changed["direction"]), (&100.into(), &"inbound".into()));
    assert_eq!(
        (&changed["scope"]["teams"][0], &changed["has_token"]),
        (&"PT1".into(), &true.into())
    );
    assert_eq!(ask("PATCH", one, body).await.0, 412, "the etag is that of another state");
    let (status, problem) = ask("PATCH", one, r#"{"rate_limit":0}"#).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &"rate_limit".into()), "{problem}");
    let (status, problem) = ask("PATCH", one, "{}").await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &"body".into()), "{problem}");

    let of = |what: &str| format!("{one}/{what}");
    let owned = of("field-ownership/title");
    let (status, owner) = ask("PUT", &owned, r#"{"owner":"external","priority":10}"#).await;
    assert_eq!((status, &owner["owner"]), (200, &"external".into()), "{owner}");
    let (status, problem) = ask("PUT", &owned, r#"{"owner":"external","priority":1001}"#).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &"priority".into()), "{problem}");
    assert_eq!(ask("DELETE", &owned, "").await.1["owner"], "platform");
    let (_, owners) = ask("GET", &of("field-ownership"), "").await;
    assert_eq!(owners["ownership"][0]["field"], "title", "{owners}");

    let label = of("field-mappings/label.region");
    let (status, mapped) = ask("PATCH", &label, r#"{"external_name":"region_cf"}"#).await;
    assert_eq!((status, &mapped["external_name"]), (200, &"region_cf".into()), "{mapped}");
    assert_eq!(ask("DELETE", &label, "").await.0, 200);
    let ada = of("field-mappings/assigned_to/counterparts/Ada%20Lovelace");
    let (status, named) = ask("PUT", &ada, r#"{"external":"PADA"}"#).await;
    assert_eq!((status, &named["rows"][0]["platform"]), (200, &"Ada Lovelace".into()), "{named}");
    assert_eq!(ask("DELETE", &ada, "").await.0, 200);
    assert_eq!(ask("DELETE", &ada, "").await.0, 404);
    let (_, mappings) = ask("GET", &of("field-mappings"), "").await;
    assert!(mappings["mappings"].as_array().unwrap().len() > 2, "{mappings}");

    let service = of("service-mappings/P123ABC");
    let (status, added) = ask("PUT", &service, r#"{"incident_type":"infrastructure"}"#).await;
    assert_eq!((status, &added["service"]), (200, &"P123ABC".into()), "{added}");
    let (_, services) = ask("GET", &of("service-mappings"), "").await;
    assert_eq!(services["mappings"][0]["incident_type"], "infrastructure", "{services}");
    let gone = send(admin.rest, "DELETE", &service, &[], "").await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    assert_eq!(ask("DELETE", &service, "").await.0, 404);

    assert_eq!(ask("POST", &of("rotate-secrets"), "").await.0, 409, "none is managed");
    assert_eq!(ask("DELETE", &format!("{one}?etag=1"), "").await.0, 412);
    let (status, left) = ask("DELETE", one, "").await;
    assert_eq!((status, &left["left_subscriptions"]), (200, &serde_json::json!([])), "{left}");
    assert_eq!(ask("GET", one, "").await.0, 404);
}
