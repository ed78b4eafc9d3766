//! Owns the order of delivery: one lane per subscription and incident, first in, first out.
//!
//! The head of a lane is retried until it is delivered or dropped, and everything behind it waits.
//! A lane exists, and has exactly one task, for as long as something is in it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::Delivery;
use super::send::{self, Outcome, Verdict};
use super::subscription::DROPS_TO_DISABLE;
use crate::shared::Shared;
use crate::world::World;

const GIVE_UP_S: u64 = 48 * 3600;
const DISABLED_S: u64 = 24 * 3600;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    subscription: String,
    resource: String,
    /// Grows on reset, so that a task of an emptied lane never serves a new one.
    generation: u64,
}

/// Everything on its way.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    queues: HashMap<Key, VecDeque<Delivery>>,
    generation: u64,
}

impl Lanes {
    /// Adds to the end of a lane, and gives its key when the lane is new and needs a task.
    fn add(&mut self, delivery: Delivery) -> Option<Key> {
        let key = Key {
            subscription: delivery.subscription.clone(),
            resource: delivery.resource.clone(),
            generation: self.generation,
        };
        let new = !self.queues.contains_key(&key);
        self.queues.entry(key.clone()).or_default().push_back(delivery);
        new.then_some(key)
    }

    /// Gives the head of a lane; an empty lane ceases to exist.
    fn head(&mut self, key: &Key) -> Option<Delivery> {
        let head = self.queues.get(key).and_then(|queue| queue.front()).cloned();
        if head.is_none() {
            self.queues.remove(key);
        }
        head
    }

    fn head_mut(&mut self, key: &Key, webhook: &str) -> Option<&mut Delivery> {
        self.queues.get_mut(key)?.front_mut().filter(|head| head.webhook_id == webhook)
    }

    fn pop(&mut self, key: &Key, webhook: &str) {
        if self.head_mut(key, webhook).is_some()
            && let Some(queue) = self.queues.get_mut(key)
        {
            queue.pop_front();
        }
    }

    /// Empties the lanes of one subscription.
    pub(crate) fn clear(&mut self, subscription: &str) -> Vec<Delivery> {
        let lanes = self.queues.iter_mut().filter(|(key, _)| key.subscription == subscription);
        lanes.flat_map(|(_, queue)| std::mem::take(queue)).collect()
    }

    /// Empties everything and cuts the present tasks off.
    pub(crate) fn reset(&mut self) {
        self.queues.clear();
        self.generation += 1;
    }

    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Delivery> {
        self.queues.values().flatten()
    }
}

/// Hands queued webhooks to their lanes, in order.
pub(crate) fn enqueue(shared: &Arc<Shared>, outbox: Vec<Delivery>) {
    for delivery in outbox {
        if let Some(key) = shared.lanes().add(delivery) {
            let task = drain(Arc::clone(shared), key);
            shared.spawn(task);
        }
    }
}

async fn drain(shared: Arc<Shared>, key: Key) {
    while let Some(mut delivery) = next(&shared, &key) {
        tokio::time::sleep_until(delivery.due).await;
        delivery.attempts += 1;
        let outcome = send::attempt(&shared, &delivery).await;
        settle(&shared, &key, &delivery, outcome);
    }
}

fn next(shared: &Shared, key: &Key) -> Option<Delivery> {
    shared.lanes().head(key)
}

fn settle(shared: &Shared, key: &Key, delivery: &Delivery, outcome: Option<Outcome>) {
    let mut world = shared.lock();
    let mut lanes = shared.lanes();
    shared.changed.notify_one();
    // Reset or disabled while the attempt was under way: nothing is owed any more.
    if lanes.head_mut(key, &delivery.webhook_id).is_none() {
        return;
    }
    let Some(outcome) = outcome else {
        world.journal.attempt(send::lost(delivery, "the subscription is gone"));
        return lanes.pop(key, &delivery.webhook_id);
    };
    let now = Instant::now();
    let exhausted = now.duration_since(delivery.since) >= shared.options.scaled(GIVE_UP_S);
    match outcome.verdict {
        Verdict::Delivered => {
            world.journal.attempt(send::record(delivery, &outcome, "delivered"));
            delivered(&mut world, &mut lanes, key, delivery);
        }
        Verdict::Retry if !exhausted => {
            world.journal.attempt(send::record(delivery, &outcome, "retry"));
            if let Some(head) = lanes.head_mut(key, &delivery.webhook_id) {
                head.attempts = delivery.attempts;
                head.due = now + shared.options.retry.after(delivery.attempts);
            }
        }
        Verdict::Retry | Verdict::Drop => {
            world.journal.attempt(send::record(delivery, &outcome, "dropped"));
            lanes.pop(key, &delivery.webhook_id);
            dropped(shared, &mut world, &mut lanes, &delivery.subscription);
        }
    }
}

fn delivered(world: &mut World, lanes: &mut Lanes, key: &Key, delivery: &Delivery) {
    if let Some(found) = world.subscriptions.iter_mut().find(|it| it.id == delivery.subscription) {
        found.drops = 0;
    }
    match lanes.head_mut(key, &delivery.webhook_id) {
        Some(head) if head.copies > 0 => {
            head.copies -= 1;
            head.attempts = delivery.attempts;
        }
        _ => lanes.pop(key, &delivery.webhook_id),
    }
}

/// Counts a drop; the third in a row disables the subscription and loses its queue.
fn dropped(shared: &Shared, world: &mut World, lanes: &mut Lanes, subscription: &str) {
    let found = world.subscriptions.iter_mut().find(|it| it.id == subscription);
    let Some(found) = found else { return };
    found.drops += 1;
    if found.drops >= DROPS_TO_DISABLE {
        found.drops = 0;
        found.disabled_until = Some(Instant::now() + shared.options.scaled(DISABLED_S));
        for delivery in lanes.clear(subscription) {
            world.journal.attempt(send::lost(&delivery, "the subscription was disabled"));
        }
    }
}
