//! The rules alone, on one core.

use tandem_domain::reconcile::reconcile;

use crate::{
    clock::{Stopwatch, Took},
    traffic::{Traffic, input},
};

const INCIDENTS: u64 = 1000;
const ROUNDS: usize = 200;

/// Applies decoded events to states in memory, and prints how many a second.
pub(crate) fn run() {
    let mut traffic = Traffic::new();
    let begun: Vec<_> = (0..INCIDENTS).map(|number| traffic.begin(number)).collect();
    // What happens depends on what happened before, so it is worked out once, and then played.
    let mut events = Vec::with_capacity(begun.len() * ROUNDS);
    let mut states = begun.clone();
    for round in 0..ROUNDS {
        for (number, state) in (0..INCIDENTS).zip(&mut states) {
            let happening = traffic.next(number, state, round);
            let step = reconcile(Some(state.clone()), input(&happening), &traffic.configs);
            *state = step.state.unwrap();
            state.notes.retain(|track| track.foreign.is_none());
            events.push((usize::try_from(number).unwrap(), happening));
        }
    }
    let mut states: Vec<_> = begun.into_iter().map(Some).collect();
    let mut decisions = 0;
    let watch = Stopwatch::start(&[]);
    for (number, happening) in &events {
        let step = reconcile(states[*number].take(), input(happening), &traffic.configs);
        decisions += step.decisions.len();
        let mut state = step.state.unwrap();
        state.notes.retain(|track| track.foreign.is_none());
        states[*number] = Some(state);
    }
    let Took { wall, cpu } = watch.stop();
    #[expect(clippy::cast_precision_loss, reason = "a bench's counts are small")]
    let count = events.len() as f64;
    println!(
        "rules: {:.0} events/s on one core, by processor time; {:.0} by the clock ({count} events, \
         {decisions} decisions)",
        count / cpu,
        count / wall
    );
}
