//! Take → load → decide → commit → settle: the shape every service repeats.
//!
//! A batch is what is ready, never waiting for more, in one transaction. When a batch fails it is
//! halved until only the poisoned event is set aside; an incident that somebody else holds for long
//! makes only its own events wait.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use tandem_bus::{Bus, consume::Taken, dead_letter::DeadLetter, subjects, topology};
use tandem_domain::event::Event;
use tandem_runtime::{Stop, process::chain, trace};
use tandem_store::{Store, StoreError};
use tokio::sync::Notify;

use crate::{
    admit::admit,
    batch::{Item, Written},
    buried,
    load::Patience,
    transact,
};

/// The most events one transaction takes.
const BATCH_MAX: usize = 256;
/// How long to wait before asking for events again when nothing works.
const PAUSE: Duration = Duration::from_millis(250);
/// How long an event waits at first that has to, and at most.
const DELAY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Applies events until it is time to stop.
#[derive(Debug)]
pub struct Applier {
    store: Store,
    bus: Bus,
    committed: Arc<Notify>,
}

/// A message with the event in it.
struct Work {
    taken: Taken,
    item: Item,
    /// Lasts as long as the work, and carries the trace on.
    _span: tracing::Span,
}

impl Applier {
    /// Prepares an applier that nudges `committed` after each commit.
    pub fn new(store: Store, bus: Bus, committed: Arc<Notify>) -> Self {
        Self { store, bus, committed }
    }

    /// Runs until it is time to stop; through outages of NATS and Postgres.
    pub async fn run(self, stop: Stop) {
        while !stop.is_asked() {
            match self.store.check_schema().await {
                Ok(()) => break,
                Err(error) => tracing::warn!(error = chain(&error), "waiting for postgres"),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.asked() => {}
            }
        }
        while !stop.is_asked() {
            if let Err(error) = self.consume(&stop).await {
                tracing::debug!(error = chain(&error), "consuming starts over");
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.asked() => {}
            }
        }
    }

    async fn consume(&self, stop: &Stop) -> Result<(), tandem_bus::Unavailable> {
        let messages =
            self.bus.consume(topology::IN, topology::reconciler(), 2 * BATCH_MAX).await?;
        let mut ready = std::pin::pin!(messages.ready_chunks(BATCH_MAX));
        loop {
            let chunk = tokio::select! {
                chunk = ready.next() => chunk,
                () = stop.asked() => return Ok(()),
            };
            let Some(chunk) = chunk else { return Ok(()) };
            let mut taken = Vec::with_capacity(chunk.len());
            let mut lost = None;
            for message in chunk {
                match message {
                    Ok(message) => taken.push(message),
                    Err(error) => lost = Some(error),
                }
            }
            self.settle_all(taken, stop).await;
            if let Some(error) = lost {
                return Err(error);
            }
        }
    }

    /// Deals with every message: afterwards each one is acknowledged, or will be delivered again.
    async fn settle_all(&self, taken: Vec<Taken>, stop: &Stop) {
        let mut work = Vec::with_capacity(taken.len());
        for taken in taken {
            match Event::from_json(taken.body()) {
                Ok(mut event) => match admit(taken.subject(), &mut event, taken.stored_at) {
                    Ok(()) => work.push(Work::new(taken, event)),
                    Err(why) => self.bury(&taken, &buried::misplaced(&taken, &event, why)).await,
                },
                Err(error) => self.bury(&taken, &buried::unreadable(&taken, &error)).await,
            }
        }
        if work.is_empty() {
            return;
        }
        // What fails is halved until what is to blame stands alone: the rest goes on.
        let mut parts = vec![&*work];
        while let Some(part) = parts.pop() {
            let Err(error) = self.apply_patiently(part, stop).await else { continue };
            if part.len() == 1 {
                self.give_up(part, &error).await;
                continue;
            }
            tracing::warn!(error = chain(&error), events = part.len(), "a batch failed; halving");
            let (first, second) = part.split_at(part.len() / 2);
            parts.extend([second, first]);
        }
    }

    /// Applies a batch; while Postgres is away, waits for it.
    async fn apply_patiently(&self, work: &[Work], stop: &Stop) -> Result<(), StoreError> {
        let items: Vec<&Item> = work.iter().map(|one| &one.item).collect();
        let mut patience = Patience::Wait;
        loop {
            match transact::apply_patiently(&self.store, &items, patience).await {
                Ok(written) => {
                    self.settle(work, &written).await;
                    return Ok(());
                }
                Err(StoreError::Raced) => {}
                // Somebody holds an incident for long: its events wait, the others go on.
                Err(error) if error.is_held() && patience == Patience::Wait => {
                    patience = Patience::Pass;
                }
                Err(error) if error.is_poison() => return Err(error),
                Err(error) => {
                    metrics::counter!("tandem_apply_waits_total").increment(1);
                    tracing::warn!(error = chain(&error), "waiting for postgres");
                    for one in work {
                        one.taken.working().await;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        // Unacknowledged, so it comes again.
                        () = stop.asked() => return Ok(()),
                    }
                }
            }
        }
    }

    /// What was committed is answered and acknowledged; what has to wait comes again later.
    async fn settle(&self, work: &[Work], written: &Written) {
        self.committed.notify_one();
        for (to, reply) in &written.replies {
            if let Ok(body) = serde_json::to_vec(reply) {
                self.bus.tell(to.clone(), body.into()).await;
            }
        }
        for one in work {
            if written.postponed.contains(&one.item.sequence) {
                one.taken.later(delay(one.taken.deliveries)).await;
            } else {
                one.taken.ack().await;
            }
        }
        let postponed = written.postponed.len() as u64;
        metrics::counter!("tandem_postponed_total").increment(postponed);
        metrics::counter!("tandem_events_total").increment(work.len() as u64 - postponed);
    }

    /// Sets one event aside, with the reason.
    async fn give_up(&self, work: &[Work], error: &StoreError) {
        for one in work {
            let letter = buried::refused(&one.taken, &one.item.event, error);
            self.bury(&one.taken, &letter).await;
        }
    }

    /// Moves a message to the dead letters; it is acknowledged only once it is there.
    async fn bury(&self, taken: &Taken, letter: &DeadLetter) {
        tracing::error!(
            sequence = taken.sequence,
            cause = letter.cause,
            "an event was set aside as a dead letter"
        );
        metrics::counter!("tandem_dead_letters_total", "direction" => "in").increment(1);
        let buried = match letter.message(format!("in-{}", taken.sequence)) {
            Ok(message) => self.bus.publish(message).await.map_err(|error| chain(&error)),
            Err(error) => Err(error.to_string()),
        };
        match buried {
            Ok(_) => taken.ack().await,
            Err(error) => {
                tracing::warn!(error, "a dead letter could not be stored; it is tried again");
                taken.later(Duration::from_secs(5)).await;
            }
        }
    }
}

impl Work {
    fn new(taken: Taken, event: Event) -> Self {
        let span = tracing::info_span!(
            "apply",
            event.id = event.identity(),
            source = event.source(),
            sequence = taken.sequence
        );
        trace::adopt(&span, taken.traceparent());
        let outsider = subjects::edit_of(taken.subject()).and_then(|of| of.outsider);
        let item = Item {
            event,
            sequence: taken.sequence,
            at: taken.stored_at,
            traceparent: trace::traceparent_of(&span),
            reply_to: taken
                .reply_to()
                .filter(|to| subjects::is_answer_to(outsider, to))
                .map(str::to_owned),
        };
        Self { taken, item, _span: span }
    }
}

/// How long an event waits that has to, by how often it came already.
fn delay(deliveries: u64) -> Duration {
    let doublings = u32::try_from(deliveries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    (DELAY.0 * 2_u32.pow(doublings)).min(DELAY.1)
}
