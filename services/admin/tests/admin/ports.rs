//! What a stranger with grpcurl finds: health and reflection.

use futures_util::{StreamExt as _, stream};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{v1, v1alpha};

use crate::Running;

const SERVICES: [&str; 5] = [
    "tandem.v1.IncidentService",
    "tandem.v1.IntegrationService",
    "tandem.v1.LinkService",
    "tandem.v1.OwnershipService",
    "tandem.v1.ServiceMappingService",
];

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn every_service_says_that_it_serves(_: PgPoolOptions, database: PgConnectOptions) {
    let admin = Running::alone(&database).await;
    let mut health = HealthClient::new(admin.channel.clone());
    for service in SERVICES {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn reflection_lists_every_service(_: PgPoolOptions, database: PgConnectOptions) {
    use v1::{
        server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let admin = Running::alone(&database).await;
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = ServerReflectionClient::new(admin.channel.clone())
        .server_reflection_info(stream::iter([request]))
        .await;
    let answer = answers.unwrap().into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(SERVICES.iter().all(|service| names.iter().any(|name| name == service)), "{names:?}");
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn older_clients_find_the_same_by_the_older_reflection(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    use v1alpha::{
        server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let admin = Running::alone(&database).await;
    let symbol = MessageRequest::FileContainingSymbol(SERVICES[0].to_owned());
    let request =
        v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(symbol) };
    let answers = ServerReflectionClient::new(admin.channel.clone())
        .server_reflection_info(stream::iter([request]))
        .await;
    let answer = answers.unwrap().into_inner().next().await.unwrap().unwrap();
    let found = matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_)));
    assert!(found, "{answer:?}");
}
