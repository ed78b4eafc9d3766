//! The way to admin: one channel, a client of each service on it, and who acts on every call.

use std::time::Duration;

use tandem_proto::v1::{
    audit_service_client::AuditServiceClient, conflict_service_client::ConflictServiceClient,
    dead_letter_service_client::DeadLetterServiceClient,
    directory_service_client::DirectoryServiceClient,
    field_mapping_service_client::FieldMappingServiceClient,
    incident_service_client::IncidentServiceClient,
    integration_service_client::IntegrationServiceClient, link_service_client::LinkServiceClient,
    on_call_service_client::OnCallServiceClient, ownership_service_client::OwnershipServiceClient,
    service_mapping_service_client::ServiceMappingServiceClient,
    status_service_client::StatusServiceClient,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::failure::Failure;

/// How long a call may take: admin answers an edit after 2 s at the latest, and a watch has no end
/// but is measured up to its first answer only.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A channel on which every call says who acts.
pub(crate) type Door = InterceptedService<Channel, Acting>;

/// Admin, as seen from here.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    channel: Channel,
    acting: Acting,
}

/// Says who acts, where somebody said so.
#[derive(Debug, Clone)]
pub(crate) struct Acting {
    author: Option<MetadataValue<Ascii>>,
}

impl Acting {
    fn new(author: Option<&str>) -> Result<Self, Failure> {
        let refused = |_| Failure::Usage("--as must be an email address".to_owned());
        Ok(Self { author: author.map(str::parse).transpose().map_err(refused)? })
    }
}

impl Interceptor for Acting {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(author) = &self.author {
            request.metadata_mut().insert("x-actor", author.clone());
        }
        Ok(request)
    }
}

impl Client {
    /// Opens a connection to admin, on which calls are made by `author` and may take `patience`.
    pub(crate) async fn connect(
        url: &str,
        author: Option<&str>,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let acting = Acting::new(author)?;
        if !url.starts_with("http://") {
            return Err(Failure::Usage(format!(
                "{url:?} is not an address of admin: it starts with http://"
            )));
        }
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|_| Failure::Usage(format!("{url:?} is not an address of admin")))?
            .connect_timeout(Duration::from_secs(5))
            .timeout(patience)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .user_agent(concat!("im/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| anyhow::anyhow!(error))?;
        let channel = endpoint.connect().await.map_err(|_| Failure::Unreachable(url.to_owned()))?;
        Ok(Self { channel, acting })
    }

    pub(crate) fn integrations(&self) -> IntegrationServiceClient<Door> {
        IntegrationServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn on_call(&self) -> OnCallServiceClient<Door> {
        OnCallServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn directory(&self) -> DirectoryServiceClient<Door> {
        DirectoryServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn status(&self) -> StatusServiceClient<Door> {
        StatusServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn service_mappings(&self) -> ServiceMappingServiceClient<Door> {
        ServiceMappingServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn ownership(&self) -> OwnershipServiceClient<Door> {
        OwnershipServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn links(&self) -> LinkServiceClient<Door> {
        LinkServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn dead_letters(&self) -> DeadLetterServiceClient<Door> {
        DeadLetterServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn incidents(&self) -> IncidentServiceClient<Door> {
        IncidentServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn field_mappings(&self) -> FieldMappingServiceClient<Door> {
        FieldMappingServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn conflicts(&self) -> ConflictServiceClient<Door> {
        ConflictServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn audit(&self) -> AuditServiceClient<Door> {
        AuditServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }
}
