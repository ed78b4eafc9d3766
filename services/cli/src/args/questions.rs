//! Questions about an integration: who is on call, what its account has.

use clap::Args;

use super::integration::Named;

/// Options of `im integration oncall`.
#[derive(Debug, Args)]
pub(crate) struct OnCall {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Only this schedule, by its id in the external account.
    #[arg(long, value_name = "ID")]
    pub(crate) schedule_id: Option<String>,
    #[command(flatten)]
    pub(crate) fresh: Fresh,
}

/// Options of `im integration users`.
#[derive(Debug, Args)]
pub(crate) struct Users {
    #[command(flatten)]
    pub(crate) named: Named,
    #[command(flatten)]
    pub(crate) fresh: Fresh,
    /// Map everybody who is known by their address, so that it stays when that changes there.
    #[arg(long)]
    pub(crate) map_by_email: bool,
}

/// Options of lists that nothing else can be said about.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    pub(crate) named: Named,
    #[command(flatten)]
    pub(crate) fresh: Fresh,
}

/// Whether what was read a moment ago will do.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Fresh {
    /// Read it anew, even if it was read a moment ago.
    #[arg(long)]
    pub(crate) fresh: bool,
}
