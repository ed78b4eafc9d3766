//! Owns the commands that speak to a running simulator through its control API.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Where the simulator is.
#[derive(Debug, Args)]
pub(super) struct Plain {
    /// The address of the running simulator.
    #[arg(long, default_value = "http://127.0.0.1:8090", env = "PAGERDUTY_SIM_URL")]
    url: String,
}

impl Plain {
    pub(super) async fn get(self, path: &str) -> anyhow::Result<()> {
        self.send(Method::GET, path, None).await
    }

    pub(super) async fn reset(self) -> anyhow::Result<()> {
        self.send(Method::POST, "/_sim/reset", Some(json!({}))).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<()> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        let mut request = client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response =
            request.send().await.with_context(|| format!("no simulator at {}", self.url))?;
        let status = response.status();
        let answer: Value = response.json().await.context("the answer is not JSON")?;
        if !status.is_success() {
            bail!("{status}: {answer}");
        }
        let mut out = std::io::stdout();
        serde_json::to_writer_pretty(&mut out, &answer)?;
        writeln!(out)?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(super) struct ActArgs {
    /// What to do: trigger, acknowledge, unacknowledge, resolve, reopen, reassign, escalate, delegate,
    /// annotate, retitle, `set_urgency`, `set_priority`, `set_service`, merge, snooze, …
    action: String,
    /// The id or number of the incident.
    #[arg(long)]
    incident: Option<String>,
    /// The id or email of the person; Priya unless told otherwise.
    #[arg(long)]
    user: Option<String>,
    /// Further parameters as `name=value`; a value that is JSON is taken as JSON.
    #[arg(value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    #[command(flatten)]
    at: Plain,
}

impl ActArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut body = Map::new();
        body.insert("action".to_owned(), json!(self.action));
        if let Some(incident) = self.incident {
            body.insert("incident".to_owned(), json!(incident));
        }
        if let Some(user) = self.user {
            body.insert("user".to_owned(), json!(user));
        }
        for parameter in self.parameters {
            let Some((name, value)) = parameter.split_once('=') else {
                bail!("{parameter:?} is not NAME=VALUE");
            };
            // Lists and numbers are written as JSON; anything else is a text.
            let value = match serde_json::from_str::<Value>(value) {
                Ok(json) if !json.is_string() => json,
                _ => json!(value),
            };
            body.insert(name.to_owned(), value);
        }
        self.at.send(Method::POST, "/_sim/act", Some(Value::Object(body))).await
    }
}

#[derive(Debug, Args)]
pub(super) struct CallsArgs {
    /// Only calls after this number.
    #[arg(long, default_value_t = 0)]
    since_seq: u64,
    /// Only calls with something that `PagerDuty` would silently ignore.
    #[arg(long)]
    violating: bool,
    #[command(flatten)]
    at: Plain,
}

impl CallsArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let (since_seq, violating) = (self.since_seq, self.violating);
        let path = format!("/_sim/calls?since_seq={since_seq}&violating={violating}");
        self.at.send(Method::GET, &path, None).await
    }
}

#[derive(Debug, Args)]
pub(super) struct FaultsArgs {
    /// Knobs to turn, as JSON, e.g. `{"webhooks":{"duplicate":1}}`; without it the knobs are shown.
    knobs: Option<String>,
    /// Put all knobs back to what they were at the start.
    #[arg(long, conflicts_with = "knobs")]
    restore: bool,
    #[command(flatten)]
    at: Plain,
}

impl FaultsArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if self.restore {
            return self.at.send(Method::DELETE, "/_sim/faults", None).await;
        }
        let Some(knobs) = self.knobs else {
            return self.at.send(Method::GET, "/_sim/faults", None).await;
        };
        let knobs: Value = serde_json::from_str(&knobs).context("the knobs are not JSON")?;
        self.at.send(Method::PUT, "/_sim/faults", Some(knobs)).await
    }
}
