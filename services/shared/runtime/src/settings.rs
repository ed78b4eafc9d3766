//! Settings every service has, and secrets given as a value or as a file, never both.
//!
//! A service's `Settings` is a `clap` struct that flattens [`Common`]; `--help` is the reference.
//! A wrong setting ends the process with code 64 before anything was started.

use std::{net::SocketAddr, path::PathBuf};

use secrecy::SecretString;

/// Settings every service has.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    /// Where NATS is; credentials in the URL are kept out of logs
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", hide_env_values = true)]
    pub nats_url: String,
    /// Where to serve /healthz, /readyz and /metrics; the default differs per service
    #[arg(long, env = "TANDEM_OPS_ADDR")]
    pub ops_addr: Option<SocketAddr>,
    /// What to log, in tracing's filter syntax
    #[arg(long, env = "TANDEM_LOG", default_value = "info")]
    pub log: String,
    /// How to write logs
    #[arg(long, env = "TANDEM_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// Where traces and metrics are sent.
    #[command(flatten)]
    pub otlp: Otlp,
}

/// Where traces and metrics are sent, under the names of the OpenTelemetry specification.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Otlp {
    /// Where to send traces and metrics by OTLP over gRPC, to a collector's port 4317; nowhere
    /// unless given. Then the environment may hold more of OpenTelemetry's OTEL variables:
    /// resource attributes, sampler, intervals, queue sizes, headers
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// Where to send traces, if elsewhere or if nothing but traces is to be sent
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")]
    pub otlp_traces_endpoint: Option<String>,
    /// Where to send metrics, if elsewhere or if nothing but metrics is to be sent
    #[arg(long, env = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")]
    pub otlp_metrics_endpoint: Option<String>,
    /// What to call this service in what is sent; its own name unless given
    #[arg(long, env = "OTEL_SERVICE_NAME")]
    pub otel_service_name: Option<String>,
}

impl Otlp {
    /// Where traces go, if anywhere.
    pub fn traces(&self) -> Option<&str> {
        given(self.otlp_traces_endpoint.as_deref()).or_else(|| given(self.otlp_endpoint.as_deref()))
    }

    /// Where metrics go, if anywhere.
    pub fn metrics(&self) -> Option<&str> {
        given(self.otlp_metrics_endpoint.as_deref())
            .or_else(|| given(self.otlp_endpoint.as_deref()))
    }

    /// What the service is to be called instead of its own name.
    pub fn service_name(&self) -> Option<&str> {
        given(self.otel_service_name.as_deref())
    }
}

/// The specification reads an empty variable as one that is not there.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    Json,
    /// Lines for people.
    Text,
}

/// Where the master keys come from that seal secrets at rest.
#[derive(Debug, Clone, clap::Args)]
pub struct MasterKeys {
    /// Master keys of 64 hexadecimal digits, newest first, separated by commas
    #[arg(long, env = "TANDEM_MASTER_KEY", hide_env_values = true)]
    pub master_key: Option<SecretString>,
    /// A file with the master keys instead
    #[arg(long, env = "TANDEM_MASTER_KEY_FILE", conflicts_with = "master_key")]
    pub master_key_file: Option<PathBuf>,
}

/// Why a secret setting could not be read.
#[derive(Debug, thiserror::Error)]
pub enum NoSecret {
    /// Neither form was given.
    #[error("neither --{name} nor --{name}-file was given")]
    Missing {
        /// The setting.
        name: &'static str,
    },
    /// The file cannot be read.
    #[error("--{name}-file {path:?} cannot be read")]
    Unreadable {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

impl MasterKeys {
    /// The keys' text, from wherever it was given.
    pub fn read(&self) -> Result<SecretString, NoSecret> {
        secret("master-key", self.master_key.as_ref(), self.master_key_file.as_ref())
    }
}

/// A secret setting, from its value or its file.
pub fn secret(
    name: &'static str,
    value: Option<&SecretString>,
    file: Option<&PathBuf>,
) -> Result<SecretString, NoSecret> {
    match (value, file) {
        (Some(value), _) => Ok(value.clone()),
        (None, Some(path)) => std::fs::read_to_string(path)
            .map(|text| SecretString::from(text.trim()))
            .map_err(|source| NoSecret::Unreadable { name, path: path.clone(), source }),
        (None, None) => Err(NoSecret::Missing { name }),
    }
}
