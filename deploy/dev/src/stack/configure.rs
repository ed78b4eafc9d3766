//! Configures the integration `sim-pd` between the services and the simulated PagerDuty, as a user would.
//!
//! It goes through `im` and through the simulator's own REST API. It may be repeated: the integration is made when it is
//! missing, and the webhook subscription is made anew each time, since the simulator forgets it when it ends. Secrets go
//! through standard input, never through arguments.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tandem_dev::{bins, http};

use super::state::Addresses;

/// The organisation everything local belongs to.
pub(crate) const ORG: &str = "demo";
/// The handle of the integration.
pub(crate) const HANDLE: &str = "sim-pd";
/// The key that the simulator accepts for its bot user.
const TOKEN: &str = "u+sim-user-token-001";
/// The bot user.
const FROM: &str = "incidents-sync@example.com";
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
    let secret = subscribe(addresses, id)?;
    im.give(&["integration", "configure", HANDLE, "--signing-secret-file", "-"], &[], &secret)?;
    map_service(&im)
}

/// Subscribes the ingress to the simulator's webhooks; returns the secret they are signed with.
fn subscribe(addresses: &Addresses, integration: &str) -> anyhow::Result<String> {
    let url = format!("{}/api/v1/webhooks/{integration}", addresses.http);
    let body = json!({ "webhook_subscription": {
        "type": "webhook_subscription",
        "delivery_method": { "type": "http_delivery_method", "url": url, "custom_headers": [] },
        "description": "Tandem",
        "events": EVENTS,
        "filter": { "type": "account_reference" },
    } });
    let headers = [("authorization", format!("Token token={TOKEN}")), ("from", FROM.to_owned())];
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let target = format!("{}/webhook_subscriptions", addresses.pagerduty);
    let response = http::request("POST", &target, &headers, &body.to_string())?;
    ensure!(
        response.is_success(),
        "the simulator refused the subscription with {}: {}",
        response.status,
        response.body
    );
    let answer: Value = serde_json::from_str(&response.body)?;
    let secret = answer.pointer("/webhook_subscription/delivery_method/secret");
    Ok(secret.and_then(Value::as_str).context("the simulator told no secret")?.to_owned())
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

/// Every event the simulator can tell.
const EVENTS: [&str; 17] = [
    "incident.acknowledged",
    "incident.annotated",
    "incident.conference_bridge.updated",
    "incident.custom_field_values.updated",
    "incident.delegated",
    "incident.escalated",
    "incident.priority_updated",
    "incident.incident_type.changed",
    "incident.reassigned",
    "incident.reopened",
    "incident.resolved",
    "incident.responder.added",
    "incident.responder.replied",
    "incident.service_updated",
    "incident.status_update_published",
    "incident.triggered",
    "incident.unacknowledged",
];

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
