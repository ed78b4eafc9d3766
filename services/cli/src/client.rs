//! The way to admin: one lazily opened channel, and a client of each service on it.

use std::time::Duration;

use tandem_proto::v1::{
    dead_letter_service_client::DeadLetterServiceClient,
    incident_service_client::IncidentServiceClient,
    integration_service_client::IntegrationServiceClient, link_service_client::LinkServiceClient,
    ownership_service_client::OwnershipServiceClient,
    service_mapping_service_client::ServiceMappingServiceClient,
};
use tonic::transport::{Channel, Endpoint};

use crate::failure::Failure;

/// Admin, as seen from here.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    channel: Channel,
}

impl Client {
    /// Opens a connection to admin.
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        if !url.starts_with("http://") {
            return Err(Failure::Usage(format!(
                "{url:?} is not an address of admin: it starts with http://"
            )));
        }
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|_| Failure::Usage(format!("{url:?} is not an address of admin")))?
            .connect_timeout(Duration::from_secs(5))
            // Admin answers an edit after 2 s at the latest; a watch has no end, and is measured
            // up to its first answer only.
            .timeout(Duration::from_secs(30))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .user_agent(concat!("im/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| anyhow::anyhow!(error))?;
        let channel = endpoint.connect().await.map_err(|_| Failure::Unreachable(url.to_owned()))?;
        Ok(Self { channel })
    }

    pub(crate) fn integrations(&self) -> IntegrationServiceClient<Channel> {
        IntegrationServiceClient::new(self.channel.clone())
    }

    pub(crate) fn service_mappings(&self) -> ServiceMappingServiceClient<Channel> {
        ServiceMappingServiceClient::new(self.channel.clone())
    }

    pub(crate) fn ownership(&self) -> OwnershipServiceClient<Channel> {
        OwnershipServiceClient::new(self.channel.clone())
    }

    pub(crate) fn links(&self) -> LinkServiceClient<Channel> {
        LinkServiceClient::new(self.channel.clone())
    }

    pub(crate) fn dead_letters(&self) -> DeadLetterServiceClient<Channel> {
        DeadLetterServiceClient::new(self.channel.clone())
    }

    pub(crate) fn incidents(&self) -> IncidentServiceClient<Channel> {
        IncidentServiceClient::new(self.channel.clone())
    }
}
