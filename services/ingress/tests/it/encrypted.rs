//! TLS at the door: webhooks come over it, and over nothing else.

use std::{net::SocketAddr, sync::Arc};

use rcgen::CertifiedKey;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::stage::{DELIVERIES, ID, SECRET, Stage, signed};

/// Delivers over TLS; gives the first line of the answer.
async fn deliver(addr: SocketAddr, trusted: &CertificateDer<'static>, body: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(addr).await.unwrap();
    let mut stream = match connector.connect(name, stream).await {
        Ok(stream) => stream,
        Err(error) => return error.to_string(),
    };
    let (header, signature) = signed(SECRET, body.as_bytes());
    let request = format!(
        "POST /api/v1/webhooks/{ID} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n{header}: {signature}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_come_over_tls_and_over_nothing_else() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let CertifiedKey { cert, signing_key } = made();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (chain, key) =
        (write("cert.pem", cert.pem()), write("key.pem", signing_key.serialize_pem()));
    let args = ["--tls-cert-file".to_owned(), chain, "--tls-key-file".to_owned(), key];
    let stage = Stage::ready_with(&args).await;
    let body = DELIVERIES.lines().next().unwrap();
    assert_eq!(deliver(stage.addr, cert.der(), body).await, "HTTP/1.1 202 Accepted");
    let stranger = made();
    let refused = deliver(stage.addr, stranger.cert.der(), body).await;
    assert!(!refused.starts_with("HTTP"), "{refused}");
    let mut plain = TcpStream::connect(stage.addr).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The connection may be reset rather than closed.
    drop(plain.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}
