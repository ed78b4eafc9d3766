//! `cargo dev sqlx`: writes what the compiler has to know about the database into `.sqlx`.
//!
//! The queries of the store are checked against that folder, so the store cannot be asked to migrate the database that
//! the folder is made from: the migrations are applied here, straight into a throwaway Postgres, before any of our
//! code is compiled. A file of a query that is gone is not removed by the compiler, so the folder is made from nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};
use tandem_dev::{Durability, Postgres, Progress, bins, workspace};

use super::throwaway;

/// Where the migrations are.
const MIGRATIONS: &str = "services/shared/store/migrations";
/// The package with all the queries, and a source file of it.
const PACKAGE: &str = "tandem-store";
const SOURCE: &str = "services/shared/store/src/lib.rs";

/// What `cargo dev sqlx` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail when the folder is not what it should be.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    renew(&workspace::root()?, arguments.check)
}

/// Renews the folder, or only compares it with what it should be.
pub(crate) fn renew(root: &Path, check_only: bool) -> anyhow::Result<()> {
    let progress = Progress::detect();
    let folder = throwaway::Folder::new("sqlx")?;
    let mut postgres = throwaway::postgres(root, &folder, Durability::Throwaway, progress)?;
    progress.step("applying the migrations", || migrate(root, &postgres))?;
    progress.step("starting it", || postgres.resume())?;
    let made = folder.path().join("queries");
    fs::create_dir(&made)?;
    describe(root, &made, &postgres.url())?;
    let committed = root.join(".sqlx");
    let difference = compare(&files(&committed)?, &files(&made)?);
    if difference.is_empty() {
        progress.say("✓ .sqlx is up to date");
        return Ok(());
    }
    if check_only {
        bail!(".sqlx is stale; run `cargo dev sqlx` and commit it:\n{}", difference.join("\n"));
    }
    replace(&committed, &made)?;
    progress.say(format_args!("✓ .sqlx renewed:\n{}", difference.join("\n")));
    Ok(())
}

/// Applies every migration in the order of its name.
fn migrate(root: &Path, postgres: &Postgres) -> anyhow::Result<()> {
    let folder = root.join(MIGRATIONS);
    let mut scripts: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    scripts.retain(|path| path.extension().is_some_and(|ending| ending == "sql"));
    scripts.sort();
    ensure!(!scripts.is_empty(), "there are no migrations in {}", folder.display());
    for script in scripts {
        let name = script.strip_prefix(root).unwrap_or(&script).display().to_string();
        let text = fs::read_to_string(&script).with_context(|| format!("{name} is unreadable"))?;
        postgres.run_offline(&text).with_context(|| format!("{name} cannot be applied"))?;
    }
    Ok(())
}

/// Lets the compiler describe every query into `made`.
fn describe(root: &Path, made: &Path, url: &str) -> anyhow::Result<()> {
    // Only a source file that looks changed is compiled, and so described, again. Its time is put back afterwards, so
    // that nothing else is compiled again because of this.
    let source = fs::File::options().append(true).open(root.join(SOURCE))?;
    let modified = source.metadata()?.modified()?;
    source.set_modified(SystemTime::now())?;
    let status = bins::cargo(root)
        .args(["check", "--package", PACKAGE, "--all-targets"])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", made)
        .env("DATABASE_URL", url)
        .stdin(Stdio::null())
        .status();
    source.set_modified(modified)?;
    let status = status.context("cargo cannot be run")?;
    ensure!(status.success(), "the queries could not be described (see above)");
    Ok(())
}

/// The files of a folder by name; none where there is no folder.
fn files(folder: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, fs::read(path)?);
        }
    }
    Ok(files)
}

/// One line for each file that differs.
fn compare(old: &BTreeMap<String, Vec<u8>>, new: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let gone = old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("  - {name}"));
    let changed = new.iter().filter_map(|(name, text)| match old.get(name) {
        None => Some(format!("  + {name}")),
        Some(before) if before != text => Some(format!("  ~ {name}")),
        Some(_) => None,
    });
    gone.chain(changed).collect()
}

/// Puts the new files in the place of the old ones.
fn replace(committed: &Path, made: &Path) -> anyhow::Result<()> {
    if committed.is_dir() {
        fs::remove_dir_all(committed)?;
    }
    fs::create_dir(committed)?;
    for (name, text) in files(made)? {
        fs::write(committed.join(name), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_named() {
        let side = |entries: &[(&str, &str)]| {
            entries.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect()
        };
        let old = side(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let new = side(&[("b", "1"), ("c", "2"), ("d", "1")]);
        assert_eq!(compare(&old, &new), ["  - a", "  ~ c", "  + d"]);
        assert!(compare(&old, &old).is_empty());
    }
}
