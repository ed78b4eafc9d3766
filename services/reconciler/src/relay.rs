//! The relay: what was decided leaves for the broker, in a transaction that ends when it is there.
//!
//! Desired states: the row is locked, its newest version published, and only then marked, so an
//! older state can never overtake a newer one and an outage collapses to one message per link.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tandem_bus::{
    Bus,
    publish::{NotStored, Outgoing},
    subjects,
};
use tandem_domain::outbound::ActKind;
use tandem_runtime::{Stop, clock, process::chain};
use tandem_store::{Store, StoreError, desired, notes, outbox};
use tokio::sync::Notify;

/// The most messages one round takes.
const ROUND_MAX: u32 = 256;
/// How many publishes await their ack at once.
const IN_FLIGHT: usize = 64;
/// How long to wait for a nudge; another copy's crash leaves none.
const IDLE: Duration = Duration::from_secs(1);

/// Publishes what was decided.
#[derive(Debug)]
pub struct Relay {
    store: Store,
    bus: Bus,
    committed: Arc<Notify>,
    again_after: Duration,
}

/// Why a round did not publish everything it took.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("postgres")]
    Store(#[from] StoreError),
    #[error("nats")]
    Bus(#[from] NotStored),
    #[error("a message could not be written")]
    Json(#[from] serde_json::Error),
}

impl Relay {
    /// Prepares a relay that is nudged through `committed`, and publishes desired states again
    /// that got no receipt for `again_after`.
    pub fn new(store: Store, bus: Bus, committed: Arc<Notify>, again_after: Duration) -> Self {
        Self { store, bus, committed, again_after }
    }

    /// Runs until it is time to stop.
    pub async fn run(self, stop: Stop) {
        while !stop.is_asked() {
            // Neither half waits for what the other has trouble with.
            let (states, messages) = (self.publish_desired().await, self.publish_outbox().await);
            let notes = self.publish_notes_again().await;
            let round = states.and_then(|states| Ok(states + messages? + notes?));
            let wait = match round {
                Ok(0) => IDLE,
                // There may be more.
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "publishing waits");
                    Duration::from_millis(250)
                }
            };
            tokio::select! {
                () = self.committed.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.asked() => {}
            }
        }
    }

    async fn publish_desired(&self) -> Result<usize, Interrupted> {
        let (mut transaction, now) = (self.store.begin().await?, clock::now());
        let mut waiting = desired::take(&mut transaction, ROUND_MAX).await?;
        if waiting.is_empty()
            && let Ok(before) = now.checked_sub(self.again_after)
        {
            waiting = desired::take_unanswered(&mut transaction, before, ROUND_MAX).await?;
            metrics::counter!("tandem_published_again_total").increment(waiting.len() as u64);
        }
        let message = |state: desired::Waiting| {
            let id = format!("{}-{}", state.link, state.version);
            let message = Outgoing::json(state.subject, id, &state.body)?;
            Ok(((state.link, state.version), message.traced(state.traceparent)))
        };
        let messages = waiting.into_iter().map(message).collect::<Result<_, Interrupted>>()?;
        let (sent, failed) = self.publish(messages).await;
        desired::mark_published(&mut transaction, &sent, now).await?;
        Store::commit(transaction).await?;
        failed.map_or(Ok(sent.len()), Err)
    }

    async fn publish_outbox(&self) -> Result<usize, Interrupted> {
        let mut transaction = self.store.begin().await?;
        let taken = outbox::take(&mut transaction, ROUND_MAX).await?;
        let message = |(id, stored): (i64, outbox::Message)| {
            let message = Outgoing::json(stored.subject, stored.message_id, &stored.body)?;
            Ok((id, message.traced(stored.traceparent)))
        };
        let messages = taken.into_iter().map(message).collect::<Result<_, Interrupted>>()?;
        let (sent, failed) = self.publish(messages).await;
        outbox::remove(&mut transaction, &sent).await?;
        Store::commit(transaction).await?;
        failed.map_or(Ok(sent.len()), Err)
    }

    /// Notes that came to nothing may have been lost with the broker's disk, or their receipt was.
    /// They are sent again with the time of the attempt before, so that whoever adds them looks
    /// whether that one got through.
    async fn publish_notes_again(&self) -> Result<usize, Interrupted> {
        let (mut transaction, now) = (self.store.begin().await?, clock::now());
        let waiting =
            notes::take_unanswered(&mut transaction, now, self.again_after, ROUND_MAX).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let message = |unanswered: notes::Unanswered| {
            let notes::Unanswered { act, connector, issued_at } = unanswered;
            let (id, link) = (act.id(), act.link);
            let subject = subjects::act(&connector, act.integration, link, &id);
            let mut body = serde_json::to_value(&act)?;
            if let Some(body) = body.as_object_mut() {
                body.insert("again_since".to_owned(), issued_at.to_string().into());
            }
            // Only notes are kept track of.
            let ActKind::Note { note, .. } = act.kind else { return Ok(None) };
            Ok(Some(((link, note), Outgoing::json(subject, format!("{link}-{id}"), &body)?)))
        };
        let messages = waiting.into_iter().filter_map(|it| message(it).transpose());
        let messages = messages.collect::<Result<_, Interrupted>>()?;
        let (sent, failed) = self.publish(messages).await;
        notes::mark_issued(&mut transaction, &sent, now).await?;
        Store::commit(transaction).await?;
        metrics::counter!("tandem_published_again_total").increment(sent.len() as u64);
        failed.map_or(Ok(sent.len()), Err)
    }

    /// Publishes in order, many acks awaited at once; says which messages the broker has, and why
    /// it has not the others.
    async fn publish<K: Send>(
        &self,
        messages: Vec<(K, Outgoing)>,
    ) -> (Vec<K>, Option<Interrupted>) {
        let mut sent = Vec::with_capacity(messages.len());
        let mut failed = None;
        let mut publishing = stream::iter(messages)
            .map(|(key, message)| async move {
                let subject = message.subject.clone();
                (key, subject, self.bus.publish(message).await)
            })
            .buffered(IN_FLIGHT);
        while let Some((key, subject, result)) = publishing.next().await {
            match result {
                Ok(_) => sent.push(key),
                Err(error @ NotStored::TooLarge(_)) => {
                    // It never will be smaller: what waits behind it must not wait for ever.
                    tracing::error!(error = chain(&error), subject, "a message is given up");
                    metrics::counter!("tandem_unpublishable_total").increment(1);
                    sent.push(key);
                }
                Err(error) => failed = Some(error.into()),
            }
        }
        metrics::counter!("tandem_published_total").increment(sent.len() as u64);
        (sent, failed)
    }
}
