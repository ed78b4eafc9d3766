//! What admin can be told at start: flags and environment, read once, contradictions refused.

use std::net::{Ipv4Addr, SocketAddr};

use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;
use tandem_runtime::settings::{Common, MasterKeys, NoSecret};
use tandem_seal::{Keyring, SealError};

use crate::{
    access::Access,
    tls::{NoTls, Tls, TlsFiles},
};

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
    /// Ask for a token also on loopback; elsewhere one is asked for anyway
    #[arg(long, env = "TANDEM_REQUIRE_TOKENS")]
    pub require_tokens: bool,
    /// Let anybody do everything who reaches an address, be it other than loopback
    #[arg(long, env = "TANDEM_ALLOW_UNAUTHENTICATED", conflicts_with = "require_tokens")]
    pub allow_unauthenticated: bool,
    /// How many calls a second to take from one address; 0 for any number. Behind a proxy, or
    /// ingress, everybody comes from its address
    #[arg(
        long,
        env = "TANDEM_REQUESTS_PER_SOURCE",
        value_name = "PER SECOND",
        default_value_t = 1000
    )]
    pub requests_per_source: u32,
    /// What gRPC and REST speak.
    #[command(flatten)]
    pub tls: TlsFiles,
}

/// What admin can do besides serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Bring the database's schema up to date, and end
    Migrate,
    /// Make, list and revoke tokens; needs the database alone
    #[command(subcommand)]
    Token(TokenCommand),
}

/// What can be done to tokens without holding one.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it; it cannot be shown again
    Create(NewToken),
    /// List the tokens in force
    List,
    /// Revoke a token
    Revoke {
        /// Its id or name
        token: String,
        /// The organisation that it opens, where several have one of that name
        #[arg(long)]
        org: Option<String>,
    },
}

/// A token to be made.
#[derive(Debug, Clone, Args)]
pub struct NewToken {
    /// Who or what is going to use it: its changes are signed with this
    #[arg(long)]
    pub name: String,
    /// What it may be used for
    #[arg(long, value_parser = ["viewer", "operator", "admin"])]
    pub role: String,
    /// The organisation that it opens
    #[arg(long, required_unless_present = "all_orgs")]
    pub org: Option<String>,
    /// Open every organisation instead
    #[arg(long, conflicts_with = "org")]
    pub all_orgs: bool,
    /// Let its holder act on behalf of others; an admin may anyway
    #[arg(long)]
    pub acts_for_others: bool,
    /// End by itself after so many days
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub expires_in_days: Option<u32>,
}

/// Why the settings cannot be used together.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    /// No database was named.
    #[error("--database-url (or DATABASE_URL) is not given")]
    NoDatabase,
    /// The certificate cannot be used.
    #[error("TLS cannot be spoken")]
    Tls(#[source] NoTls),
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
        let keys = self.master_keys.read().map_err(BadKeys::Unread)?;
        let source = self.master_keys.clone();
        let ring = Keyring::parse(&keys).map_err(BadKeys::Unfit)?;
        Ok(ring.renewed_by(move || source.read().ok()))
    }

    /// The address of the database.
    pub fn database_url(&self) -> Result<&SecretString, Contradiction> {
        self.database_url.as_ref().ok_or(Contradiction::NoDatabase)
    }

    /// Refuses what cannot work.
    pub fn check(&self) -> Result<(), Contradiction> {
        self.database_url().map(|_| ())
    }

    /// Who may call without a token: nobody, unless only this machine can call, or somebody said so.
    pub fn access(&self) -> Access {
        if self.allow_unauthenticated {
            Access::Anybody
        } else if self.require_tokens || self.is_exposed() {
            Access::Tokens
        } else {
            Access::Loopback
        }
    }

    /// Whether others than this machine can call.
    pub fn is_exposed(&self) -> bool {
        [self.grpc_addr, self.rest_addr].iter().any(|addr| !addr.ip().is_loopback())
    }

    /// The certificate, where there is one.
    pub fn tls(&self) -> Result<Option<Tls>, Contradiction> {
        self.tls.read().map_err(Contradiction::Tls)
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
    fn tokens_are_asked_for_wherever_others_can_call() {
        assert_eq!(settings(&[]).access(), Access::Loopback);
        assert_eq!(settings(&["--grpc-addr", "[::1]:1"]).access(), Access::Loopback);
        assert_eq!(settings(&["--require-tokens"]).access(), Access::Tokens);
        for exposed in [["--rest-addr", "0.0.0.0:8081"], ["--grpc-addr", "[::]:50051"]] {
            assert_eq!(settings(&exposed).access(), Access::Tokens, "{exposed:?}");
        }
        let told = ["--rest-addr", "0.0.0.0:8081", "--allow-unauthenticated"];
        assert_eq!(settings(&told).access(), Access::Anybody);
    }

    #[test]
    fn a_certificate_comes_with_its_key_and_must_be_one() {
        let args = ["tandem-admin", "--database-url", "x", "--tls-cert-file", "/no/such/file"];
        assert!(Settings::try_parse_from(args).is_err());
        let both = ["--tls-cert-file", "/no/such/file", "--tls-key-file", "/no/such/file"];
        assert!(matches!(settings(&both).tls(), Err(Contradiction::Tls(_))));
        assert!(settings(&[]).tls().unwrap().is_none());
    }

    #[test]
    fn a_token_opens_one_organisation_or_says_that_it_opens_all() {
        let parse = |more: &[&str]| {
            let token = ["tandem-admin", "token", "create", "--name", "ada", "--role", "admin"];
            Settings::try_parse_from(token.iter().chain(more))
        };
        assert!(parse(&[]).is_err());
        assert!(parse(&["--org", "acme", "--all-orgs"]).is_err());
        assert!(parse(&["--org", "acme"]).is_ok() && parse(&["--all-orgs"]).is_ok());
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
