//! `cargo dev simulate`: plays many seeded worlds of the simulation the rules are proven in.
//!
//! The worlds are the domain crate's own (`tandem_domain::world`); this builds its runner for speed and hands the words
//! on. A seed that went wrong is told as a readable story by the same command with `--seed`.

use std::process::Stdio;

use anyhow::{Context, ensure};
use tandem_dev::{bins, workspace};

/// What `cargo dev simulate` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many worlds to play.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Replay one world as a story, and the smallest one found that goes wrong in the same way.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// How many to play at the same time; all the machine can when left out.
    #[arg(long)]
    threads: Option<u64>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let status = bins::cargo(&workspace::root()?)
        .args(["run", "--release", "--quiet", "--package", "tandem-domain"])
        .args(["--features", "simulation", "--example", "simulate", "--"])
        .args(arguments.words())
        .stdin(Stdio::null())
        .status()
        .context("cargo cannot be run")?;
    ensure!(
        status.success(),
        "worlds went wrong (see above); replay one with `cargo dev simulate --seed X`"
    );
    Ok(())
}

impl Arguments {
    /// The same for the runner.
    fn words(&self) -> Vec<String> {
        let Self { seeds, from, seed, threads } = self;
        let mut words = match seed {
            Some(seed) => vec!["--seed".to_owned(), seed.to_string()],
            None => {
                vec!["--seeds".to_owned(), seeds.to_string(), "--from".to_owned(), from.to_string()]
            }
        };
        if let Some(threads) = threads {
            words.extend(["--threads".to_owned(), threads.to_string()]);
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_names_its_seed_and_nothing_else() {
        let asked = |seed| Arguments { seeds: 5, from: 2, seed, threads: None }.words();
        assert_eq!(asked(Some(7)), ["--seed", "7"]);
        assert_eq!(asked(None), ["--seeds", "5", "--from", "2"]);
    }
}
