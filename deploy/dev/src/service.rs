//! One of Tandem's own processes: a service or the simulator.
//!
//! It counts as started when the address it is to be asked at answers 2xx, and it comes back with the same settings
//! after a stop or a crash.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use crate::daemon::{Daemon, DaemonError, Recipe};
use crate::http;

/// How to start a service.
#[derive(Clone, Default)]
pub struct ServiceOptions {
    /// What it is called in messages.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// What is added to the inherited environment.
    pub env: Vec<(String, String)>,
    /// The file that takes what it prints; appended to.
    pub log: PathBuf,
    /// The address that answers 2xx once it is ready; without one it counts as ready at once.
    pub ready_url: Option<String>,
    /// How long it may take to become ready; zero means 30 s.
    pub ready_within: Duration,
    /// Whether it gets a process group of its own (see [`Recipe::own_group`]).
    pub own_group: bool,
}

/// A running (or stopped) service; dropping it stops it.
pub struct Service {
    daemon: Daemon,
    ready_url: Option<String>,
    within: Duration,
}

impl Service {
    /// Starts a service and waits until it is ready.
    pub fn start(options: ServiceOptions) -> Result<Self, DaemonError> {
        let mut service = Self::prepare(options);
        service.resume()?;
        Ok(service)
    }

    /// Prepares a service without starting it.
    pub fn prepare(options: ServiceOptions) -> Self {
        let within = if options.ready_within.is_zero() {
            Duration::from_secs(30)
        } else {
            options.ready_within
        };
        let daemon = Daemon::new(Recipe {
            name: options.name,
            program: options.program,
            args: options.args.into_iter().map(Into::into).collect(),
            env: options.env,
            log: options.log,
            quit: Signal::TERM,
            run_as: None,
            own_group: options.own_group,
        });
        Self { daemon, ready_url: options.ready_url, within }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.daemon.name()
    }

    /// Its log file.
    pub fn log(&self) -> &std::path::Path {
        self.daemon.log()
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.daemon.pid()
    }

    /// Says whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.daemon.is_running()
    }

    /// The end of what it has logged since its latest start.
    pub fn log_tail(&self) -> String {
        self.daemon.log_tail()
    }

    /// Says whether it answers as ready right now.
    pub fn is_ready(&self) -> bool {
        self.ready_url.as_deref().is_none_or(http::is_ok)
    }

    /// Asks it to end and waits.
    pub fn stop(&mut self) -> Result<(), DaemonError> {
        self.daemon.stop()
    }

    /// Kills it at once, as a crash would.
    pub fn kill9(&mut self) -> Result<(), DaemonError> {
        self.daemon.kill9()
    }

    /// Starts it again with the same settings and waits until it is ready; does nothing when it runs.
    pub fn resume(&mut self) -> Result<(), DaemonError> {
        self.resume_unready()?;
        self.wait_ready()
    }

    /// Waits until it answers as ready.
    pub fn wait_ready(&mut self) -> Result<(), DaemonError> {
        let url = self.ready_url.clone();
        self.daemon.wait_until(self.within, |_| url.as_deref().is_none_or(http::is_ok))
    }

    /// Starts it again without waiting for readiness; does nothing when it runs.
    pub fn resume_unready(&mut self) -> Result<(), DaemonError> {
        if self.daemon.is_running() { Ok(()) } else { self.daemon.spawn() }
    }

    /// Stops and starts it.
    pub fn restart(&mut self) -> Result<(), DaemonError> {
        self.stop()?;
        self.resume()
    }
}
