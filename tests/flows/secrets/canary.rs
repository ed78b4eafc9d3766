//! Secrets that would be recognised anywhere, put wherever one is taken, and looked for everywhere.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap};
use serde_json::json;
use tandem_tests::{Im, Options, Stack, Webhook, eventually};

/// What every canary holds.
const MARK: &str = "canary5ecret";

/// Everything a collector was sent.
type Sent = Arc<Mutex<Vec<u8>>>;

/// A collector that keeps what it gets, as it gets it.
async fn collector() -> (String, Sent) {
    let sent = Sent::default();
    let take = |State(sent): State<Sent>, body: Bytes| async move {
        sent.lock().unwrap().extend_from_slice(&body);
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/grpc".parse().unwrap());
        headers.insert("grpc-status", "0".parse().unwrap());
        headers
    };
    let router = Router::new().fallback(take).with_state(Arc::clone(&sent));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = async move { axum::serve(listener, router).await };
    drop(tokio::runtime::Handle::current().spawn(serving));
    (url, sent)
}

/// What was said to whoever gave a secret.
#[derive(Default)]
struct Said {
    all: Vec<String>,
}

impl Said {
    async fn im(&mut self, im: &Im, words: &[&str], input: &str) -> i32 {
        let output = im.feed(words, input).await.unwrap();
        self.all.push(String::from_utf8_lossy(&output.stdout).into_owned());
        self.all.push(String::from_utf8_lossy(&output.stderr).into_owned());
        output.status.code().unwrap_or_default()
    }

    async fn rest(&mut self, stack: &Stack, body: &str) -> u16 {
        let request = stack.http.post(format!("{}/api/v1/integrations", stack.http_url));
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let bearer = format!("Bearer {}", stack.im.token().unwrap());
        let answer = request.header("authorization", bearer).send().await.unwrap();
        let status = answer.status().as_u16();
        self.all.push(answer.text().await.unwrap());
        status
    }
}

fn body(name: &str, url: &str, credentials: &serde_json::Value) -> String {
    json!({
        "organization_id": "demo", "integration_type": "pagerduty", "name": name, "base_url": url,
        "credentials": credentials, "sync_direction": "bidirectional", "enabled": true,
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_nowhere_whatever_is_done_with_it() {
    let (collector, sent) = collector().await;
    let collector = Some(collector);
    let options = Options { require_tokens: true, collector, ..Options::default() };
    let mut stack = Stack::start_with(options).await;
    let mut said = Said::default();
    given(&stack, &mut said).await;
    used(&stack, &mut said).await;
    let ours = stack.im.token().unwrap().rsplit('_').next().unwrap().to_owned();
    let made = stack.im.json(&["token", "create", "--name", "bot", "--role", "viewer"]).await;
    let made = made.unwrap()["secret"].as_str().unwrap().rsplit('_').next().unwrap().to_owned();
    let broken = stack.im.with_token(Some(&format!("tdm_{MARK}")));
    assert_eq!(said.im(&broken, &["integration", "list"], "").await, 6);

    let metrics = metrics(&stack).await;
    let arguments = arguments(&stack);
    let rows = rows(&stack).await;
    tokio::task::block_in_place(|| {
        // They send what they have gathered when they end.
        for service in
            [&mut stack.admin, &mut stack.egress, &mut stack.ingress, &mut stack.reconciler]
        {
            service.stop().unwrap();
        }
        stack.nats.stop().unwrap();
    });
    assert!(!sent.lock().unwrap().is_empty(), "something was traced");
    let stored = files(&stack.dir().join("nats").join("jetstream"));
    assert!(stored.len() > 1000 && rows.len() > 1000 && metrics.len() > 1000);

    let password = stack.nats.url_of("tandem-admin");
    let password = password.split([':', '@']).nth(2).unwrap().to_owned();
    let key = "5b".repeat(32);
    let sim = tandem_pagerduty_sim::USER_TOKEN.to_owned();
    let secrets = [MARK.to_owned(), ours, made, password, key, sim];
    let answers = said.all.join("\n");
    let places = [
        ("a log", stack.logs().into_bytes()),
        ("a trace or a metric that was sent", sent.lock().unwrap().clone()),
        ("a metric", metrics.into_bytes()),
        ("an answer or an error", answers.into_bytes()),
        ("a row", rows.into_bytes()),
        ("the broker's files", stored),
        ("the arguments of a process", arguments),
    ];
    for (place, held) in &places {
        for secret in &secrets {
            let is_there = held.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "{secret} is in {place}");
        }
    }
}

/// Secrets in every field that takes one, by every way, well and badly.
async fn given(stack: &Stack, said: &mut Said) {
    let url = stack.pagerduty.url.clone();
    let file = stack.dir().join("signing");
    std::fs::write(&file, format!("{MARK}-signing-of-im")).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let new = ["integration", "configure", "--name", "Second", "--type", "pagerduty"];
    let new = [&new[..], &["--base-url", &url, "--direction", "bidirectional"]].concat();
    let secrets = ["--token-file", "-", "--signing-secret-file", &file];
    let code = said.im(&stack.im, &[&new[..], &secrets].concat(), &format!("{MARK}-of-im")).await;
    assert_eq!(code, 0, "{:?}", said.all);
    let change = ["integration", "configure", "second", "--token-file", "-"];
    assert_eq!(said.im(&stack.im, &change, &format!("{MARK}-changed")).await, 0);
    let bad = format!("{MARK} with spaces");
    assert_eq!(said.im(&stack.im, &change, &bad).await, 64);
    assert_eq!(said.im(&stack.im, &change, &format!("tdm_{MARK}")).await, 64);

    let token = format!("{MARK}-of-rest");
    let both = json!({"token": token, "signing_secret": format!("{MARK}-signing-of-rest")});
    assert_eq!(said.rest(stack, &body("Third", &url, &both)).await, 201);
    for bad in [
        json!({"token": bad}),
        json!({"token": {"is": token}}),
        json!({"tokens": token}),
        json!(token),
        json!([token]),
    ] {
        let status = said.rest(stack, &body("Fourth", &url, &bad)).await;
        assert!((400..500).contains(&status), "{bad}: {status}");
    }
    assert_eq!(said.rest(stack, &format!("{{\"name\": \"{token}\"")).await, 400);
}

/// The secrets are used: to call, to verify, to be tested and shown.
async fn used(stack: &Stack, said: &mut Said) {
    let made = stack.act(json!({"action": "trigger", "title": "A", "service": "P123ABC"}));
    stack.incident_of(made["id"].as_str().unwrap(), "it arrives", |_| true).await;
    let refused = Webhook::event("E1", "pagey.ping", &json!({"type": "ping"}));
    let wrong = tandem_tests::sign(&format!("{MARK}-wrong"), &refused.body);
    assert_eq!(stack.post_signed(&refused, &wrong).await.unwrap(), 401);
    for words in [
        &["integration", "get", "second"][..],
        &["integration", "list", "--output", "json"],
        &["integration", "test", "second"],
        &["integration", "sync-status", "second"],
        &["integration", "users", "second"],
        &["status"],
        &["keys", "list"],
        &["token", "list", "--all"],
    ] {
        said.im(&stack.im, words, "").await;
    }
    eventually("a refused token shows in the log", Duration::from_secs(20), || async {
        let logs = stack.logs();
        if logs.contains("401") { Ok(()) } else { Err(()) }
    })
    .await;
}

async fn metrics(stack: &Stack) -> String {
    let mut all = String::new();
    for url in &stack.ops_urls {
        let shown = stack.http.get(format!("{url}/metrics")).send().await.unwrap();
        all.push_str(&shown.text().await.unwrap());
    }
    all
}

/// What anybody on the machine can see of the processes.
fn arguments(stack: &Stack) -> Vec<u8> {
    let services = [&stack.admin, &stack.egress, &stack.ingress, &stack.reconciler];
    let pids = services.iter().filter_map(|service| service.pid()).chain(stack.nats.pid());
    let shown = pids.map(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default());
    shown.collect::<Vec<_>>().concat()
}

/// Every row of every table.
async fn rows(stack: &Stack) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(tablename) from pg_tables where schemaname = 'public'",
    )
    .fetch_all(&stack.database)
    .await
    .unwrap();
    let mut all = String::new();
    for table in tables {
        let rows = format!("select row_to_json(it)::text from {table} as it");
        let rows: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_all(&stack.database).await.unwrap();
        all.push_str(&rows.join("\n"));
    }
    all
}

/// Everything in the files below a folder.
fn files(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.extend(std::fs::read(&path).unwrap());
        }
    }
    all
}
