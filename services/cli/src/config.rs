//! The configuration file: defaults for what would otherwise be typed each time.
//!
//! The command line and the environment win over it. A file that is not there is no error, unless
//! it was asked for by name.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::args::Global;

const DEFAULT_ADMIN_URL: &str = "http://127.0.0.1:50051";

/// What may stand in the file.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    org: Option<String>,
    admin_url: Option<String>,
    r#as: Option<String>,
}

/// Where to go, for which organisation, and as whom.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// The organisation; empty when none is set.
    pub(crate) org: String,
    /// Where admin listens.
    pub(crate) admin_url: String,
    /// Whose edits these are.
    pub(crate) author: Option<String>,
}

impl Config {
    /// Puts command line, environment, file and defaults together, in that order.
    pub(crate) fn load(global: &Global) -> anyhow::Result<Self> {
        let file = match (&global.config, default_path()) {
            (Some(path), _) => read(path)?.with_context(|| {
                format!("the configuration file {} is not there", path.display())
            })?,
            (None, Some(path)) => read(&path)?.unwrap_or_default(),
            (None, None) => File::default(),
        };
        Ok(Self {
            org: global.org.clone().or(file.org).unwrap_or_default(),
            author: global.author.clone().or(file.r#as),
            admin_url: global
                .admin_url
                .clone()
                .or(file.admin_url)
                .unwrap_or_else(|| DEFAULT_ADMIN_URL.to_owned()),
        })
    }
}

fn default_path() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".config/im/config.toml"))
}

fn read(path: &Path) -> anyhow::Result<Option<File>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let file = toml::from_str(&text).with_context(|| format!("cannot use {}", path.display()))?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Output;

    fn global(config: &Path) -> Global {
        Global {
            admin_url: None,
            org: None,
            author: None,
            output: Output::Table,
            config: Some(config.to_owned()),
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_default() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "org = \"acme\"").unwrap();

        let from_file = Config::load(&global(&path)).unwrap();
        assert_eq!(
            (from_file.org.as_str(), from_file.admin_url.as_str()),
            ("acme", DEFAULT_ADMIN_URL)
        );

        let typed = Global { org: Some("other".to_owned()), ..global(&path) };
        assert_eq!(Config::load(&typed).unwrap().org, "other");
    }

    #[test]
    fn a_misspelt_key_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "organisation = \"acme\"").unwrap();
        let told = format!("{:#}", Config::load(&global(&path)).unwrap_err());
        assert!(told.contains("organisation"), "{told}");
    }

    #[test]
    fn a_named_file_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let told = Config::load(&global(&dir.path().join("none.toml"))).unwrap_err().to_string();
        assert!(told.contains("is not there"), "{told}");
    }
}
