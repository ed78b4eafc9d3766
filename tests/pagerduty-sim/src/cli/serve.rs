//! Owns `pagerduty-sim serve`: options from the command line, one line on standard output, a port file.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::{Grant, Options, RetryCurve, Simulator, Token};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Find the account again after a restart: it is kept in this file, secrets included.
    #[arg(long, value_name = "PATH")]
    state_file: Option<PathBuf>,
    /// The origin of all ids, delays and rolls; an account found in the state file keeps its own.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the address (http://host:port) to this file once listening; the file appears whole.
    #[arg(long)]
    port_file: Option<PathBuf>,
    /// Further accepted REST keys, one a line: `account KEY`, `read-only KEY` or `user EMAIL KEY`.
    #[arg(long)]
    tokens_file: Option<PathBuf>,
    /// How much faster than real time 5 s, 24 h, 48 h, snoozes and service time-outs go by.
    #[arg(long, default_value_t = 1.0)]
    time_factor: f64,
    /// The wait after the first failed delivery, in milliseconds; it doubles from there.
    #[arg(long, default_value_t = 1000)]
    retry_first_ms: u64,
    /// The longest wait between deliveries, in milliseconds.
    #[arg(long, default_value_t = 30_000)]
    retry_max_ms: u64,
    /// The shortest time between a change and its webhook, in milliseconds.
    #[arg(long, default_value_t = 20)]
    webhook_delay_min_ms: u64,
    /// The longest time between a change and its webhook, in milliseconds.
    #[arg(long, default_value_t = 60)]
    webhook_delay_max_ms: u64,
    /// The number of the first incident.
    #[arg(long, default_value_t = 1)]
    first_number: u64,
    /// Calls allowed per minute and key; 0 is no limit.
    #[arg(long, default_value_t = 960)]
    calls_per_minute: u32,
    /// Knobs to start with: a JSON file as `PUT /_sim/faults` takes it.
    #[arg(long)]
    knobs_file: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let port_file = self.port_file.clone();
        let simulator = Simulator::start(self.options()?).await?;
        if let Some(path) = &port_file {
            announce(path, &simulator.url)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut out = std::io::stdout();
        writeln!(out, "pagerduty-sim listening on {}", simulator.url)?;
        out.flush()?;
        stop_signal().await?;
        Ok(simulator.close().await?)
    }

    fn options(self) -> anyhow::Result<Options> {
        if !(self.time_factor.is_finite() && self.time_factor > 0.0) {
            bail!("--time-factor must be greater than 0");
        }
        if self.webhook_delay_min_ms > self.webhook_delay_max_ms {
            bail!("--webhook-delay-min-ms must not exceed --webhook-delay-max-ms");
        }
        let mut options = Options {
            listen: self.listen,
            seed: self.seed,
            time_factor: self.time_factor,
            retry: RetryCurve {
                first: Duration::from_millis(self.retry_first_ms),
                max: Duration::from_millis(self.retry_max_ms),
            },
            webhook_delay_ms: (self.webhook_delay_min_ms, self.webhook_delay_max_ms),
            first_number: self.first_number,
            state_file: self.state_file,
            ..Options::default()
        };
        if let Some(path) = self.tokens_file {
            options.tokens.extend(read_tokens(&path)?);
        }
        if let Some(path) = self.knobs_file {
            let text =
                std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            options.knobs = serde_json::from_slice(&text)
                .with_context(|| format!("{} does not hold knobs", path.display()))?;
        }
        options.knobs.limits.calls_per_minute = self.calls_per_minute;
        Ok(options)
    }
}

fn read_tokens(path: &Path) -> anyhow::Result<Vec<Token>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<_> = line.split_whitespace().collect();
        let (token, grant) = match words.as_slice() {
            [] => continue,
            ["account", token] => (token, Grant::Account),
            ["read-only", token] => (token, Grant::ReadOnly),
            ["user", email, token] => (token, Grant::User((*email).to_owned())),
            _ => bail!("{} line {number} is no token", path.display()),
        };
        tokens.push(Token { token: (*token).to_owned(), grant });
    }
    Ok(tokens)
}

/// Writes beside the file and renames, so that a reader never sees half an address.
fn announce(path: &Path, url: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, url)?;
    std::fs::rename(&beside, path)
}

async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => done,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
