//! Where programs usually are.
//!
//! `PATH` first, then the folders of the common packagings. A folder counts for Postgres only through the real place of
//! its `postgres`: distributions link single programs into `/usr/local/bin` without their siblings.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders outside `PATH` where single programs may be.
const USUAL: [&str; 4] = ["/usr/local/bin", "/opt/homebrew/bin", "/usr/sbin", "/usr/local/sbin"];

/// Folders that hold one folder per version of Postgres, and what leads from there to its programs.
const VERSIONED: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// Every file of that name on `PATH` and in the usual folders.
pub(super) fn programs(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in env::split_paths(&path).chain(USUAL.iter().map(PathBuf::from)) {
        let program = folder.join(name);
        if program.is_file() && !found.contains(&program) {
            found.push(program);
        }
    }
    found
}

/// Every folder that holds a `postgres`, the highest version of each packaging first.
pub(super) fn postgres_folders() -> Vec<PathBuf> {
    let linked = programs("postgres")
        .into_iter()
        .filter_map(|program| fs::canonicalize(program).ok()?.parent().map(Path::to_path_buf));
    let versioned =
        VERSIONED.iter().flat_map(|(parent, prefix, rest)| versions(parent, prefix, rest));
    let plain = ["/usr/local/pgsql/bin"].map(PathBuf::from);
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in linked.chain(versioned).chain(plain) {
        if folder.join("postgres").is_file() && !found.contains(&folder) {
            found.push(folder);
        }
    }
    found
}

/// The folders `parent/prefixN/rest`, highest N first.
fn versions(parent: &str, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join(rest)))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_comes_first_and_strangers_are_left_out() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["9", "15", "18", "common"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = versions(parent.path().to_str().unwrap(), "", "bin");
        let expected: Vec<PathBuf> =
            ["18", "15", "9"].iter().map(|name| parent.path().join(name).join("bin")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_program_on_the_path_is_found_once() {
        let found = programs("sh");
        assert!(!found.is_empty());
        assert!(found.iter().all(|program| found.iter().filter(|p| *p == program).count() == 1));
    }
}
