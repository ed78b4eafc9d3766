//! Configures the integration `sim-pd` between the services and the simulated PagerDuty, as a user would.
//!
//! It goes through `im` and through the simulator's own REST API. It may be repeated: the integration and the webhook
//! subscription are made when they are missing, and what earlier runs have made is used again. Secrets go through standard
//! input, never through arguments.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;
use tandem_dev::bins;

use super::state::Addresses;
use super::subscription;

/// The organisation everything local belongs to.
pub(crate) const ORG: &str = "demo";
/// The handle of the integration.
pub(crate) const HANDLE: &str = "sim-pd";
/// The key that the simulator accepts for its bot user.
pub(super) const TOKEN: &str = "u+sim-user-token-001";
/// The bot user.
pub(super) const FROM: &str = "incidents-sync@example.com";
/// What is said about the integration when it is made.
const NEW: [&str; 10] = [
    "--name",
    "PagerDuty simulator",
    "--handle",
    HANDLE,
    "--type",
    "pagerduty",
    "--direction",
    "bidirectional",
    "--from-email",
    FROM,
];
/// The exit code of `im` for what does not exist.
const NOT_FOUND: i32 = 3;

/// Makes sure that the integration exists and that webhooks reach it.
pub(crate) fn run(addresses: &Addresses) -> anyhow::Result<()> {
    let im = Im { addresses };
    let base_url = ["--base-url", addresses.pagerduty.as_str(), "--token-file", "-"];
    let is_there = im.find(&["integration", "get", HANDLE])?.is_some();
    let words: &[&str] = if is_there { &[HANDLE] } else { &NEW };
    let words = [&["integration", "configure"], words].concat();
    let integration = im.give(&words, &base_url, TOKEN)?;
    let id = integration.get("id").and_then(Value::as_str).context("im told no id")?;
    let known = integration.get("signing_secrets").and_then(Value::as_u64).unwrap_or(0);
    if let Some(secret) = subscription::ensure(addresses, id, known > 0)? {
        im.give(&["integration", "configure", HANDLE, "--signing-secret-file", "-"], &[], &secret)?;
    }
    map_service(&im)
}

fn map_service(im: &Im<'_>) -> anyhow::Result<()> {
    let words = ["integration", "service-mapping"];
    let mappings = im.ask(&[&words[..], &["list", HANDLE]].concat())?;
    let is_ours = |mapping: &Value| mapping.get("service").and_then(Value::as_str) == Some(SERVICE);
    if mappings.as_array().is_some_and(|mappings| mappings.iter().any(is_ours)) {
        return Ok(());
    }
    let new = ["add", HANDLE, "--pd-service", SERVICE, "--incident-type", INCIDENT_TYPE];
    im.ask(&[&words[..], &new].concat()).map(drop)
}

/// The service of the simulator that stands for an incident type, and that type.
pub(crate) const SERVICE: &str = "P123ABC";
/// See [`SERVICE`].
pub(crate) const INCIDENT_TYPE: &str = "infrastructure";

/// The command line client, pointed at the local admin.
pub(crate) struct Im<'a> {
    /// Where that is.
    pub(crate) addresses: &'a Addresses,
}

impl Im<'_> {
    /// Runs a command and reads its JSON.
    pub(crate) fn ask(&self, words: &[&str]) -> anyhow::Result<Value> {
        self.give(words, &[], "")
    }

    /// Like [`Im::ask`], but what does not exist is no error.
    fn find(&self, words: &[&str]) -> anyhow::Result<Option<Value>> {
        let output = self.run(words, "")?;
        if output.status.code() == Some(NOT_FOUND) {
            return Ok(None);
        }
        read(words, &output).map(Some)
    }

    /// Like [`Im::ask`], with more words and something on standard input.
    fn give(&self, words: &[&str], more: &[&str], input: &str) -> anyhow::Result<Value> {
        let words = [words, more].concat();
        read(&words, &self.run(&words, input)?)
    }

    fn run(&self, words: &[&str], input: &str) -> anyhow::Result<std::process::Output> {
        let mut child = Command::new(bins::built("im")?)
            .args(["--admin-url", &self.addresses.admin, "--org", ORG, "--output", "json"])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("im cannot be run")?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads nothing has closed its side already.
            stdin.write_all(input.as_bytes()).ok();
        }
        Ok(child.wait_with_output()?)
    }
}

fn read(words: &[&str], output: &std::process::Output) -> anyhow::Result<Value> {
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("im {} failed: {}", words.join(" "), reason.trim());
    }
    if output.stdout.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("im {} printed no JSON", words.join(" ")))
}
