//! What it costs to hold many links that wait.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use crate::ground::{self, Ground, desired};

/// How long the service is watched while everything waits.
const WATCHED: Duration = Duration::from_secs(15);
/// The links of the other measurement come before these.
const FIRST: u32 = 1_000_000;

/// Has links wait under a limit of one call a minute, and looks at the process.
pub(crate) async fn run(ground: &Ground, links: u32) {
    ground.configure(3, true, 1).await;
    let began = Instant::now();
    stream::iter(0..links)
        .map(|n| async move {
            ground.publish(&desired(FIRST + n, 1, "Q1T7M4Z0KD82WB", "Title", "Refunds fail")).await;
        })
        .buffer_unordered(128)
        .collect::<Vec<()>>()
        .await;
    let published = began.elapsed();
    ground.reaches("tandem_waiting_messages", f64::from(links) - 2.0).await;
    let pid = ground.egress.pid().unwrap();
    let before = ground::worked(pid);
    tokio::time::sleep(WATCHED).await;
    let share = before.zip(ground::worked(pid)).map(|(before, after)| {
        let hundredths = u32::try_from(after - before).unwrap_or(u32::MAX);
        format!("{:.0} % of one core", f64::from(hundredths) / WATCHED.as_secs_f64())
    });
    println!(
        "waiting: {links} links held (published in {published:?}): {} of memory, {} to hold them",
        ground.memory(),
        share.unwrap_or_else(|| "an unknown share".to_owned()),
    );
}
