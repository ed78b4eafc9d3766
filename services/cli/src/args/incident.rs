//! `im incident …` and `im note …`.

use clap::{Args, Subcommand};
use tandem_proto::v1::{Severity, Status};

use super::{label, word};

/// Commands on incidents.
#[derive(Debug, Subcommand)]
pub(crate) enum IncidentCommand {
    /// List incidents, newest first.
    List {
        /// Only those in this state.
        #[arg(long, value_parser = word::<Status>(), ignore_case = true)]
        status: Option<Status>,
        /// Only those of this severity.
        #[arg(long, value_parser = word::<Severity>(), ignore_case = true)]
        severity: Option<Severity>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one incident.
    Get(Which),
    /// Open an incident.
    Create {
        /// What happened, in one line.
        #[arg(long)]
        title: String,
        #[command(flatten)]
        fields: Fields,
        /// What kind it is; decides the external service.
        #[arg(long, visible_alias = "incident-type", value_name = "TYPE")]
        r#type: Option<String>,
        /// A label; may be repeated.
        #[arg(long = "label", value_parser = label, value_name = "KEY=VALUE")]
        labels: Vec<(String, String)>,
    },
    /// Change an incident.
    Update {
        #[command(flatten)]
        which: Which,
        /// What happened, in one line.
        #[arg(long)]
        title: Option<String>,
        #[command(flatten)]
        fields: Fields,
        /// How far it has come.
        #[arg(long, value_parser = word::<Status>(), ignore_case = true)]
        status: Option<Status>,
        #[command(flatten)]
        labels: Labels,
        /// Only if it still has this etag.
        #[arg(long)]
        etag: Option<String>,
    },
    /// Print incidents as they change, until stopped.
    Watch,
    /// List what happened to an incident, oldest first.
    Timeline {
        #[command(flatten)]
        which: Which,
        /// How many entries at most.
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Write a note on an incident.
    Note(NewNote),
    /// Hand an incident on to a level of its escalation policy, where escalations are carried over.
    Escalate {
        #[command(flatten)]
        which: Which,
        /// The level; the first is 1.
        #[arg(long)]
        level: u32,
        /// In this integration only, by handle, id or exact name.
        #[arg(long)]
        integration: Option<String>,
    },
    /// Ask more people to help with an incident.
    Page(Page),
    /// Tell why a field has its value: who wanted what, which rule settled it, what was sent.
    Explain(super::audit::Explain),
}

/// Commands on notes.
#[derive(Debug, Subcommand)]
pub(crate) enum NoteCommand {
    /// Write a note on an incident.
    Add(NewNote),
}

/// One incident.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The incident's id (inc_…).
    #[arg(value_name = "INCIDENT", help = "The incident's id (inc_…)")]
    pub(crate) incident: String,
}

/// Labels to set and to remove.
#[derive(Debug, Default, Args)]
pub(crate) struct Labels {
    /// Set a label; may be repeated.
    #[arg(long = "label", value_parser = label, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<(String, String)>,
    /// Remove a label; may be repeated.
    #[arg(long = "remove-label", value_name = "KEY")]
    pub(crate) remove: Vec<String>,
}

/// Who is to be asked for help, and how.
#[derive(Debug, Args)]
pub(crate) struct Page {
    #[command(flatten)]
    pub(crate) which: Which,
    /// What they are told.
    #[arg(long)]
    pub(crate) message: String,
    /// Somebody, by the name of a user mapping or the id there; may be repeated.
    #[arg(long = "user", value_name = "WHO")]
    pub(crate) users: Vec<String>,
    /// Whoever is on call in an escalation policy, by the name of a policy mapping or the id there; may be repeated.
    #[arg(long = "policy", value_name = "POLICY")]
    pub(crate) policies: Vec<String>,
    /// In this integration, by handle, id or exact name; needed where several carry escalations.
    #[arg(long)]
    pub(crate) integration: Option<String>,
}

/// A note to write.
#[derive(Debug, Args)]
pub(crate) struct NewNote {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The note.
    pub(crate) text: String,
}

/// The fields that an incident may be created or changed with.
#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// How bad it is.
    #[arg(long, value_parser = word::<Severity>(), ignore_case = true)]
    pub(crate) severity: Option<Severity>,
    /// What is known; empty clears it.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Who has it; empty clears it.
    #[arg(long, value_name = "WHO")]
    pub(crate) assigned_to: Option<String>,
    /// Whom it goes to next; empty clears it.
    #[arg(long, value_name = "POLICY")]
    pub(crate) escalation_policy: Option<String>,
}
