//! Starts admin's ports in the test's process, on its database, and hands out clients.

use std::{net::SocketAddr, path::Path, time::Duration};

use secrecy::SecretString;
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use tandem_admin::{Admin, access::Access, dead_letters, grpc, publisher, rest, tls::Tls};
use tandem_bus::Bus;
use tandem_dev::{Nats, NatsOptions, Progress, runtimes, workspace};
use tandem_proto::v1::{
    self, incident_service_client::IncidentServiceClient,
    integration_service_client::IntegrationServiceClient,
    ownership_service_client::OwnershipServiceClient,
    service_mapping_service_client::ServiceMappingServiceClient,
};
use tandem_runtime::Stop;
use tandem_seal::Keyring;
use tandem_store::Store;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

/// Nothing listens there.
const NOWHERE: &str = "nats://127.0.0.1:1";
const ORG: &str = "acme-corp";

/// Admin, running.
pub(crate) struct Running {
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) channel: Channel,
    pub(crate) rest: SocketAddr,
    pub(crate) stop: Stop,
}

impl Running {
    /// Without NATS, which configuration does not need.
    pub(crate) async fn alone(database: &PgConnectOptions) -> Self {
        Self::start(database, NOWHERE).await
    }

    /// With NATS.
    pub(crate) async fn start(database: &PgConnectOptions, nats_url: &str) -> Self {
        let (mut running, grpc) = Self::serve(database, nats_url, (Access::Loopback, None)).await;
        running.channel = plain(grpc).connect().await.unwrap();
        running
    }

    /// Asking for tokens, without NATS.
    pub(crate) async fn guarded(database: &PgConnectOptions) -> Self {
        Self::guarded_with(database, NOWHERE).await
    }

    /// Asking for tokens, with NATS.
    pub(crate) async fn guarded_with(database: &PgConnectOptions, nats_url: &str) -> Self {
        let (mut running, grpc) = Self::serve(database, nats_url, (Access::Tokens, None)).await;
        running.channel = plain(grpc).connect().await.unwrap();
        running
    }

    /// With all that can be chosen; gives where gRPC is, to which nothing is connected yet.
    pub(crate) async fn serve(
        database: &PgConnectOptions,
        nats_url: &str,
        (access, tls): (Access, Option<&Tls>),
    ) -> (Self, SocketAddr) {
        let stop = Stop::default();
        let store = Store::connect(database.to_url_lossy().as_str(), "test", 4).unwrap();
        let bus = Bus::connect(nats_url, "test").await.unwrap();
        let keyring = Keyring::parse(&SecretString::from("ab".repeat(32))).unwrap();
        let admin = Admin::new(store.clone(), bus.clone(), keyring, access, stop.clone());
        if nats_url != NOWHERE {
            stop.spawn_dropped("topology", bus.clone().keep_topology());
            stop.spawn_dropped("publisher", publisher::run(admin.clone()));
            stop.spawn_dropped("dead letters", dead_letters::run(admin.clone()));
        }
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let grpc = grpc::serve(admin.clone(), any, tls, &stop).await.unwrap();
        let router = rest::router(admin.clone(), Some("https://sync.test/"), admin.readiness());
        let rest = rest::serve(router, any, tls, &stop).await.unwrap();
        (Self { store, bus, channel: plain(grpc).connect_lazy(), rest, stop }, grpc)
    }

    pub(crate) fn integrations(&self) -> IntegrationServiceClient<Channel> {
        IntegrationServiceClient::new(self.channel.clone())
    }

    pub(crate) fn mappings(&self) -> ServiceMappingServiceClient<Channel> {
        ServiceMappingServiceClient::new(self.channel.clone())
    }

    pub(crate) fn ownership(&self) -> OwnershipServiceClient<Channel> {
        OwnershipServiceClient::new(self.channel.clone())
    }

    pub(crate) fn incidents(&self) -> IncidentServiceClient<Channel> {
        IncidentServiceClient::new(self.channel.clone())
    }

    /// Creates an integration, which must succeed.
    pub(crate) async fn create(&self, integration: v1::Integration) -> v1::Integration {
        self.try_create(integration).await.unwrap()
    }

    pub(crate) async fn try_create(
        &self,
        integration: v1::Integration,
    ) -> Result<v1::Integration, Status> {
        let request = v1::CreateIntegrationRequest { integration: Some(integration) };
        Ok(self.integrations().create_integration(request).await?.into_inner())
    }

    /// Looks an integration up in the usual organisation.
    pub(crate) async fn get(&self, reference: &str) -> Result<v1::Integration, Status> {
        let integration = reference.to_owned();
        let request = v1::GetIntegrationRequest { org: ORG.to_owned(), integration };
        Ok(self.integrations().get_integration(request).await?.into_inner())
    }

    /// Changes what `paths` name in the integration `prod-pd`.
    pub(crate) async fn change(
        &self,
        changes: v1::Integration,
        paths: &[&str],
    ) -> Result<v1::Integration, Status> {
        let request = v1::UpdateIntegrationRequest {
            org: ORG.to_owned(),
            integration: "prod-pd".to_owned(),
            etag: changes.etag.clone(),
            changes: Some(changes),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
        };
        Ok(self.integrations().update_integration(request).await?.into_inner())
    }

    pub(crate) async fn delete(&self, reference: &str) -> Result<(), Status> {
        let integration = reference.to_owned();
        let request =
            v1::DeleteIntegrationRequest { org: ORG.to_owned(), integration, etag: String::new() };
        self.integrations().delete_integration(request).await.map(|_| ())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.ask();
    }
}

fn plain(grpc: SocketAddr) -> Endpoint {
    Endpoint::from_shared(format!("http://{grpc}")).unwrap()
}

/// A NATS server of one's own, in `dir`.
pub(crate) fn nats(dir: &Path) -> Nats {
    let root = workspace::root().unwrap();
    let server = runtimes::nats_server(&root, Progress::Silent).unwrap();
    Nats::start(&server, NatsOptions { dir: dir.join("nats"), ..NatsOptions::default() }).unwrap()
}

/// Waits until `probe` gives something, but not for ever.
pub(crate) async fn eventually<T, F, Fut>(what: &str, mut probe: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a new integration is usually asked for with.
pub(crate) fn integration() -> v1::Integration {
    v1::Integration {
        org: ORG.to_owned(),
        name: "Production PagerDuty".to_owned(),
        r#type: "pagerduty".to_owned(),
        base_url: "https://api.pagerduty.com".to_owned(),
        enabled: true,
        credentials: Some(v1::Credentials {
            token: "u+tokentoken".to_owned(),
            signing_secret: String::new(),
        }),
        ..Default::default()
    }
}

/// The fields that a refusal names.
pub(crate) fn refused(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations);
    violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}
