//! Decoding, load, rules and commit, on a database of a given size.

use std::collections::HashMap;

use tandem_domain::{
    event::Event,
    reconcile::{State, reconcile},
};
use tandem_reconciler::transact::{self, Item};
use tandem_store::{Store, incidents, integrations, links};

use crate::{
    bare,
    clock::{self, Stopwatch, Took},
    traffic::{Happening, Traffic, input},
};

/// What the reconciler takes at once when there is enough.
const BATCH: usize = 256;
/// How many incidents something happens to, at most.
const ACTIVE: u64 = 1000;
/// How many batches are applied before it is a bare insert's turn.
const BATCHES: usize = 8;
/// How often each has its turn.
const ROUNDS: usize = 8;

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
            subscriptions: Vec::new(),
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
    // As it would be by now; of what is still empty, nothing is to be known.
    sqlx::query("analyze incidents, links").execute(store.pool()).await?;
    Ok(())
}

/// Plays events over a database of `size` incidents, those before `from` left in peace. In between,
/// in turns so that both meet the same machine, as many rows of the same sizes are inserted barely.
pub(crate) async fn run(store: &Store, from: u64, size: u64) -> anyhow::Result<()> {
    let messages = play(from, size, ROUNDS * BATCHES * BATCH);
    let backends = clock::backends(store).await?;
    bare::prepare(store).await?;
    let (mut whole, mut barely) = (Took::default(), Took::default());
    let (mut rows, mut inserted, mut bytes) = (bare::Rows::new(), 0, 0);
    for round in messages.chunks(BATCHES * BATCH) {
        let before = bare::rows(store).await?;
        whole = whole.and(reconciled(store, round, &backends).await?);
        let written = bare::difference(&before, &bare::rows(store).await?);
        let mut sizes = Vec::new();
        for (table, count) in &written {
            let mean = usize::try_from(bare::mean(store, table).await?)?;
            sizes.extend(std::iter::repeat_n(mean, usize::try_from(*count)?));
            *rows.entry(table.clone()).or_default() += count;
        }
        barely = barely.and(bare::insert(store, inserted, &sizes, BATCHES, &backends).await?);
        (inserted, bytes) = (inserted + sizes.len(), bytes + sizes.iter().sum::<usize>());
    }
    #[expect(clippy::cast_precision_loss, reason = "a bench's counts are small")]
    let (events, rows_each, bytes_each) = (
        messages.len() as f64,
        inserted as f64 / messages.len() as f64,
        bytes as f64 / inserted.max(1) as f64,
    );
    println!(
        "whole: {size:>8} incidents: {:.0} events/s; {rows_each:.1} rows of {bytes_each:.0} B each, \
         inserted barely for {:.0} events/s; ratio {:.2}",
        events / whole.wall,
        events / barely.wall,
        barely.wall / whole.wall
    );
    println!(
        "       in processor time: {:.0} µs an event, barely {:.0} µs; ratio {:.2}",
        whole.cpu / events * 1e6,
        barely.cpu / events * 1e6,
        barely.cpu / whole.cpu
    );
    let tables: Vec<_> = rows.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    println!("       rows: {}", tables.join(", "));
    Ok(())
}

/// Decodes and applies messages, a batch at a time.
async fn reconciled(store: &Store, messages: &[Message], backends: &[i32]) -> anyhow::Result<Took> {
    let watch = Stopwatch::start(backends);
    for batch in messages.chunks(BATCH) {
        let items: Vec<Item> = batch.iter().map(Message::item).collect::<Result<_, _>>()?;
        let items: Vec<&Item> = items.iter().collect();
        let applied = transact::apply(store, &items).await?;
        anyhow::ensure!(applied == items.len(), "{applied} of {} were applied", items.len());
    }
    Ok(watch.stop())
}

/// Events over incidents from `from` on, to which nothing happened yet, each as it follows from those
/// before it. They are as many whatever the size, so that it alone differs, and spread over all of it.
fn play(from: u64, size: u64, count: usize) -> Vec<Message> {
    let mut traffic = Traffic::new();
    let active = ACTIVE.min(size - from);
    // Far from the events of other sizes.
    traffic.skip(size * 1_000_000);
    let mut states: HashMap<u64, (State, usize)> = HashMap::new();
    let mut messages = Vec::with_capacity(count);
    for turn in 0..count as u64 {
        // A step that shares no factor with their number visits every one of them in turn.
        let number = from + turn * 7919 % active * ((size - from) / active);
        let (mut state, round) = match states.remove(&number) {
            Some(known) => known,
            None => (traffic.begin(number), 0),
        };
        let happening = traffic.next(number, &state, round);
        state = reconcile(Some(state), input(&happening), &traffic.configs).state.unwrap();
        state.notes.retain(|track| track.foreign.is_none());
        states.insert(number, (state, round + 1));
        messages.push(Message::from(happening));
    }
    messages
}

/// An event as it comes from the stream.
struct Message {
    body: Vec<u8>,
    sequence: u64,
    at: jiff::Timestamp,
}

impl From<Happening> for Message {
    fn from(Happening { event, sequence, at }: Happening) -> Self {
        Self { body: serde_json::to_vec(&event).unwrap(), sequence, at }
    }
}

impl Message {
    fn item(&self) -> serde_json::Result<Item> {
        let event = Event::from_json(&self.body)?;
        let (sequence, at) = (self.sequence, self.at);
        Ok(Item { event, sequence, at, traceparent: None, reply_to: None })
    }
}
