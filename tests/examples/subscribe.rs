//! Another service that follows the public feed: each event once, going on where it stopped.
//!
//! ```text
//! NATS_URL=nats://127.0.0.1:14222 NATS_USER=guest NATS_PASSWORD=guest \
//!     cargo run -p tandem-tests --example subscribe -- /tmp/seen.json
//! ```
//!
//! Its account (`deploy/guests.conf`) has a durable consumer of its own name, which the broker keeps: what is not
//! acknowledged comes again. An event may come twice, so the last sequence of each incident is kept in the file, and is
//! written before the event is acknowledged. What the events hold: `proto/asyncapi.yaml`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example is set up by its surroundings, and shows what it sees"
)]

use std::{collections::BTreeMap, env, fs, path::Path};

use anyhow::Context;
use async_nats::{
    ConnectOptions,
    jetstream::{self, consumer::PullConsumer},
};
use futures_util::StreamExt;
use serde_json::Value;

/// The last sequence of each incident. It sorts as text.
type Seen = BTreeMap<String, String>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = env::args().nth(1).context("say in which file to remember what was seen")?;
    let file = Path::new(&file);
    let setting = |name: &str| env::var(name).with_context(|| format!("set {name}"));
    let user = setting("NATS_USER")?;
    let options = ConnectOptions::with_user_and_password(user.clone(), setting("NATS_PASSWORD")?);
    // Until the broker is there, and again whenever it was away.
    let client = options.retry_on_initial_connect().connect(setting("NATS_URL")?).await?;
    let mut seen: Seen = match fs::read(file) {
        Ok(json) => serde_json::from_slice(&json).context("the file is not what was written")?,
        Err(_) => Seen::new(),
    };
    let jetstream = jetstream::with_prefix(client, "tandem.feed");
    loop {
        let consumer: Result<PullConsumer, _> =
            jetstream.get_consumer_from_stream(&user, "INCIDENTS").await;
        let Ok(consumer) = consumer else {
            eprintln!("there is no consumer {user} yet; the reconciler makes it");
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            continue;
        };
        let mut messages = consumer.messages().await?;
        // It ends with the consumer or the connection, and then begins anew.
        while let Some(Ok(message)) = messages.next().await {
            let event: Value = serde_json::from_slice(&message.payload)?;
            if is_news(&event, &mut seen) {
                println!("{}", line(&event));
                keep(file, &seen)?;
            }
            message.ack().await.map_err(anyhow::Error::from_boxed)?;
        }
    }
}

/// Whether an event is a later one of its incident than any before.
fn is_news(event: &Value, seen: &mut Seen) -> bool {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (incident, sequence) = (text("subject"), text("sequence"));
    let last = seen.entry(incident).or_default();
    let news = sequence > *last;
    if news {
        *last = sequence;
    }
    news
}

fn line(event: &Value) -> String {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (incident, title) = (text("/data/incident/id"), text("/data/incident/title"));
    format!("{incident} {} {}: {title}", text("/sequence").trim_start_matches('0'), text("/type"))
}

/// Writes the file whole or not at all.
fn keep(file: &Path, seen: &Seen) -> anyhow::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, serde_json::to_vec(seen)?)?;
    Ok(fs::rename(new, file)?)
}
