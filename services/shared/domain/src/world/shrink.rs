//! Making a world that goes wrong as small as it can be and still go wrong in the same way.

use super::{Knobs, Plan, Violation, World};

/// The smallest plan found that still goes wrong in the same way.
pub fn shrink(plan: &Plan, violation: Violation) -> Plan {
    let fails = |plan: &Plan| World::play(plan, false).has(violation);
    let mut best = plan.clone();
    loop {
        let mut smaller = false;
        let mut count = best.len().max(1);
        while count > 0 {
            let mut from = 0;
            while from < best.len() {
                let tried = best.without(from, count);
                if fails(&tried) {
                    (best, smaller) = (tried, true);
                } else {
                    from += count;
                }
            }
            count /= 2;
        }
        for calm in CALMER {
            let mut knobs = best.knobs();
            calm(&mut knobs);
            let tried = best.with(knobs);
            if knobs != best.knobs() && fails(&tried) {
                (best, smaller) = (tried, true);
            }
        }
        if !smaller {
            return best;
        }
    }
}

/// Each takes out one thing that can go wrong.
const CALMER: [fn(&mut Knobs); 9] = [
    |knobs| knobs.dropped = 0,
    |knobs| knobs.twice = 0,
    |knobs| knobs.stalled = 0,
    |knobs| knobs.unanswered = 0,
    |knobs| knobs.unreached = 0,
    |knobs| knobs.late = 0,
    |knobs| knobs.stale = 0,
    |knobs| knobs.crashes = 0,
    |knobs| knobs.kills = 0,
];
