//! What the bench runs on: a broker, a simulator that limits nothing, and the service as built.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::Context;
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use tandem_bus::{
    Bus,
    config::{Snapshot, token_place},
    publish::Outgoing,
    subjects,
};
use tandem_dev::{
    Nats, NatsOptions, Progress, Service, ServiceOptions, bins, http, ports, runtimes, workspace,
};
use tandem_domain::{
    field::Field,
    id::{Connector, IncidentId, IntegrationId, LinkId},
    integration::Integration,
    outbound::{Desired, Want},
};
use tandem_seal::Keyring;
use tempfile::TempDir;

/// The token of the simulator's account.
pub(crate) const TOKEN: &str = "sim-account-token-01";
pub(crate) const FROM: &str = "incidents-sync@example.com";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) struct Ground {
    // Dropped in this order: whoever uses something goes before it.
    pub(crate) egress: Service,
    pub(crate) bus: Bus,
    _simulator: Service,
    _nats: Nats,
    /// Where the simulator is.
    pub(crate) url: String,
    ops: u16,
    _dir: TempDir,
}

impl Ground {
    pub(crate) async fn prepare() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let server = runtimes::nats_server(&workspace::root()?, Progress::Silent)?;
        let options = NatsOptions { dir: dir.path().join("nats"), ..NatsOptions::default() };
        let nats = Nats::start(&server, options)?;
        let (simulator, url) = simulator(dir.path()).await?;
        let bus = Bus::connect(&nats.url(), "bench").await?;
        while bus.ensure_topology().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ops = ports::free()?;
        let env = [
            ("NATS_URL", nats.url()),
            ("TANDEM_OPS_ADDR", format!("127.0.0.1:{ops}")),
            ("TANDEM_MASTER_KEY", "ab".repeat(32)),
            ("TANDEM_LOG", "warn".to_owned()),
        ];
        let egress = Service::start(ServiceOptions {
            name: "egress".to_owned(),
            program: bins::built("tandem-pagerduty-egress")?,
            env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            log: dir.path().join("egress.log"),
            ready_url: Some(format!("http://127.0.0.1:{ops}/readyz")),
            ..ServiceOptions::default()
        })?;
        Ok(Self { egress, bus, _simulator: simulator, _nats: nats, url, ops, _dir: dir })
    }

    /// Gives the service a version of the configuration.
    pub(crate) async fn configure(&self, version: u64, enabled: bool, rate_limit: u32) {
        let integration: Integration = serde_json::from_value(json!({
            "id": integration(), "org": "acme-corp", "handle": "bench", "name": "Bench",
            "connector": "pagerduty", "base_url": self.url, "direction": "bidirectional",
            "enabled": enabled, "strategy": "last_write_wins", "from_email": FROM,
            "rate_limit": rate_limit, "backoff_multiplier": 2.0, "fields": {}, "services": [],
            "version": version,
        }))
        .unwrap();
        let keyring = Keyring::parse(&SecretString::from("ab".repeat(32))).unwrap();
        let place = token_place(integration.id);
        let token = Some(keyring.seal(&place, &SecretString::from(TOKEN)).unwrap());
        let snapshot = Snapshot {
            integration,
            token,
            signing_secrets: Vec::new(),
            senders: Vec::new(),
            deleted: false,
        };
        self.bus.put_snapshot(&snapshot).await.unwrap();
    }

    pub(crate) async fn publish(&self, desired: &Desired) {
        let subject = subjects::state(&connector(), desired.integration, desired.link);
        let id = format!("{}-{}", desired.link, desired.version);
        self.bus.publish(Outgoing::json(subject, id, desired).unwrap()).await.unwrap();
    }

    /// The value of a metric, summed over its series.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let answer = http::get(&format!("http://127.0.0.1:{}/metrics", self.ops)).unwrap();
        let lines = answer.body.lines().filter(|line| line.starts_with(name));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Waits until a metric is at least so much.
    pub(crate) async fn reaches(&self, name: &str, value: f64) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.metric(name) < value {
            assert!(tokio::time::Instant::now() < deadline, "{name} is {}", self.metric(name));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the service has of memory, in KiB.
    pub(crate) fn memory(&self) -> String {
        let resident = self.egress.pid().and_then(resident);
        resident.map_or_else(|| "unknown".to_owned(), |kib| format!("{} MiB", kib / 1024))
    }
}

async fn simulator(dir: &Path) -> anyhow::Result<(Service, String)> {
    let port_file = dir.join("simulator");
    let args = ["serve", "--listen", "127.0.0.1:0", "--calls-per-minute", "0", "--port-file"];
    let mut args: Vec<String> = args.map(str::to_owned).to_vec();
    args.push(port_file.display().to_string());
    let service = Service::start(ServiceOptions {
        name: "simulator".to_owned(),
        program: bins::built("pagerduty-sim")?,
        args,
        log: dir.join("simulator.log"),
        ..ServiceOptions::default()
    })?;
    for _ in 0..500 {
        if let Ok(url) = std::fs::read_to_string(&port_file) {
            return Ok((service, url.trim().to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(anyhow::anyhow!("{}", service.log_tail())).context("the simulator does not come up")
}

/// A state of a linked record: its title is to change.
pub(crate) fn desired(n: u32, version: u64, record: &str, from: &str, to: &str) -> Desired {
    let value = |text: &str| Some(text.to_owned());
    let want = Want { value: value(to), expect: vec![value(from)] };
    Desired {
        link: LinkId::from_uuid(uuid::Uuid::from_u128(u128::from(n) + 1)),
        incident: IncidentId::from_uuid(uuid::Uuid::from_u128(u128::from(n) + 1)),
        integration: integration(),
        version,
        record: Some(record.parse().unwrap()),
        create: None,
        not_before: None,
        want: BTreeMap::from([(Field::Title, want)]),
        actor: None,
    }
}

pub(crate) fn integration() -> IntegrationId {
    "int_0190a1b2c3d47e5f8a9b0c1d2e3f4a5b".parse().unwrap()
}

pub(crate) fn connector() -> Connector {
    "pagerduty".parse().unwrap()
}

/// The memory of a process, in KiB, where the system tells.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The time a process has had of the processors, in hundredths of a second, where the system tells.
pub(crate) fn worked(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after = stat.rsplit_once(')')?.1;
    let mut fields = after.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The answer to a call, as JSON.
pub(crate) async fn json_of(answer: reqwest::Response) -> Json {
    let status = answer.status();
    let body = answer.text().await.unwrap();
    assert!(status.is_success(), "{status}: {body}");
    serde_json::from_str(&body).unwrap()
}
