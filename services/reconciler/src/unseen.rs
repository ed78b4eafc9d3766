//! The slow comparison: records that were not seen for long are read, whatever anybody told.
//!
//! It is the last net: what has neither a webhook nor a history nor shows in a list of what is open
//! is seen here in the end. It asks for a bounded number at a time, by the edits that anybody's
//! `im links resync --read` sends, so the reads go the way of all calls, in the lowest lane.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tandem_bus::{
    Bus,
    publish::{NotStored, Outgoing},
    subjects,
};
use tandem_domain::{
    event::{Change, Edit, Event},
    id::Mint,
    incident::{Actor, Side},
};
use tandem_runtime::{Stop, clock, process::chain};
use tandem_store::{
    Store, StoreError,
    healing::{self, Unseen},
    integrations,
};

/// The most records of one integration that are read in a round: a tenth of what a minute's budget
/// commonly is.
const BATCH: u32 = 90;
/// How often it is looked for them.
const ROUND: Duration = Duration::from_mins(1);
/// How long the record of an incident that is over is still looked at.
const OVER_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("postgres")]
    Store(#[from] StoreError),
    #[error("nats")]
    Bus(#[from] NotStored),
    #[error("an edit could not be written")]
    Json(#[from] serde_json::Error),
}

/// Looks for records that were not seen for `after`, until it is time to stop.
pub async fn run(store: Store, bus: Bus, after: Duration, stop: Stop) {
    let often = ROUND.min(after / 2).max(Duration::from_secs(1));
    while !stop.is_asked() {
        if let Err(error) = round(&store, &bus, after).await {
            tracing::debug!(error = chain(&error), "the slow comparison waits");
        }
        tokio::select! {
            () = tokio::time::sleep(often) => {}
            () = stop.asked() => {}
        }
    }
}

async fn round(store: &Store, bus: &Bus, after: Duration) -> Result<(), Interrupted> {
    let now = clock::now();
    let before = |by: SignedDuration| now.checked_sub(by).unwrap_or(Timestamp::UNIX_EPOCH);
    let since = before(SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX));
    let mut transaction = store.begin().await?;
    for (integration, _) in integrations::versions(&mut transaction).await? {
        let over = before(OVER_FOR);
        let unseen = healing::unseen(&mut transaction, integration, since, over, BATCH).await?;
        for link in &unseen {
            let edit = read(link, now);
            let (subject, id) = (subjects::edited(&edit.org, edit.incident), edit.id);
            let message = Outgoing::json(subject, id.to_string(), &Event::Edit(edit))?;
            bus.publish(message).await?;
        }
        metrics::counter!("tandem_unseen_reads_total").increment(unseen.len() as u64);
    }
    Ok(())
}

/// The edit that has a record read; the same for all copies that find it unseen.
fn read(unseen: &Unseen, at: Timestamp) -> Edit {
    let Unseen { link, incident, org, seen_at } = unseen;
    let seed = format!("read {link} not seen since {seen_at}");
    Edit {
        id: Mint::new(Timestamp::UNIX_EPOCH, seed.as_bytes()).id(),
        org: org.clone(),
        incident: *incident,
        at,
        author: Actor {
            id: Some("tandem".to_owned()),
            name: Some("Tandem, not having seen it for long".to_owned()),
            ..Actor::unnamed(Side::Platform)
        },
        change: Change::Resync { link: *link, read: true },
    }
}
