//! Taking letters in: all that are ready in one transaction, acknowledged after its commit.
//!
//! A letter's id derives from its place in the stream and the time the stream had it, so that a
//! repeated delivery changes nothing, and a broker that counts from 1 again brings new letters.

use std::time::Duration;

use futures_util::StreamExt as _;
use tandem_bus::{
    Unavailable,
    consume::Taken,
    dead_letter::{DeadLetter, Direction},
    topology,
};
use tandem_domain::id::Mint;
use tandem_runtime::process::chain;
use tandem_store::{
    Store, StoreError,
    dead_letters::{self, Kind, Letter, Way},
};

use super::{
    AGAIN,
    message::{self, Message},
};
use crate::Admin;

/// The most letters one transaction takes.
const BATCH: usize = 64;
/// How long a letter waits that could not be stored.
const LATER: Duration = Duration::from_secs(1);

/// Takes letters in, through outages of NATS and Postgres, until dropped.
pub(super) async fn run(admin: &Admin) {
    loop {
        if let Err(error) = consume(admin).await {
            tracing::debug!(error = chain(&error), "taking dead letters in starts over");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn consume(admin: &Admin) -> Result<(), Unavailable> {
    let letters = admin.bus.consume(topology::DLQ, topology::dead_letters(), 2 * BATCH).await?;
    let mut ready = std::pin::pin!(letters.ready_chunks(BATCH));
    while let Some(chunk) = ready.next().await {
        let mut taken = Vec::with_capacity(chunk.len());
        let mut lost = None;
        for letter in chunk {
            match letter {
                Ok(letter) => taken.push(letter),
                Err(error) => lost = Some(error),
            }
        }
        settle(admin, &taken).await;
        if let Some(error) = lost {
            return Err(error);
        }
    }
    Ok(())
}

/// Stores letters and lets go of them; those that cannot be stored come again.
async fn settle(admin: &Admin, taken: &[Taken]) {
    if taken.is_empty() {
        return;
    }
    match store(admin, taken).await {
        Ok(new) => {
            metrics::counter!("tandem_admin_dead_letters_taken_total").increment(new);
            for letter in taken {
                letter.ack().await;
                // Kept until now in case the acknowledgement had to wait; a copy that stays behind
                // is recognised.
                if let Err(error) = admin.bus.forget(topology::DLQ, letter.sequence).await {
                    tracing::debug!(error = chain(&error), "a dead letter stays in its stream");
                }
            }
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), "dead letters wait to be stored");
            for letter in taken {
                letter.later(LATER).await;
            }
        }
    }
}

async fn store(admin: &Admin, taken: &[Taken]) -> Result<u64, StoreError> {
    let mut transaction = admin.store.begin().await?;
    let mut new = 0;
    for taken in taken {
        new += u64::from(dead_letters::add(&mut transaction, &letter(taken)).await?);
    }
    Store::commit(transaction).await?;
    Ok(new)
}

fn letter(taken: &Taken) -> Letter {
    let seed = format!("{}/{}", taken.sequence, taken.stored_at);
    let read = taken.json::<DeadLetter>().unwrap_or_else(|error| foreign(taken, &error));
    let message = message::read(&read.subject, &read.original).ok();
    let link = read.link.or_else(|| message.as_ref().and_then(Message::link));
    Letter {
        id: Mint::new(taken.stored_at, seed.as_bytes()).id(),
        sequence: taken.sequence,
        stored_at: taken.stored_at,
        way: match read.direction {
            Direction::In => Way::In,
            Direction::Out => Way::Out,
        },
        org: message::org_of(&read.subject),
        integration: read.integration,
        link,
        record: read.record.map(String::from),
        kind: message.map_or(Kind::Unreadable, |message| message.kind()),
        cause: read.cause,
        group: read.group,
        at: read.at,
        traceparent: read.traceparent,
        subject: read.subject,
        original: read.original,
        request: read.request.and_then(|request| serde_json::to_value(request).ok()),
        answer: read.answer.and_then(|answer| serde_json::to_value(answer).ok()),
        attempts: read.attempts,
    }
}

/// What stands for a letter that is none: even that is not lost.
fn foreign(taken: &Taken, error: &serde_json::Error) -> DeadLetter {
    let direction =
        if taken.subject().starts_with("tandem.dlq.out.") { Direction::Out } else { Direction::In };
    let integration = taken.subject().split('.').nth(3).and_then(|token| token.parse().ok());
    DeadLetter {
        direction,
        integration,
        link: None,
        record: None,
        cause: format!("not a dead letter: {error}"),
        group: "not a dead letter".to_owned(),
        at: taken.stored_at,
        traceparent: taken.traceparent().map(str::to_owned),
        subject: taken.subject().to_owned(),
        original: String::from_utf8_lossy(taken.body()).into_owned(),
        request: None,
        answer: None,
        attempts: 0,
    }
}
