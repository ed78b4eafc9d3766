//! A Postgres of one's own: made, started and stopped without touching any other on the machine.
//!
//! It listens on 127.0.0.1 only, has no Unix socket (whose path could get too long), belongs to the role `tandem` and
//! has a database of that name. It runs as root and as anybody else (see [`crate::privilege`]). The throwaway kind gives
//! up durability for speed and asks for no password; the kept kind is as careful as a real one.

mod cluster;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::daemon::{Daemon, DaemonError, Recipe};
use crate::pids::Identity;
use crate::ports;
use crate::privilege::Privilege;
use crate::runtimes::PostgresBin;

/// The role that owns everything, and the database that exists from the start.
pub const NAME: &str = "tandem";
/// How long a start may take, recovery after a crash included.
const WITHIN: Duration = Duration::from_mins(1);
/// How often another port is tried when somebody was quicker.
const PORT_TRIES: u32 = 5;
/// What Postgres says when somebody was.
const PORT_TAKEN: &str = "Address already in use";
/// What it says while the children of a killed postmaster are still ending.
const STILL_IN_USE: &str = "pre-existing shared memory block";

/// Whether the data has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// For one test run: nothing is flushed, nobody is asked for a password.
    #[default]
    Throwaway,
    /// For data that is to be found again.
    Kept,
}

/// How to make and start a Postgres.
#[derive(Clone, Default)]
pub struct PostgresOptions {
    /// The folder for its data and log; a root that is refused namespaces has to let others enter it.
    pub dir: PathBuf,
    /// Its port; 0 means any free one.
    pub port: u16,
    /// Whether the data has to survive.
    pub durability: Durability,
    /// The password of the role; without one, loopback is trusted. Only looked at when the data is made.
    pub password: Option<String>,
    /// Whether it gets a process group of its own (see [`Recipe::own_group`]).
    pub own_group: bool,
}

/// Why there is no Postgres.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The data folder could not be made or prepared.
    #[error("the data folder {path} could not be prepared", path = path.display())]
    Prepare {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// One of its programs failed.
    #[error("{program} failed:\n{output}")]
    Program {
        /// Which one.
        program: &'static str,
        /// What it printed.
        output: String,
    },
    /// It did not start or stop.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
}

/// A running (or stopped) Postgres; dropping it stops it.
pub struct Postgres {
    daemon: Daemon,
    bin: PostgresBin,
    options: PostgresOptions,
    privilege: Privilege,
}

impl Postgres {
    /// Makes the data folder where there is none, starts the server and waits until it accepts connections.
    pub fn start(bin: &PostgresBin, options: PostgresOptions) -> Result<Self, PostgresError> {
        let mut postgres = Self::prepare(bin, options)?;
        postgres.resume()?;
        Ok(postgres)
    }

    /// Makes the data folder where there is none, without starting the server.
    pub fn prepare(bin: &PostgresBin, options: PostgresOptions) -> Result<Self, PostgresError> {
        let privilege = Privilege::detect();
        cluster::make(bin, &options, privilege)?;
        let daemon = Daemon::new(recipe(bin, &options, privilege));
        Ok(Self { daemon, bin: bin.clone(), options, privilege })
    }

    /// Runs a script against the stopped server's database, as one implicit transaction.
    ///
    /// It goes through the server's single-user mode, so that no client program is needed.
    pub fn run_offline(&self, script: &str) -> Result<(), PostgresError> {
        cluster::single(&self.bin, &self.options.dir, self.privilege, NAME, script)
    }

    /// The address of the database `tandem`, with the password where there is one.
    pub fn url(&self) -> String {
        let password = self.options.password.as_deref().map(|password| format!(":{password}"));
        let (password, port) = (password.unwrap_or_default(), self.options.port);
        format!("postgres://{NAME}{password}@127.0.0.1:{port}/{NAME}")
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.options.port
    }

    /// The process id of the postmaster while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.daemon.pid()
    }

    /// Says whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.daemon.is_running()
    }

    /// Ends all sessions and stops it cleanly.
    pub fn stop(&mut self) -> Result<(), PostgresError> {
        Ok(self.daemon.stop()?)
    }

    /// Kills the postmaster at once, as a crash would; its children notice and end.
    pub fn kill9(&mut self) -> Result<(), PostgresError> {
        Ok(self.daemon.kill9()?)
    }

    /// Starts it again on the same port with the same data; does nothing when it runs.
    pub fn resume(&mut self) -> Result<(), PostgresError> {
        if self.daemon.is_running() {
            return Ok(());
        }
        forget_stranger(&self.options.dir);
        let any_port = self.options.port == 0;
        let deadline = Instant::now() + WITHIN;
        let mut port_tries = 0;
        loop {
            if any_port {
                self.options.port = ports::free().map_err(self.prepare_error())?;
                port_tries += 1;
            }
            self.daemon = Daemon::new(recipe(&self.bin, &self.options, self.privilege));
            let pid_file = cluster::pid_file(&self.options.dir);
            let outcome = self.daemon.start(WITHIN, |daemon| is_ready(&pid_file, daemon.pid()));
            let Err(DaemonError::Died { tail, .. }) = &outcome else { return Ok(outcome?) };
            let lost_race = any_port && port_tries < PORT_TRIES && tail.contains(PORT_TAKEN);
            let crash_lingers = tail.contains(STILL_IN_USE) && Instant::now() < deadline;
            if !(lost_race || crash_lingers) {
                return Ok(outcome?);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops and starts it.
    pub fn restart(&mut self) -> Result<(), PostgresError> {
        self.stop()?;
        self.resume()
    }

    fn prepare_error(&self) -> impl FnOnce(io::Error) -> PostgresError {
        let path = self.options.dir.clone();
        |source| PostgresError::Prepare { path, source }
    }
}

/// The major version of the data in a folder; `None` where there is none yet.
pub fn data_version(dir: &Path) -> Option<u32> {
    fs::read_to_string(cluster::data(dir).join("PG_VERSION")).ok()?.trim().parse().ok()
}

fn recipe(bin: &PostgresBin, options: &PostgresOptions, privilege: Privilege) -> Recipe {
    let mut args: Vec<OsString> = vec!["-D".into(), cluster::data(&options.dir).into()];
    args.extend(["-p".into(), options.port.to_string().into()]);
    let mut settings = vec![
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        "logging_collector=off",
        "log_destination=stderr",
    ];
    if options.durability == Durability::Throwaway {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
    }
    args.extend(settings.into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
    let (program, args) = privilege.wrap(&bin.folder.join("postgres"), args);
    Recipe {
        name: "postgres".to_owned(),
        program,
        args,
        env: Vec::new(),
        log: options.dir.join("postgres.log"),
        // SIGTERM would wait for the clients to leave.
        quit: Signal::INT,
        run_as: privilege.run_as(),
        own_group: options.own_group,
    }
}

/// The postmaster writes its id into the first line of its file and its state into the eighth.
fn is_ready(pid_file: &Path, pid: Option<u32>) -> bool {
    let text = fs::read_to_string(pid_file).unwrap_or_default();
    let line = |n| text.lines().nth(n).map(str::trim);
    line(0) == pid.map(|pid| pid.to_string()).as_deref() && line(7) == Some("ready")
}

/// Removes the file of a dead postmaster whose id a stranger has got since, which Postgres itself cannot tell.
fn forget_stranger(dir: &Path) {
    let path = cluster::pid_file(dir);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let pid: Option<u32> = text.lines().next().and_then(|line| line.trim().parse().ok());
    let is_stranger = pid.and_then(Identity::of).is_some_and(|found| !found.runs("postgres"));
    if is_stranger {
        // Where it cannot be removed, Postgres says why it will not start.
        fs::remove_file(&path).ok();
    }
}
