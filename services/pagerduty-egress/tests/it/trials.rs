//! kill -9 of the acting copy while a creation and a note are under way, at a moment and in weather
//! that a seed chooses: what it leaves behind is found by the next copy, and never doubled.
//!
//! `cargo dev chaos --only egress` plays a hundred of these trials, a test run three.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tandem_domain::{
    id::{LinkId, RecordId},
    link::record_key,
};
use tandem_pagerduty_sim::{Applied, Effect, ErrorBody};

use crate::{
    chance::{Chance, setting},
    copies::{acting, three, within_the_limit},
    stage::{Copy, Stage, creation, link, note},
};

/// How many trials there are unless `TANDEM_TRIALS` says otherwise, and from which seed unless
/// `TANDEM_SEED` does.
const TRIALS: u64 = 3;
const SEED: u64 = 20_261_130;
/// How long an outcome may stay unknown.
const SETTLES_WITHIN: Duration = Duration::from_secs(20);
/// The longest that is waited before the copy is killed, in milliseconds.
const MOMENT_MAX: u64 = 700;

/// What one trial is to be.
#[derive(Debug)]
struct Trial {
    /// What the calls that leave something behind meet.
    weather: Option<Effect>,
    /// How many of them.
    calls: u32,
    /// When the copy is killed, unless both have taken effect before.
    moment: Duration,
}

impl Trial {
    fn drawn(chance: &mut Chance) -> Self {
        let weather = match chance.below(6) {
            0 => Some(Effect::Slow { ms: 600, applied: Applied::First }),
            // Lands when the copy that sent it may be gone.
            1 => Some(Effect::Slow { ms: 600, applied: Applied::After }),
            2 => Some(Effect::Cut { applied: true }),
            3 => Some(Effect::Error { status: 503, body: ErrorBody::Html, applied: true }),
            4 => Some(Effect::Error { status: 503, body: ErrorBody::Html, applied: false }),
            _ => None,
        };
        let calls = u32::try_from(1 + chance.below(3)).unwrap();
        Self { weather, calls, moment: Duration::from_millis(chance.below(MOMENT_MAX)) }
    }
}

/// What came of all trials.
#[derive(Debug, Default)]
struct Found {
    /// How long it took from the death to both outcomes being told.
    settled: Vec<Duration>,
    /// In how many trials something had taken effect when the copy died.
    landed: usize,
    /// What was there twice, or not at all.
    wrong: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_copy_had_under_way_is_found_by_the_next_and_never_doubled() {
    let (trials, seed) = (setting("TANDEM_TRIALS", TRIALS), setting("TANDEM_SEED", SEED));
    let (stage, mut copies) = three().await;
    let record = stage.record("Payments fail");
    let mut found = Found::default();
    for trial in 1..=trials {
        let drawn = Trial::drawn(&mut Chance::new(seed.wrapping_add(trial)));
        play(&stage, &mut copies, (trial, &record), &drawn, &mut found).await;
    }
    // Once more for all: nothing has come late either.
    for trial in 1..=trials {
        let counts = counts(&stage, trial, &record);
        if counts != (1, 1) {
            found.wrong.push(format!("in the end, trial {trial}: {counts:?} records and notes"));
        }
    }
    let mut settled = found.settled.clone();
    settled.sort_unstable();
    eprintln!(
        "{trials} trials from seed {seed}: {} were killed with something in effect; settled after \
         {:?} at the median and {:?} at most; doubled or lost: {}",
        found.landed,
        settled[settled.len() / 2],
        settled[settled.len() - 1],
        found.wrong.len(),
    );
    assert!(found.wrong.is_empty(), "seed {seed}: {:#?}", found.wrong);
    within_the_limit(&stage.pagerduty.calls(0));
    stage.at_rest().await;
}

async fn play(
    stage: &Stage,
    copies: &mut [Copy],
    (trial, record): (u64, &RecordId),
    drawn: &Trial,
    found: &mut Found,
) {
    let active = acting(copies).await;
    if let Some(effect) = drawn.weather.clone() {
        stage.fault("POST", Some(drawn.calls), effect);
    }
    stage.want(&creation(of_trial(trial), 1, "triggered")).await;
    stage.act(&note(1, u128::from(trial), record, &text(trial))).await;
    let began = Instant::now();
    while began.elapsed() < drawn.moment && counts(stage, trial, record) != (1, 1) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let at_death = counts(stage, trial, record);
    copies[active].service.kill9().unwrap();
    let killed = Instant::now();
    // Either may have been told before, or of an earlier trial once more.
    let mut awaited: BTreeSet<LinkId> = [link(1), link(of_trial(trial))].into();
    while !awaited.is_empty() {
        for told in stage.told(1).await {
            let of_earlier =
                told.receipt.id.contains("nte_") && !told.receipt.id.contains(&note_of(trial));
            if !of_earlier {
                awaited.remove(&told.receipt.link);
            }
        }
    }
    let settled = killed.elapsed();
    let after = counts(stage, trial, record);
    eprintln!(
        "trial {trial}: {:?} for {} calls; killed after {:?} with {at_death:?} records and notes \
         in effect; settled {settled:?} later with {after:?}",
        drawn.weather,
        drawn.calls,
        killed - began,
    );
    found.landed += usize::from(at_death != (0, 0));
    found.settled.push(settled);
    if after != (1, 1) {
        found.wrong.push(format!("trial {trial}: {after:?} records and notes, {drawn:?}"));
    }
    if settled >= SETTLES_WITHIN {
        found.wrong.push(format!("trial {trial}: settled only after {settled:?}, {drawn:?}"));
    }
    stage.heal();
    copies[active].service.resume().unwrap();
}

/// The link whose record a trial creates.
const fn of_trial(trial: u64) -> u128 {
    1_000 + trial as u128
}

fn text(trial: u64) -> String {
    format!("note of trial {trial}.")
}

fn note_of(trial: u64) -> String {
    crate::stage::note_id(u128::from(trial)).to_string()
}

/// How many records and notes of a trial PagerDuty holds.
fn counts(stage: &Stage, trial: u64, record: &RecordId) -> (usize, usize) {
    let (key, text) = (record_key(link(of_trial(trial))), text(trial));
    let incidents = stage.pagerduty.incidents();
    let records = incidents.iter().filter(|it| it["incident_key"] == *key).count();
    let kept = incidents.iter().find(|it| it["id"] == record.as_str());
    let notes = kept.and_then(|it| it["notes"].as_array());
    let notes = notes.into_iter().flatten().filter(|note| note["content"] == *text).count();
    (records, notes)
}
