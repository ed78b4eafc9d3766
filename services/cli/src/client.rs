//! The way to admin: one channel, a client of each service on it, and who calls and acts.

use std::{net::IpAddr, time::Duration};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use tandem_proto::v1::{
    audit_service_client::AuditServiceClient,
    configuration_service_client::ConfigurationServiceClient,
    conflict_service_client::ConflictServiceClient,
    dead_letter_service_client::DeadLetterServiceClient,
    directory_service_client::DirectoryServiceClient,
    field_mapping_service_client::FieldMappingServiceClient,
    incident_service_client::IncidentServiceClient,
    integration_service_client::IntegrationServiceClient, key_service_client::KeyServiceClient,
    link_service_client::LinkServiceClient, on_call_service_client::OnCallServiceClient,
    ownership_service_client::OwnershipServiceClient, plan_service_client::PlanServiceClient,
    service_mapping_service_client::ServiceMappingServiceClient,
    status_service_client::StatusServiceClient, token_service_client::TokenServiceClient,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint, Uri},
};

use crate::{config::Config, failure::Failure};

/// How long a call may take: admin answers an edit after 2 s at the latest, and a watch has no end
/// but is measured up to its first answer only.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A channel on which every call says who makes it.
pub(crate) type Door = InterceptedService<Channel, Acting>;

/// Admin, as seen from here.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    channel: Channel,
    acting: Acting,
}

/// Says who calls, and who acts, where somebody said so.
#[derive(Debug, Clone)]
pub(crate) struct Acting {
    author: Option<MetadataValue<Ascii>>,
    authorization: Option<MetadataValue<Ascii>>,
}

impl Acting {
    fn new(author: Option<&str>, token: Option<&SecretString>) -> Result<Self, Failure> {
        let refused = |_| Failure::Usage("--as must be an email address".to_owned());
        let author = author.map(str::parse).transpose().map_err(refused)?;
        let bearer = |token: &SecretString| format!("Bearer {}", token.expose_secret()).parse();
        let refused =
            |_| Failure::Usage("the token is not one: it does not fit a header".to_owned());
        let mut authorization: Option<MetadataValue<Ascii>> =
            token.map(bearer).transpose().map_err(refused)?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Self { author, authorization })
    }
}

impl Interceptor for Acting {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(author) = &self.author {
            request.metadata_mut().insert("x-actor", author.clone());
        }
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        Ok(request)
    }
}

impl Client {
    /// Opens a connection to admin, on which calls may take `patience`.
    pub(crate) async fn connect(config: &Config, patience: Duration) -> Result<Self, Failure> {
        let url = &config.admin_url;
        let acting = Acting::new(config.author.as_deref(), config.token.as_ref())?;
        let is_tls = url.starts_with("https://");
        if !is_tls && !url.starts_with("http://") {
            return Err(Failure::Usage(format!(
                "{url:?} is not an address of admin: it starts with http:// or https://"
            )));
        }
        let mut endpoint = Endpoint::from_shared(url.clone())
            .map_err(|_| Failure::Usage(format!("{url:?} is not an address of admin")))?
            .connect_timeout(Duration::from_secs(5))
            .timeout(patience)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .user_agent(concat!("im/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| anyhow::anyhow!(error))?;
        if is_tls {
            let tls = config.tls.client()?;
            endpoint = endpoint.tls_config(tls).context("the certificates cannot be used")?;
        } else if config.token.is_some() && !is_here(endpoint.uri()) {
            eprintln!("warning: the token can be read on its way to {url}; prefer https://");
        }
        let channel = endpoint.connect().await.map_err(|error| unreachable(url, &error))?;
        Ok(Self { channel, acting })
    }

    pub(crate) fn integrations(&self) -> IntegrationServiceClient<Door> {
        IntegrationServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn configurations(&self) -> ConfigurationServiceClient<Door> {
        ConfigurationServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
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

    pub(crate) fn plans(&self) -> PlanServiceClient<Door> {
        PlanServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
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

    pub(crate) fn tokens(&self) -> TokenServiceClient<Door> {
        TokenServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }

    pub(crate) fn keys(&self) -> KeyServiceClient<Door> {
        KeyServiceClient::with_interceptor(self.channel.clone(), self.acting.clone())
    }
}

fn is_here(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Nobody is there, or they are and there is no agreement on TLS; the latter says why.
fn unreachable(url: &str, error: &tonic::transport::Error) -> Failure {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |it| it.source());
    let why = causes.map(ToString::to_string).find(|cause| cause.contains("certificate"));
    match why {
        Some(why) => Failure::Other(anyhow::anyhow!(
            "no agreement on TLS with {url}: {why}; see ca_file and client_cert_file of the profile"
        )),
        None => Failure::Unreachable(url.to_owned()),
    }
}
