//! `im audit …` and `im explain`.

use clap::{Args, Subcommand};

/// Commands on the audit: why fields have their values, and the proof of it.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List decisions, newest first.
    List {
        /// Only those about this incident.
        #[arg(long)]
        incident: Option<String>,
        /// Only those about this field.
        #[arg(long)]
        field: Option<String>,
        /// Only those by this rule, such as `owner_wins`.
        #[arg(long, help = "Only those by this rule, such as owner_wins")]
        rule: Option<String>,
        /// Only those in which the external side of this link took part.
        #[arg(long)]
        link: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// List what was done through admin, newest first: configuration, tokens, keys, dead letters.
    Admin {
        /// Only by this person or token.
        #[arg(long)]
        actor: Option<String>,
        /// Only this, such as integration.update, or all of a kind, such as integration.
        #[arg(long)]
        action: Option<String>,
        /// Only to this: an id, or the handle of an integration.
        #[arg(long)]
        target: Option<String>,
        /// Only in the last so many days.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Check that no decision was changed or taken out: every chain and seal, or one incident's chain.
    Verify {
        /// Only the chain of this incident.
        incident: Option<String>,
    },
}

/// Which story to tell.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The incident's id (inc_…).
    #[arg(value_name = "INCIDENT", help = "The incident's id (inc_…)")]
    pub(crate) incident: String,
    /// The field; left out, each is told of shortly.
    pub(crate) field: Option<String>,
    /// How many steps of the field to tell, the last ones.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub(crate) steps: i32,
}
