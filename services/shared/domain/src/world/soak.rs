//! Many worlds in the test command; `cargo dev simulate` plays many more.

use std::collections::BTreeMap;

use super::{Knobs, Plan, Violation, World, shrink};

/// Plays worlds, and tells the smallest story of the first that goes wrong.
#[track_caller]
fn hold(seeds: std::ops::Range<u64>, knobs: Knobs) {
    let mut counted: BTreeMap<Violation, usize> = BTreeMap::new();
    for seed in seeds {
        let plan = Plan::of(seed, knobs);
        let report = World::play(&plan, false);
        for (violation, what) in report.violations {
            if violation.is_counted_only() {
                *counted.entry(violation).or_default() += 1;
                continue;
            }
            let small = shrink(&plan, violation);
            let story = World::play(&small, true).story.join("\n");
            panic!("seed {seed}: {violation:?}: {what}\n{small}\n{story}");
        }
    }
    println!("{counted:?}");
}

#[test]
fn one() {
    for seed in [146, 277, 355, 142] {
        println!("=== {:?}", std::panic::catch_unwind(|| hold(seed..seed + 1, Knobs::calm())).is_ok());
    }
}
