//! One long-running child process: started with a log file, waited for, stopped by its id.
//!
//! What always holds: a start that returns `Ok` has been seen ready; one that fails says why with the end of the log;
//! a handle that is dropped leaves no process behind.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::pids;

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);
/// How long a process may take to end after being asked before it is killed.
const GRACE: Duration = Duration::from_secs(15);
/// How many lines of log a failure shows.
const TAIL_LINES: usize = 25;

/// How to run a process.
#[derive(Clone)]
pub struct Recipe {
    /// What it is called in messages.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What is added to the inherited environment, which comes without any settings of Tandem's.
    pub env: Vec<(String, String)>,
    /// The file that takes standard output and standard error; appended to.
    pub log: PathBuf,
    /// The signal that asks it to end.
    pub quit: Signal,
    /// The user and group to run as, for programs that refuse root.
    pub run_as: Option<u32>,
    /// Whether it gets a process group of its own, out of reach of the terminal's Ctrl-C.
    pub own_group: bool,
}

/// Why a process did not start or stop.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The program could not be executed, or its log not be opened.
    #[error("{name} could not be started")]
    Spawn {
        /// What was started.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{name} ended with {status} before it was ready; the end of {log}:\n{tail}", log = log.display())]
    Died {
        /// What was started.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Where its log is.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// It was not ready in time.
    #[error("{name} was not ready within {seconds} s; the end of {log}:\n{tail}", log = log.display())]
    NotReady {
        /// What was started.
        name: String,
        /// How long it was given.
        seconds: u64,
        /// Where its log is.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// It could not be signalled or waited for.
    #[error("{name} could not be stopped")]
    Stop {
        /// What was to be stopped.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A process under this handle's care.
pub struct Daemon {
    recipe: Recipe,
    child: Option<Child>,
    log_from: u64,
}

impl Daemon {
    /// Prepares a process without starting it.
    pub fn new(recipe: Recipe) -> Self {
        Self { recipe, child: None, log_from: 0 }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// Its log file.
    pub fn log(&self) -> &std::path::Path {
        &self.recipe.log
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Says whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Starts it and waits until `ready` says so; does nothing when it already runs.
    pub fn start(
        &mut self,
        within: Duration,
        ready: impl FnMut(&Self) -> bool,
    ) -> Result<(), DaemonError> {
        if self.is_running() {
            return Ok(());
        }
        self.spawn()?;
        self.wait_until(within, ready)
    }

    /// Waits until `ready` says so; a process that is not ready in time is killed.
    pub fn wait_until(
        &mut self,
        within: Duration,
        mut ready: impl FnMut(&Self) -> bool,
    ) -> Result<(), DaemonError> {
        let deadline = Instant::now() + within;
        while !ready(self) {
            let (name, log) = (self.recipe.name.clone(), self.recipe.log.clone());
            if let Some(status) = self.exit_status() {
                self.child = None;
                return Err(DaemonError::Died { name, status, log, tail: self.log_tail() });
            }
            if Instant::now() >= deadline {
                let (seconds, tail) = (within.as_secs(), self.log_tail());
                self.kill9()?;
                return Err(DaemonError::NotReady { name, seconds, log, tail });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Asks it to end and waits; kills it when it does not.
    pub fn stop(&mut self) -> Result<(), DaemonError> {
        let Some(child) = self.child.as_mut() else { return Ok(()) };
        let asked = pids::send(child.id(), self.recipe.quit);
        let deadline = Instant::now() + GRACE;
        while asked.is_ok() && Instant::now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                self.child = None;
                return Ok(());
            }
            thread::sleep(POLL);
        }
        self.kill9()
    }

    /// Kills it at once, as a crash would.
    pub fn kill9(&mut self) -> Result<(), DaemonError> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child
            .kill()
            .and_then(|()| child.wait())
            .map(drop)
            .map_err(|source| DaemonError::Stop { name: self.recipe.name.clone(), source })
    }

    /// The end of what it has logged since its latest start.
    pub fn log_tail(&self) -> String {
        let text = self.read_log().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    fn read_log(&self) -> io::Result<String> {
        let mut file = File::open(&self.recipe.log)?;
        file.seek(SeekFrom::Start(self.log_from))?;
        let mut raw = Vec::new();
        file.read_to_end(&mut raw)?;
        Ok(String::from_utf8_lossy(&raw).into_owned())
    }

    fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    /// Starts it without waiting for anything.
    pub fn spawn(&mut self) -> Result<(), DaemonError> {
        let spawned = self.open_log().and_then(|log| {
            let mut command = Command::new(&self.recipe.program);
            command.args(&self.recipe.args);
            for name in env::vars_os().map(|(name, _)| name).filter(|name| is_setting(name)) {
                command.env_remove(name);
            }
            command.envs(self.recipe.env.iter().map(|(name, value)| (name, value)));
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            if let Some(id) = self.recipe.run_as {
                command.uid(id).gid(id);
            }
            if self.recipe.own_group {
                command.process_group(0);
            }
            command.spawn()
        });
        let child = spawned
            .map_err(|source| DaemonError::Spawn { name: self.recipe.name.clone(), source })?;
        self.child = Some(child);
        Ok(())
    }

    fn open_log(&mut self) -> io::Result<File> {
        if let Some(folder) = self.recipe.log.parent() {
            fs::create_dir_all(folder)?;
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.recipe.log)?;
        self.log_from = log.metadata()?.len();
        Ok(log)
    }
}

/// Settings of ours that happen to be in the environment are not meant for what is started here.
fn is_setting(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("TANDEM_") || name == "NATS_URL" || name == "DATABASE_URL"
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Nobody is left to tell; stop() has already fallen back to killing.
        self.stop().ok();
    }
}
