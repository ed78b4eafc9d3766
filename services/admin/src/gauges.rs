//! What is shown to whoever watches over all of it: figures that only Postgres and the broker can tell,
//! over all integrations, read every half a minute.
//!
//! Each copy shows the same, so of several the highest counts. The alerts in `deploy/alerts.yml` are
//! written on these and on what the other services show of themselves.

use std::time::Duration;

use jiff::Timestamp;
use tandem_bus::topology;
use tandem_runtime::{clock, process::chain};
use tandem_store::{StoreError, healing, integrations, standing};

use crate::{Admin, ask};

const EVERY: Duration = Duration::from_secs(30);
/// How long until another try when something was away.
const AGAIN: Duration = Duration::from_secs(1);
/// The streams of what waits, and what they are called here.
const STREAMS: [(&str, &str); 3] =
    [(topology::IN, "in"), (topology::OUT, "out"), (topology::DLQ, "dead_letters")];

/// Reads the figures again and again. Runs until dropped.
pub async fn run(admin: Admin) {
    loop {
        let mut wait = EVERY;
        if let Err(error) = of_postgres(&admin).await {
            tracing::debug!(error = chain(&error), "figures are not read");
            wait = AGAIN;
        }
        for (stream, name) in STREAMS {
            match admin.bus.held(stream).await {
                Ok(held) => {
                    show(&metrics::gauge!("tandem_stream_messages", "stream" => name), held);
                }
                Err(error) => {
                    tracing::debug!(%error, stream, "a stream is not counted");
                    wait = AGAIN;
                }
            }
        }
        tokio::time::sleep(wait).await;
    }
}

async fn of_postgres(admin: &Admin) -> Result<(), StoreError> {
    let (mut served, mut letters) = (0, 0);
    let (mut oldest, now): (Option<Timestamp>, _) = (None, clock::now());
    let mut transaction = admin.store.begin().await?;
    for stored in integrations::list(&mut transaction, None).await? {
        if stored.deleted {
            continue;
        }
        let id = stored.integration.id;
        letters += standing::dead_letters(&mut transaction, id).await?;
        if ask::silence(&stored).is_some() {
            continue;
        }
        served += 1;
        let looked = healing::get(&mut transaction, id).await?;
        let swept_at = looked.and_then(|looked| looked.swept_at);
        let freshness = standing::freshness(&mut transaction, id, swept_at).await?;
        oldest = oldest.into_iter().chain(freshness.oldest_at).min();
    }
    let worst = oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64().max(0.0));
    metrics::gauge!("tandem_freshness_worst_seconds").set(worst);
    show(&metrics::gauge!("tandem_served_integrations"), served);
    show(&metrics::gauge!("tandem_open_dead_letters"), letters);
    Ok(())
}

fn show(gauge: &metrics::Gauge, count: u64) {
    gauge.set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
}
