//! TLS on a port, from one certificate; with a client CA, whoever comes needs a certificate, too.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use secrecy::SecretSlice;
use tokio_rustls::TlsAcceptor;

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

/// The files for TLS.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TlsFiles {
    /// Speak TLS, with this chain of certificates in PEM
    #[arg(long, env = "TANDEM_TLS_CERT_FILE", requires = "tls_key_file")]
    pub tls_cert_file: Option<PathBuf>,
    /// The key that goes with it, in PEM
    #[arg(long, env = "TANDEM_TLS_KEY_FILE", requires = "tls_cert_file")]
    pub tls_key_file: Option<PathBuf>,
    /// Ask whoever comes for a certificate of this authority, besides what they need anyway
    #[arg(long, env = "TANDEM_TLS_CLIENT_CA_FILE", requires = "tls_cert_file")]
    pub tls_client_ca_file: Option<PathBuf>,
}

impl TlsFiles {
    /// Reads the files, where they are given.
    pub fn read(&self) -> Result<Option<Tls>, NoTls> {
        let Self { tls_cert_file, tls_key_file, tls_client_ca_file } = self;
        let (Some(cert), Some(key)) = (tls_cert_file, tls_key_file) else { return Ok(None) };
        Tls::read(cert, key, tls_client_ca_file.as_deref()).map(Some)
    }
}

/// A certificate with its key, checked, and whom it asks for theirs.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    cert: Vec<u8>,
    key: Arc<SecretSlice<u8>>,
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
        let key = Arc::new(SecretSlice::from(key));
        Ok(Self { config: Arc::new(config), cert, key, client_ca: ca })
    }

    /// Certificate chain and key, in PEM, for whoever makes a configuration of their own of them.
    pub fn identity(&self) -> (&[u8], &SecretSlice<u8>) {
        (&self.cert, &self.key)
    }

    /// The authority of the clients, in PEM, where they need a certificate.
    pub fn client_ca(&self) -> Option<&[u8]> {
        self.client_ca.as_deref()
    }

    /// For a port that speaks HTTP/1.1.
    pub fn acceptor(&self) -> TlsAcceptor {
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
