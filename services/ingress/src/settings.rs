//! What can be set, from flags or the environment, checked before anything is started.

use std::net::SocketAddr;

use reqwest::Url;
use tandem_runtime::{
    settings::{Common, MasterKeys, NoSecret},
    tls::{NoTls, Tls, TlsFiles},
};
use tandem_seal::{Keyring, SealError};

/// Takes webhooks in: verifies, normalises, publishes to NATS, answers 202 once they are on disk
#[derive(Debug, clap::Parser)]
#[command(name = "tandem-ingress", version)]
pub struct Settings {
    /// What every service has.
    #[command(flatten)]
    pub common: Common,
    /// The keys that open the signing secrets.
    #[command(flatten)]
    pub keys: MasterKeys,
    /// Where to take webhooks
    #[arg(long, env = "TANDEM_HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,
    /// Where the admin REST API is, to serve the rest of /api/v1 from here; a public door has none
    #[arg(long, env = "TANDEM_API_UPSTREAM", value_parser = upstream)]
    pub api_upstream: Option<Url>,
    /// How many requests a second to take from one address that nothing vouches for: all but signed
    /// webhooks; 0 for any number. Behind a proxy everybody comes from its address
    #[arg(
        long,
        env = "TANDEM_REQUESTS_PER_SOURCE",
        value_name = "PER SECOND",
        default_value_t = 100
    )]
    pub requests_per_source: u32,
    /// What webhooks come over.
    #[command(flatten)]
    pub tls: TlsFiles,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSettings {
    /// The master keys are not there.
    #[error("the master keys cannot be read")]
    Keys(#[source] NoSecret),
    /// The master keys are not keys.
    #[error("the master keys cannot be used")]
    Keyring(#[source] SealError),
    /// The certificate cannot be used.
    #[error("TLS cannot be spoken")]
    Tls(#[source] NoTls),
}

impl Settings {
    /// The master keys, ready to open secrets.
    pub fn keyring(&self) -> Result<Keyring, BadSettings> {
        let keys = self.keys.read().map_err(BadSettings::Keys)?;
        let ring = Keyring::parse(&keys).map_err(BadSettings::Keyring)?;
        let source = self.keys.clone();
        Ok(ring.renewed_by(move || source.read().ok()))
    }

    /// The certificate, where there is one.
    pub fn tls(&self) -> Result<Option<Tls>, BadSettings> {
        self.tls.read().map_err(BadSettings::Tls)
    }
}

fn upstream(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("{other}:// is not http:// or https://")),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_flags_are_consistent_and_have_defaults() {
        Settings::command().debug_assert();
        let settings = Settings::try_parse_from(["tandem-ingress"]).unwrap();
        assert_eq!(settings.http_addr, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(settings.api_upstream, None);
    }

    #[test]
    fn an_upstream_must_be_an_http_url() {
        let parse = |url| Settings::try_parse_from(["tandem-ingress", "--api-upstream", url]);
        assert!(parse("http://127.0.0.1:8081").is_ok());
        assert!(parse("ftp://127.0.0.1").is_err());
        assert!(parse("127.0.0.1:8081").is_err());
    }

    #[test]
    fn a_certificate_needs_its_key_and_both_are_read_before_anything_is_started() {
        let parse = |args: &[&str]| Settings::try_parse_from([&["tandem-ingress"], args].concat());
        let cert = ["--tls-cert-file", "/no/such/file"];
        assert!(parse(&cert).is_err());
        let both = [&cert[..], &["--tls-key-file", "/no/such/file"]].concat();
        assert!(matches!(parse(&both).unwrap().tls(), Err(BadSettings::Tls(_))));
        assert!(parse(&[]).unwrap().tls().unwrap().is_none());
    }

    #[test]
    fn keys_are_needed() {
        let parse = |key: &str| Settings::try_parse_from(["tandem-ingress", "--master-key", key]);
        assert!(matches!(parse("abc").unwrap().keyring(), Err(BadSettings::Keyring(_))));
        assert!(parse(&"ab".repeat(32)).unwrap().keyring().is_ok());
    }
}
