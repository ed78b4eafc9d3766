//! `cargo dev bench egress`: what the egress makes of a far side that is as fast as it can be.
//!
//! Three numbers. Calls: those of the egress a second, with scheduling, receipts on disk and all,
//! against a bare loop of the same calls over as many connections, to the same simulator in the same
//! run. Choosing: what taking in and choosing a piece of work costs with few and with many links
//! waiting. Memory: of the process, idle, after its work, and while many links wait.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench prints, and fails by panicking"
)]

mod calls;
mod choosing;
mod ground;
mod waiting;

use anyhow::Context;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut sizes = Vec::new();
    for word in std::env::args().skip(1) {
        sizes.push(word.parse::<u32>().with_context(|| format!("{word} is not a number"))?);
    }
    rustls::crypto::ring::default_provider().install_default().ok();
    let [records, links] = sizes[..] else { anyhow::bail!("give records and links") };
    println!("{} cores", std::thread::available_parallelism().map_or(1, usize::from));
    for waiting in [1_000, 10_000, links] {
        choosing::run(waiting);
    }
    let ground = ground::Ground::prepare().await?;
    calls::run(&ground, records).await;
    waiting::run(&ground, links).await;
    Ok(())
}
