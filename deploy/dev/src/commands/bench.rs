//! `cargo dev bench`: what the parts can do on this machine, against what the machine itself can.
//!
//! Built with optimisation, on a Postgres of its own that is as careful as a real one, and gone afterwards. Figures are
//! ratios wherever the machine has a say in them.

use anyhow::ensure;
use tandem_dev::{Durability, Progress, bins, workspace};

use super::throwaway;

/// What `cargo dev bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// What is measured.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// The rules alone, and the whole reconciler against a bare batched insert of as many rows of as many bytes.
    Reconcile {
        /// How many incidents there are, from small to large.
        #[arg(default_values_t = [1_000, 100_000])]
        sizes: Vec<u64>,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let What::Reconcile { sizes } = &arguments.what;
    let (root, progress) = (workspace::root()?, Progress::detect());
    let folder = throwaway::Folder::new("bench")?;
    let mut postgres = throwaway::postgres(&root, &folder, Durability::Kept, progress)?;
    progress.step("starting it", || postgres.resume())?;
    let status = bins::cargo(&root)
        .args(["run", "--release", "--quiet", "--package", "tandem-reconciler"])
        .args(["--example", "bench", "--"])
        .args(sizes.iter().map(u64::to_string))
        .env("DATABASE_URL", postgres.url())
        .status()?;
    postgres.stop()?;
    ensure!(status.success(), "the bench failed (see above)");
    Ok(())
}
