//! The invariants of the simulated worlds, over the real services: people edit the same records on
//! both sides at the same time, while webhooks are lost, doubled and late, calls fail, and services are
//! killed. In the end, once somebody has decided what went back and forth, both sides say the same; no
//! write of ours was taken for an edit; no edit is gone that could have been known of; every note is
//! there once; and nothing was written more often than there were edits.
//!
//! A test run plays some seconds, `cargo dev chaos --only soak` minutes.

mod history;
mod people;

use std::time::Duration;

use tandem_pagerduty_sim::Knobs;
use tandem_tests::{Healing, Options, Stack};

use self::{history::History, people::People};
use crate::{healing::agree::agree, size::setting};

/// How long people are at work unless `TANDEM_SOAK` says otherwise, in seconds; and from which seed
/// unless `TANDEM_SEED` does.
const SECONDS: u64 = 10;
const SEED: u64 = 20_261_201;

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_on_both_sides_at_once_ends_the_same_on_both_and_nothing_is_lost() {
    let options = Options { healing: Healing::ALWAYS, ..Options::default() };
    let mut stack = Stack::start_with(options).await;
    let seed = u64::try_from(setting("TANDEM_SEED", SEED)).unwrap();
    let time = Duration::from_secs(u64::try_from(setting("TANDEM_SOAK", SECONDS)).unwrap());

    let mut people = People::meet(&stack, seed).await;
    people.work(&mut stack, time).await;
    stack.pagerduty.turn(|knobs| *knobs = Knobs::default());

    people.decide(&stack).await;
    agree(&stack).await;
    stack.at_rest().await;
    let history = History::read(&stack, people).await;
    eprintln!("seed {seed}, {time:?}: {}", history.told());
    assert_eq!(history.wrongs(), Vec::<String>::new(), "seed {seed}");
    stack.im.run(&["audit", "verify"]).await.unwrap();
}
