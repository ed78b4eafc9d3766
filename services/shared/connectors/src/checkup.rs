//! What is checked of a connection, check by check: what was found, and what to do about it.

use serde::{Deserialize, Serialize};

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is as it should be.
    Ok,
    /// It could not be looked at, for a reason that another check tells.
    Skipped,
    /// It works, and somebody should look at it.
    Warning,
    /// It does not work.
    Failed,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked, in one word that stays the same.
    pub name: String,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found, in words for people.
    pub found: String,
    /// What to do about it; empty where nothing is to be done.
    #[serde(default)]
    pub way_out: String,
}

impl Check {
    /// All is well.
    pub fn ok(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, found, "")
    }

    /// It could not be looked at.
    pub fn skipped(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Skipped, found, "")
    }

    /// Somebody should look at it.
    pub fn warning(name: &str, found: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warning, found, way_out)
    }

    /// It does not work.
    pub fn failed(name: &str, found: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self::new(name, Verdict::Failed, found, way_out)
    }

    fn new(
        name: &str,
        verdict: Verdict,
        found: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self { name: name.to_owned(), verdict, found: found.into(), way_out: way_out.into() }
    }
}
