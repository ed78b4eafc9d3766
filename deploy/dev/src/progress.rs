//! Tells a person what takes long.
//!
//! On a terminal a step is a line with a spinner and its seconds; elsewhere it is a plain line once it has ended, and
//! another one while it runs when it takes over a second. Everything goes to standard error, so that standard output
//! stays for what was asked for. The silent kind is for tests.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How long a step may take before it is announced where there is no terminal.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nowhere.
    Silent,
    /// As plain lines on standard error.
    Lines,
    /// As a live line on the terminal behind standard error.
    Terminal,
}

impl Progress {
    /// Chooses what suits standard error.
    pub fn detect() -> Self {
        if stderr().is_terminal() { Self::Terminal } else { Self::Lines }
    }

    /// Runs a step under its name and returns what it returned.
    pub fn step<T, E>(self, name: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        match self {
            Self::Silent => work(),
            Self::Lines => with_lines(name, work),
            Self::Terminal => with_spinner(name, work),
        }
    }

    /// Says one line.
    pub fn say(self, line: impl Display) {
        if self != Self::Silent {
            print(line);
        }
    }
}

/// A closed standard error is nobody's problem.
fn print(line: impl Display) {
    writeln!(stderr(), "{line}").ok();
}

fn mark<T, E>(outcome: &Result<T, E>) -> &'static str {
    if outcome.is_ok() { "✓" } else { "✗" }
}

fn with_lines<T, E>(name: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let began = Instant::now();
    let (done, waiting) = channel::<()>();
    let outcome = thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                print(format_args!("… {name}"));
            }
        });
        let outcome = work();
        drop(done);
        outcome
    });
    print(format_args!("{} {name} ({:.1} s)", mark(&outcome), began.elapsed().as_secs_f32()));
    outcome
}

fn with_spinner<T, E>(name: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let began = Instant::now();
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    let outcome = work();
    bar.finish_and_clear();
    print(format_args!("{} {name} ({:.1} s)", mark(&outcome), began.elapsed().as_secs_f32()));
    outcome
}
