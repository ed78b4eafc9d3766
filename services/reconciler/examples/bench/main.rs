//! `cargo dev bench reconcile`: how fast the rules are, and how much of a bare insert the reconciler keeps.
//!
//! Two numbers. Rules: events applied by one core, decoded, with the state in memory. Whole: messages
//! through decoding, load, rules and commit into Postgres, against a bare batched insert: what it
//! takes the same Postgres, over the same connection, to store as many rows of as many bytes as the
//! reconciler wrote, in as many transactions, into one table with nothing but a number for its key.
//! That is the least that any program which keeps these rows has to pay, whatever it does to find out
//! what they hold. The two take turns, because machines drift; each is also told in processor time,
//! of this process and of Postgres, which does not depend on what else the machine has to do.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench prints, and fails by panicking"
)]

mod bare;
mod clock;
mod rules;
mod traffic;
mod whole;

use std::time::Duration;

use anyhow::Context;
use tandem_store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut sizes = Vec::new();
    for word in std::env::args().skip(1) {
        sizes.push(word.parse::<u64>().with_context(|| format!("{word} is not a number"))?);
    }
    println!("{}", machine());
    rules::run();
    if sizes.is_empty() {
        return Ok(());
    }
    let url = database().context("DATABASE_URL is not set: `cargo dev bench` sets it")?;
    let store = Store::connect_for_batches(&url, "bench", 1, Duration::from_secs(1))?;
    tandem_store::migrate(&store).await?;
    whole::limits(&store).await?;
    let mut there = 0;
    for size in sizes {
        whole::grow(&store, there, size).await?;
        whole::run(&store, there, size).await?;
        there = size;
    }
    Ok(())
}

/// What it runs on.
fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {}", model.unwrap_or("an unknown processor"))
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the bench hands its database over")]
fn database() -> Option<String> {
    std::env::var("DATABASE_URL").ok()
}
