//! Who gets in, by which token, and what stays shut: on gRPC and REST alike.

use std::{net::SocketAddr, process::Command, time::Duration};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tandem_dev::http;
use tandem_proto::v1::{
    self, integration_service_client::IntegrationServiceClient,
    token_service_client::TokenServiceClient,
};
use tonic::{Code, Request, Status, metadata::MetadataValue};

use crate::{Running, integration, support::eventually, without_reconciler::connected};

/// What `tandem-admin token …` prints.
fn at_hand(database: &PgConnectOptions, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tandem-admin"))
        .arg("token")
        .args(words)
        .env("DATABASE_URL", database.to_url_lossy().as_str())
        .env("TANDEM_LOG", "warn")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    assert_eq!(said, "", "nothing but the answer");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn first(database: &PgConnectOptions, role: &str, name: &str) -> String {
    at_hand(database, &["create", "--org", "acme-corp", "--name", name, "--role", role])
}

/// A request with a token, and on whose behalf.
fn with<T>(token: &str, actor: Option<&'static str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    if let Some(actor) = actor {
        request.metadata_mut().insert("x-actor", MetadataValue::from_static(actor));
    }
    request
}

fn listing(org: &str) -> v1::ListIntegrationsRequest {
    v1::ListIntegrationsRequest { org: org.to_owned(), ..Default::default() }
}

fn creation(name: &str) -> v1::CreateIntegrationRequest {
    let integration =
        v1::Integration { name: name.to_owned(), org: String::new(), ..integration() };
    v1::CreateIntegrationRequest { integration: Some(integration) }
}

fn configures(admin: &Running) -> IntegrationServiceClient<tonic::transport::Channel> {
    IntegrationServiceClient::new(admin.channel.clone())
}

fn tokens(admin: &Running) -> TokenServiceClient<tonic::transport::Channel> {
    TokenServiceClient::new(admin.channel.clone())
}

/// The status of a REST call.
async fn status(rest: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    asked(rest, ("GET", path, ""), headers).await
}

async fn asked(
    rest: SocketAddr,
    (method, path, body): (&'static str, &str, &str),
    headers: &[(&str, &str)],
) -> (u16, String) {
    let (url, body) = (format!("http://{rest}{path}"), body.to_owned());
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers: Vec<(String, String)> = headers.iter().map(own).collect();
    let answer = tokio::task::spawn_blocking(move || {
        let headers: Vec<_> =
            headers.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
        http::request(method, &url, &headers, &body)
    });
    let answer = answer.await.unwrap().unwrap();
    (answer.status, answer.body)
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn without_a_token_or_with_a_wrong_one_nobody_gets_in(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::guarded(&database).await;
    let refused = configures(&admin).list_integrations(listing("")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().contains("authorization: Bearer"), "{refused}");

    let good = first(&database, "viewer", "looker");
    let (body, last) = good.split_at(good.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    let another = format!("{body}{other}");
    let unknown = format!("tdm_{}_{}", "0".repeat(32), "0".repeat(64));
    for bad in [another.as_str(), &unknown, "tdm_", "x"] {
        let refused = configures(&admin).list_integrations(with(bad, None, listing(""))).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{bad}");
        assert!(bad.len() < 10 || !refused.message().contains(bad), "{refused}");
    }
    configures(&admin).list_integrations(with(&good, None, listing(""))).await.unwrap();

    let (code, body) = status(admin.rest, "/api/v1/integrations", &[]).await;
    assert_eq!(code, 401, "{body}");
    let bad = &[("authorization", "Bearer nonsense")];
    assert_eq!(status(admin.rest, "/api/v1/integrations", bad).await.0, 401);
    assert_eq!(status(admin.rest, "/api/v1/nowhere", &[]).await.0, 404);
    assert_eq!(status(admin.rest, "/healthz", &[]).await.0, 200);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_role_may_what_it_may_in_its_organisation_and_the_audit_names_the_token(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::guarded(&database).await;
    let viewer = first(&database, "viewer", "looker");
    let chief = first(&database, "admin", "chief");
    let refused = configures(&admin).create_integration(with(&viewer, None, creation("One"))).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("\"looker\" is viewer"), "{refused}");

    let made = configures(&admin).create_integration(with(&chief, None, creation("One"))).await;
    assert_eq!(made.unwrap().into_inner().org, "acme-corp", "the token says which");
    let elsewhere =
        configures(&admin).list_integrations(with(&chief, None, listing("other"))).await;
    assert_eq!(elsewhere.unwrap_err().code(), Code::PermissionDenied);

    let behalf = with(&chief, Some("ada@acme.test"), creation("Two"));
    configures(&admin).create_integration(behalf).await.unwrap();
    let behalf = with(&viewer, Some("ada@acme.test"), listing(""));
    let refused = configures(&admin).list_integrations(behalf).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let actors: Vec<(String, Option<String>)> = sqlx::query_as(
        "select actor, org from admin_audit where action = 'integration.create' order by position",
    )
    .fetch_all(admin.store.pool())
    .await
    .unwrap();
    let acme = Some("acme-corp".to_owned());
    let expected =
        [("chief".to_owned(), acme.clone()), ("ada@acme.test (by chief)".to_owned(), acme)];
    assert_eq!(actors, expected);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_token_is_made_listed_and_revoked_and_its_text_is_nowhere(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::guarded(&database).await;
    let chief = first(&database, "admin", "chief");
    let asked = |name: &str, role: v1::Role| v1::CreateTokenRequest {
        name: name.to_owned(),
        role: role.into(),
        ..Default::default()
    };
    let made = tokens(&admin)
        .create_token(with(&chief, None, asked("bot", v1::Role::Operator)))
        .await
        .unwrap()
        .into_inner();
    let token = made.token.unwrap();
    assert_eq!((token.name.as_str(), token.org.as_str()), ("bot", "acme-corp"));
    assert_eq!((token.creator.as_str(), token.last_use_time), ("chief", None));
    let again = with(&chief, None, asked("bot", v1::Role::Viewer));
    let again = tokens(&admin).create_token(again).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    let beyond = v1::CreateTokenRequest { org: "other".to_owned(), ..asked("x", v1::Role::Admin) };
    let beyond = tokens(&admin).create_token(with(&chief, None, beyond)).await.unwrap_err();
    assert_eq!(beyond.code(), Code::PermissionDenied);

    let list = || v1::ListIntegrationsRequest::default();
    configures(&admin).list_integrations(with(&made.secret, None, list())).await.unwrap();
    let revoke = || v1::RevokeTokenRequest { org: String::new(), token: "bot".to_owned() };
    tokens(&admin).revoke_token(with(&chief, None, revoke())).await.unwrap();
    let refused = configures(&admin).list_integrations(with(&made.secret, None, list())).await;
    assert!(refused.unwrap_err().message().contains("revoked"), "at once");
    let again = tokens(&admin).revoke_token(with(&chief, None, revoke())).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound, "no token in force is called so");
    let by_id = v1::RevokeTokenRequest { org: String::new(), token: token.id };
    let again = tokens(&admin).revoke_token(with(&chief, None, by_id)).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);

    let all = v1::ListTokensRequest { show_ended: true, ..Default::default() };
    let all = tokens(&admin).list_tokens(with(&chief, None, all)).await.unwrap().into_inner();
    let seen: Vec<(&str, bool, bool)> = all
        .tokens
        .iter()
        .map(|one| (&*one.name, one.revoke_time.is_some(), one.last_use_time.is_some()))
        .collect();
    assert_eq!(seen, [("bot", true, true), ("chief", false, true)]);

    let everything: Vec<String> = sqlx::query_scalar(
        "select row_to_json(t)::text from tokens t union all select row_to_json(a)::text from admin_audit a",
    )
    .fetch_all(admin.store.pool())
    .await
    .unwrap();
    let secret = made.secret.rsplit('_').next().unwrap();
    assert!(everything.iter().all(|row| !row.contains(secret)), "{everything:#?}");
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_expired_token_is_refused_and_one_for_all_is_made_on_the_server_only(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::guarded(&database).await;
    let all = at_hand(&database, &["create", "--all-orgs", "--name", "root", "--role", "admin"]);
    for org in ["acme-corp", "other"] {
        let integration = v1::Integration { org: org.to_owned(), ..integration() };
        let creation = v1::CreateIntegrationRequest { integration: Some(integration) };
        configures(&admin).create_integration(with(&all, None, creation)).await.unwrap();
    }
    let seen = configures(&admin).list_integrations(with(&all, None, listing(""))).await.unwrap();
    assert_eq!(seen.into_inner().integrations.len(), 2);
    let one = first(&database, "viewer", "looker");
    let seen = configures(&admin).list_integrations(with(&one, None, listing(""))).await.unwrap();
    assert_eq!(seen.into_inner().integrations.len(), 1, "its own");

    sqlx::query("update tokens set expires_at = now() - interval '1 second' where name = 'looker'")
        .execute(admin.store.pool())
        .await
        .unwrap();
    let refused = configures(&admin).list_integrations(with(&one, None, listing(""))).await;
    assert!(refused.unwrap_err().message().contains("expired"));
    let listed = at_hand(&database, &["list"]);
    assert!(listed.contains("root") && !listed.contains("looker"), "{listed}");
    at_hand(&database, &["revoke", "root"]);
    let refused = configures(&admin).list_integrations(with(&all, None, listing(""))).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn on_loopback_no_token_is_needed_but_by_who_comes_from_elsewhere(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let path = "/api/v1/integrations";
    assert_eq!(status(admin.rest, path, &[]).await.0, 200);
    assert_eq!(status(admin.rest, path, &[("x-forwarded-for", "127.0.0.1")]).await.0, 200);
    assert_eq!(status(admin.rest, path, &[("x-forwarded-for", "203.0.113.7")]).await.0, 401);
    let wrong = &[("authorization", "Bearer tdm_wrong")];
    assert_eq!(status(admin.rest, path, wrong).await.0, 401, "who presents one is judged by it");
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_watch_ends_when_its_token_is_revoked(_: PgPoolOptions, database: PgConnectOptions) {
    let dir = tempfile::tempdir().unwrap();
    let nats = crate::support::nats(dir.path());
    let admin = Running::guarded_with(&database, &nats.url()).await;
    connected(&admin).await;
    let token = first(&database, "viewer", "looker");
    let asked = || v1::WatchIncidentsRequest { org: String::new() };
    let mut watch = eventually("the watch begins", || async {
        admin.incidents().watch_incidents(with(&token, None, asked())).await.ok()
    })
    .await
    .into_inner();
    at_hand(&database, &["revoke", "looker"]);
    let ended = tokio::time::timeout(Duration::from_secs(20), watch.message()).await.unwrap();
    assert_eq!(ended.as_ref().map_err(Status::code).unwrap_err(), Code::Unauthenticated);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn rest_is_judged_by_the_call_that_an_address_stands_for(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::guarded(&database).await;
    let bearer = |token: String| format!("Bearer {token}");
    let viewer = bearer(first(&database, "viewer", "looker"));
    let chief = bearer(first(&database, "admin", "chief"));
    let other = ["create", "--org", "other", "--name", "stranger", "--role", "admin"];
    let other = bearer(at_hand(&database, &other));
    let json = ("content-type", "application/json");
    let new = r#"{"organization_id":"acme-corp","integration_type":"pagerduty","name":"P","base_url":"http://x.test","handle":"p"}"#;
    let create = ("POST", "/api/v1/integrations", new);
    for (token, expected) in [(&viewer, 403), (&other, 403), (&chief, 201)] {
        let headers = [json, ("authorization", token)];
        let (code, body) = asked(admin.rest, create, &headers).await;
        assert_eq!(code, expected, "{body}");
    }
    let as_viewer = [("authorization", viewer.as_str())];
    let as_other = [("authorization", other.as_str())];
    assert_eq!(status(admin.rest, "/api/v1/integrations/p", &as_viewer).await.0, 200);
    assert_eq!(status(admin.rest, "/api/v1/integrations/p", &as_other).await.0, 404);
    let named = "/api/v1/integrations?organization_id=acme-corp";
    assert_eq!(status(admin.rest, named, &as_other).await.0, 403);
    let test = ("POST", "/api/v1/integrations/p/test", "");
    assert_eq!(asked(admin.rest, test, &as_viewer).await.0, 403);
    let nothing = ("DELETE", "/api/v1/integrations", "");
    assert_eq!(asked(admin.rest, nothing, &as_viewer).await.0, 405);
    let delete = ("DELETE", "/api/v1/integrations/p", "");
    assert_eq!(asked(admin.rest, delete, &as_viewer).await.0, 403);
    assert_eq!(asked(admin.rest, ("HEAD", "/api/v1/integrations", ""), &[]).await.0, 401);
}
