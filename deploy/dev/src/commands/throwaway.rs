//! A folder and a Postgres for one command, gone when it ends.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tandem_dev::{Durability, Postgres, PostgresOptions, Progress, runtimes};

/// A folder under the system's temporary one, removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder that no other process uses.
    pub(crate) fn new(purpose: &str) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tandem-{purpose}-{}", std::process::id()));
        // Left over by an earlier process with the same id, if it exists at all.
        fs::remove_dir_all(&path).ok();
        fs::create_dir(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Makes a Postgres in a folder without starting it; one that is to be measured is as careful as one
/// whose data is kept.
pub(crate) fn postgres(
    root: &Path,
    folder: &Folder,
    durability: Durability,
    progress: Progress,
) -> anyhow::Result<Postgres> {
    let bin = runtimes::postgres(root, None, progress)?;
    let options = PostgresOptions {
        dir: folder.path().join("postgres"),
        durability,
        own_group: true,
        ..PostgresOptions::default()
    };
    let name = format!("making a throwaway Postgres {}", bin.version);
    Ok(progress.step(&name, || Postgres::prepare(&bin, options))?)
}
