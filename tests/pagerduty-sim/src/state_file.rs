//! Owns the file in which an account outlives its process.
//!
//! The file is replaced as a whole, so a reader finds one state or the next, never half of one. It holds
//! secrets and is for its owner only. One simulator has it at a time: whoever holds the lock beside it.
//! What cannot be understood is refused and left as it is.

mod document;
mod keeper;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub(crate) use document::Document;
pub(crate) use keeper::{Keeper, complain};

/// The version of [`Document`]; another one is not understood.
const VERSION: u32 = 1;

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another simulator has it.
    #[error("{} is in use by another simulator: stop that one, or name another file", path.display())]
    InUse {
        /// The state file.
        path: PathBuf,
    },
    /// It cannot be read from the disk.
    #[error("{} cannot be read: make it readable, or name another file", path.display())]
    Read {
        /// The state file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is in it is no account.
    #[error("{} holds no simulated account: move it away to start with a new one", path.display())]
    Malformed {
        /// The state file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Another version of the simulator wrote it.
    #[error(
        "{} has version {found} and version {VERSION} is understood: run the simulator that wrote it, \
         or move it away to start with a new account",
        path.display()
    )]
    Version {
        /// The state file.
        path: PathBuf,
        /// The version it has.
        found: u32,
    },
    /// The account cannot be written into it.
    #[error("the account cannot be saved in {}", path.display())]
    Write {
        /// The state file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A state file that no other simulator uses.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// Given back by the operating system however this process ends.
    _lock: File,
}

impl StateFile {
    /// Takes a file, which need not exist yet.
    pub(crate) fn take(path: &Path) -> Result<Self, StateError> {
        let path = path.to_owned();
        let opened = private().append(true).create(true).open(beside(&path, ".lock"));
        let lock = match opened {
            Ok(lock) => lock,
            Err(source) => return Err(StateError::Write { path, source }),
        };
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(StateError::Write { path, source }),
        }
    }

    /// Reads the account; nothing when there is no file yet.
    pub(crate) fn read(&self) -> Result<Option<Document>, StateError> {
        let path = || self.path.clone();
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::Read { path: path(), source }),
        };
        let malformed = |source| StateError::Malformed { path: path(), source };
        let Versioned { version } = serde_json::from_slice(&text).map_err(malformed)?;
        if version != VERSION {
            return Err(StateError::Version { path: path(), found: version });
        }
        serde_json::from_slice(&text).map(Some).map_err(malformed)
    }

    /// Writes beside the file and renames; the disk has it before the name points to it.
    fn write(&self, document: &Document) -> Result<(), StateError> {
        let new = beside(&self.path, ".new");
        let write = || {
            let text = serde_json::to_vec(document)?;
            // Left over from a process that was killed; a file made anew has the right mode.
            fs::remove_file(&new).ok();
            let mut file = private().write(true).create_new(true).open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &self.path)
        };
        write().map_err(|source| StateError::Write { path: self.path.clone(), source })
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// How to open a file that only its owner may read.
fn private() -> fs::OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
