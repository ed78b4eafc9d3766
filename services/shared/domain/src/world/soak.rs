//! A thousand worlds in the test command; `cargo dev simulate` plays many more, and rougher ones.

use super::{Knobs, Plan, World, shrink};

/// Worlds that went wrong once, under rules that were not these.
const ONCE: [u64; 25] = [
    243, 402, 604, 685, 899, 1165, 1197, 1288, 1713, 2838, 3000, 3074, 3441, 3628, 5001, 5342,
    5570, 6635, 7552, 8104, 11_239, 12_107, 15_158, 17_181, 30_947,
];

/// Plays worlds, and tells the smallest story of the first that goes wrong.
#[track_caller]
fn hold(seeds: impl IntoIterator<Item = u64>) {
    for seed in seeds {
        let plan = Plan::of(seed, Knobs::rough());
        let report = World::play(&plan, false);
        let wrong = report.violations.iter().find(|(violation, _)| !violation.is_counted_only());
        if let Some((violation, what)) = wrong {
            let small = shrink(&plan, *violation);
            let story = World::play(&small, true).story.join("\n");
            panic!("seed {seed}: {violation:?}: {what}\n{small}\n{story}");
        }
    }
}

#[test]
fn worlds_that_went_wrong_once_hold() {
    hold(ONCE);
}

#[test]
fn worlds_0_to_249_hold() {
    hold(0..250);
}

#[test]
fn worlds_250_to_499_hold() {
    hold(250..500);
}

#[test]
fn worlds_500_to_749_hold() {
    hold(500..750);
}

#[test]
fn worlds_750_to_999_hold() {
    hold(750..1000);
}

#[test]
fn the_same_seed_plays_the_same_way() {
    let story = || World::play(&Plan::of(11, Knobs::rough()), true).story;
    let told = story();
    assert!(told.len() > 10);
    assert_eq!(told, story());
}
