//! `cargo dev bench`: what the parts can do on this machine, against what the machine itself can.
//!
//! Built with optimisation, on a Postgres of its own, where one is needed, that is as careful as a real one, and gone
//! afterwards. Figures are ratios wherever the machine has a say in them.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use tandem_dev::{Durability, Progress, bins, runtimes, workspace};

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
    /// Calls a second against an unlimited simulator next to a bare loop of the same calls, what choosing costs with
    /// many waiting links, and memory.
    Egress {
        /// How many records are written.
        #[arg(long, default_value_t = 5_000)]
        records: u64,
        /// How many links wait.
        #[arg(long, default_value_t = 100_000)]
        links: u64,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (root, progress) = (workspace::root()?, Progress::detect());
    match &arguments.what {
        What::Reconcile { sizes } => reconcile(&root, progress, sizes),
        What::Egress { records, links } => egress(&root, progress, *records, *links),
    }
}

fn reconcile(root: &Path, progress: Progress, sizes: &[u64]) -> anyhow::Result<()> {
    let folder = throwaway::Folder::new("bench")?;
    let mut postgres = throwaway::postgres(root, &folder, Durability::Kept, progress)?;
    progress.step("starting it", || postgres.resume())?;
    let status = example(root, "tandem-reconciler", "bench")
        .args(sizes.iter().map(u64::to_string))
        .env("DATABASE_URL", postgres.url())
        .status()?;
    postgres.stop()?;
    ensure!(status.success(), "the bench failed (see above)");
    Ok(())
}

fn egress(root: &Path, progress: Progress, records: u64, links: u64) -> anyhow::Result<()> {
    let nats = runtimes::nats_server(root, progress)?;
    let built = bins::cargo(root)
        .args([
            "build",
            "--release",
            "--quiet",
            "--bin",
            "tandem-pagerduty-egress",
            "--bin",
            "pagerduty-sim",
        ])
        .status()?;
    ensure!(built.success(), "the programs could not be built (see above)");
    let status = example(root, "tandem-pagerduty-egress", "bench-egress")
        .args([records.to_string(), links.to_string()])
        .env(runtimes::NATS_ENV, &nats.program)
        .env(bins::FRESH_ENV, "1")
        .status()?;
    ensure!(status.success(), "the bench failed (see above)");
    Ok(())
}

/// A crate's bench, built for speed.
fn example(root: &Path, package: &str, name: &str) -> Command {
    let mut command = bins::cargo(root);
    command.args(["run", "--release", "--quiet", "--package", package, "--example", name, "--"]);
    command
}
