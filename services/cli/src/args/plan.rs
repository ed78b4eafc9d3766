//! `im integration plan …` and `im integration apply …`.

use clap::Args;

use super::integration::Named;

/// What to tell of a plan.
#[derive(Debug, Args)]
pub(crate) struct PlanOf {
    #[command(flatten)]
    pub(crate) named: Named,

    /// Show this plan, and what became of its lines, instead of making a new one.
    #[arg(long, value_name = "ID")]
    pub(crate) plan: Option<String>,

    /// How many lines to show at most; all of them in JSON and YAML.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub(crate) lines: usize,
}

/// Which plan to apply, and within which limits.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) named: Named,

    /// Which plan; the newest of the integration when left out.
    #[arg(long, value_name = "ID")]
    pub(crate) plan: Option<String>,

    /// How many notifications it may cause at most.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_notifications: Option<u32>,

    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Do not wait until it is done.
    #[arg(long)]
    pub(crate) no_wait: bool,
}
