//! One transaction: what a batch of events is about is loaded and locked, the rules are applied,
//! what follows is written together with the events themselves.

use std::collections::BTreeSet;

use tandem_domain::{
    event::Event,
    id::{Connector, IntegrationId},
};
use tandem_runtime::{clock, process::chain};
use tandem_store::{Store, StoreError, clocks, inbox};
use tracing::Instrument;

pub use crate::batch::Item;
use crate::{
    batch::{self, Written},
    commit,
    load::{self, Patience},
};

/// Applies events, or leaves everything as it was; gives how many had never been taken in before.
pub async fn apply(store: &Store, items: &[&Item]) -> Result<usize, StoreError> {
    apply_patiently(store, items, Patience::Wait).await.map(|written| written.effects.len())
}

/// The same, with a choice of what to do about what somebody else has in hand.
pub(crate) async fn apply_patiently(
    store: &Store,
    items: &[&Item],
    patience: Patience,
) -> Result<Written, StoreError> {
    let mut transaction = store.begin().await?;
    // First the locks: another copy that has the same event has the same ones.
    let loaded = load::load(&mut transaction, items, patience).await?;
    let fresh = unknown(&inbox::known(&mut transaction, &keys(items)).await?, items);
    metrics::counter!("tandem_duplicates_total").increment((items.len() - fresh.len()) as u64);
    let connectors: Vec<(IntegrationId, Connector)> = loaded
        .integrations
        .iter()
        .map(|integration| (integration.id, integration.connector.clone()))
        .collect();
    let written = batch::work(&fresh, loaded, clock::now());
    let connector_of = |id| connectors.iter().find(|(of, _)| *of == id).map(|(_, c)| c.clone());
    let writing = async {
        inbox::add(&mut transaction, &arrivals(&fresh, &written)).await?;
        commit::write(&mut transaction, &written, connector_of).await
    };
    writing.instrument(tracing::debug_span!("commit", events = fresh.len())).await?;
    Store::commit(transaction).await?;
    keep_clocks(store, &written).await;
    Ok(written)
}

/// What events are known by: where their identity is unique, delivery, event.
fn keys(items: &[&Item]) -> Vec<inbox::Key> {
    let key = |item: &&Item| inbox::Key {
        source: item.event.source(),
        delivery: item.event.delivery(),
        event: item.event.identity(),
    };
    items.iter().map(key).collect()
}

/// The events that were never taken in; of one that is in the batch twice, the first.
fn unknown<'a>(known: &[inbox::Key], items: &[&'a Item]) -> Vec<&'a Item> {
    let mut seen: BTreeSet<(&str, &str, String)> = BTreeSet::new();
    for key in known {
        seen.insert((&key.source, "delivery", key.delivery.clone()));
        seen.insert((&key.source, "event", key.event.clone()));
    }
    let mut fresh = Vec::with_capacity(items.len());
    let keys = keys(items);
    for (item, key) in items.iter().zip(&keys) {
        let delivery = (&*key.source, "delivery", key.delivery.clone());
        let event = (&*key.source, "event", key.event.clone());
        if !seen.contains(&delivery) && !seen.contains(&event) {
            fresh.push(*item);
            seen.insert(delivery);
            seen.insert(event);
        }
    }
    fresh
}

fn arrivals(items: &[&Item], written: &Written) -> Vec<inbox::Arrival> {
    let arrival = |item: &&Item| {
        let effect = written.effects.get(&item.sequence)?.clone().into_owned();
        let kind = match item.event {
            Event::Observation(_) => "observation",
            Event::Receipt(_) => "receipt",
            Event::Edit(_) => "edit",
            Event::Finding(_) => "finding",
        };
        let (source, delivery) = (item.event.source(), item.event.delivery());
        let event = item.event.identity();
        Some(inbox::Arrival { source, delivery, event, kind, effect, at: item.at })
    };
    items.iter().filter_map(arrival).collect()
}

/// Stores what was measured of clocks; in a transaction of its own, so that nobody waits for it.
async fn keep_clocks(store: &Store, written: &Written) {
    if written.clocks.is_empty() {
        return;
    }
    let keeping = async {
        let mut conn = store.acquire().await?;
        clocks::write(&mut conn, &written.clocks).await
    };
    if let Err(error) = keeping.await {
        tracing::debug!(error = chain(&error), "a clock's measurement was not kept");
    }
}
