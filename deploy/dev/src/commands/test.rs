//! `cargo dev test`: the checks, then every test, with a NATS and a Postgres of their own.
//!
//! Last, the demonstration is played on a stack of its own.
//!
//! One Postgres serves the whole run (each test makes its own database in it) and is gone afterwards, however the run
//! ends. Tests start their own nats-server from the program found here. What ran is counted from what the test runner
//! itself reports, and a run of no test is a failure.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use tandem_dev::{Durability, Postgres, Progress, bins, runtimes, workspace};

use super::steps::{self, Signals};
use super::{check, throwaway};

/// What `cargo dev test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only test.
    #[arg(long)]
    no_check: bool,
    /// Passed to `cargo nextest run`: a filter, `--package …`, `--no-capture` and the like.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    nextest: Vec<OsString>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = workspace::root()?;
    let signals = Signals::take_over()?;
    let checked = if arguments.no_check { Ok(()) } else { check::all(&root, &signals) };
    if signals.asked() {
        return checked;
    }
    // What the tests say is worth knowing even when a check has failed.
    let tested = test(&root, &arguments.nextest, &signals);
    tested.and(checked)
}

fn test(root: &Path, words: &[OsString], signals: &Signals) -> anyhow::Result<()> {
    let progress = Progress::detect();
    steps::line("▸ building the programs under test");
    bins::build(root)?;
    let nats = runtimes::nats_server(root, progress)?;
    let folder = throwaway::Folder::new("test")?;
    let mut postgres = throwaway::postgres(root, &folder, Durability::Throwaway, progress)?;
    progress.step("starting it", || postgres.resume())?;
    let surroundings = |mut command: Command| {
        command
            .env("DATABASE_URL", postgres.url())
            .env(runtimes::NATS_ENV, &nats.program)
            .env(bins::FRESH_ENV, "1")
            .env("INSTA_UPDATE", "no");
        command
    };
    let mut count = Count::default();
    let mut outcomes = Vec::new();
    for (name, command) in runners(root, words, progress) {
        let command = surroundings(command);
        outcomes.push(steps::watch(name, command, signals, |line| count.see(line)));
        if signals.asked() {
            break;
        }
    }
    stop(&mut postgres);
    // The story as a newcomer sees it; a filter asks for certain tests, and it is not among them.
    if words.is_empty() && !signals.asked() {
        // By way of cargo, since the file of this very program may have been replaced meanwhile.
        let mut demo = bins::cargo(root);
        demo.args(["dev", "demo"]).env(workspace::DEV_DIR_ENV, folder.path().join("demo"));
        outcomes.push(steps::show("the demonstration", demo, signals));
    }
    steps::line(format_args!("{} passed, {} failed", count.passed, count.failed));
    outcomes.into_iter().collect::<anyhow::Result<()>>()?;
    ensure!(count.passed > 0, "no test ran; see above, and whether the filter names any");
    Ok(())
}

/// The commands that run all tests: nextest and the examples in the documentation, or cargo's own runner for both.
fn runners(root: &Path, words: &[OsString], progress: Progress) -> Vec<(&'static str, Command)> {
    match runtimes::nextest(root, progress) {
        Ok(program) => {
            let mut nextest = Command::new(program);
            nextest.current_dir(root).args(["nextest", "run"]).args(words);
            bins::forget_outer(&mut nextest);
            // Beside --workspace, a chosen package would not narrow anything.
            let chosen = |word: &OsString| {
                let word = word.to_string_lossy();
                word.starts_with("-p") || word.starts_with("--package")
            };
            if !words.iter().any(chosen) {
                nextest.arg("--workspace");
            }
            let mut examples = bins::cargo(root);
            examples.args(["test", "--workspace", "--doc", "--quiet"]);
            let mut runners = vec![("tests", nextest)];
            // A filter asks for certain tests, and examples are not among them.
            if words.is_empty() {
                runners.push(("examples in the documentation", examples));
            }
            runners
        }
        Err(error) => {
            progress.say(format_args!("! nextest is not to be had, so cargo tests: {error}"));
            let mut tests = bins::cargo(root);
            tests.args(["test", "--workspace", "--no-fail-fast"]).args(words);
            vec![("tests", tests)]
        }
    }
}

fn stop(postgres: &mut Postgres) {
    if let Err(error) = postgres.stop() {
        steps::line(format_args!("! {error}"));
    }
}

/// How many tests have ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u32,
    failed: u32,
}

impl Count {
    /// Adds what a closing line of nextest or of cargo's runner tells; other lines tell nothing.
    fn see(&mut self, line: &str) {
        let line = plain(line);
        // A failing test's own output is shown too, set back; its closing line is not ours.
        let words: Vec<&str> =
            line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
        let is_closing =
            line.trim_start().starts_with("Summary [") || line.starts_with("test result:");
        if !is_closing {
            return;
        }
        for pair in words.windows(2) {
            let [number, what] = pair else { continue };
            let Ok(number) = number.parse::<u32>() else { continue };
            match *what {
                "passed" => self.passed += number,
                "failed" | "timed" => self.failed += number,
                _ => {}
            }
        }
    }
}

/// The line without the sequences that colour it.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(lines: &[&str]) -> (u32, u32) {
        let mut count = Count::default();
        for line in lines {
            count.see(line);
        }
        (count.passed, count.failed)
    }

    #[test]
    fn the_closing_line_of_nextest_is_counted() {
        let lines = [
            "        PASS [   0.008s] (13/32) tandem-dev ports::tests::two_picks_differ",
            "     Summary [   3.411s] 35 tests run: 32 passed (1 slow), 2 failed, 1 timed out, 4 skipped",
        ];
        assert_eq!(count(&lines), (32, 3));
    }

    #[test]
    fn the_closing_lines_of_cargo_add_up() {
        let line = "test result: ok. 3 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out";
        assert_eq!(count(&[line, line]), (6, 2));
    }

    #[test]
    fn what_a_failing_test_printed_itself_is_not_counted() {
        let lines = [
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out",
            "     Summary [   3.4s] 2 tests run: 1 passed, 1 failed",
        ];
        assert_eq!(count(&lines), (1, 1));
    }

    #[test]
    fn colours_do_not_hide_a_closing_line() {
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [   3.4s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m";
        assert_eq!(count(&[line]), (2, 0));
    }

    #[test]
    fn a_line_of_a_test_is_not_taken_for_a_closing_one() {
        assert_eq!(count(&["12 passed", "somebody says: 3 failed"]), (0, 0));
    }
}
