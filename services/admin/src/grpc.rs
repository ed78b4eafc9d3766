//! The gRPC port: every service of the contract, health, and reflection in both its versions.

mod guests;

use std::{net::SocketAddr, time::Duration};

use tandem_proto::{
    FILE_DESCRIPTOR_SET,
    v1::{
        audit_service_server::AuditServiceServer,
        configuration_service_server::ConfigurationServiceServer,
        conflict_service_server::ConflictServiceServer,
        dead_letter_service_server::DeadLetterServiceServer,
        directory_service_server::DirectoryServiceServer,
        field_mapping_service_server::FieldMappingServiceServer,
        incident_service_server::IncidentServiceServer,
        integration_service_server::IntegrationServiceServer, key_service_server::KeyServiceServer,
        link_service_server::LinkServiceServer, on_call_service_server::OnCallServiceServer,
        ownership_service_server::OwnershipServiceServer, plan_service_server::PlanServiceServer,
        service_mapping_service_server::ServiceMappingServiceServer,
        status_service_server::StatusServiceServer, token_service_server::TokenServiceServer,
    },
};
use tandem_runtime::{
    Stop,
    ops::{self, OpsError},
    trace,
};
use tonic::transport::{Server, server::TcpIncoming};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_reflection::server::Builder as Reflection;
use tracing::Span;

use crate::{
    Admin,
    access::door::Guard,
    tls::{self, Tls},
};

/// The largest head of a call.
const HEAD_MAX: u32 = 16 * 1024;
/// Calls that one connection may have open, watched ones included.
const STREAMS: u32 = 64;
/// Calls of one connection in hand; more are refused, not queued.
const IN_HAND: usize = 64;

/// Why the gRPC port could not be served.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// The address cannot be listened on.
    #[error("grpc cannot be served")]
    Listen(#[source] OpsError),
    /// The descriptors that were built in cannot be served.
    #[error("reflection cannot be served")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The certificate cannot be used.
    #[error("grpc cannot be served with this certificate")]
    Tls(#[source] tonic::transport::Error),
}

/// Serves gRPC until it is time to stop; answers where, which matters when `addr` has port 0.
pub async fn serve(
    admin: Admin,
    addr: SocketAddr,
    tls: Option<&Tls>,
    stop: &Stop,
) -> Result<SocketAddr, GrpcError> {
    let descriptors = || {
        Reflection::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let reflection = descriptors().build_v1().map_err(GrpcError::Reflection)?;
    let older_reflection = descriptors().build_v1alpha().map_err(GrpcError::Reflection)?;
    let health_service = health().await;

    let listener = ops::listen(addr).await.map_err(GrpcError::Listen)?;
    let addr = listener.local_addr().unwrap_or(addr);
    tracing::info!(%addr, "serving gRPC");
    let asked = stop.clone();
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls::grpc(tls)).map_err(GrpcError::Tls)?;
    }
    let server = server
        .trace_fn(span)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(Some(HEAD_MAX))
        .max_concurrent_streams(Some(STREAMS))
        .concurrency_limit_per_connection(IN_HAND)
        .load_shed(true)
        .layer(Guard { gate: admin.gate().clone() })
        .add_service(health_service)
        .add_service(reflection)
        .add_service(older_reflection)
        .add_service(IntegrationServiceServer::new(admin.clone()))
        .add_service(ServiceMappingServiceServer::new(admin.clone()))
        .add_service(OwnershipServiceServer::new(admin.clone()))
        .add_service(LinkServiceServer::new(admin.clone()))
        .add_service(IncidentServiceServer::new(admin.clone()))
        .add_service(DeadLetterServiceServer::new(admin.clone()))
        .add_service(FieldMappingServiceServer::new(admin.clone()))
        .add_service(ConflictServiceServer::new(admin.clone()))
        .add_service(AuditServiceServer::new(admin.clone()))
        .add_service(OnCallServiceServer::new(admin.clone()))
        .add_service(DirectoryServiceServer::new(admin.clone()))
        .add_service(StatusServiceServer::new(admin.clone()))
        .add_service(ConfigurationServiceServer::new(admin.clone()))
        .add_service(TokenServiceServer::new(admin.clone()))
        .add_service(PlanServiceServer::new(admin.clone()))
        .add_service(KeyServiceServer::new(admin))
        .serve_with_incoming_shutdown(
            guests::welcome(TcpIncoming::from(listener).with_nodelay(Some(true))),
            async move { asked.asked().await },
        );
    stop.spawn("grpc", async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the gRPC port failed");
        }
    });
    Ok(addr)
}

/// The health of every service, which is good as soon as the port is served.
async fn health() -> HealthServer<impl Health> {
    let (health, service) = tonic_health::server::health_reporter();
    health.set_serving::<IntegrationServiceServer<Admin>>().await;
    health.set_serving::<ServiceMappingServiceServer<Admin>>().await;
    health.set_serving::<OwnershipServiceServer<Admin>>().await;
    health.set_serving::<LinkServiceServer<Admin>>().await;
    health.set_serving::<IncidentServiceServer<Admin>>().await;
    health.set_serving::<DeadLetterServiceServer<Admin>>().await;
    health.set_serving::<FieldMappingServiceServer<Admin>>().await;
    health.set_serving::<ConflictServiceServer<Admin>>().await;
    health.set_serving::<AuditServiceServer<Admin>>().await;
    health.set_serving::<OnCallServiceServer<Admin>>().await;
    health.set_serving::<DirectoryServiceServer<Admin>>().await;
    health.set_serving::<StatusServiceServer<Admin>>().await;
    health.set_serving::<ConfigurationServiceServer<Admin>>().await;
    health.set_serving::<TokenServiceServer<Admin>>().await;
    health.set_serving::<PlanServiceServer<Admin>>().await;
    health.set_serving::<KeyServiceServer<Admin>>().await;
    service
}

/// The span of a call, within the caller's trace where it sent one.
fn span(request: &axum::http::Request<()>) -> Span {
    let span = tracing::info_span!("grpc", method = request.uri().path());
    let traceparent = request.headers().get(trace::TRACEPARENT);
    trace::adopt(&span, traceparent.and_then(|value| value.to_str().ok()));
    span
}
