//! TLS on both ports, and certificates of clients where they are asked for.

use std::{net::SocketAddr, path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_admin::{access::Access, tls::Tls};
use tandem_proto::v1::{self, integration_service_client::IntegrationServiceClient};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::Running;

/// An authority of our own.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key in PEM.
struct Pair {
    cert: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    fn pair(&self, usage: ExtendedKeyUsagePurpose) -> Pair {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Pair { cert: cert.pem(), key: key.serialize_pem() }
    }
}

/// What admin is given, written to files.
fn tls(dir: &Path, authority: &Authority, clients: Option<&Authority>) -> Tls {
    drop(rustls::crypto::ring::default_provider().install_default());
    let pair = authority.pair(ExtendedKeyUsagePurpose::ServerAuth);
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (cert, key) = (write("cert.pem", &pair.cert), write("key.pem", &pair.key));
    let ca = clients.map(|authority| write("ca.pem", &authority.pem()));
    Tls::read(&cert, &key, ca.as_deref()).unwrap()
}

async fn listed(grpc: SocketAddr, config: Option<ClientTlsConfig>) -> Result<usize, String> {
    let scheme = if config.is_some() { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://localhost:{}", grpc.port()))
        .map_err(|error| error.to_string())?;
    if let Some(config) = config {
        endpoint = endpoint.tls_config(config).map_err(|error| error.to_string())?;
    }
    let channel = endpoint.connect().await.map_err(|error| error.to_string())?;
    let listed = IntegrationServiceClient::new(channel)
        .list_integrations(v1::ListIntegrationsRequest::default())
        .await
        .map_err(|status| status.to_string())?;
    Ok(listed.into_inner().integrations.len())
}

/// The first line that REST answers over TLS.
async fn rest(addr: SocketAddr, trusted: &str, own: Option<&Pair>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let cert = CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![cert], key).unwrap()
        }
    };
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, TcpStream::connect(addr).await?).await?;
    let request =
        "GET /api/v1/integrations HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn both_ports_speak_tls_and_nothing_else(_: PgPoolOptions, database: PgConnectOptions) {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let tls = tls(dir.path(), &authority, None);
    let chosen = (Access::Loopback, Some(&tls));
    let (admin, grpc) = Running::serve(&database, "nats://127.0.0.1:1", chosen).await;
    let trusting = || ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()));
    assert_eq!(listed(grpc, Some(trusting())).await, Ok(0));
    assert!(listed(grpc, None).await.is_err(), "plain is refused");
    let stranger = Authority::new();
    let wrong = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(stranger.pem()));
    assert!(listed(grpc, Some(wrong)).await.is_err());
    assert_eq!(rest(admin.rest, &authority.pem(), None).await.unwrap(), "HTTP/1.1 200 OK");
    assert!(rest(admin.rest, &stranger.pem(), None).await.is_err());
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn where_clients_need_a_certificate_those_without_stay_out(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let (dir, authority, clients) =
        (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let tls = tls(dir.path(), &authority, Some(&clients));
    let chosen = (Access::Loopback, Some(&tls));
    let (admin, grpc) = Running::serve(&database, "nats://127.0.0.1:1", chosen).await;
    let trusting = || ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()));
    let with = |pair: &Pair| trusting().identity(Identity::from_pem(&pair.cert, &pair.key));
    let own = clients.pair(ExtendedKeyUsagePurpose::ClientAuth);
    let forged = Authority::new().pair(ExtendedKeyUsagePurpose::ClientAuth);
    assert_eq!(listed(grpc, Some(with(&own))).await, Ok(0));
    assert!(listed(grpc, Some(trusting())).await.is_err());
    assert!(listed(grpc, Some(with(&forged))).await.is_err());
    assert_eq!(rest(admin.rest, &authority.pem(), Some(&own)).await.unwrap(), "HTTP/1.1 200 OK");
    assert!(rest(admin.rest, &authority.pem(), None).await.is_err());
    assert!(rest(admin.rest, &authority.pem(), Some(&forged)).await.is_err());
}
