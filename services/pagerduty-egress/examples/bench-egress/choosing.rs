//! What the scheduler costs, by how many links wait.

use std::{sync::Arc, time::Instant};

use tandem_pagerduty_egress::{
    scheduler::{Scheduler, Ticket},
    work::{Task, Work},
};

use crate::ground::{self, desired};

/// How many pieces of work are taken in and done while the others wait.
const OPERATIONS: u32 = 100_000;

/// Takes in as many links as are to wait, and then a stream of changes of some of them.
pub(crate) fn run(links: u32) {
    let before = ground::resident(std::process::id());
    let now = Instant::now();
    let mut plan = Scheduler::default();
    let filled = Instant::now();
    for n in 0..links {
        plan.offer(work(n, 1), ticket(n), now, false);
    }
    let filled = filled.elapsed() / links;
    let after = ground::resident(std::process::id());
    // What was done has another change, so that as many wait all the time; of what waits, another
    // one changes once more.
    let began = Instant::now();
    for turn in 0..OPERATIONS {
        let job = plan.next(now).unwrap();
        plan.done(job.work.link());
        let done = u32::try_from(job.work.link().uuid().as_u128()).unwrap() - 1;
        for (n, sequence) in
            [(done, 2 * turn), (turn.wrapping_mul(2_654_435_761) % links, 2 * turn + 1)]
        {
            plan.offer(work(n, u64::from(turn) + 2), ticket(links + sequence), now, false);
        }
    }
    let each = began.elapsed() / OPERATIONS;
    let ordered = Instant::now();
    let waiting = plan.in_order().count();
    let ordered = ordered.elapsed();
    let memory = before.zip(after).map(|(before, after)| {
        format!(", {} bytes a link", after.saturating_sub(before) * 1024 / u64::from(links))
    });
    println!(
        "choosing: with {links} links waiting, {filled:?} to take one in, {each:?} for two changes \
         and for choosing and ending one; {ordered:?} to tell the order of all {waiting}{}",
        memory.unwrap_or_default()
    );
}

const fn ticket(sequence: u32) -> Ticket<u64> {
    Ticket { sequence: sequence as u64, message: sequence as u64 }
}

/// A change of a title, as it comes out of a message.
fn work(n: u32, version: u64) -> Arc<Work> {
    let desired = desired(n, version, "Q1", "Title", "Refunds fail");
    let original = serde_json::to_vec(&desired).unwrap().into();
    Arc::new(Work {
        task: Task::State(desired),
        original,
        traceparent: None,
        stored_at: jiff::Timestamp::UNIX_EPOCH,
        sent_again: false,
        delivered_before: false,
    })
}
