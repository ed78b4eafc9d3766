//! `im dlq …` and `im integration dlq …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tandem_proto::v1::{DeadLetterDirection, DeadLetterState};

use super::word;

/// Commands on dead letters: messages that could not be handled.
#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List dead letters, newest first.
    List {
        /// Only those of this integration, by handle, id or exact name.
        #[arg(long)]
        integration: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// List the root causes, the most frequent first.
    Causes {
        /// Only those of this integration, by handle, id or exact name.
        #[arg(long)]
        integration: Option<String>,
        /// Only those that were going this way.
        #[arg(long, value_parser = word::<DeadLetterDirection>(), ignore_case = true)]
        direction: Option<DeadLetterDirection>,
    },
    /// Show one dead letter: what it holds, why it is here, the call and its answer.
    Show(Letter),
    /// Send dead letters again: the ones named, or all open ones of an integration.
    Replay(Replay),
    /// Show how far a replay of many is.
    Progress {
        /// The replay's id (rpl_…).
        #[arg(value_name = "REPLAY", help = "The replay's id (rpl_…)")]
        replay: String,
    },
    /// Change what a dead letter holds, see what would be sent, and send it.
    Edit(Edit),
    /// Give dead letters up.
    Discard {
        /// Ids of dead letters (dlt_…).
        #[arg(required = true, value_name = "LETTER", help = "Ids of dead letters (dlt_…)")]
        letters: Vec<String>,
        /// Why; it is kept with the letter.
        #[arg(long)]
        reason: String,
    },
}

/// Which letters to list.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Only those that were going this way.
    #[arg(long, value_parser = word::<DeadLetterDirection>(), ignore_case = true)]
    pub(crate) direction: Option<DeadLetterDirection>,
    /// Those in this state [default: open].
    #[arg(
        long,
        value_parser = word::<DeadLetterState>(),
        ignore_case = true,
        help = "Those in this state [default: open]"
    )]
    pub(crate) state: Option<DeadLetterState>,
    /// Those in every state.
    #[arg(long, conflicts_with = "state")]
    pub(crate) all: bool,
    /// Only those of this root cause.
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
    /// Then print those that come or are dealt with, until stopped.
    #[arg(long, conflicts_with_all = ["direction", "state", "all", "group"])]
    pub(crate) watch: bool,
}

/// One letter.
#[derive(Debug, Args)]
pub(crate) struct Letter {
    /// The dead letter's id (dlt_…).
    #[arg(value_name = "LETTER", help = "The dead letter's id (dlt_…)")]
    pub(crate) letter: String,
}

/// Options of `im dlq replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Ids of dead letters (dlt_…); none for all open ones of an integration.
    #[arg(
        value_name = "LETTER",
        required_unless_present = "integration",
        help = "Ids of dead letters (dlt_…); none for all open ones of an integration"
    )]
    pub(crate) letters: Vec<String>,
    /// All open ones of this integration, by handle, id or exact name.
    #[arg(long, conflicts_with = "letters")]
    pub(crate) integration: Option<String>,
    /// Only those that were going this way.
    #[arg(
        long,
        value_parser = word::<DeadLetterDirection>(),
        ignore_case = true,
        requires = "integration"
    )]
    pub(crate) direction: Option<DeadLetterDirection>,
    /// Only those of this root cause.
    #[arg(long, requires = "integration")]
    pub(crate) group: Option<String>,
    /// Only show what would be sent; for one letter.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not wait until all are sent.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Options of `im dlq edit`.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    pub(crate) letter: Letter,
    /// Set a field of the message: a path, and JSON or plain text; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE", conflicts_with = "file")]
    pub(crate) set: Vec<String>,
    /// Take the whole message from this file, `-` being standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Only check, and show what would be sent.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before sending.
    #[arg(long, short)]
    pub(crate) yes: bool,
}
