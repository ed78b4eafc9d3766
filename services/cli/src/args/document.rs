//! `im export`, `im apply`, `im integration history` and `rollback`: configurations as documents.

use std::path::PathBuf;

use clap::Args;

use super::integration::Named;

/// What to write out.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Only this integration, by handle, id or exact name.
    #[arg(long)]
    pub(crate) integration: Option<String>,
}

/// What to bring about.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The document, `-` being standard input; im export writes one.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) agreed: Agreed,
}

/// Whether it is agreed to already.
#[derive(Debug, Args)]
pub(crate) struct Agreed {
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask.
    #[arg(long, short, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
}

/// Whose versions to list.
#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) named: Named,
    /// How many at most, the last ones.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    /// Show what each version changed, line by line.
    #[arg(long)]
    pub(crate) diff: bool,
}

/// Which version to bring back.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) named: Named,
    /// The version, as im integration history lists it.
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) to_version: i64,
    /// Only if the integration still has this etag.
    #[arg(long)]
    pub(crate) etag: Option<String>,
    #[command(flatten)]
    pub(crate) agreed: Agreed,
}
