//! `im integration field-mapping …`, `user-mapping …`, `policy-mapping …` and `scope …`.

use clap::{Args, Subcommand};
use tandem_proto::v1::{MappingRow, Severity};

use super::{integration::Named, label, word};

/// `im integration field-mapping …`.
#[derive(Debug, Subcommand)]
pub(crate) enum FieldMappingCommand {
    /// List how the values of each field correspond.
    List(Named),
    /// Say how the values of a field correspond.
    Set {
        #[command(flatten)]
        named: Named,
        /// severity, status or `label.<name>`
        #[arg(help = "severity, status or label.<name>")]
        field: String,
        /// The whole table: platform value = external value. Where several share an external value, a `!` after it
        /// marks the one that it becomes on a fresh incident.
        #[arg(
            value_parser = row,
            value_name = "PLATFORM=EXTERNAL[!]",
            help = "The whole table, such as SEV-1=high SEV-2=high! SEV-3=low!: where several share an external value, \
                    ! marks the one that it becomes on a fresh incident"
        )]
        rows: Vec<MappingRow>,
        /// The table of priorities, which decide before the first table: SEV-1=P1 SEV-2=P2 …
        #[arg(
            long,
            num_args = 1..,
            value_parser = row,
            value_name = "PLATFORM=PRIORITY[!]",
            help = "The table of priorities, which decide before the first one: SEV-1=P1 SEV-2=P2 …"
        )]
        priorities: Vec<MappingRow>,
        /// Leave priorities alone.
        #[arg(long, conflicts_with = "priorities")]
        no_priorities: bool,
        /// What the external account calls a label.
        #[arg(long, value_name = "NAME")]
        external: Option<String>,
    },
    /// Bring a field's mapping back to its default; a label takes no part any more.
    Reset {
        #[command(flatten)]
        named: Named,
        /// The field.
        field: String,
    },
}

/// `im integration user-mapping …` and `policy-mapping …`: what the external account keeps, and the
/// platform's word for it.
#[derive(Debug, Subcommand)]
pub(crate) enum CounterpartCommand {
    /// List who is who.
    List(Named),
    /// Say who is who.
    Set {
        #[command(flatten)]
        named: Named,
        /// The platform's word for it, as it stands in the field.
        platform: String,
        /// Its id in the external account.
        external: String,
    },
    /// Take one back.
    Remove {
        #[command(flatten)]
        named: Named,
        /// The platform's word for it.
        platform: String,
    },
}

/// `im integration scope …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ScopeCommand {
    /// Show which incidents and records take part.
    Show(Named),
    /// Set parts of the scope; the other parts stay.
    Set(Box<ScopeSet>),
    /// Let everything take part.
    Clear(Named),
}

/// Options of `im integration scope set`.
#[derive(Debug, Args)]
pub(crate) struct ScopeSet {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Only records of this external service; may be repeated, empty lifts it.
    #[arg(long = "service", value_name = "ID")]
    pub(crate) services: Vec<String>,
    /// Only records of this external team; may be repeated, empty lifts it.
    #[arg(long = "team", value_name = "ID")]
    pub(crate) teams: Vec<String>,
    /// Only incidents with this label; may be repeated.
    #[arg(long = "label", value_parser = label, value_name = "KEY=VALUE")]
    pub(crate) labels: Vec<(String, String)>,
    /// Lift the condition on labels.
    #[arg(long, conflicts_with = "labels")]
    pub(crate) no_labels: bool,
    /// Only this severity or worse.
    #[arg(long, value_parser = word::<Severity>(), ignore_case = true)]
    pub(crate) min_severity: Option<Severity>,
    /// Lift the condition on the severity.
    #[arg(long, conflicts_with = "min_severity")]
    pub(crate) no_min_severity: bool,
    /// Only where this CEL expression is true, such as 'labels.region == "eu"'; empty lifts it.
    #[arg(long, value_name = "CEL")]
    pub(crate) expression: Option<String>,
}

/// Reads `platform=external`, with a `!` after the fresh one.
fn row(text: &str) -> Result<MappingRow, String> {
    let parts = text.split_once('=').filter(|(platform, external)| {
        !platform.is_empty() && !external.trim_end_matches('!').is_empty()
    });
    let (platform, external) =
        parts.ok_or_else(|| "expected platform=external, such as SEV-1=high".to_owned())?;
    let marked = external.strip_suffix('!');
    Ok(MappingRow {
        platform: platform.to_owned(),
        external: marked.unwrap_or(external).to_owned(),
        fresh: marked.is_some(),
    })
}
