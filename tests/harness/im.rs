//! The command line as a person types it.

use std::{path::PathBuf, process::Output};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// `im`, pointed at one stack.
#[derive(Debug, Clone)]
pub struct Im {
    pub(crate) program: PathBuf,
    pub(crate) admin_url: String,
    pub(crate) home: PathBuf,
    pub(crate) token: Option<String>,
    pub(crate) org: Option<String>,
}

impl Im {
    /// Where admin's gRPC is.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// What it calls admin with.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same, calling admin with another token, or with none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// The same, acting in no organisation but those that the words name.
    #[must_use]
    pub fn of_no_org(&self) -> Self {
        Self { org: None, ..self.clone() }
    }

    /// Runs `im` with these words and nothing on standard input.
    pub async fn run(&self, words: &[&str]) -> anyhow::Result<Output> {
        self.feed(words, "").await
    }

    /// Runs `im` with these words and something on standard input.
    pub async fn feed(&self, words: &[&str], input: &str) -> anyhow::Result<Output> {
        let mut child = self.begin(words)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await?;
        }
        Ok(child.wait_with_output().await?)
    }

    /// Starts `im` with these words; it ends with what is given at the latest.
    pub fn begin(&self, words: &[&str]) -> anyhow::Result<Child> {
        Command::new(&self.program)
            .args(words)
            .env_clear()
            .env("HOME", &self.home)
            .env("TANDEM_ADMIN_URL", &self.admin_url)
            .envs(self.org.as_ref().map(|org| ("TANDEM_ORG", org)))
            .envs(self.token.as_ref().map(|token| ("TANDEM_TOKEN", token)))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))
    }

    /// Runs `im … --output json`, which must succeed, and gives what it printed.
    pub async fn json(&self, words: &[&str]) -> anyhow::Result<Value> {
        self.json_fed(words, "").await
    }

    /// The same with something on standard input.
    pub async fn json_fed(&self, words: &[&str], input: &str) -> anyhow::Result<Value> {
        let words = [words, &["--output", "json"]].concat();
        let output = self.feed(&words, input).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "im {words:?}: {}: {said}", output.status);
        serde_json::from_slice(&output.stdout).with_context(|| {
            format!("im {words:?} printed {:?}", String::from_utf8_lossy(&output.stdout))
        })
    }
}
