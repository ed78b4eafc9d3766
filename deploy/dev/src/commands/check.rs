//! `cargo dev check`: everything that can be wrong without running the code.
//!
//! All checks are made even when one fails, so that one run tells everything.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use tandem_dev::{Progress, bins, runtimes, workspace};

use super::sqlx;
use super::steps::{self, Signals};

/// Runs the command.
pub(crate) fn run() -> anyhow::Result<()> {
    all(&workspace::root()?, &Signals::take_over()?)
}

/// Makes every check and fails with the list of those that failed.
pub(crate) fn all(root: &Path, signals: &Signals) -> anyhow::Result<()> {
    type Check = fn(&Path, &Signals) -> anyhow::Result<()>;
    let checks: [Check; 5] = [fmt, queries, clippy, docs, deny];
    let mut failures = Vec::new();
    for check in checks {
        if let Err(error) = check(root, signals) {
            if signals.asked() {
                return Err(error);
            }
            steps::line(format_args!("✗ {error:#}"));
            failures.push(format!("{error:#}"));
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    bail!("{} of {} checks failed:\n{}", failures.len(), checks.len(), failures.join("\n"))
}

fn fmt(root: &Path, signals: &Signals) -> anyhow::Result<()> {
    steps::show("formatting", cargo(root, &["fmt", "--all", "--", "--check"]), signals)
        .map_err(|error| anyhow::anyhow!("{error:#}; `cargo fmt --all` mends it"))
}

fn queries(root: &Path, _signals: &Signals) -> anyhow::Result<()> {
    sqlx::renew(root, true).context("queries")
}

fn clippy(root: &Path, signals: &Signals) -> anyhow::Result<()> {
    let words = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps::show("lints", cargo(root, &words), signals)
}

fn docs(root: &Path, signals: &Signals) -> anyhow::Result<()> {
    let mut command = cargo(root, &["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    steps::show("documentation", command, signals)
}

fn deny(root: &Path, signals: &Signals) -> anyhow::Result<()> {
    let mut command = Command::new(runtimes::deny(root, Progress::detect())?);
    command.current_dir(root).args(["--workspace", "check", "bans", "licenses", "sources"]);
    steps::show("dependencies", command, signals)?;
    steps::line("! security advisories NOT CHECKED: their database is not always in reach");
    Ok(())
}

fn cargo(root: &Path, words: &[&str]) -> Command {
    let mut command = bins::cargo(root);
    command.args(words);
    command
}
