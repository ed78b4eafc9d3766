//! `cargo dev chaos`: the tests of what goes wrong, larger and longer than a test run can wait for.
//!
//! Each play is a test that a test run plays at a smaller size; this hands the size over and shows
//! what the test says it found. The same seed plays the same again.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use tandem_dev::{Durability, Postgres, Progress, bins, runtimes, workspace};

use super::steps::{self, Signals};
use super::throwaway;

/// What `cargo dev chaos` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which play; all of them when left out.
    #[arg(long)]
    only: Option<Play>,
    /// How many trials the play `egress` has.
    #[arg(long, default_value_t = 100)]
    trials: u64,
    /// How long the play `soak` goes on, in minutes.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// How many requests each operation gets in the play `rest`, in each round.
    #[arg(long, default_value_t = 200)]
    requests: u64,
    /// What the trials, the soak and the requests are drawn from.
    #[arg(long, default_value_t = 20_261_130)]
    seed: u64,
}

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Play {
    /// kill -9 of the acting egress while creations and notes are under way; about 10 s a trial.
    Egress,
    /// 1,000 waiting links, 100 calls a minute and three copies of the egress of which the acting
    /// one is killed three times; about 25 minutes.
    Backlog,
    /// 10,000 changes of 500 incidents while PagerDuty is away, and what its return costs.
    Outage,
    /// 1,000 dead letters replayed at once.
    Replay,
    /// People at work on both sides for minutes, while webhooks are lost, doubled and late, calls fail
    /// and services are killed.
    Soak,
    /// A property-based client against the REST API and its document.
    Rest,
}

/// A test and how large it is to be.
struct Size {
    package: &'static str,
    binary: &'static str,
    test: &'static str,
    settings: Vec<(&'static str, u64)>,
}

const ALL: [Play; 6] =
    [Play::Egress, Play::Outage, Play::Replay, Play::Soak, Play::Rest, Play::Backlog];

impl Play {
    fn size(self, arguments: &Arguments) -> Size {
        let egress = ("tandem-pagerduty-egress", "it");
        let flows = ("tandem-tests", "flows");
        let ((package, binary), test, settings) = match self {
            Self::Egress => (
                egress,
                "trials::what_a_killed_copy_had_under_way_is_found_by_the_next_and_never_doubled",
                vec![("TANDEM_TRIALS", arguments.trials), ("TANDEM_SEED", arguments.seed)],
            ),
            Self::Backlog => (
                egress,
                "copies::a_backlog_is_carried_on_by_another_copy_and_no_window_exceeds_the_limit",
                vec![("TANDEM_BACKLOG", 1_000), ("TANDEM_LIMIT", 100), ("TANDEM_KILLS", 3)],
            ),
            Self::Outage => (
                flows,
                "egress::an_outage_ends_with_one_write_for_each_record_and_a_resolve_goes_before_the_backlog",
                vec![("TANDEM_INCIDENTS", 500), ("TANDEM_CHANGES", 10_000), ("TANDEM_LIMIT", 900)],
            ),
            Self::Replay => (
                flows,
                "dead_letters::many_are_replayed_in_order_with_progress_to_see",
                vec![("TANDEM_LETTERS", 1_000)],
            ),
            Self::Soak => (
                flows,
                "soak::what_people_do_on_both_sides_at_once_ends_the_same_on_both_and_nothing_is_lost",
                vec![("TANDEM_SOAK", arguments.minutes * 60), ("TANDEM_SEED", arguments.seed)],
            ),
            Self::Rest => (
                flows,
                "documented::a_property_based_client_finds_no_failure_and_no_answer_that_is_not_documented",
                vec![("TANDEM_REQUESTS", arguments.requests), ("TANDEM_SEED", arguments.seed)],
            ),
        };
        Size { package, binary, test, settings }
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (root, progress) = (workspace::root()?, Progress::detect());
    let signals = Signals::take_over()?;
    steps::line("▸ building the programs under test");
    bins::build(&root)?;
    let nats = runtimes::nats_server(&root, progress)?;
    let folder = throwaway::Folder::new("chaos")?;
    let mut postgres = throwaway::postgres(&root, &folder, Durability::Throwaway, progress)?;
    progress.step("starting it", || postgres.resume())?;
    let mut failed = Vec::new();
    for play in ALL.into_iter().filter(|play| arguments.only.is_none_or(|only| only == *play)) {
        let size = play.size(arguments);
        let command = test(&root, &size, &postgres, &nats.program);
        let mut ran = false;
        let ended = steps::watch("play", command, &signals, |line| ran |= has_passed(line));
        if signals.asked() {
            break;
        }
        if ended.is_err() || !ran {
            failed.push(size.test);
        }
    }
    postgres.stop()?;
    ensure!(failed.is_empty(), "went wrong, or did not run: {}", failed.join(", "));
    Ok(())
}

/// The test at its size, saying what it finds.
fn test(root: &Path, size: &Size, postgres: &Postgres, nats: &Path) -> Command {
    let mut command = bins::cargo(root);
    command
        .args(["test", "--quiet", "--package", size.package, "--test", size.binary, "--"])
        .args(["--exact", size.test, "--nocapture"])
        .env("DATABASE_URL", postgres.url())
        .env(runtimes::NATS_ENV, nats)
        .env(bins::FRESH_ENV, "1")
        .envs(size.settings.iter().map(|(name, value)| (*name, value.to_string())));
    command
}

/// Whether a line says that a test ran and passed.
fn has_passed(line: &str) -> bool {
    line.starts_with("test result: ok. 1 passed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> Arguments {
        Arguments { only: None, trials: 100, minutes: 5, requests: 200, seed: 7 }
    }

    #[test]
    fn every_play_has_a_size_and_none_is_forgotten() {
        use clap::ValueEnum;
        assert_eq!(Play::value_variants().len(), ALL.len());
        for play in ALL {
            assert!(!play.size(&arguments()).settings.is_empty(), "{play:?}");
        }
    }

    #[test]
    fn a_play_that_did_not_run_has_not_passed() {
        assert!(has_passed("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured"));
        assert!(!has_passed("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured"));
        assert!(!has_passed("test result: FAILED. 1 passed; 1 failed"));
    }
}
