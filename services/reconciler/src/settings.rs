//! The reconciler's settings; `--help` is their reference.

use std::{net::SocketAddr, path::PathBuf};

use secrecy::SecretString;
use tandem_bus::readers::Readers;
use tandem_runtime::settings::{Common, NoSecret, secret};

/// Applies the rules of ownership and conflict to what happens on either side
#[derive(Debug, clap::Parser)]
#[command(name = "tandem-reconciler", version)]
pub struct Settings {
    /// Settings every service has.
    #[command(flatten)]
    pub common: Common,
    /// Where Postgres is
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,
    /// A file with the database URL instead
    #[arg(long, env = "DATABASE_URL_FILE", conflicts_with = "database_url")]
    pub database_url_file: Option<PathBuf>,
    /// After how many seconds without a receipt a desired state is published again, in case the
    /// broker lost it; in vain below two minutes, while the broker still knows the first one
    #[arg(long, env = "TANDEM_PUBLISH_AGAIN_AFTER", value_name = "SECONDS", default_value_t = 180)]
    pub publish_again_after: u32,
    /// After how many seconds a record that nobody has seen is read, whatever was told of it
    #[arg(
        long,
        env = "TANDEM_COMPARE_AFTER",
        value_name = "SECONDS",
        default_value_t = 86_400,
        value_parser = clap::value_parser!(u32).range(10..)
    )]
    pub compare_after: u32,
    /// Accounts of the broker that read the public feed from where they stopped, each with its
    /// organisation
    #[arg(
        long,
        env = "TANDEM_FEED_READERS",
        value_name = "ACCOUNT=ORG,…",
        default_value = "",
        hide_default_value = true
    )]
    pub feed_readers: Readers,
    /// How many connections to Postgres to hold at most
    #[arg(long, env = "TANDEM_DATABASE_CONNECTIONS", default_value_t = 4)]
    pub connections: u32,
}

impl Settings {
    /// The database URL, from wherever it was given.
    pub fn database_url(&self) -> Result<SecretString, NoSecret> {
        secret("database-url", self.database_url.as_ref(), self.database_url_file.as_ref())
    }

    /// Where probes and metrics are served.
    pub fn ops_addr(&self) -> SocketAddr {
        self.common.ops_addr.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9102)))
    }
}
