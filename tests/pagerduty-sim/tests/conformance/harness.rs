//! The other ends: a REST client, and a receiver of webhooks that answers as told and keeps everything.
//!
//! Nothing here sleeps to let something happen: waiting is for a condition, with a deadline.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use tandem_pagerduty_sim::{ACCOUNT_TOKEN, Options, RetryCurve, Simulator, USER_TOKEN};

pub(crate) const PRIYA: &str = "PRY4M2A";
pub(crate) const PRIYA_EMAIL: &str = "priya.raman@example.com";
pub(crate) const DANA: &str = "PD4N4QK";
pub(crate) const TOMAS: &str = "PT0M4S1";
pub(crate) const BOT: &str = "PB0T5YN";
pub(crate) const CHECKOUT: &str = "P123ABC";
pub(crate) const LEDGER: &str = "PL3DG3R";

const PATIENCE: Duration = Duration::from_secs(20);

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// The code of an error.
    pub(crate) fn code(&self) -> u64 {
        self.body.pointer("/error/code").and_then(Value::as_u64).unwrap_or(0)
    }

    pub(crate) fn errors(&self) -> String {
        self.body.pointer("/error/errors").map(Value::to_string).unwrap_or_default()
    }

    pub(crate) fn incident(&self) -> &Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body.get("incident").expect("an incident")
    }
}

/// A simulator and a client of it.
pub(crate) struct Pd {
    pub(crate) sim: Simulator,
    pub(crate) http: reqwest::Client,
}

/// Options for tests: webhooks at once, retries soon.
pub(crate) fn quick() -> Options {
    Options {
        webhook_delay_ms: (1, 4),
        retry: RetryCurve { first: Duration::from_millis(20), max: Duration::from_millis(80) },
        ..Options::default()
    }
}

impl Pd {
    pub(crate) async fn start() -> Self {
        Self::with(quick()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let sim = Simulator::start(options).await.expect("a simulator");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { sim, http }
    }

    /// A call with the bot's own key.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        let auth = format!("Token token={USER_TOKEN}");
        self.send(method, path, &[("authorization", &auth)], body).await
    }

    /// A call with the account's key, as somebody.
    pub(crate) async fn call_as(&self, from: &str, method: &str, path: &str, body: Value) -> Reply {
        let auth = format!("Token token={ACCOUNT_TOKEN}");
        self.send(method, path, &[("authorization", &auth), ("from", from)], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    /// A call with exactly these headers, besides the content type of a body.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Reply {
        self.try_send(method, path, headers, body).await.expect("an answer")
    }

    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Result<Reply, reqwest::Error> {
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.sim.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let text = || Value::from(String::from_utf8_lossy(&bytes).into_owned());
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| text())
        };
        Ok(Reply { status, headers, body })
    }

    /// Creates an incident on Checkout API and gives it.
    pub(crate) async fn create(&self, title: &str) -> Value {
        self.create_with(title, json!({})).await
    }

    pub(crate) async fn create_with(&self, title: &str, members: Value) -> Value {
        let reply = self.call("POST", "/incidents", new_incident(title, members)).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.incident().clone()
    }

    /// Updates an incident with the bot's key.
    pub(crate) async fn update(&self, id: &str, members: Value) -> Reply {
        let mut incident = json!({ "type": "incident_reference" });
        lay(&mut incident, members);
        self.call("PUT", &format!("/incidents/{id}"), json!({ "incident": incident })).await
    }

    pub(crate) async fn status(&self, id: &str, status: &str) -> Reply {
        self.update(id, json!({ "status": status })).await
    }

    /// Subscribes a receiver to everything of the account.
    pub(crate) async fn subscribe(&self, receiver: &Receiver) -> Value {
        let body = json!({ "url": receiver.url, "secret": SECRET });
        let reply = self.send("POST", "/_sim/subscriptions", &[], body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["webhook_subscription"].clone()
    }

    pub(crate) async fn knobs(&self, patch: Value) {
        let reply = self.send("PUT", "/_sim/faults", &[], patch).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }

    /// Waits until no webhook is on its way.
    pub(crate) async fn settled(&self) {
        until("all webhooks are delivered", || self.sim.pending() == 0).await;
    }
}

pub(crate) const SECRET: &str = "2LHo6pdkkOeNZWwav8jzbDWOnnIkpUJKIkuEpAdrN7bi134SXsXzN6AXI3RMAh1h";

/// The body that creates an incident on Checkout API.
pub(crate) fn new_incident(title: &str, members: Value) -> Value {
    let mut incident = json!({
        "type": "incident",
        "title": title,
        "service": { "id": CHECKOUT, "type": "service_reference" },
    });
    lay(&mut incident, members);
    json!({ "incident": incident })
}

pub(crate) fn assign(users: &[&str]) -> Value {
    let one = |id: &&str| json!({ "assignee": { "id": id, "type": "user_reference" } });
    users.iter().map(one).collect()
}

fn lay(under: &mut Value, over: Value) {
    if let (Value::Object(under), Value::Object(over)) = (under, over) {
        under.extend(over);
    }
}

pub(crate) fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

/// The ids of the users an incident is assigned to.
pub(crate) fn assignees(incident: &Value) -> Vec<&str> {
    let list = incident["assignments"].as_array().expect("assignments");
    list.iter().map(|it| id(&it["assignee"])).collect()
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A webhook as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) at: Instant,
}

impl Hook {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect(name).to_str().expect("text")
    }

    pub(crate) fn event(&self) -> Value {
        let body: Value = serde_json::from_slice(&self.bytes).expect("JSON");
        body["event"].clone()
    }

    pub(crate) fn event_type(&self) -> String {
        self.event()["event_type"].as_str().expect("a type").to_owned()
    }

    /// The id of the incident it is about.
    pub(crate) fn incident(&self) -> String {
        let data = &self.event()["data"];
        let of = if data["type"] == "incident" { data } else { &data["incident"] };
        id(of).to_owned()
    }
}

#[derive(Default)]
struct Inbox {
    hooks: Mutex<Vec<Hook>>,
    /// Statuses of the next answers; 200 when there are none left. 0 never answers.
    answers: Mutex<VecDeque<u16>>,
}

/// Receives webhooks.
pub(crate) struct Receiver {
    pub(crate) url: String,
    inbox: Arc<Inbox>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let inbox = Arc::new(Inbox::default());
        let router = Router::new().fallback(receive).with_state(Arc::clone(&inbox));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await });
        // It lives as long as the test's runtime.
        tasks.detach_all();
        Self { url, inbox }
    }

    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.inbox.answers.lock().unwrap().extend(statuses);
    }

    /// Takes back the answers that were not given yet.
    pub(crate) fn relent(&self) {
        self.inbox.answers.lock().unwrap().clear();
    }

    pub(crate) fn hooks(&self) -> Vec<Hook> {
        self.inbox.hooks.lock().unwrap().clone()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.hooks().iter().map(Hook::event).collect()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        self.hooks().iter().map(Hook::event_type).collect()
    }

    pub(crate) fn clear(&self) {
        self.inbox.hooks.lock().unwrap().clear();
    }

    /// Waits for so many webhooks.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Hook> {
        until(&format!("{count} webhooks"), || self.hooks().len() >= count).await;
        self.hooks()
    }
}

async fn receive(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, bytes: Bytes) -> StatusCode {
    inbox.hooks.lock().unwrap().push(Hook { headers, bytes, at: Instant::now() });
    let answer = inbox.answers.lock().unwrap().pop_front().unwrap_or(200);
    if answer == 0 {
        std::future::pending::<()>().await;
    }
    StatusCode::from_u16(answer).expect("a status")
}
