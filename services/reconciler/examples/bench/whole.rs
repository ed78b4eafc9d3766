//! Load, rules and commit, on a database of a given size.

use std::{collections::HashMap, time::Instant};

use tandem_domain::reconcile::{State, reconcile};
use tandem_reconciler::transact::{self, Item};
use tandem_store::{Store, incidents, integrations, links};

use crate::{
    bare,
    traffic::{Happening, Traffic, input},
};

/// What the reconciler takes at once when there is enough.
pub(crate) const BATCH: usize = 256;

/// Prints what of Postgres's settings matters.
pub(crate) async fn limits(store: &Store) -> anyhow::Result<()> {
    let mut words = Vec::new();
    for name in ["server_version", "fsync", "synchronous_commit", "shared_buffers"] {
        let value: String = sqlx::query_scalar("select current_setting($1)")
            .bind(name)
            .fetch_one(store.pool())
            .await?;
        words.push(format!("{name} {value}"));
    }
    println!("postgres: {}", words.join(", "));
    Ok(())
}

/// Makes incidents `from..to`, linked, as after their first webhook.
pub(crate) async fn grow(store: &Store, from: u64, to: u64) -> anyhow::Result<()> {
    let mut traffic = Traffic::new();
    let mut transaction = store.begin().await?;
    if from == 0 {
        let integration = traffic.configs.values().next().unwrap().clone();
        let now = jiff::Timestamp::UNIX_EPOCH;
        let stored = integrations::Stored {
            integration,
            token: None,
            signing_secrets: Vec::new(),
            senders: Vec::new(),
            created_at: now,
            updated_at: now,
            deleted: false,
        };
        integrations::write(&mut transaction, &stored).await?;
    }
    for first in (from..to).step_by(1000) {
        let states: Vec<State> =
            (first..to.min(first + 1000)).map(|number| traffic.begin(number)).collect();
        let rows: Vec<_> = states.iter().map(|state| &state.incident).collect();
        incidents::write(&mut transaction, &rows).await?;
        let rows: Vec<_> = states.iter().flat_map(|state| &state.links).collect();
        links::write(&mut transaction, &rows).await?;
    }
    Store::commit(transaction).await?;
    sqlx::query("analyze").execute(store.pool()).await?;
    Ok(())
}

/// Plays events over a database of `size` incidents, those before `from` left in peace, then inserts as many rows barely.
pub(crate) async fn run(store: &Store, from: u64, size: u64, count: usize) -> anyhow::Result<()> {
    let items = play(from, size, count);
    let before = bare::rows(store).await?;
    let start = Instant::now();
    for batch in items.chunks(BATCH) {
        let batch: Vec<&Item> = batch.iter().collect();
        let applied = transact::apply(store, &batch).await?;
        anyhow::ensure!(applied == batch.len(), "{applied} of {} were applied", batch.len());
    }
    let seconds = start.elapsed().as_secs_f64();
    let after = bare::rows(store).await?;
    let written = bare::difference(&before, &after);
    let rows: u64 = written.values().map(|(rows, _)| rows).sum();
    let bytes: u64 = written.values().map(|(rows, mean)| rows * mean).sum();
    let barely = bare::insert(store, rows, bytes / rows.max(1), count.div_ceil(BATCH)).await?;
    #[expect(clippy::cast_precision_loss, reason = "a bench's counts are small")]
    let (rate, events, bare) =
        (rows as f64 / seconds, count as f64 / seconds, rows as f64 / barely);
    println!(
        "whole: {size:>8} incidents: {events:.0} events/s, {rate:.0} rows/s of {} B; bare insert \
         {bare:.0} rows/s; ratio {:.2}",
        bytes / rows.max(1),
        rate / bare
    );
    let tables: Vec<_> =
        written.iter().map(|(table, (rows, mean))| format!("{table} {rows}×{mean} B")).collect();
    println!("       rows: {}", tables.join(", "));
    Ok(())
}

/// Events over the incidents from `from` on, to which nothing happened yet, chosen evenly, each as it follows from those before it.
fn play(from: u64, size: u64, count: usize) -> Vec<Item> {
    let mut traffic = Traffic::new();
    // Far from the events of other sizes.
    traffic.skip(size * 1_000_000);
    let mut states: HashMap<u64, (State, usize)> = HashMap::new();
    let mut items = Vec::with_capacity(count);
    for turn in 0..count as u64 {
        // A step that shares no factor with the size visits every incident in turn.
        let number = from + turn.wrapping_mul(7919) % (size - from);
        let (mut state, round) = match states.remove(&number) {
            Some(known) => known,
            None => (traffic.begin(number), 0),
        };
        let happening = traffic.next(number, &state, round);
        state = reconcile(Some(state), input(&happening), &traffic.configs).state.unwrap();
        state.notes.retain(|track| track.foreign.is_none());
        states.insert(number, (state, round + 1));
        items.push(item(happening));
    }
    items
}

fn item(Happening { event, sequence, at }: Happening) -> Item {
    Item { event, sequence, at, traceparent: None, reply_to: None }
}
