//! Many worlds, one after the other.

use super::{Knobs, Plan, World};

#[test]
fn worlds_run() {
    let mut counts = std::collections::BTreeMap::new();
    let start = std::time::Instant::now();
    for seed in 0..300 {
        let report = World::play(&Plan::of(seed, Knobs::rough()), false);
        for (violation, what) in report.violations {
            counts.entry(violation).or_insert_with(Vec::new).push((seed, what));
        }
    }
    for (violation, found) in counts {
        println!("{violation:?}: {} e.g. {:?}", found.len(), found.first());
    }
    println!("{:?}", start.elapsed());
}
