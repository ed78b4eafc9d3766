//! Where the workspace's programs are, and how they get there.
//!
//! They lie in the target folder that the calling program itself was built into, of the same profile. Cargo alone knows
//! whether they are up to date, so it is asked once per process, unless `cargo dev test` has said that it just has.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Set by whoever has just built everything, so that test processes need not ask cargo again.
pub const FRESH_ENV: &str = "TANDEM_BINS_FRESH";

/// Why a program cannot be run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BinError {
    /// The calling program does not lie in a target folder.
    #[error("{0} is not in a cargo target folder; start it as `cargo dev`")]
    NoTarget(PathBuf),
    /// Cargo could not build.
    #[error("the programs could not be built: {0}")]
    Build(String),
    /// There is no such program, although everything was built.
    #[error("{0} is not built; `cargo build --workspace --bins` builds every program")]
    Missing(String),
}

/// The folder of the workspace's programs.
pub fn folder() -> Result<PathBuf, BinError> {
    let program = env::current_exe().unwrap_or_default();
    let folder = program.parent().map(Path::to_path_buf).unwrap_or_default();
    // Test programs lie in `deps`, examples in `examples`.
    let is_profile = |folder: &&Path| !folder.ends_with("deps") && !folder.ends_with("examples");
    folder
        .ancestors()
        .find(is_profile)
        .filter(|folder| folder.join(".fingerprint").is_dir())
        .map(Path::to_path_buf)
        .ok_or(BinError::NoTarget(program))
}

/// Builds every program of the workspace but this one; cargo shows its own progress.
pub fn build(root: &Path) -> Result<(), BinError> {
    let mut command = cargo(root);
    command.args(["build", "--workspace", "--bins", "--exclude", "tandem-dev"]);
    if folder()?.ends_with("release") {
        command.arg("--release");
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(BinError::Build(format!("cargo ended with {status}; see above"))),
        // Whoever has no toolchain of their own runs what somebody built for them.
        Err(error)
            if is_out_of_reach(&error) && PROGRAMS.iter().all(|name| built(name).is_ok()) =>
        {
            Ok(())
        }
        Err(error) => Err(BinError::Build(format!(
            "cargo cannot be run ({error}); Rust is to be had from https://rustup.rs"
        ))),
    }
}

/// The programs that `cargo dev up` runs.
const PROGRAMS: [&str; 6] = [
    "im",
    "pagerduty-sim",
    "tandem-admin",
    "tandem-ingress",
    "tandem-pagerduty-egress",
    "tandem-reconciler",
];

/// Whether a program could not even be started: it is not there, or not for us.
fn is_out_of_reach(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
}

/// The path of one program, having built the workspace's programs first when nobody has.
pub fn path(root: &Path, name: &str) -> Result<PathBuf, BinError> {
    static BUILT: OnceLock<Result<(), BinError>> = OnceLock::new();
    if env::var_os(FRESH_ENV).is_none() {
        BUILT.get_or_init(|| build(root)).clone()?;
    }
    built(name)
}

/// The path of one program that was built before.
pub fn built(name: &str) -> Result<PathBuf, BinError> {
    let program = folder()?.join(name);
    if program.is_file() { Ok(program) } else { Err(BinError::Missing(name.to_owned())) }
}

/// A cargo command at the root of the checkout.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    forget_outer(&mut command);
    command
}

/// Keeps from a command what the outer cargo says about this crate: to an inner one it would look like a changed
/// environment, and half of what is built would be built again.
pub fn forget_outer(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_that_of_the_profile() {
        let folder = folder().unwrap();
        assert!(!folder.ends_with("deps"));
        assert!(folder.join("deps").is_dir());
    }

    #[test]
    fn a_program_nobody_builds_is_missing_by_name() {
        assert!(
            matches!(built("no-such-program"), Err(BinError::Missing(name)) if name == "no-such-program")
        );
    }
}
