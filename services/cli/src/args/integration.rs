//! `im integration …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use tandem_proto::v1::{ConflictStrategy, Direction, Side};

use super::{
    document::{History, Rollback},
    mapping::{CounterpartCommand, FieldMappingCommand, ScopeCommand},
    plan::{Apply, PlanOf},
    questions::{Listing, OnCall, Users},
    word,
};

/// Commands on integrations; each takes the handle, the id or the exact name of one.
#[derive(Debug, Subcommand)]
pub(crate) enum IntegrationCommand {
    /// Create an integration, or change the one that is named.
    Configure(Box<Configure>),
    /// List the integrations.
    List {
        /// Only this one: handle, id or exact name.
        integration: Option<String>,
    },
    /// Show one integration.
    Get(Named),
    /// Delete an integration: its webhooks are refused from then on.
    Delete {
        #[command(flatten)]
        named: Named,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Only if it still has this etag.
        #[arg(long)]
        etag: Option<String>,
    },
    /// Let an integration take part again: what happened meanwhile on either side is caught up with.
    Enable(Switch),
    /// Let an integration take no part: its webhooks are kept but left aside, and nothing goes out.
    Disable(Switch),
    /// Hold what is to go out: no call is made, while webhooks are taken in as ever.
    Pause(Switch),
    /// Let go out what was held, the newest of each link.
    Resume(Switch),
    /// Have new signing secrets made, by new webhook subscriptions that take the place of the old; or
    /// give the one that was made by hand.
    #[command(visible_alias = "rotate-secret")]
    RotateSecrets {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        signing_secret: SigningSecretSource,
    },
    /// List the versions of an integration's configuration, with who made them; newest first.
    History(History),
    /// Bring an integration's configuration back to an earlier version; secrets stay as they are.
    Rollback(Rollback),
    /// List the incidents of an integration and their counterparts.
    Links {
        #[command(flatten)]
        named: Named,
        /// Then print those that change, until stopped.
        #[arg(long)]
        watch: bool,
    },
    /// List the messages of an integration that could not be handled, newest first.
    Dlq {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        which: super::dlq::Which,
    },
    /// Look the connection over: each check has a verdict and a way out; fails where one of them does.
    Test(Named),
    /// Tell how an integration is doing: what waits, what stands in the way, how fresh its links are.
    SyncStatus(Named),
    /// Tell who is on call now, by escalation policy, level and schedule.
    Oncall(OnCall),
    /// List the users of the external account, and who of them is known here.
    Users(Users),
    /// List the services of the external account, which are mapped, and what others might stand for.
    Services(Listing),
    /// List the escalation policies of the external account.
    EscalationPolicies(Listing),
    /// List the priorities of the external account, the most severe first.
    Priorities(Listing),
    /// Show what was left out, by reason: outside the scope, or nothing that could be placed.
    Ignored {
        #[command(flatten)]
        named: Named,
        /// How many days to look back.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(i32).range(1..=90))]
        days: i32,
    },
    /// Tell what joining both sides would come to, and how many people that would notify; changes nothing.
    Plan(PlanOf),
    /// Do what a plan says and nothing else: refused where a side has moved since, or where more
    /// would be notified than is allowed.
    Apply(Apply),
    /// Say which incidents and records take part.
    #[command(subcommand)]
    Scope(ScopeCommand),
    /// Say which external services stand for which incident types.
    #[command(subcommand)]
    ServiceMapping(ServiceMappingCommand),
    /// Say which side's word counts for which field, and which way it travels.
    #[command(subcommand)]
    FieldOwnership(FieldOwnershipCommand),
    /// Say how the values of a field correspond.
    #[command(subcommand)]
    FieldMapping(FieldMappingCommand),
    /// Say who of the platform is who in the external account.
    #[command(subcommand)]
    UserMapping(CounterpartCommand),
    /// Say which escalation policy of the platform is which in the external account.
    #[command(subcommand)]
    PolicyMapping(CounterpartCommand),
}

/// One integration.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Handle, id or exact name.
    pub(crate) integration: String,
}

/// An integration to switch.
#[derive(Debug, Args)]
pub(crate) struct Switch {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Only if it still has this etag.
    #[arg(long)]
    pub(crate) etag: Option<String>,
}

/// Options of `im integration configure`.
#[derive(Debug, Args)]
pub(crate) struct Configure {
    /// The integration to change, by handle, id or exact name; without it a new one is created.
    pub(crate) integration: Option<String>,

    /// The name people read; required for a new one.
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Which connector; required for a new one, fixed afterwards.
    #[arg(long, value_name = "CONNECTOR")]
    pub(crate) r#type: Option<String>,

    /// Root of the external account's API; required for a new one.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// The short name on command lines; made from the name when left out.
    #[arg(long)]
    pub(crate) handle: Option<String>,

    /// Which way changes travel.
    #[arg(long, value_parser = word::<Direction>(), ignore_case = true)]
    pub(crate) direction: Option<Direction>,

    /// Whether it takes part at all; see enable and disable.
    #[arg(long, value_name = "BOOL")]
    pub(crate) enabled: Option<bool>,

    /// Who wins when both sides changed one field.
    #[arg(long, value_parser = word::<ConflictStrategy>(), ignore_case = true)]
    pub(crate) conflict_strategy: Option<ConflictStrategy>,

    /// Outbound calls a minute at most, 1 to 960.
    #[arg(long, value_name = "CALLS")]
    pub(crate) rate_limit: Option<u32>,

    /// How many of them are left to others who use the same key.
    #[arg(long, value_name = "CALLS")]
    pub(crate) headroom: Option<u32>,

    /// Factor between two waits after refused calls, 1 or more.
    #[arg(long, value_name = "FACTOR")]
    pub(crate) backoff_multiplier: Option<f64>,

    /// Whether escalations are carried over.
    #[arg(long, value_name = "BOOL")]
    pub(crate) sync_escalations: Option<bool>,

    /// Whom writes are made for when the acting person is not known there.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) from_email: Option<String>,

    /// Root under which the outside reaches ingress: has the account's webhook subscriptions made and
    /// seen to; an empty one ends that.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// Change it only if it still has this etag.
    #[arg(long, requires = "integration")]
    pub(crate) etag: Option<String>,

    #[command(flatten)]
    pub(crate) token: TokenSource,

    #[command(flatten)]
    pub(crate) signing_secret: SigningSecretSource,
}

/// Where the API token comes from.
#[derive(Debug, Args)]
#[group(id = "token-source", multiple = false)]
pub(crate) struct TokenSource {
    /// The API token itself: visible to others in the list of processes, prefer the options below.
    #[arg(long, group = "token-source")]
    pub(crate) token: Option<SecretString>,

    /// Take the API token from this environment variable.
    #[arg(long, value_name = "VARIABLE", group = "token-source")]
    pub(crate) token_env: Option<String>,

    /// Take the API token from this file, `-` being standard input.
    #[arg(long, value_name = "FILE", group = "token-source")]
    pub(crate) token_file: Option<PathBuf>,

    /// Ask for the API token.
    #[arg(long, group = "token-source")]
    pub(crate) token_prompt: bool,
}

/// Where the signing secret of the webhook comes from.
#[derive(Debug, Args)]
#[group(id = "signing-secret-source", multiple = false)]
pub(crate) struct SigningSecretSource {
    /// Take the webhook's signing secret from this environment variable.
    #[arg(long, value_name = "VARIABLE", group = "signing-secret-source")]
    pub(crate) signing_secret_env: Option<String>,

    /// Take the webhook's signing secret from this file, `-` being standard input.
    #[arg(long, value_name = "FILE", group = "signing-secret-source")]
    pub(crate) signing_secret_file: Option<PathBuf>,
}

/// `im integration service-mapping …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceMappingCommand {
    /// Map a service to an incident type.
    Add {
        #[command(flatten)]
        named: Named,
        /// The service's id in the external account.
        #[arg(long = "pd-service", visible_alias = "service", value_name = "ID")]
        service: String,
        /// The incident type on the platform.
        #[arg(long, value_name = "TYPE")]
        incident_type: String,
        /// Create new records here when several services stand for the type.
        #[arg(long)]
        default: bool,
        /// Only if the integration still has this etag.
        #[arg(long)]
        etag: Option<String>,
    },
    /// List the mappings.
    List(Named),
    /// Remove the mapping of a service.
    Remove {
        #[command(flatten)]
        named: Named,
        /// The service's id in the external account.
        #[arg(long = "pd-service", visible_alias = "service", value_name = "ID")]
        service: String,
        /// Only if it stands for this incident type.
        #[arg(long, value_name = "TYPE")]
        incident_type: Option<String>,
        /// Only if the integration still has this etag.
        #[arg(long)]
        etag: Option<String>,
    },
}

/// `im integration field-ownership …`.
#[derive(Debug, Subcommand)]
pub(crate) enum FieldOwnershipCommand {
    /// Set the owner of a field.
    Set {
        #[command(flatten)]
        named: Named,
        /// title, description, severity, status, `assigned_to`, `escalation_policy` or `label.<name>`
        #[arg(
            help = "title, description, severity, status, assigned_to, escalation_policy or label.<name>"
        )]
        field: String,
        /// The side whose word counts.
        #[arg(long, value_parser = word::<Side>(), ignore_case = true)]
        owner: Side,
        /// Weight against other integrations' claims on the same incident; the highest wins.
        #[arg(long, default_value_t = 0)]
        priority: u32,
        /// Make the field read-only for the other side, whose changes are then undone; =false lifts it.
        #[arg(
            long,
            value_name = "BOOL",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "true"
        )]
        enforced: Option<bool>,
        /// Which way the field travels, within the integration's direction.
        #[arg(long, value_parser = word::<Direction>(), ignore_case = true)]
        direction: Option<Direction>,
        /// Only if the integration still has this etag.
        #[arg(long)]
        etag: Option<String>,
    },
    /// List the owners, the defaults included.
    List(Named),
    /// Bring a field's owner, priority and direction back to what a new integration starts with.
    #[command(visible_alias = "reset")]
    Delete {
        #[command(flatten)]
        named: Named,
        /// The field.
        field: String,
        /// Only if the integration still has this etag.
        #[arg(long)]
        etag: Option<String>,
    },
}
