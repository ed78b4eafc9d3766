//! What admin can be told at start: flags and environment, read once, contradictions refused.

use std::net::{Ipv4Addr, SocketAddr};

use clap::{Parser, Subcommand};
use secrecy::SecretString;
use tandem_runtime::settings::{Common, MasterKeys, NoSecret};
use tandem_seal::{Keyring, SealError};

/// Configuration, links and incidents over gRPC and REST
#[derive(Debug, Parser)]
#[command(name = "tandem-admin", version)]
pub struct Settings {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings every service has.
    #[command(flatten)]
    pub common: Common,
    /// Where the master keys come from.
    #[command(flatten)]
    pub master_keys: MasterKeys,
    /// Where Postgres is; credentials in the URL are kept out of logs
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<SecretString>,
    /// How many connections to Postgres at most
    #[arg(long, env = "TANDEM_DATABASE_CONNECTIONS", default_value_t = 8)]
    pub database_connections: u32,
    /// Where to serve gRPC
    #[arg(long, env = "TANDEM_GRPC_ADDR", default_value = "127.0.0.1:50051")]
    pub grpc_addr: SocketAddr,
    /// Where to serve REST
    #[arg(long, env = "TANDEM_REST_ADDR", default_value = "127.0.0.1:8081")]
    pub rest_addr: SocketAddr,
    /// Root under which the outside reaches ingress, to answer whole webhook addresses
    #[arg(long, env = "TANDEM_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Seconds from one look at the managed webhook subscriptions to the next, at most
    #[arg(
        long,
        env = "TANDEM_SUBSCRIPTION_INTERVAL",
        value_name = "SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u32).range(1..=86_400)
    )]
    pub subscription_interval: u32,
    /// Serve on other addresses than loopback although nobody has to say who they are
    #[arg(long, env = "TANDEM_ALLOW_UNAUTHENTICATED")]
    pub allow_unauthenticated: bool,
}

/// What admin can do besides serving.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Bring the database's schema up to date, and end
    Migrate,
}

/// Why the settings cannot be used together.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    /// No database was named.
    #[error("--database-url (or DATABASE_URL) is not given")]
    NoDatabase,
    /// Anybody who reaches the address could change everything.
    #[error(
        "{addr} is not a loopback address and admin does not ask who is calling: use 127.0.0.1, \
         or say --allow-unauthenticated where something in front of it does ask"
    )]
    Exposed {
        /// The address.
        addr: SocketAddr,
    },
}

/// Why there are no master keys.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// They could not be read.
    #[error("secrets cannot be sealed")]
    Unread(#[source] NoSecret),
    /// They are no keys.
    #[error("secrets cannot be sealed")]
    Unfit(#[source] SealError),
}

impl Settings {
    /// The master keys, parsed.
    pub fn keyring(&self) -> Result<Keyring, BadKeys> {
        Keyring::parse(&self.master_keys.read().map_err(BadKeys::Unread)?).map_err(BadKeys::Unfit)
    }

    /// The address of the database.
    pub fn database_url(&self) -> Result<&SecretString, Contradiction> {
        self.database_url.as_ref().ok_or(Contradiction::NoDatabase)
    }

    /// Refuses what would be unsafe or cannot work.
    pub fn check(&self) -> Result<(), Contradiction> {
        self.database_url()?;
        let exposed =
            [self.grpc_addr, self.rest_addr].into_iter().find(|addr| !addr.ip().is_loopback());
        match exposed {
            Some(addr) if !self.allow_unauthenticated => Err(Contradiction::Exposed { addr }),
            _ => Ok(()),
        }
    }

    /// Where to serve probes and metrics.
    pub fn ops_addr(&self) -> SocketAddr {
        self.common.ops_addr.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 9104)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(args: &[&str]) -> Settings {
        let always = ["tandem-admin", "--database-url", "postgres://x"];
        Settings::try_parse_from(always.iter().chain(args)).unwrap()
    }

    #[test]
    fn only_loopback_is_served_unless_told_otherwise() {
        assert!(settings(&[]).check().is_ok());
        assert!(settings(&["--grpc-addr", "[::1]:1"]).check().is_ok());
        assert!(matches!(
            settings(&["--rest-addr", "0.0.0.0:8081"]).check(),
            Err(Contradiction::Exposed { .. })
        ));
        let told = ["--rest-addr", "0.0.0.0:8081", "--allow-unauthenticated"];
        assert!(settings(&told).check().is_ok());
    }

    #[test]
    fn credentials_never_show() {
        let settings = settings(&["--master-key", "abab"]);
        let shown = format!("{settings:?}");
        assert!(!shown.contains("abab") && !shown.contains("postgres://"), "{shown}");
    }

    #[test]
    fn migrate_is_a_command_of_its_own() {
        assert!(matches!(settings(&["migrate"]).command, Some(Command::Migrate)));
    }

    #[test]
    fn help_is_as_reviewed() {
        use clap::CommandFactory as _;
        let mut command = Settings::command().mut_args(|arg| arg.hide_env_values(true));
        insta::assert_snapshot!(command.render_help());
    }
}
