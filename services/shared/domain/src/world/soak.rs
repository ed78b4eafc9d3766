//! A thousand worlds in the test command; `cargo dev simulate` plays many more, and rougher ones.

use std::ops::Range;

use super::{Knobs, Plan, Violation, World, shrink};

/// Of how many worlds one may lose an edit that was shown. What is left are edits that came between
/// a read of ours and the write that followed it.
const ONE_LOST_IN: usize = 50;

/// Plays worlds, and tells the smallest story of the first that goes wrong.
#[track_caller]
fn hold(seeds: Range<u64>, knobs: Knobs) {
    let (mut lost, mut played) = (Vec::new(), 0);
    for seed in seeds {
        played += 1;
        let plan = Plan::of(seed, knobs);
        let report = World::play(&plan, false);
        let wrong = report.violations.iter().filter(|(violation, _)| !violation.is_counted_only());
        for (violation, what) in wrong {
            if *violation == Violation::Lost {
                lost.push(seed);
                continue;
            }
            let small = shrink(&plan, *violation);
            let story = World::play(&small, true).story.join("\n");
            panic!("seed {seed}: {violation:?}: {what}\n{small}\n{story}");
        }
    }
    assert!(lost.len() * ONE_LOST_IN <= played, "{lost:?} of {played} worlds lost edits");
}

#[test]
fn worlds_0_to_249_hold() {
    hold(0..250, Knobs::wire());
}

#[test]
fn worlds_250_to_499_hold() {
    hold(250..500, Knobs::wire());
}

#[test]
fn worlds_500_to_749_hold() {
    hold(500..750, Knobs::wire());
}

#[test]
fn worlds_750_to_999_hold() {
    hold(750..1000, Knobs::wire());
}

#[test]
fn the_same_seed_plays_the_same_way() {
    let story = || World::play(&Plan::of(11, Knobs::rough()), true).story;
    let told = story();
    assert!(told.len() > 10);
    assert_eq!(told, story());
}
