//! One stack: a broker, a database, a fake PagerDuty and the four services.

use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use tandem_dev::{Nats, Postgres, Service, bins};
use tandem_pagerduty_sim::{BOT_EMAIL, Call, RetryCurve, Simulator, USER_TOKEN};
use tandem_store::PgPool;

use crate::{Healing, Im, Webhook, eventually, ground::Ground, sign};

/// The secret the simulator signs with.
const SECRET: &str = "2LHo6pdkkOeNZWwav8jzbDWOnnIkpUJKIkuEpAdrN7bi134SXsXzN6AXI3RMAh1h";

/// How a stack is to be.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether it has a Postgres of its own that can be stopped.
    pub own_postgres: bool,
    /// How often it is looked for what nobody told.
    pub healing: Healing,
    /// Whether admin asks for a token; `im` then has one that may do everything.
    pub require_tokens: bool,
    /// How many requests a second ingress and admin take from one address, if not as many as usual.
    pub requests_per_source: Option<u32>,
    /// Where traces and metrics are sent, if anywhere.
    pub collector: Option<String>,
}

impl Options {
    /// What each service is told of them.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", self.collector.clone().unwrap_or_default());
        let rate =
            self.requests_per_source.map(|it| ("TANDEM_REQUESTS_PER_SOURCE", it.to_string()));
        [collector].into_iter().chain(rate).collect()
    }
}

/// A running system. Dropping it stops everything it started.
pub struct Stack {
    /// The simulated PagerDuty.
    pub pagerduty: Simulator,
    /// The command line.
    pub im: Im,
    /// Plain HTTP, as curl.
    pub http: reqwest::Client,
    /// Where ingress is.
    pub http_url: String,
    /// Where admin's REST is.
    pub rest_url: String,
    /// The integration's id.
    pub integration: String,
    /// The webhook receiver.
    pub ingress: Service,
    /// The only writer of the truth.
    pub reconciler: Service,
    /// The only caller of PagerDuty.
    pub egress: Service,
    /// gRPC and REST.
    pub admin: Service,
    /// The broker.
    pub nats: Nats,
    /// A Postgres of its own, where asked for.
    pub postgres: Option<Postgres>,
    /// The database, for looking.
    pub database: PgPool,
    /// Where each service shows its metrics.
    pub ops_urls: Vec<String>,
    dir: tempfile::TempDir,
    /// Whether it is looked for what nobody told, all the time.
    healing: bool,
}

impl Stack {
    /// Starts a stack with the integration `sim-pd` configured and one service mapped.
    ///
    /// # Panics
    /// When anything does not come up: there is nothing to test then.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// Starts a stack that is as the options say.
    ///
    /// # Panics
    /// When anything does not come up.
    pub async fn start_with(options: Options) -> Self {
        match Self::try_start(options).await {
            Ok(stack) => stack,
            Err(error) => panic!("the stack did not come up: {error:?}"),
        }
    }

    async fn try_start(options: Options) -> anyhow::Result<Self> {
        // A second stack in the same process finds it installed; nothing else installs one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir()?;
        let ground = Ground::prepare(&dir, options.own_postgres, options.healing).await?;
        let pagerduty = Simulator::start(tandem_pagerduty_sim::Options {
            webhook_delay_ms: (5, 20),
            retry: RetryCurve { first: Duration::from_millis(200), max: Duration::from_secs(1) },
            ..tandem_pagerduty_sim::Options::default()
        })
        .await
        .map_err(|error| anyhow!("{error}"))?;
        let asks = options.require_tokens;
        let started = tokio::task::block_in_place(|| ground.services(&dir, &options))?;
        let first = || ground.token(&["--all-orgs", "--name", "root", "--role", "admin"]);
        let token = tokio::task::block_in_place(|| asks.then(first).transpose())?;
        let [admin, reconciler, egress, ingress] = started.services;
        let mut stack = Self {
            pagerduty,
            im: Im {
                program: bins::built("im")?,
                admin_url: started.admin_url,
                home: dir.path().to_owned(),
                token,
                org: Some("demo".to_owned()),
            },
            http: reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?,
            http_url: started.http_url,
            rest_url: started.rest_url,
            integration: String::new(),
            ingress,
            reconciler,
            egress,
            admin,
            nats: ground.nats,
            postgres: ground.postgres,
            database: ground.database,
            ops_urls: started.ops_urls,
            dir,
            healing: options.healing.log != Healing::NEVER.log,
        };
        stack.configure().await?;
        Ok(stack)
    }

    async fn configure(&mut self) -> anyhow::Result<()> {
        let secret = self.dir.path().join("secret");
        std::fs::write(&secret, SECRET)?;
        let url = self.pagerduty.url.clone();
        let words = [
            "integration",
            "configure",
            "--name",
            "PagerDuty simulator",
            "--handle",
            "sim-pd",
            "--type",
            "pagerduty",
            "--base-url",
            &url,
            "--direction",
            "bidirectional",
            "--from-email",
            BOT_EMAIL,
            "--token-file",
            "-",
            "--signing-secret-file",
            secret.to_str().context("a path in UTF-8")?,
        ];
        let made = self.im.json_fed(&words, USER_TOKEN).await?;
        made["id"].as_str().context("an id")?.clone_into(&mut self.integration);
        let words = ["integration", "service-mapping", "add", "sim-pd", "--pd-service", "P123ABC"];
        self.im.json(&[&words[..], &["--incident-type", "infrastructure"]].concat()).await?;
        let subscription = json!({"url": self.webhook_url(), "secret": SECRET});
        let answer = self
            .http
            .post(format!("{}/_sim/subscriptions", self.pagerduty.url))
            .json(&subscription)
            .send()
            .await?;
        answer.error_for_status()?;
        eventually("ingress holds the secret", Duration::from_secs(10), || async {
            let probe = Webhook::event("EPING", "pagey.ping", &json!({"type": "ping"}));
            match self.post(&probe).await {
                Ok(202) => Ok(()),
                other => Err(other),
            }
        })
        .await;
        Ok(())
    }

    /// Where PagerDuty delivers to.
    pub fn webhook_url(&self) -> String {
        format!("{}/api/v1/webhooks/{}", self.http_url, self.integration)
    }

    /// Sends a webhook with a good signature; gives the status.
    pub async fn post(&self, webhook: &Webhook) -> anyhow::Result<u16> {
        self.post_signed(webhook, &sign(SECRET, &webhook.body)).await
    }

    /// Sends a webhook with a good signature, within a trace; gives the status.
    pub async fn post_within(&self, trace: &str, webhook: &Webhook) -> anyhow::Result<u16> {
        let signature = sign(SECRET, &webhook.body);
        let request = self.request(webhook, &signature).header("traceparent", trace);
        Ok(request.send().await?.status().as_u16())
    }

    /// Sends a webhook with any signature; gives the status.
    pub async fn post_signed(&self, webhook: &Webhook, signature: &str) -> anyhow::Result<u16> {
        Ok(self.request(webhook, signature).send().await?.status().as_u16())
    }

    fn request(&self, webhook: &Webhook, signature: &str) -> reqwest::RequestBuilder {
        let request = self
            .http
            .post(self.webhook_url())
            .header("content-type", "application/json")
            .header("x-pagerduty-signature", signature)
            .body(webhook.body.clone());
        match &webhook.delivery {
            Some(delivery) => request.header("x-webhook-id", delivery),
            None => request,
        }
    }

    /// Has somebody do something in PagerDuty, which must take it; gives the incident.
    pub fn act(&self, action: Value) -> Value {
        let mut answer = self.pagerduty.act(action).expect("PagerDuty takes it");
        answer.get_mut("incident").map(Value::take).unwrap_or(answer)
    }

    /// The platform's incidents, newest first.
    pub async fn incidents(&self) -> Vec<Value> {
        match self.im.json(&["incident", "list", "--limit", "500"]).await {
            Ok(list) => list.as_array().cloned().unwrap_or_default(),
            Err(error) => vec![Value::String(error.to_string())],
        }
    }

    /// Waits for the incident that is linked to a record and fits.
    pub async fn incident_of(
        &self,
        record: &str,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(what, Duration::from_secs(10), || async {
            let all = self.incidents().await;
            let linked = |incident: &&Value| {
                let links = incident["links"].as_array();
                links.is_some_and(|links| links.iter().any(|link| link["record"] == record))
            };
            match all.iter().find(linked) {
                Some(incident) if fits(incident) => Ok(incident.clone()),
                _ => Err(all),
            }
        })
        .await
    }

    /// Waits for a record that fits.
    pub async fn record(&self, id: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, Duration::from_secs(10), || async {
            let all = self.pagerduty.incidents();
            match all.iter().find(|record| record["id"] == id) {
                Some(record) if fits(record) => Ok(record.clone()),
                other => Err(other.cloned()),
            }
        })
        .await
    }

    /// One number out of the database.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.database).await.expect("a count")
    }

    /// Waits until nothing is on its way any more, and checks that nothing went wrong unseen:
    /// no dead letter, no request PagerDuty would have frowned at, nothing unpublished.
    pub async fn at_rest(&self) {
        eventually("everything is published and confirmed", Duration::from_secs(15), || async {
            // What moves on while one place after the other is looked at may have passed each of
            // them unseen; a second look in which nothing was called or delivered would find it.
            // Looking goes on for ever where that is wanted.
            let reads = |call: &Call| self.healing && call.method == "GET";
            let calls = || self.pagerduty.calls(0).iter().filter(|call| !reads(call)).count();
            let seen = || (calls(), self.pagerduty.deliveries(0).len());
            let before = seen();
            self.stands_still().await?;
            self.stands_still().await?;
            if seen() == before { Ok(()) } else { Err("something was called".to_owned()) }
        })
        .await;
        assert_eq!(self.pagerduty.violations(), Vec::<String>::new(), "requests out of line");
        assert_eq!(self.trespasses(), Vec::<String>::new(), "subjects out of bounds");
        let jetstream = async_nats::jetstream::new(
            async_nats::connect(self.nats.url()).await.expect("nats is there"),
        );
        eventually("dead letters are taken in", Duration::from_secs(5), || async {
            let stream = jetstream.get_stream("TANDEM_DLQ").await.map_err(|e| e.to_string())?;
            match stream.cached_info().state.messages {
                0 => Ok(()),
                left => Err(left.to_string()),
            }
        })
        .await;
        let dead: Vec<String> =
            sqlx::query_scalar("select cause from dead_letters where state = 'open'")
                .fetch_all(&self.database)
                .await
                .expect("the letters");
        assert_eq!(dead, Vec::<String>::new(), "dead letters");
    }

    /// What a service wanted of the broker that its user may not have.
    fn trespasses(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.dir().join("nats/nats.log")).unwrap_or_default();
        log.lines().filter(|line| line.contains("Violation")).map(str::to_owned).collect()
    }

    /// The folder with everything that the stack keeps.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Whether nothing is on its way at any place; else what is where.
    async fn stands_still(&self) -> Result<(), String> {
        let pending = self.pagerduty.pending();
        let waiting = self.waiting().await;
        let unpublished = self
            .count("select (select count(*) from outbox) + (select count(*) from desired where published < version)")
            .await;
        let unconfirmed: Vec<String> = sqlx::query_scalar(
            "select row_to_json(links)::text from links where confirmed < version and problem is null",
        )
        .fetch_all(&self.database)
        .await
        .map_err(|error| error.to_string())?;
        if unpublished == 0 && unconfirmed.is_empty() && pending == 0 && waiting == Ok(0) {
            return Ok(());
        }
        Err(format!(
            "{pending} webhooks pending, {waiting:?} messages waiting, {unpublished} unpublished, \
             unconfirmed: {unconfirmed:#?}"
        ))
    }

    /// Stops the broker, takes its disk away, and starts it again.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn wipe_nats(&mut self) {
        tokio::task::block_in_place(|| {
            self.nats.stop().expect("it stops");
            let stored = self.dir.path().join("nats").join("jetstream");
            std::fs::remove_dir_all(&stored).expect("it has stored something");
            self.nats.resume().expect("it comes back");
        });
    }

    /// How many messages are on their way or not acknowledged.
    async fn waiting(&self) -> Result<u64, String> {
        let client = async_nats::connect(self.nats.url()).await.map_err(|e| e.to_string())?;
        let jetstream = async_nats::jetstream::new(client);
        let mut out = jetstream.get_stream("TANDEM_OUT").await.map_err(|e| e.to_string())?;
        let out = out.info().await.map_err(|e| e.to_string())?.state.messages;
        let stream = jetstream.get_stream("TANDEM_IN").await.map_err(|e| e.to_string())?;
        let info = stream.consumer_info("reconciler").await.map_err(|e| e.to_string())?;
        Ok(out + info.num_pending + info.num_ack_pending as u64)
    }

    /// What a service has logged, to be looked through.
    pub fn logs(&self) -> String {
        [&self.ingress, &self.reconciler, &self.egress, &self.admin]
            .map(|service| std::fs::read_to_string(service.log()).unwrap_or_default())
            .join("\n")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for service in [&self.ingress, &self.reconciler, &self.egress, &self.admin] {
                eprintln!("--- {}\n{}", service.name(), service.log_tail());
            }
        }
    }
}
