//! Names a process so that it can be told from a later one with the same id.
//!
//! A process id alone is not enough to stop something recorded in a file: after a reboot or a long day the same number
//! belongs to somebody else. An [`Identity`] therefore pairs it with the instant the process was born, and nothing is
//! signalled unless both still match.

use std::fs;
use std::io;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// A process as it was when recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// When it was born, in whatever form the system tells; only compared, never read.
    pub born: String,
}

impl Identity {
    /// Reads the identity of a running process; `None` when there is none (a zombie counts as none).
    pub fn of(pid: u32) -> Option<Self> {
        born(pid).map(|born| Self { pid, born })
    }

    /// Says whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Says whether its program bears that name, as far as the system tells.
    pub fn runs(&self, program: &str) -> bool {
        let from_ps = || {
            let pid = self.pid.to_string();
            let output = Command::new("ps").args(["-o", "comm=", "-p", &pid]).output().ok()?;
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let name = fs::read_to_string(format!("/proc/{}/comm", self.pid)).ok().or_else(from_ps);
        name.is_some_and(|name| name.trim().rsplit('/').next() == Some(program))
    }

    /// Sends a signal to this very process; a process that is gone is no error.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.is_alive() { send(self.pid, signal) } else { Ok(()) }
    }
}

/// Sends a signal to a process known to be ours; one that is gone is no error.
pub(crate) fn send(pid: u32, signal: Signal) -> io::Result<()> {
    match raw(pid).map(|pid| kill_process(pid, signal)) {
        None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => Ok(()),
        Some(Err(error)) => Err(error.into()),
    }
}

fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// The birth of a process: from `/proc` where there is one, else from `ps`.
fn born(pid: u32) -> Option<String> {
    if cfg!(target_os = "linux") {
        return born_in_proc(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?, &boot_id());
    }
    test_kill_process(raw(pid)?).ok()?;
    let output =
        Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output().ok()?;
    let born = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!born.is_empty()).then_some(born)
}

/// Births count from boot, so the boot is part of them.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Takes the start time (field 22) out of a `stat` line, whose second field may itself hold spaces and brackets.
fn born_in_proc(stat: &str, boot: &str) -> Option<String> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (!matches!(state, "Z" | "X")).then(|| format!("{started}@{boot}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_is_alive_and_a_reaped_one_is_not() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!identity.is_alive());
    }

    #[test]
    fn a_process_that_reused_the_id_is_left_alone() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let older = Identity { pid: child.id(), born: "an earlier life".to_owned() };
        older.signal(Signal::KILL).unwrap();
        assert!(!older.is_alive());
        assert!(child.try_wait().unwrap().is_none(), "the stranger was killed");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_command_name_with_brackets_does_not_shift_the_fields() {
        let tail = (4..=24).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        let stat = format!("7 (a ) b) S {tail}");
        assert_eq!(born_in_proc(&stat, "boot").as_deref(), Some("22@boot"));
        assert_eq!(born_in_proc(&stat.replace(") S", ") Z"), "boot"), None);
    }
}
