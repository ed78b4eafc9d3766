//! TLS on both ports, from one certificate; with a client CA, callers need a certificate, too.
//!
//! A certificate of the client says that a machine may talk to admin at all; who is calling is said
//! by the token, with or without one.

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// How long a client may take to agree on TLS.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum NoTls {
    /// A file cannot be read.
    #[error("{setting} cannot be read")]
    Unread {
        /// Which setting names it.
        setting: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{setting} holds no PEM of the kind that it should")]
    Unfit {
        /// Which setting names it.
        setting: &'static str,
    },
    /// Certificate and key do not go together, or one of them is not supported.
    #[error("--tls-cert-file and --tls-key-file cannot be used together")]
    Pair(#[source] rustls::Error),
    /// The client CA cannot be used.
    #[error("--tls-client-ca-file cannot be used")]
    ClientCa(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A certificate with its key, checked, and whom it asks for theirs.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    cert: Vec<u8>,
    key: Arc<secrecy::SecretSlice<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("mutual", &self.client_ca.is_some()).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads certificate chain, key, and the CA of the clients from PEM files.
    pub fn read(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, NoTls> {
        let cert = read("--tls-cert-file", cert)?;
        let key = read("--tls-key-file", key)?;
        let ca = client_ca.map(|path| read("--tls-client-ca-file", path)).transpose()?;
        let chain = certificates("--tls-cert-file", &cert)?;
        let private = PrivateKeyDer::from_pem_slice(&key);
        let private = private.map_err(|_| NoTls::Unfit { setting: "--tls-key-file" })?;
        let builder = match &ca {
            None => ServerConfig::builder().with_no_client_auth(),
            Some(ca) => {
                let refused =
                    |error: Box<dyn std::error::Error + Send + Sync>| NoTls::ClientCa(error);
                let mut roots = RootCertStore::empty();
                for root in certificates("--tls-client-ca-file", ca)? {
                    roots.add(root).map_err(|error| refused(error.into()))?;
                }
                let verifier = WebPkiClientVerifier::builder(roots.into()).build();
                let verifier = verifier.map_err(|error| refused(error.into()))?;
                ServerConfig::builder().with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, private).map_err(NoTls::Pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let key = Arc::new(secrecy::SecretSlice::from(key));
        Ok(Self { config: Arc::new(config), cert, key, client_ca: ca })
    }

    /// The same for the gRPC port.
    pub(crate) fn grpc(&self) -> ServerTlsConfig {
        use secrecy::ExposeSecret as _;
        let identity = Identity::from_pem(&self.cert, self.key.expose_secret());
        let config = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_WITHIN);
        match &self.client_ca {
            Some(ca) => config.client_ca_root(Certificate::from_pem(ca)),
            None => config,
        }
    }

    /// The same for the REST port, which speaks HTTP/1.1.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, NoTls> {
    std::fs::read(path).map_err(|source| NoTls::Unread { setting, source })
}

fn certificates(setting: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, NoTls> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.ok().filter(|all| !all.is_empty());
    all.ok_or(NoTls::Unfit { setting })
}
