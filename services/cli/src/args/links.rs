//! `im links …`.

use clap::{Args, Subcommand};

/// Commands on links: pairs of an incident and its counterpart.
#[derive(Debug, Subcommand)]
pub(crate) enum LinksCommand {
    /// Show one link.
    Show(OneLink),
    /// Join an incident to a record that is there already.
    Link {
        /// The incident's id (inc_…).
        #[arg(value_name = "INCIDENT", help = "The incident's id (inc_…)")]
        incident: String,
        /// The integration, by handle, id or exact name.
        #[arg(long)]
        integration: String,
        /// The record's id in the external account.
        #[arg(long, value_name = "ID")]
        record: String,
    },
    /// Part an incident from its record: both stay as they are from then on.
    Unlink(OneLink),
    /// Compare both sides again, and try again what was refused.
    Resync {
        #[command(flatten)]
        link: OneLink,
        /// Read the record even where nothing seems to differ.
        #[arg(long)]
        read: bool,
    },
}

/// One link.
#[derive(Debug, Args)]
pub(crate) struct OneLink {
    /// The link's id (lnk_…), as in im integration links --output json.
    #[arg(value_name = "LINK", help = "The link's id (lnk_…); see im integration links")]
    pub(crate) link: String,
}
