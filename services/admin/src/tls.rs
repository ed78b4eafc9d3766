//! TLS on both ports, from one certificate; with a client CA, callers need a certificate, too.
//!
//! A certificate of the client says that a machine may talk to admin at all; who is calling is said
//! by the token, with or without one.

use std::time::Duration;

use secrecy::ExposeSecret as _;
pub use tandem_runtime::tls::{NoTls, Tls, TlsFiles};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// How long a client may take to agree on TLS.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// The same certificate for the gRPC port.
pub(crate) fn grpc(tls: &Tls) -> ServerTlsConfig {
    let (cert, key) = tls.identity();
    let identity = Identity::from_pem(cert, key.expose_secret());
    let config = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_WITHIN);
    match tls.client_ca() {
        Some(ca) => config.client_ca_root(Certificate::from_pem(ca)),
        None => config,
    }
}
