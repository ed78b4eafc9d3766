//! Runs other programs in front of the user: their output is shown as it comes, and signals reach them.
//!
//! While a [`Signals`] is held, Ctrl-C and a termination request no longer end this process at once; it passes them on,
//! waits, and so gets to clean up behind itself.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, IsTerminal, Write, stderr};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How often a child and the signals are looked at.
const POLL: Duration = Duration::from_millis(50);
/// How long a child may take to end once it was told to.
const GRACE: Duration = Duration::from_secs(10);

/// The wish to end, as told by signals.
#[derive(Clone)]
pub(crate) struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Takes over the signals that end a process.
    pub(crate) fn take_over() -> anyhow::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// Says whether somebody wants this process to end.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits for a child; passes on the wish to end, and ends the child when it does not follow.
fn wait(child: &mut Child, signals: &Signals) -> anyhow::Result<ExitStatus> {
    let mut told: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        match told {
            None if signals.asked() => {
                told = Some(Instant::now());
                if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                    kill_process(pid, Signal::TERM).ok();
                }
            }
            Some(at) if at.elapsed() > GRACE => child.kill()?,
            _ => {}
        }
        thread::sleep(POLL);
    }
}

/// Runs a program to its end under a headline and fails when it fails.
pub(crate) fn show(name: &str, mut command: Command, signals: &Signals) -> anyhow::Result<()> {
    command.stdin(Stdio::null());
    run(name, signals, || {
        let mut child = command.spawn()?;
        wait(&mut child, signals)
    })
}

/// Like [`show`], and hands every line that the program prints to `see` besides.
pub(crate) fn watch(
    name: &str,
    mut command: Command,
    signals: &Signals,
    mut see: impl FnMut(&str) + Send,
) -> anyhow::Result<()> {
    run(name, signals, || {
        let (reader, writer) = io::pipe()?;
        if stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        // The reader sees the end only when nobody holds the other side any more.
        drop(command);
        thread::scope(|scope| {
            scope.spawn(move || {
                for raw in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
                    let text = String::from_utf8_lossy(&raw);
                    line(&text);
                    see(&text);
                }
            });
            wait(&mut child, signals)
        })
    })
}

fn run(
    name: &str,
    signals: &Signals,
    work: impl FnOnce() -> anyhow::Result<ExitStatus>,
) -> anyhow::Result<()> {
    line(format_args!("▸ {name}"));
    let began = Instant::now();
    let status = work().with_context(|| format!("{name} cannot be run"))?;
    let seconds = began.elapsed().as_secs_f32();
    ensure!(!signals.asked(), "{name} was interrupted");
    ensure!(status.success(), "{name} failed ({seconds:.1} s)");
    line(format_args!("✓ {name} ({seconds:.1} s)"));
    Ok(())
}

/// Writes a line to standard error; when that is closed there is nobody to read it.
pub(crate) fn line(text: impl Display) {
    writeln!(stderr(), "{text}").ok();
}
