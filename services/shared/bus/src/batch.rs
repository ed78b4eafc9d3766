//! Group commit: messages that wait at the same time are stored with one sync of the disk.
//!
//! The broker syncs once for each message it acknowledges, but only once for an atomic batch
//! (nats-server 2.12, ADR-50). So a few messages go out at once, each on its own; those that find
//! them on their way wait until they have landed, and then all that has gathered goes as one batch.
//! Nothing ever waits for more to come. A batch is stored whole or not at all; one that is refused,
//! as one with a repeated message is, is published again message by message.

use std::{future::Future, sync::Arc};

use async_nats::HeaderMap;
use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    Bus,
    publish::{NotStored, Outgoing, Stored},
};

const BATCH_ID: &str = "Nats-Batch-Id";
const BATCH_SEQUENCE: &str = "Nats-Batch-Sequence";
const BATCH_COMMIT: &str = "Nats-Batch-Commit";

/// Messages on their way one by one: a batch takes about as long as this many of them.
const SINGLES: usize = 12;
/// The same, as the semaphore counts.
const ALL_PLACES: u32 = 12;
/// The most messages in a batch; the broker takes 1000.
const BATCH_MAX: usize = 256;
/// The most bytes in a batch, after which it takes no further message; the broker holds all of them
/// in memory until the last one has come.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Messages that may wait; publishing waits while there are as many.
const WAITING_MAX: usize = 1024;

/// Publishes to a stream with group commit; made by [`Bus::gathering`].
#[derive(Debug, Clone)]
pub struct Gathering {
    bus: Bus,
    places: Arc<Semaphore>,
    queue: mpsc::Sender<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    message: Outgoing,
    done: oneshot::Sender<Result<Stored, NotStored>>,
}

impl Gathering {
    /// Publishes and waits for the broker's word that the message is on disk. Whoever stops waiting
    /// before the message is on its way takes it back.
    pub async fn publish(&self, message: Outgoing) -> Result<Stored, NotStored> {
        // While a batch waits for its turn there is no place to be had, so nobody overtakes it.
        if let Ok(_place) = self.places.try_acquire() {
            return self.bus.publish(message).await;
        }
        let (done, stored) = oneshot::channel();
        let waiting = Waiting { message, done };
        self.queue.send(waiting).await.map_err(|_| NotStored::Disconnected)?;
        stored.await.unwrap_or(Err(NotStored::Disconnected))
    }
}

impl Bus {
    /// Group commit into a stream that allows atomic batches, and the task that does it; it ends
    /// once nobody is left to publish.
    pub fn gathering(self) -> (Gathering, impl Future<Output = ()> + Send + 'static) {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let places = Arc::new(Semaphore::new(SINGLES));
        let task = run(self.clone(), Arc::clone(&places), waiting);
        (Gathering { bus: self, places, queue }, task)
    }

    /// Publishes all in one batch, in their order; gives the last one's place in the stream.
    async fn publish_batch(&self, messages: &[Outgoing]) -> Result<u64, NotStored> {
        let Some((last, earlier)) = messages.split_last() else { return Ok(0) };
        if !self.connected() {
            return Err(NotStored::Disconnected);
        }
        // Random, for two copies must never share one.
        let batch = self.client.new_inbox();
        let batch = batch.rsplit('.').next().unwrap_or(&batch);
        for (index, message) in earlier.iter().enumerate() {
            let headers = batched(message, batch, index + 1);
            let (subject, body) = (message.subject.clone(), message.body.clone());
            let sent = self.client.publish_with_headers(subject, headers, body).await;
            sent.map_err(|_| NotStored::Disconnected)?;
        }
        let mut headers = batched(last, batch, messages.len());
        headers.insert(BATCH_COMMIT, "1");
        let (subject, body) = (last.subject.clone(), last.body.clone());
        let ack = self.jetstream.publish_with_headers(subject, headers, body).await?.await?;
        Ok(ack.sequence)
    }
}

fn batched(message: &Outgoing, batch: &str, sequence: usize) -> HeaderMap {
    let mut headers = message.headers();
    headers.insert(BATCH_ID, batch);
    headers.insert(BATCH_SEQUENCE, sequence.to_string());
    headers
}

async fn run(bus: Bus, places: Arc<Semaphore>, mut queue: mpsc::Receiver<Waiting>) {
    while let Some(first) = queue.recv().await {
        // Those on their way land first, and meanwhile more gathers.
        let Ok(_places) = places.acquire_many(ALL_PLACES).await else { return };
        let mut gathered = vec![first];
        let mut bytes = 0;
        while gathered.len() < BATCH_MAX && bytes < BATCH_BYTES {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.message.body.len();
            gathered.push(next);
        }
        // What was waited for in vain is not sent any more.
        gathered.retain(|it| !it.done.is_closed());
        send(&bus, gathered).await;
    }
}

async fn send(bus: &Bus, gathered: Vec<Waiting>) {
    let (messages, done): (Vec<_>, Vec<_>) =
        gathered.into_iter().map(|it| (it.message, it.done)).unzip();
    let stored = if messages.len() <= SINGLES {
        one_by_one(bus, messages).await
    } else {
        match bus.publish_batch(&messages).await {
            Ok(last) => {
                // The messages of a batch lie side by side.
                let first = (last + 1).saturating_sub(messages.len() as u64);
                let stored = |sequence| Ok(Stored { sequence, duplicate: false });
                (first..=last).map(stored).collect()
            }
            Err(NotStored::Refused(error)) => {
                tracing::debug!(%error, "a batch was refused; its messages go one by one");
                one_by_one(bus, messages).await
            }
            Err(error) => messages.iter().map(|_| Err(error.again())).collect(),
        }
    };
    for (stored, done) in stored.into_iter().zip(done) {
        if done.send(stored).is_err() {
            tracing::debug!("nobody waits for a message any more");
        }
    }
}

async fn one_by_one(bus: &Bus, messages: Vec<Outgoing>) -> Vec<Result<Stored, NotStored>> {
    join_all(messages.into_iter().map(|message| bus.publish(message))).await
}
