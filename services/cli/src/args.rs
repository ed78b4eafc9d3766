//! What can be typed: the options every command takes, and the tree of commands.
//!
//! The doc comments here are the help texts. Nothing is decided here beyond what a value may look
//! like; the server judges the rest, so that every client hears the same answer.

pub(crate) mod audit;
pub(crate) mod conflict;
pub(crate) mod dlq;
pub(crate) mod document;
pub(crate) mod incident;
pub(crate) mod integration;
pub(crate) mod links;
pub(crate) mod mapping;
pub(crate) mod plan;
pub(crate) mod questions;
pub(crate) mod token;

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use tandem_proto::words::Word;

use self::{
    audit::{AuditCommand, Explain},
    conflict::ConflictCommand,
    dlq::DlqCommand,
    document::{Apply, Export},
    incident::{IncidentCommand, NoteCommand},
    integration::IntegrationCommand,
    links::LinksCommand,
    token::{KeysCommand, TokenCommand},
};

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 3 not found, 4 conflict, 5 unavailable, 6 not allowed, 64 wrong usage.

What is said each time may be written to ~/.config/im/config.toml, once or for several servers:
  org = \"acme-corp\"
  admin_url = \"http://127.0.0.1:50051\"
  as = \"ada@acme.test\"

  [profiles.prod]                 # im --profile prod …, or profile = \"prod\" at the top
  org = \"acme-corp\"
  admin_url = \"https://tandem.acme.test:50051\"
  token_file = \"~/.config/im/prod.token\"   # or token_env, or token
  ca_file = \"~/.config/im/acme-ca.pem\"     # client_cert_file and client_key_file besides

The token is taken from --token-file (before the command), TANDEM_TOKEN or the profile.";

/// Incidents on the command line, kept in step with external systems.
#[derive(Debug, Parser)]
#[command(name = "im", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// A file that holds the token to call admin with; given before the command, where others have options of that name.
    #[arg(
        long,
        env = "TANDEM_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Global options",
        help = "A file with the token to call admin with, before the command: im --token-file \
                FILE status"
    )]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where admin listens [default: <http://127.0.0.1:50051>].
    #[arg(
        long,
        global = true,
        env = "TANDEM_ADMIN_URL",
        hide_env_values = true,
        value_name = "URL",
        help = "Where admin listens [default: http://127.0.0.1:50051]"
    )]
    pub(crate) admin_url: Option<String>,

    /// The organisation to act in.
    #[arg(long, global = true, env = "TANDEM_ORG", hide_env_values = true, value_name = "ORG")]
    pub(crate) org: Option<String>,

    /// Whose edits these are, by email: the author in the audit, and in external accounts that know the address.
    #[arg(
        long = "as",
        global = true,
        env = "TANDEM_AS",
        hide_env_values = true,
        value_name = "EMAIL",
        help = "Whose edits these are: the author in the audit, and in external accounts that know \
                the address"
    )]
    pub(crate) author: Option<String>,

    /// The profile of the configuration file to use.
    #[arg(
        long,
        global = true,
        env = "TANDEM_PROFILE",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub(crate) profile: Option<String>,

    /// How to print.
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,

    /// The configuration file [default: ~/.config/im/config.toml].
    #[arg(
        long,
        global = true,
        env = "TANDEM_IM_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) config: Option<PathBuf>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For programs: one value, a list is an array.
    Json,
    /// For programs and people.
    Yaml,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Configure the connections to external accounts.
    #[command(subcommand)]
    Integration(IntegrationCommand),
    /// Write out what the integrations of an organisation are configured with, as YAML to review and to
    /// apply; without secrets.
    Export(Export),
    /// Bring integrations to what a document says, all at once; shows what would change and asks first.
    Apply(Apply),
    /// Read and edit incidents.
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// Write notes on incidents.
    #[command(subcommand)]
    Note(NoteCommand),
    /// Tell why a field of an incident has its value.
    Explain(Explain),
    /// Decide what both sides changed.
    #[command(subcommand)]
    Conflict(ConflictCommand),
    /// Join, part and compare incidents and their counterparts.
    #[command(subcommand)]
    Links(LinksCommand),
    /// Read and prove the record of decisions.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Deal with messages that could not be handled.
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Tell how every integration is doing, at a glance.
    Status,
    /// Say who may call admin, and what they may do there.
    #[command(subcommand)]
    Token(TokenCommand),
    /// See and rotate the master keys that seal secrets at rest.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print the completion script of a shell.
    Completion {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page of im, or write a page for each command.
    Man {
        /// Write im.1, im-integration.1 and so on into this folder.
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
}

/// Reads one of an enum's words, offers them all in help and completion.
fn word<W: Word + Send + Sync>() -> impl TypedValueParser<Value = W> {
    PossibleValuesParser::new(W::WORDS.iter().map(|(_, word)| *word))
        .try_map(|word| W::from_word(&word).ok_or("not one of the possible values"))
}

/// Reads `key=value`.
fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected key=value".to_owned()),
    }
}

#[cfg(test)]
mod tests;
