//! `cargo dev up`: starts everything and watches over it until told to stop.
//!
//! In the background it is the same process, started once more without a terminal; `cargo dev down` tells it to stop.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tandem_dev::{Progress, bins, workspace};

use super::steps::{self, Signals};
use super::told;
use crate::stack::Stack;
use crate::stack::layout::SIMULATOR_FILE;
use crate::stack::start::Start;
use crate::stack::state::{self, Hold};

/// What `cargo dev up` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Start over: forget all data and keys of earlier runs.
    #[arg(long)]
    fresh: bool,
    /// Come back once it is up, and leave it running in the background.
    #[arg(long)]
    detach: bool,
    /// What the services log, in tracing's filter syntax.
    #[arg(long, env = "TANDEM_LOG", default_value = "info")]
    log: String,
    /// Trust that the programs are built; set for the background process.
    #[arg(long, hide = true)]
    built: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = workspace::root()?;
    let Some(hold) = state::hold(&root)? else {
        anyhow::ensure!(!arguments.fresh, "--fresh: something is up here; `cargo dev down` first");
        return already_running(&root);
    };
    if !arguments.built {
        bins::build(&root)?;
    }
    if arguments.detach {
        drop(hold);
        return detach(&root, arguments);
    }
    let signals = Signals::take_over()?;
    let began = Instant::now();
    let mut stack = start(&root, arguments.fresh, &arguments.log, &signals, hold)?;
    told::addresses(stack.state())?;
    told::next(began.elapsed())?;
    let watched = stack.supervise(&signals);
    // Stopped in either case; what went wrong first is what is told.
    let stopped = stack.stop();
    watched.and(stopped)
}

/// Cleans up behind an earlier run and starts everything.
pub(crate) fn start(
    root: &Path,
    fresh: bool,
    log: &str,
    signals: &Signals,
    hold: Hold,
) -> anyhow::Result<Stack> {
    let progress = Progress::detect();
    for name in state::end_leftovers(root)? {
        progress.say(format_args!("  stopped {name}, left over from an earlier run"));
    }
    if fresh {
        forget_data(root)?;
    }
    Start { root, log, signals, progress }.run(hold)
}

fn already_running(root: &Path) -> anyhow::Result<()> {
    let Some(state) = state::load(root).filter(|state| state.ready) else {
        bail!(
            "another `cargo dev` is just starting or stopping here; try again in a moment, or end it \
             with `cargo dev down`"
        );
    };
    told::line("already running:")?;
    told::addresses(&state)
}

/// Removes what earlier runs have left, but not what was installed.
fn forget_data(root: &Path) -> anyhow::Result<()> {
    let dev = workspace::dev_dir(root);
    let data = ["nats", "postgres", "log", "master.key", "postgres.password", SIMULATOR_FILE];
    for name in data {
        let path = dev.join(name);
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{} cannot be removed", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Starts this program once more in the background and waits until it says that all is up.
fn detach(root: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let folder = workspace::dev_dir(root).join("log");
    if arguments.fresh {
        forget_data(root)?;
    }
    fs::create_dir_all(&folder)?;
    let log = folder.join("up.log");
    let file = File::create(&log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["up", "--built", "--log", &arguments.log]).current_dir(root);
    // Out of reach of this terminal's Ctrl-C.
    command.process_group(0).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let began = Instant::now();
    let mut child = command.spawn().context("the background process cannot be started")?;
    let ready = Progress::detect().step("starting in the background", || wait(root, &mut child));
    if let Err(error) = ready {
        let said = fs::read_to_string(&log).unwrap_or_default();
        bail!("{error:#}; it said:\n{}", said.trim_end());
    }
    let state = state::load(root).context("it has ended again")?;
    told::addresses(&state)?;
    told::next(began.elapsed())?;
    told::line("It runs in the background; `cargo dev down` stops it.")
}

fn wait(root: &Path, child: &mut Child) -> anyhow::Result<()> {
    loop {
        if let Some(status) = child.try_wait()? {
            bail!("the background process ended with {status}");
        }
        let is_ready = state::load(root).is_some_and(|state| {
            state.ready && state.supervisor.is_some_and(|process| process.pid == child.id())
        });
        if is_ready {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Runs `cargo dev down`.
pub(crate) fn down() -> anyhow::Result<()> {
    let root = workspace::root()?;
    let mut was_up = false;
    let running = state::load(&root).and_then(|state| state.supervisor);
    match running.filter(state::Process::is_alive) {
        Some(supervisor) => {
            was_up = true;
            Progress::detect().step("stopping", || supervisor.end())?;
        }
        None if state::hold(&root)?.is_none() => {
            bail!("a `cargo dev up` is just starting here; try again in a moment");
        }
        None => {}
    }
    // A supervisor that was killed has left its processes behind.
    for name in state::end_leftovers(&root)? {
        was_up = true;
        steps::line(format_args!("  stopped {name}, left over from an earlier run"));
    }
    told::line(if was_up {
        "stopped; `cargo dev up` goes on with the same data"
    } else {
        "nothing was running"
    })
}
