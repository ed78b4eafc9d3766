//! What people and other services see: the feed, reflection, REST, and nothing secret.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tandem_tests::Stack;
use tonic_reflection::pb::{
    v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
    v1alpha::{
        ServerReflectionRequest as AlphaRequest,
        server_reflection_client::ServerReflectionClient as AlphaClient,
        server_reflection_request::MessageRequest as AlphaMessage,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn any_nats_client_sees_the_incidents_as_cloud_events() {
    let stack = Stack::start().await;
    let client = async_nats::connect(stack.nats.url()).await.unwrap();
    let mut feed = client.subscribe("incidents.v1.>").await.unwrap();
    client.flush().await.unwrap();
    stack.pagerduty.act(json!({"action": "trigger", "title": "seen by all"})).unwrap();
    let message = tokio::time::timeout(Duration::from_secs(10), feed.next()).await;
    let message = message.expect("in time").expect("a message");
    let event: Value = serde_json::from_slice(&message.payload).unwrap();
    assert!(message.subject.starts_with("incidents.v1.demo.inc_"), "{}", message.subject);
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "tandem.incident.created.v1");
    assert_eq!(event["data"]["incident"]["title"], "seen by all");
    for required in ["id", "source", "time", "sequence", "subject"] {
        assert!(event[required].is_string(), "{required}: {event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_grpc_client_lists_the_services_by_reflection() {
    let stack = Stack::start().await;
    let channel = tonic::transport::Endpoint::from_shared(stack.im.admin_url().to_owned());
    let channel = channel.unwrap().connect().await.unwrap();
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let stream = futures_util::stream::iter([ask]);
    let answer = ServerReflectionClient::new(channel.clone()).server_reflection_info(stream).await;
    let answer = answer.unwrap().into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for service in
        ["tandem.v1.IncidentService", "tandem.v1.IntegrationService", "grpc.health.v1.Health"]
    {
        assert!(names.iter().any(|name| name == service), "{service} in {names:?}");
    }
    let ask = AlphaRequest {
        host: String::new(),
        message_request: Some(AlphaMessage::ListServices(String::new())),
    };
    let stream = futures_util::stream::iter([ask]);
    let answer = AlphaClient::new(channel).server_reflection_info(stream).await;
    assert!(answer.unwrap().into_inner().next().await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_product_pages_set_up_works_as_printed_and_shows_no_secret() {
    let stack = Stack::start().await;
    let body = r#"{"organization_id":"acme-corp","integration_type":"pagerduty","name":"Production PagerDuty","base_url":"https://api.pagerduty.com","credentials":{"token":"canary-token-of-rest"},"sync_direction":"bidirectional","enabled":true}"#;
    let answer = stack
        .http
        .post(format!("{}/api/v1/integrations", stack.http_url))
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    let made: Value = answer.json().await.unwrap();
    assert_eq!(made["handle"], "prod-pd");
    assert!(!made.to_string().contains("canary"));

    let words = [
        "integration",
        "configure",
        "--name",
        "Production PagerDuty",
        "--type",
        "pagerduty",
        "--org",
        "acme-corp",
        "--base-url",
        "https://api.pagerduty.com",
        "--direction",
        "bidirectional",
        "--token",
        "canary-token-of-im",
    ];
    let made = stack.im.json(&words).await.unwrap();
    assert_eq!(made["handle"], "prod-pd-2");
    assert!(!made.to_string().contains("canary"));

    let listed = stack.http.get(format!("{}/api/v1/integrations", stack.http_url));
    let listed: Value = listed.send().await.unwrap().json().await.unwrap();
    assert!(listed.to_string().contains("prod-pd-2") && !listed.to_string().contains("canary"));

    let plain = "select count(*) from integrations where config::text || coalesce(token, '') || signing_secrets::text like '%canary%'";
    assert_eq!(stack.count(plain).await, 0, "sealed at rest");
    assert!(!stack.logs().contains("canary"), "not in a log");
}
