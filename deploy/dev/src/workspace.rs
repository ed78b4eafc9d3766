//! Where the checkout is and where local things are kept.
//!
//! The root is the folder that holds `deploy/dev/runtimes.lock`. All data of the local runner lies under `.dev/` there
//! or in the folder that `TANDEM_DEV_DIR` names, and what is installed lies in a cache of the user's, shared by every checkout.

use std::env;
use std::path::{Path, PathBuf};

/// The file that marks the root of a checkout.
const MARKER: &str = "deploy/dev/runtimes.lock";

/// No checkout was found around the places a runner may be started from.
#[derive(Debug, thiserror::Error)]
#[error(
    "this is not inside a Tandem checkout (no {MARKER} in any folder above); run it in the folder you cloned"
)]
pub struct NotInWorkspace;

/// Finds the root of the checkout that cargo, the current folder or this program belongs to.
pub fn root() -> Result<PathBuf, NotInWorkspace> {
    let starts = [
        env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
        env::current_dir().ok(),
        env::current_exe().ok(),
    ];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .find(|folder| folder.join(MARKER).is_file())
        .map(Path::to_path_buf)
        .ok_or(NotInWorkspace)
}

/// Names another folder for the local runner's data, so that a checkout can hold a second stack.
pub const DEV_DIR_ENV: &str = "TANDEM_DEV_DIR";

/// The folder of the local runner's data.
pub fn dev_dir(root: &Path) -> PathBuf {
    root.join(dev_name())
}

/// What that folder is called, seen from the root of the checkout.
pub fn dev_name() -> PathBuf {
    let named = env::var_os(DEV_DIR_ENV).filter(|path| !path.is_empty());
    named.map_or_else(|| PathBuf::from(".dev"), PathBuf::from)
}

/// The per-user folder for installed programs; `None` where the user has no home.
pub(crate) fn user_cache() -> Option<PathBuf> {
    let home = || env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let cache = match env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None if cfg!(target_os = "macos") => home()?.join("Library/Caches"),
        None => home()?.join(".cache"),
    };
    Some(cache.join("tandem-dev"))
}
