//! A nats-server of one's own, with JetStream on and every acknowledgement on disk.
//!
//! It runs with the settings of `deploy/nats.conf`, on 127.0.0.1, with its data and log in the folder it is given. The
//! services have their users of that file, with passwords that are made up at each start; whoever comes without one is
//! its operator, who may do everything, for it is one's own machine. Outsiders have accounts of `deploy/guests.conf`.
//! It is ready when the server has written its ports file, which it does once it accepts clients. After a stop or a
//! crash it comes back on the same port with the same data.

mod guests;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

pub use self::guests::{Guest, readers};
use crate::daemon::{Daemon, DaemonError, Recipe};
use crate::ports;
use crate::random;
use crate::runtimes::NatsServer;

/// The settings shipped for compose; address, port and store directory are overridden on the command line.
const SETTINGS: &str = include_str!("../../nats.conf");
/// The users of the settings, by the names of the services, and the variables that the settings have their passwords from.
const USERS: [(&str, &str, &str); 5] = [
    ("tandem-ingress", "ingress", "TANDEM_NATS_INGRESS_PASSWORD"),
    ("tandem-reconciler", "reconciler", "TANDEM_NATS_RECONCILER_PASSWORD"),
    ("tandem-pagerduty-egress", "pagerduty-egress", "TANDEM_NATS_EGRESS_PASSWORD"),
    ("tandem-admin", "admin", "TANDEM_NATS_ADMIN_PASSWORD"),
    ("", "operator", "TANDEM_NATS_OPERATOR_PASSWORD"),
];
/// Who has no name is the operator.
const NAMELESS: &str = "no_auth_user: operator";
/// How long a start may take; a large store is read in first.
const WITHIN: Duration = Duration::from_secs(30);
/// How often another port is tried when somebody was quicker.
const PORT_TRIES: u32 = 5;
/// What the server says when somebody was.
const PORT_TAKEN: &str = "address already in use";

/// How to start a nats-server.
#[derive(Debug, Clone, Default)]
pub struct NatsOptions {
    /// The folder for its data, settings and log.
    pub dir: PathBuf,
    /// Its port; 0 means any free one.
    pub port: u16,
    /// Further settings, in nats-server's own format, after the shipped ones.
    pub extra_config: String,
    /// Outsiders, each with an account of its own.
    pub guests: Vec<Guest>,
    /// Whether it gets a process group of its own (see [`Recipe::own_group`]).
    pub own_group: bool,
}

/// A running (or stopped) nats-server; dropping it stops it.
pub struct Nats {
    daemon: Daemon,
    server: NatsServer,
    options: NatsOptions,
    /// Of all users alike: they are kept apart by their permissions, not from whoever runs them all.
    password: String,
}

impl Nats {
    /// Starts a server and waits until it accepts clients.
    pub fn start(server: &NatsServer, options: NatsOptions) -> Result<Self, DaemonError> {
        let failed = |source| DaemonError::Spawn { name: "nats-server".to_owned(), source };
        // What begins with a digit might be read as a number.
        let password = format!("p{}", random::hex().map_err(failed)?);
        let daemon = Daemon::new(recipe(server, &options, &password));
        let mut nats = Self { daemon, server: server.clone(), options, password };
        nats.resume()?;
        Ok(nats)
    }

    /// The address for clients without a name, who may do everything.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.options.port)
    }

    /// The address for a service, such as `tandem-ingress`: with its user, who may do what the service needs.
    pub fn url_of(&self, service: &str) -> String {
        match USERS.iter().find(|(name, ..)| *name == service) {
            Some((_, user, _)) => {
                format!("nats://{user}:{}@127.0.0.1:{}", self.password, self.options.port)
            }
            None => self.url(),
        }
    }

    /// The address for an outsider, with its user.
    pub fn url_of_guest(&self, guest: Guest) -> String {
        format!("nats://{0}:{0}@127.0.0.1:{1}", guest.name, self.options.port)
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.options.port
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.daemon.pid()
    }

    /// Says whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.daemon.is_running()
    }

    /// Asks it to end and waits.
    pub fn stop(&mut self) -> Result<(), DaemonError> {
        self.daemon.stop()
    }

    /// Kills it at once, as a crash would.
    pub fn kill9(&mut self) -> Result<(), DaemonError> {
        self.daemon.kill9()
    }

    /// Starts it again on the same port with the same data; does nothing when it runs.
    pub fn resume(&mut self) -> Result<(), DaemonError> {
        if self.daemon.is_running() {
            return Ok(());
        }
        let failed = |source| DaemonError::Spawn { name: "nats-server".to_owned(), source };
        prepare(&self.options).map_err(failed)?;
        let any_port = self.options.port == 0;
        let mut port_tries = 0;
        loop {
            if any_port {
                self.options.port = ports::free().map_err(failed)?;
                port_tries += 1;
            }
            self.daemon = Daemon::new(recipe(&self.server, &self.options, &self.password));
            let dir = self.options.dir.clone();
            let outcome = self.daemon.start(WITHIN, |daemon| has_ports_file(daemon, &dir));
            let Err(DaemonError::Died { tail, .. }) = &outcome else { return outcome };
            if !(any_port && port_tries < PORT_TRIES && tail.contains(PORT_TAKEN)) {
                return outcome;
            }
        }
    }

    /// Stops and starts it.
    pub fn restart(&mut self) -> Result<(), DaemonError> {
        self.stop()?;
        self.resume()
    }
}

/// Writes the settings and removes the ports files of earlier lives.
fn prepare(options: &NatsOptions) -> io::Result<()> {
    let ports = ports_dir(&options.dir);
    if ports.is_dir() {
        fs::remove_dir_all(&ports)?;
    }
    fs::create_dir_all(&ports)?;
    adopt(&options.dir.join("jetstream"))?;
    fs::write(options.dir.join("guests.conf"), guests::accounts(&options.guests))?;
    fs::write(settings(&options.dir), format!("{SETTINGS}\n{NAMELESS}\n{}\n", options.extra_config))
}

/// Gives the account what was stored before the settings had accounts.
fn adopt(jetstream: &Path) -> io::Result<()> {
    let (nobodys, ours) = (jetstream.join("$G"), jetstream.join("TANDEM"));
    if nobodys.is_dir() && !ours.exists() { fs::rename(nobodys, ours) } else { Ok(()) }
}

fn recipe(server: &NatsServer, options: &NatsOptions, password: &str) -> Recipe {
    let mut args: Vec<OsString> = vec!["-c".into(), settings(&options.dir).into()];
    args.extend(["-a".into(), "127.0.0.1".into(), "-p".into(), options.port.to_string().into()]);
    args.extend(["-sd".into(), (&options.dir).into()]);
    args.extend(["--ports_file_dir".into(), ports_dir(&options.dir).into()]);
    Recipe {
        name: "nats-server".to_owned(),
        program: server.program.clone(),
        args,
        env: USERS.iter().map(|(.., name)| ((*name).to_owned(), password.to_owned())).collect(),
        log: options.dir.join("nats.log"),
        quit: Signal::TERM,
        run_as: None,
        own_group: options.own_group,
    }
}

fn settings(dir: &Path) -> PathBuf {
    dir.join("nats.conf")
}

fn ports_dir(dir: &Path) -> PathBuf {
    dir.join("ports")
}

/// Looks for the file that this very process writes once it accepts clients.
fn has_ports_file(daemon: &Daemon, dir: &Path) -> bool {
    let Some(pid) = daemon.pid() else { return false };
    // The file is called after the program, whatever that is, and the process.
    let ending = format!("_{pid}.ports");
    let entries = fs::read_dir(ports_dir(dir)).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().ends_with(&ending))
}
