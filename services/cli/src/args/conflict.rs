//! `im conflict …`.

use clap::{Args, Subcommand};
use tandem_proto::v1::{ConflictStanding, ConflictTake};

use super::word;

/// Commands on conflicts: fields that both sides changed.
#[derive(Debug, Subcommand)]
pub(crate) enum ConflictCommand {
    /// List conflicts, newest first.
    List {
        #[command(flatten)]
        of: Of,
        /// Those that stand so [default: open].
        #[arg(
            long,
            value_parser = word::<ConflictStanding>(),
            ignore_case = true,
            help = "Those that stand so [default: open]"
        )]
        standing: Option<ConflictStanding>,
        /// Those that have ended, too.
        #[arg(long, conflicts_with = "standing")]
        all: bool,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Then print those that open or end, until stopped.
        #[arg(long, conflicts_with_all = ["standing", "all"])]
        watch: bool,
    },
    /// Show one conflict: what each side says, who, when, and what each choice would do.
    Show {
        /// The conflict's id (cfl_…).
        #[arg(value_name = "CONFLICT", help = "The conflict's id (cfl_…)")]
        conflict: String,
    },
    /// Decide conflicts: the ones named, or all open ones of an integration.
    Resolve(Resolve),
}

/// Which conflicts.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// Only those of this integration, by handle, id or exact name.
    #[arg(long)]
    pub(crate) integration: Option<String>,
    /// Only those of this incident.
    #[arg(long)]
    pub(crate) incident: Option<String>,
    /// Only those about this field.
    #[arg(long)]
    pub(crate) field: Option<String>,
}

/// Options of `im conflict resolve`.
#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// Ids of conflicts (cfl_…).
    #[arg(
        value_name = "CONFLICT",
        required_unless_present = "all",
        help = "Ids of conflicts (cfl_…)"
    )]
    pub(crate) conflicts: Vec<String>,
    #[command(flatten)]
    pub(crate) of: Of,
    /// All open ones of the integration; with --incident or --field, those among them.
    #[arg(long, conflicts_with = "conflicts", requires = "integration")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Do not ask before deciding all.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Whose value to take.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Choice {
    /// The platform's value, or the external side's.
    #[arg(long, value_parser = side(), ignore_case = true, value_name = "SIDE")]
    pub(crate) take: Option<ConflictTake>,
    /// A third value; empty clears the field.
    #[arg(long)]
    pub(crate) value: Option<String>,
}

/// Reads whose value to take; a third value has an option of its own.
fn side() -> impl clap::builder::TypedValueParser<Value = ConflictTake> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    use tandem_proto::words::Word as _;

    PossibleValuesParser::new(["platform", "external"])
        .try_map(|word| ConflictTake::from_word(&word).ok_or("not one of the possible values"))
}
