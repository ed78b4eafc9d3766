//! What a stack stands on: a broker and a database of its own, and the four services started on them.

use std::{cell::RefCell, path::PathBuf};

use anyhow::Context;
use tandem_dev::{
    Durability, Guest, Nats, NatsOptions, Postgres, PostgresOptions, Progress, Service,
    ServiceOptions, bins, nats, ports, runtimes, workspace,
};
use tandem_store::{PgPool, Store};

use crate::Options;

/// How often it is looked for what nobody told, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Healing {
    /// From one round through the log to the next.
    pub log: &'static str,
    /// How old an entry must be.
    pub ripe: &'static str,
    /// From one sweep to the next.
    pub sweep: &'static str,
    /// From one look at the subscriptions to the next.
    pub watch: &'static str,
}

impl Healing {
    /// Never within a test: most count the calls that are made.
    pub const NEVER: Self = Self { log: "86400", ripe: "20", sweep: "86400", watch: "86400" };
    /// All the time.
    pub const ALWAYS: Self = Self { log: "1", ripe: "1", sweep: "1", watch: "1" };
}

impl Default for Healing {
    fn default() -> Self {
        Self::NEVER
    }
}

/// Other services on the broker: one of the organisation that the tests are about, and one of another.
pub const GUESTS: [Guest; 2] = [Guest::LOCAL, Guest { name: "neighbour", org: "elsewhere" }];

/// What the services stand on.
pub(crate) struct Ground {
    pub(crate) nats: Nats,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) database: PgPool,
    database_url: String,
    root: PathBuf,
    healing: Healing,
}

/// The services of a stack and where they are.
pub(crate) struct Started {
    /// admin, reconciler, egress, ingress.
    pub(crate) services: [Service; 4],
    pub(crate) http_url: String,
    pub(crate) admin_url: String,
    pub(crate) rest_url: String,
    pub(crate) ops_urls: Vec<String>,
}

impl Ground {
    /// Starts a broker and makes a database.
    pub(crate) async fn prepare(
        dir: &tempfile::TempDir,
        own_postgres: bool,
        healing: Healing,
    ) -> anyhow::Result<Self> {
        let root = workspace::root()?;
        let (nats, postgres) = tokio::task::block_in_place(|| {
            let server = runtimes::nats_server(&root, Progress::Silent)?;
            let guests = GUESTS.to_vec();
            let options =
                NatsOptions { dir: dir.path().join("nats"), guests, ..NatsOptions::default() };
            let nats = Nats::start(&server, options)?;
            let own = || {
                let bin = runtimes::postgres(&root, None, Progress::Silent)?;
                let dir = dir.path().join("postgres");
                // It will be killed, and must find its commits again.
                let durability = Durability::Kept;
                let options = PostgresOptions { dir, durability, ..PostgresOptions::default() };
                anyhow::Ok(Postgres::start(&bin, options)?)
            };
            anyhow::Ok((nats, own_postgres.then(own).transpose()?))
        })?;
        let server = match &postgres {
            Some(postgres) => postgres.url(),
            None => database_server()?,
        };
        let database_url = new_database(&server).await?;
        let store = Store::connect(&database_url, "test", 4)?;
        tandem_store::migrate(&store).await?;
        Ok(Self { nats, postgres, database: store.pool().clone(), database_url, root, healing })
    }

    /// Starts the four services, admin first: it is the one that fills the configuration.
    pub(crate) fn services(
        &self,
        dir: &tempfile::TempDir,
        options: &Options,
    ) -> anyhow::Result<Started> {
        let ops_urls = RefCell::new(Vec::new());
        let asked = options.env();
        let key = dir.path().join("master.key");
        std::fs::write(&key, "5b".repeat(32))?;
        let address = || anyhow::Ok(format!("127.0.0.1:{}", ports::free()?));
        let (http, grpc, rest) = (address()?, address()?, address()?);
        let start = |name: &str, more: &[(&str, &str)]| {
            let ops = address()?;
            ops_urls.borrow_mut().push(format!("http://{ops}"));
            let own = [
                ("NATS_URL", self.nats.url_of(&format!("tandem-{name}"))),
                ("TANDEM_OPS_ADDR", ops.clone()),
                ("TANDEM_LOG", "info,tandem=debug".to_owned()),
                // What may have got through is looked up after this; a test need not wait long.
                ("TANDEM_REQUEST_TIMEOUT", "2".to_owned()),
                ("TANDEM_MASTER_KEY_FILE", key.display().to_string()),
                ("DATABASE_URL", self.database_url.clone()),
                // A broker that lost its disk has no memory that would be in the way.
                ("TANDEM_PUBLISH_AGAIN_AFTER", "2".to_owned()),
            ];
            let own = own.iter().chain(&asked).map(|(name, value)| (*name, value.as_str()));
            let env = own.chain(more.iter().copied());
            let service = Service::start(ServiceOptions {
                name: name.to_owned(),
                program: bins::path(&self.root, &format!("tandem-{name}"))?,
                env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
                log: dir.path().join(format!("{name}.log")),
                ready_url: Some(format!("http://{ops}/readyz")),
                ..ServiceOptions::default()
            })?;
            anyhow::Ok(service)
        };
        let asks = options.require_tokens.to_string();
        let own = [
            ("TANDEM_GRPC_ADDR", grpc.as_str()),
            ("TANDEM_REST_ADDR", &rest),
            ("TANDEM_REQUIRE_TOKENS", &asks),
            ("TANDEM_SUBSCRIPTION_INTERVAL", "1"),
        ];
        let admin = start("admin", &own)?;
        let readers = nats::readers(&GUESTS);
        let reconciler = start("reconciler", &[("TANDEM_FEED_READERS", &readers)])?;
        let Healing { log, ripe, sweep, watch } = self.healing;
        let egress = start(
            "pagerduty-egress",
            &[
                ("TANDEM_HEAL_INTERVAL", log),
                ("TANDEM_HEAL_AFTER", ripe),
                ("TANDEM_SWEEP_INTERVAL", sweep),
                ("TANDEM_WATCH_INTERVAL", watch),
            ],
        )?;
        let upstream = format!("http://{rest}");
        let forwarding = [("TANDEM_HTTP_ADDR", http.as_str()), ("TANDEM_API_UPSTREAM", &upstream)];
        let ingress = start("ingress", &forwarding)?;
        Ok(Started {
            services: [admin, reconciler, egress, ingress],
            http_url: format!("http://{http}"),
            admin_url: format!("http://{grpc}"),
            rest_url: upstream,
            ops_urls: ops_urls.into_inner(),
        })
    }
}

impl Ground {
    /// A token, made on the server as the first one is.
    pub(crate) fn token(&self, words: &[&str]) -> anyhow::Result<String> {
        let made = std::process::Command::new(bins::path(&self.root, "tandem-admin")?)
            .args([&["token", "create"], words].concat())
            .env("DATABASE_URL", &self.database_url)
            .output()?;
        anyhow::ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(String::from_utf8(made.stdout)?.trim().to_owned())
    }
}

#[expect(clippy::disallowed_methods, reason = "the test command hands its database over this way")]
fn database_server() -> anyhow::Result<String> {
    std::env::var("DATABASE_URL")
        .context("DATABASE_URL is not set: `cargo dev test` starts a Postgres and sets it")
}

/// A database of its own on a server.
async fn new_database(server: &str) -> anyhow::Result<String> {
    let name = format!("test_{}", random());
    let pool = PgPool::connect(server).await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&pool).await?;
    pool.close().await;
    let (base, _) = server.rsplit_once('/').context("a database url with a path")?;
    Ok(format!("{base}/{name}"))
}

/// Something no other test has: the process and the time.
fn random() -> String {
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{}_{}", std::process::id(), time.as_nanos())
}
