//! One nats-server and one ingress, started as built, with an integration configured.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use futures_util::StreamExt as _;
use secrecy::SecretString;
use tandem_bus::{
    Bus,
    config::{Snapshot, signing_secret_place},
    topology,
};
use tandem_connectors::pagerduty::signature;
use tandem_dev::{
    Nats, NatsOptions, Progress, Service, ServiceOptions, ports, runtimes, workspace,
};
use tandem_domain::{
    clock::Offset,
    event::{Event, Observation},
    id::IntegrationId,
    integration::{Direction, Integration, Strategy},
    scope::Scope,
};
use tandem_seal::Keyring;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use crate::client::{self, Answer};

pub(crate) const ID: &str = "int_0190a1b2c3d47e5f8a9b0c1d2e3f4a5b";
pub(crate) const SECRET: &str = "2LHo6pdkkOeNZWwav8jzbDWOnnIkpUJKIkuEpAdrN7bi134SXsXzN6AXI3RMAh1h";
/// Bodies as PagerDuty sends them, one per line.
pub(crate) const DELIVERIES: &str =
    include_str!("../../../shared/connectors/tests/fixtures/deliveries.jsonl");
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    // Dropped in this order: whoever uses something goes before it.
    pub(crate) ingress: Service,
    pub(crate) nats: Nats,
    pub(crate) bus: Bus,
    pub(crate) addr: SocketAddr,
    pub(crate) ops: SocketAddr,
    _dir: TempDir,
}

/// A message as it lies in the stream.
pub(crate) struct Published {
    pub(crate) subject: String,
    pub(crate) traceparent: Option<String>,
    pub(crate) observation: Observation,
}

impl Stage {
    /// With the integration configured and the service ready.
    pub(crate) async fn ready() -> Self {
        Self::ready_with(&[]).await
    }

    pub(crate) async fn ready_with(args: &[String]) -> Self {
        let mut stage = Self::unready(args).await;
        stage.bus.ensure_topology().await.unwrap();
        stage.configure(snapshot(1, &[SECRET])).await;
        stage.ingress.resume().unwrap();
        stage
    }

    /// With an empty broker and the service not started.
    pub(crate) async fn unready(args: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = runtimes::nats_server(&workspace::root().unwrap(), Progress::Silent).unwrap();
        let options = NatsOptions { dir: dir.path().join("nats"), ..NatsOptions::default() };
        let nats = Nats::start(&server, options).unwrap();
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        let addr = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (addr, ops) = (addr(ports::free().unwrap()), addr(ports::free().unwrap()));
        let env = [
            ("NATS_URL", nats.url()),
            ("TANDEM_HTTP_ADDR", addr.to_string()),
            ("TANDEM_OPS_ADDR", ops.to_string()),
            ("TANDEM_MASTER_KEY", "ab".repeat(32)),
            ("TANDEM_LOG", "info,tandem_ingress=debug".to_owned()),
        ];
        let ingress = Service::prepare(ServiceOptions {
            name: "ingress".to_owned(),
            program: env!("CARGO_BIN_EXE_tandem-ingress").into(),
            args: args.to_vec(),
            env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            log: dir.path().join("ingress.log"),
            ready_url: Some(format!("http://{ops}/readyz")),
            ..ServiceOptions::default()
        });
        Self { ingress, nats, bus, addr, ops, _dir: dir }
    }

    pub(crate) async fn configure(&self, snapshot: Snapshot) {
        eventually("the snapshot is put", async || self.bus.put_snapshot(&snapshot).await.is_ok())
            .await;
    }

    /// Delivers a body, signed, under a delivery id.
    pub(crate) async fn deliver(&self, delivery: &str, body: &[u8]) -> Answer {
        self.deliver_to(ID, &[("x-webhook-id", delivery.to_owned())], body).await
    }

    /// Delivers a body, signed, with further headers.
    pub(crate) async fn deliver_to(
        &self,
        id: &str,
        extra: &[(&str, String)],
        body: &[u8],
    ) -> Answer {
        let mut headers = vec![signed(SECRET, body)];
        headers.extend_from_slice(extra);
        self.post(&format!("/api/v1/webhooks/{id}"), &headers, body).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, String)], body: &[u8]) -> Answer {
        client::send(self.addr, "POST", path, headers, body).await
    }

    pub(crate) async fn get(&self, to: SocketAddr, path: &str) -> Answer {
        client::send(to, "GET", path, &[], b"").await
    }

    /// The value of a series whose labels contain all of `labels`.
    pub(crate) async fn counted(&self, labels: &[&str]) -> u64 {
        let metrics = self.get(self.ops, "/metrics").await.body;
        let lines = metrics.lines().filter(|line| line.starts_with("tandem_webhooks_total{"));
        let fitting = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
        fitting.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Everything in the stream up to and with the event `last`.
    pub(crate) async fn published_up_to(&self, last: &str) -> Vec<Published> {
        let taken = self.bus.consume(topology::IN, topology::reconciler(), 100).await.unwrap();
        let mut taken = std::pin::pin!(taken);
        let mut published: Vec<Published> = Vec::new();
        while published.last().is_none_or(|it| it.observation.event != last) {
            let message = timeout(PATIENCE, taken.next()).await.expect("no message in time");
            let message = message.unwrap().unwrap();
            let Event::Observation(observation) = message.json().unwrap() else { panic!() };
            published.push(Published {
                subject: message.subject().to_owned(),
                traceparent: message.traceparent().map(str::to_owned),
                observation: *observation,
            });
            message.ack().await;
        }
        published
    }
}

/// The signature header of a body.
pub(crate) fn signed(secret: &str, body: &[u8]) -> (&'static str, String) {
    let value = signature::sign(&[SecretString::from(secret)], body);
    ("x-pagerduty-signature", value.to_str().unwrap().to_owned())
}

/// A version of the configuration, with its secrets sealed.
pub(crate) fn snapshot(version: u64, secrets: &[&str]) -> Snapshot {
    let id: IntegrationId = ID.parse().unwrap();
    let integration = Integration {
        id,
        org: "acme-corp".parse().unwrap(),
        handle: "prod-pd".parse().unwrap(),
        name: "Production".to_owned(),
        connector: "pagerduty".parse().unwrap(),
        base_url: "http://127.0.0.1:9".to_owned(),
        direction: Direction::Bidirectional,
        enabled: true,
        paused: false,
        strategy: Strategy::OwnershipPriority,
        from_email: None,
        rate_limit: 900,
        headroom: 0,
        backoff_multiplier: 2.0,
        fields: BTreeMap::new(),
        services: Vec::new(),
        scope: Scope::default(),
        sync_escalations: false,
        public_url: None,
        clock: Offset::default(),
        version,
    };
    let keyring = Keyring::parse(&SecretString::from("ab".repeat(32))).unwrap();
    let place = signing_secret_place(id);
    let seal = |secret: &&str| keyring.seal(&place, &SecretString::from(*secret)).unwrap();
    let signing_secrets = secrets.iter().map(seal).collect();
    Snapshot { integration, token: None, signing_secrets, senders: Vec::new(), deleted: false }
}

/// The fixture of an event type, with an event id of its own.
pub(crate) fn body(event_type: &str, event: &str) -> Vec<u8> {
    let mut bodies =
        DELIVERIES.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut body = bodies.find(|body| body["event"]["event_type"] == event_type).unwrap();
    body["event"]["id"] = event.into();
    serde_json::to_vec(&body).unwrap()
}

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "still not so: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
