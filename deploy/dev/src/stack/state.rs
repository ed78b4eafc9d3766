//! `.dev/state.json`: what runs, where, and under which process ids.
//!
//! Who holds the lock on `.dev/lock` is the running `up`; the operating system gives the lock back however that ends.
//! A state file without such a holder is a leftover, and the processes in it are stopped, each only if it is still the
//! very process that was recorded.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tandem_dev::pids::Identity;
use tandem_dev::workspace;

/// How long a process may take to end.
const GRACE: Duration = Duration::from_secs(20);

/// What runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// Whether it is all up and configured.
    pub(crate) ready: bool,
    /// Who watches over it.
    pub(crate) supervisor: Option<Process>,
    /// What was started, in that order.
    pub(crate) processes: Vec<Process>,
    /// Where it is.
    pub(crate) addresses: Addresses,
}

/// Where everything is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Addresses {
    /// Webhooks in, and the REST API.
    pub(crate) http: String,
    /// The gRPC API.
    pub(crate) admin: String,
    /// The broker.
    pub(crate) nats: String,
    /// The database, with its password.
    pub(crate) database: String,
    /// The simulated PagerDuty.
    pub(crate) pagerduty: String,
    /// Probes and metrics: name and address of each service.
    pub(crate) ops: Vec<(String, String)>,
}

/// A process as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// What it is called.
    pub(crate) name: String,
    /// Its id.
    pub(crate) pid: u32,
    /// When it was born (see [`Identity`]).
    pub(crate) born: String,
}

impl Process {
    /// Records a running process; `None` when it has ended already.
    pub(crate) fn of(name: &str, pid: Option<u32>) -> Option<Self> {
        let Identity { pid, born } = Identity::of(pid?)?;
        Some(Self { name: name.to_owned(), pid, born })
    }

    fn identity(&self) -> Identity {
        Identity { pid: self.pid, born: self.born.clone() }
    }

    /// Says whether it still runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.identity().is_alive()
    }

    /// Asks it to end, waits, and kills it when it does not.
    pub(crate) fn end(&self) -> anyhow::Result<()> {
        let identity = self.identity();
        // Postgres would wait for its clients on SIGTERM.
        let quit = if self.name == "postgres" { Signal::INT } else { Signal::TERM };
        for signal in [quit, Signal::KILL] {
            identity.signal(signal).with_context(|| format!("{} cannot be stopped", self.name))?;
            let deadline = Instant::now() + GRACE;
            while Instant::now() < deadline {
                if !identity.is_alive() {
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        bail!("{} (process {}) does not end", self.name, self.pid)
    }
}

/// The right to run the stack of a checkout; kept as long as it runs.
pub(crate) struct Hold {
    _lock: File,
}

/// Takes that right; `None` when another process has it.
pub(crate) fn hold(root: &Path) -> anyhow::Result<Option<Hold>> {
    let folder = workspace::dev_dir(root);
    let open = || {
        fs::create_dir_all(&folder)?;
        File::options().create(true).append(true).open(folder.join("lock"))
    };
    let lock = open().with_context(|| {
        let folder = folder.display();
        format!("{folder} cannot be written; give it to yourself (it may be root's), or remove it")
    })?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(Hold { _lock: lock })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Reads what runs; `None` when nothing is recorded.
pub(crate) fn load(root: &Path) -> Option<State> {
    // A file that cannot be read back is as good as none: the ports in it would be guesses.
    serde_json::from_slice(&fs::read(path(root)).ok()?).ok()
}

/// Writes what runs, for the owner's eyes only: it holds the database's password.
pub(crate) fn save(root: &Path, state: &State) -> anyhow::Result<()> {
    let path = path(root);
    let new = path.with_extension("new");
    let mut open = File::options();
    let mut file = open.create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(state)?)?;
    fs::rename(new, path).context("the state cannot be written")
}

/// Forgets what ran.
pub(crate) fn forget(root: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path(root)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Stops what an earlier run has left behind, the last started first; says what that was.
pub(crate) fn end_leftovers(root: &Path) -> anyhow::Result<Vec<String>> {
    let state = load(root).unwrap_or_default();
    let mut ended = Vec::new();
    for process in state.processes.iter().rev().filter(|process| process.is_alive()) {
        process.end()?;
        ended.push(process.name.clone());
    }
    forget(root)?;
    Ok(ended)
}

fn path(root: &Path) -> PathBuf {
    workspace::dev_dir(root).join("state.json")
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(workspace::dev_dir(root.path())).unwrap();
        root
    }

    #[test]
    fn leftovers_are_ended_and_forgotten() {
        let root = root();
        let mut child = sleeper();
        let process = Process::of("leftover", Some(child.id())).unwrap();
        let state = State { processes: vec![process], ..State::default() };
        save(root.path(), &state).unwrap();
        // Reaps the child, which its real parent would do.
        let reaper = thread::spawn(move || child.wait().unwrap());
        assert_eq!(end_leftovers(root.path()).unwrap(), ["leftover"]);
        assert!(!reaper.join().unwrap().success());
        assert!(load(root.path()).is_none());
    }

    #[test]
    fn a_stranger_with_a_recorded_id_is_left_alone() {
        let root = root();
        let mut child = sleeper();
        let born = "another time".to_owned();
        let process = Process { name: "stale".to_owned(), pid: child.id(), born };
        save(root.path(), &State { processes: vec![process], ..State::default() }).unwrap();
        assert!(end_leftovers(root.path()).unwrap().is_empty());
        assert!(child.try_wait().unwrap().is_none(), "the stranger was stopped");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn only_one_may_hold_a_checkout() {
        let root = root();
        let first = hold(root.path()).unwrap();
        assert!(first.is_some());
        assert!(hold(root.path()).unwrap().is_none());
        drop(first);
        assert!(hold(root.path()).unwrap().is_some());
    }

    #[test]
    fn the_state_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let root = root();
        save(root.path(), &State::default()).unwrap();
        let mode = fs::metadata(path(root.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
