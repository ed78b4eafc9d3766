//! One nats-server, one PagerDuty simulator and one egress, with an integration configured.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures_util::StreamExt as _;
use secrecy::SecretString;
use serde_json::Value as Json;
use tandem_bus::{
    Bus,
    config::{Snapshot, token_place},
    dead_letter::DeadLetter,
    publish::Outgoing,
    subjects, topology,
};
use tandem_dev::{
    Nats, NatsOptions, Progress, Service, ServiceOptions, http, ports, runtimes, workspace,
};
use tandem_domain::{
    clock::Offset,
    event::{Event, Fate, Outcome, Reading, Receipt},
    field::Field,
    id::{Connector, IncidentId, IntegrationId, LinkId, NoteId, RecordId},
    incident::{Actor, Side},
    integration::{Direction, Integration, Strategy},
    link::record_key,
    outbound::{Act, ActKind, Create, Desired, Want},
    scope::Scope,
};
use tandem_pagerduty_sim::{ACCOUNT_TOKEN, BOT_EMAIL, Call, Effect, Options, RestFault, Simulator};
use tandem_seal::Keyring;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

/// How long a call may take in these tests.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(700);
/// How long what is uncertain may still take effect: the margin is a second. It counts from before
/// the request left, and is seen here from when it came: less the way of one of them.
pub(crate) const SETTLING: Duration = Duration::from_millis(1_600);
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

pub(crate) struct Stage {
    // Dropped in this order: whoever uses something goes before it.
    pub(crate) egress: Service,
    pub(crate) nats: Nats,
    pub(crate) bus: Bus,
    pub(crate) pagerduty: Simulator,
    monitor: u16,
    ops: u16,
    dir: TempDir,
}

/// A receipt as it lies in the stream.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) subject: String,
    pub(crate) traceparent: Option<String>,
    pub(crate) receipt: Receipt,
}

/// A settled state, taken apart.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) version: u64,
    pub(crate) before: Option<Reading>,
    pub(crate) after: Option<Reading>,
    pub(crate) fates: Vec<(Field, Fate)>,
    pub(crate) uncertain: bool,
}

impl Stage {
    /// With the integration configured and the service ready.
    pub(crate) async fn ready() -> Self {
        let mut stage = Self::unready().await;
        stage.configure(snapshot(1, &stage.pagerduty.url)).await;
        stage.egress.resume().unwrap();
        stage
    }

    /// With nothing configured and the service not started.
    pub(crate) async fn unready() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = runtimes::nats_server(&workspace::root().unwrap(), Progress::Silent).unwrap();
        let (monitor, ops) = (ports::free().unwrap(), ports::free().unwrap());
        let options = NatsOptions {
            dir: dir.path().join("nats"),
            extra_config: format!("http: \"127.0.0.1:{monitor}\""),
            ..NatsOptions::default()
        };
        let nats = Nats::start(&server, options).unwrap();
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        eventually("the streams are there", async || bus.ensure_topology().await.is_ok()).await;
        let egress = copy(&nats, "egress", dir.path(), ops, NEVER);
        let pagerduty = Simulator::start(Options::default()).await.unwrap();
        Self { egress, nats, bus, pagerduty, monitor, ops, dir }
    }

    /// Starts the service with a healer that is at work so often: log, age, sweep, watch.
    pub(crate) fn start_healing(&mut self, rhythm: [&str; 4]) {
        self.egress = copy(&self.nats, "healing", self.dir.path(), self.ops, rhythm);
        self.egress.resume().unwrap();
    }

    pub(crate) async fn configure(&self, snapshot: Snapshot) {
        eventually("the snapshot is put", async || self.bus.put_snapshot(&snapshot).await.is_ok())
            .await;
    }

    pub(crate) async fn want(&self, desired: &Desired) {
        let subject = subjects::state(&connector(), desired.integration, desired.link);
        let id = format!("{}-{}", desired.link, desired.version);
        self.publish(Outgoing::json(subject, id, desired).unwrap()).await;
    }

    pub(crate) async fn act(&self, act: &Act) {
        let subject = subjects::act(&connector(), act.integration, act.link, &act.id());
        self.publish(Outgoing::json(subject, act.id(), act).unwrap()).await;
    }

    pub(crate) async fn publish(&self, message: Outgoing) {
        let message = message.traced(Some(format!("00-{TRACE}-b7ad6b7169203331-01")));
        let stored = async || self.bus.publish(message.clone()).await.is_ok();
        eventually("the message is stored", stored).await;
    }

    /// The next `count` receipts.
    pub(crate) async fn told(&self, count: usize) -> Vec<Told> {
        let taken = self.bus.consume(topology::IN, topology::reconciler(), 1).await.unwrap();
        let mut taken = std::pin::pin!(taken);
        let mut told: Vec<Told> = Vec::new();
        while told.len() < count {
            let message = timeout(PATIENCE, taken.next()).await.unwrap_or_else(|_| {
                panic!("no receipt in time; the log ends\n{}", self.egress.log_tail())
            });
            let message = message.unwrap().unwrap();
            let Event::Receipt(receipt) = message.json().unwrap() else { panic!() };
            let subject = message.subject().to_owned();
            let traceparent = message.traceparent().map(str::to_owned);
            told.push(Told { subject, traceparent, receipt });
            message.ack().await;
        }
        told
    }

    /// The next receipt, of a settled state.
    pub(crate) async fn settled(&self) -> Settled {
        match self.told(1).await.remove(0).receipt.outcome {
            Outcome::Settled { version, before, after, fates, uncertain, .. } => Settled {
                version,
                uncertain,
                before: before.map(|it| *it),
                after: after.map(|it| *it),
                fates: fates.into_iter().collect(),
            },
            other => panic!("{other:?}"),
        }
    }

    /// The next dead letter.
    pub(crate) async fn dead_letter(&self) -> DeadLetter {
        let mut config = topology::reconciler();
        config.filter_subject = subjects::DEAD_LETTERS.to_owned();
        let taken = self.bus.consume(topology::DLQ, config, 1).await.unwrap();
        let message = timeout(PATIENCE, std::pin::pin!(taken).next()).await.expect("none in time");
        let message = message.unwrap().unwrap();
        assert_eq!(message.subject(), subjects::dead_out(integration()));
        message.ack().await;
        message.json().unwrap()
    }

    /// Waits until everything is acknowledged, and checks what every story must leave behind.
    pub(crate) async fn at_rest(&self) {
        eventually("everything is acknowledged", async || self.outbound() == 0).await;
        assert_eq!(self.pagerduty.violations(), Vec::<String>::new());
    }

    /// How many messages wait or are in hand.
    pub(crate) fn outbound(&self) -> u64 {
        let url = format!("http://127.0.0.1:{}/jsz?streams=true", self.monitor);
        let Ok(answer) = http::get(&url) else { return u64::MAX };
        let answer: Json = serde_json::from_str(&answer.body).unwrap();
        let streams = answer["account_details"][0]["stream_detail"].as_array().unwrap();
        let out = streams.iter().find(|stream| stream["name"] == topology::OUT).unwrap();
        out["state"]["messages"].as_u64().unwrap()
    }

    /// The value of a metric, summed over the series whose labels contain `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        metric(self.ops, name, label)
    }

    /// Other copies of the service, running and ready.
    pub(crate) fn copies(&self, count: usize) -> Vec<Copy> {
        let start = |n: usize| {
            let ops = ports::free().unwrap();
            let mut service = copy(&self.nats, &format!("copy{n}"), self.dir.path(), ops, NEVER);
            service.resume().unwrap();
            Copy { service, ops }
        };
        (1..=count).map(start).collect()
    }

    /// Method and path of each call so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.pagerduty.calls(0);
        calls.iter().map(|call| format!("{} {}", call.method, call.path)).collect()
    }

    /// The bodies of the calls with a method.
    pub(crate) fn bodies(&self, method: &str) -> Vec<Json> {
        let calls = self.pagerduty.calls(0).into_iter();
        calls.filter(|call| call.method == method).map(|call| call.body).collect()
    }

    /// The next `next` calls of a method meet a fault.
    pub(crate) fn fault(&self, method: &str, next: Option<u32>, effect: Effect) {
        let method = Some(method.to_owned());
        let fault = RestFault { next, probability: None, method, path_prefix: None, effect };
        self.pagerduty.turn(|knobs| knobs.rest.push(fault));
    }

    pub(crate) fn heal(&self) {
        self.pagerduty.turn(|knobs| knobs.rest.clear());
    }

    /// A record in PagerDuty, made by a person there.
    pub(crate) fn record(&self, title: &str) -> RecordId {
        let action = serde_json::json!({ "action": "trigger", "title": title, "urgency": "high" });
        let incident = self.pagerduty.act(action).unwrap();
        incident["id"].as_str().unwrap().parse().unwrap()
    }
}

/// A healer that does nothing within a test.
const NEVER: [&str; 4] = ["86400", "20", "86400", "86400"];

/// A copy of the service, not started yet.
fn copy(nats: &Nats, name: &str, dir: &Path, ops: u16, rhythm: [&str; 4]) -> Service {
    let [log, age, sweep, watch] = rhythm.map(str::to_owned);
    let env = [
        ("TANDEM_HEAL_INTERVAL", log),
        ("TANDEM_HEAL_AFTER", age),
        ("TANDEM_SWEEP_INTERVAL", sweep),
        ("TANDEM_WATCH_INTERVAL", watch),
        ("NATS_URL", nats.url()),
        ("TANDEM_OPS_ADDR", format!("127.0.0.1:{ops}")),
        ("TANDEM_MASTER_KEY", "ab".repeat(32)),
        ("TANDEM_REQUEST_TIMEOUT", REQUEST_TIMEOUT.as_secs_f64().to_string()),
        ("TANDEM_LOG", "info,tandem_pagerduty_egress=debug".to_owned()),
    ];
    Service::prepare(ServiceOptions {
        name: name.to_owned(),
        program: env!("CARGO_BIN_EXE_tandem-pagerduty-egress").into(),
        env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        log: dir.join(format!("{name}.log")),
        ready_url: Some(format!("http://127.0.0.1:{ops}/readyz")),
        ..ServiceOptions::default()
    })
}

/// One of several copies of the service.
pub(crate) struct Copy {
    pub(crate) service: Service,
    ops: u16,
}

impl Copy {
    /// Whether it is the one that acts.
    pub(crate) fn acts(&self) -> bool {
        metric(self.ops, "tandem_acting_integrations", "") > 0.5
    }
}

/// The value of a metric, summed over the series whose labels contain `label`.
fn metric(ops: u16, name: &str, label: &str) -> f64 {
    let Ok(answer) = http::get(&format!("http://127.0.0.1:{ops}/metrics")) else { return 0.0 };
    let metrics = answer.body;
    let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

pub(crate) fn connector() -> Connector {
    "pagerduty".parse().unwrap()
}

pub(crate) fn integration() -> IntegrationId {
    "int_0190a1b2c3d47e5f8a9b0c1d2e3f4a5b".parse().unwrap()
}

pub(crate) fn link(n: u128) -> LinkId {
    LinkId::from_uuid(uuid::Uuid::from_u128(n))
}

/// A state of a linked record: field, wanted value, expected values.
pub(crate) fn state(
    n: u128,
    version: u64,
    record: &RecordId,
    want: &[(Field, &str, &[&str])],
) -> Desired {
    let value = |value: &str| Some(value.to_owned());
    let want = want.iter().map(|(field, wanted, expect)| {
        let expect = expect.iter().map(|expected| value(expected)).collect();
        (*field, Want { value: value(wanted), expect })
    });
    Desired {
        link: link(n),
        incident: IncidentId::from_uuid(uuid::Uuid::from_u128(n)),
        integration: integration(),
        version,
        record: Some(record.clone()),
        create: None,
        not_before: None,
        want: want.collect(),
        actor: None,
    }
}

/// A state whose record is to be created.
pub(crate) fn creation(n: u128, version: u64, status: &str) -> Desired {
    let want: [(Field, &str, &[&str]); 3] = [
        (Field::Title, "Payments fail", &[]),
        (Field::Severity, "high", &[]),
        (Field::Status, status, &[]),
    ];
    let create = Create {
        title: "Payments fail".to_owned(),
        key: record_key(link(n)),
        service: "P123ABC".to_owned(),
        description: Some("Since 9:14, in eu-west".to_owned()),
    };
    let unlinked = "none".parse().unwrap();
    Desired { record: None, create: Some(create), ..state(n, version, &unlinked, &want) }
}

pub(crate) fn note(n: u128, id: u128, record: &RecordId, text: &str) -> Act {
    Act {
        link: link(n),
        integration: integration(),
        record: record.clone(),
        actor: Actor::unnamed(Side::Platform),
        kind: ActKind::Note { note: note_id(id), text: text.to_owned() },
    }
}

pub(crate) fn note_id(id: u128) -> NoteId {
    NoteId::from_uuid(uuid::Uuid::from_u128(id))
}

/// A version of the configuration, its token sealed.
pub(crate) fn snapshot(version: u64, base_url: &str) -> Snapshot {
    snapshot_with(version, base_url, ACCOUNT_TOKEN)
}

pub(crate) fn snapshot_with(version: u64, base_url: &str, token: &str) -> Snapshot {
    let integration = Integration {
        id: integration(),
        org: "acme-corp".parse().unwrap(),
        handle: "prod-pd".parse().unwrap(),
        name: "Production".to_owned(),
        connector: connector(),
        base_url: base_url.to_owned(),
        direction: Direction::Bidirectional,
        enabled: true,
        paused: false,
        strategy: Strategy::OwnershipPriority,
        from_email: Some(BOT_EMAIL.to_owned()),
        rate_limit: 900,
        headroom: 0,
        backoff_multiplier: 1.5,
        fields: BTreeMap::new(),
        services: Vec::new(),
        scope: Scope::default(),
        sync_escalations: false,
        public_url: None,
        clock: Offset::default(),
        version,
    };
    let keyring = Keyring::parse(&SecretString::from("ab".repeat(32))).unwrap();
    let place = token_place(integration.id);
    let token = Some(keyring.seal(&place, &SecretString::from(token)).unwrap());
    Snapshot {
        integration,
        token,
        signing_secrets: Vec::new(),
        senders: Vec::new(),
        deleted: false,
    }
}

/// When a call came to PagerDuty.
pub(crate) fn at(call: &Call) -> jiff::Timestamp {
    call.time.parse().unwrap()
}

/// The time from one call to a later one.
pub(crate) fn between(earlier: &Call, later: &Call) -> Duration {
    Duration::try_from(at(later).duration_since(at(earlier))).unwrap()
}

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "still not so: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
