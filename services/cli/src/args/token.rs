//! `im token …` and `im keys …`.

use clap::{Args, Subcommand};
use tandem_proto::v1::Role;

use super::word;

/// Commands on tokens: who may call admin, and what they may do there.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print its text, which cannot be shown again.
    Create(NewToken),
    /// List the tokens in force, newest first.
    List {
        /// Those too that were revoked or have expired.
        #[arg(long)]
        all: bool,
    },
    /// Revoke a token: within a second nobody gets in with it any more.
    Revoke {
        /// Its id (tok_…) or its name.
        #[arg(value_name = "TOKEN", help = "Its id (tok_…) or its name")]
        token: String,
    },
}

/// A token to be made.
#[derive(Debug, Args)]
pub(crate) struct NewToken {
    /// Who or what is going to use it: its changes are signed with this.
    #[arg(long)]
    pub(crate) name: String,
    /// What it may be used for; each role may do what the one before it may.
    #[arg(long, value_parser = word::<Role>())]
    pub(crate) role: Role,
    /// Let its holder act on behalf of others, with --as; an admin may anyway.
    #[arg(long)]
    pub(crate) acts_for_others: bool,
    /// End by itself after so many days.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) expires_in_days: Option<u32>,
}

/// Commands on the master keys that seal secrets at rest.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys by their ids, newest first, and how many secrets lie under each.
    List,
    /// Move every secret to the newest key, while everything goes on.
    Rotate {
        /// The id of the key that is expected to be the newest; if another one is, nothing is done.
        #[arg(long, value_name = "ID")]
        key: Option<String>,
    },
}
