//! The story itself: which chapters there are, and what they have in common.
//!
//! Each chapter leaves behind what it brought into being and what must be found exactly once at the end.

mod alarm;
mod created;
mod edits;
mod ending;
mod priorities;
mod reopened;
mod traced;

use super::scene::Scene;
use crate::commands::told;

/// An incident and its counterpart in PagerDuty.
struct Pair {
    record: String,
    incident: String,
}

/// A text that must be on the timeline of an incident exactly once; if it is a note, on its record too.
struct Once<'a> {
    pair: &'a Pair,
    text: &'static str,
    is_note: bool,
}

/// How many there are on each side.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Census {
    records: usize,
    incidents: usize,
}

impl Census {
    fn take(scene: &Scene<'_>) -> anyhow::Result<Self> {
        let records = scene.pagerduty.records()?.len();
        Ok(Self { records, incidents: scene.platform.count()? })
    }
}

/// Plays the story; fails unless both sides agree at the end.
pub(crate) fn play(mut scene: Scene<'_>) -> anyhow::Result<()> {
    let scene = &mut scene;
    told::line(
        "\nLatencies count from the act. A webhook leaves the simulator 20 to 60 ms after its cause.",
    )?;
    let before = Census::take(scene)?;
    let alarm = alarm::play(scene)?;
    edits::play(scene, &alarm)?;
    priorities::play(scene, &alarm)?;
    let merged = reopened::play(scene, &alarm)?;
    let created = created::play(scene)?;
    let traced = traced::play(scene)?;
    let note = |pair, text| Once { pair, text, is_note: true };
    let line = |pair, text| Once { pair, text, is_note: false };
    let once = [
        line(&alarm, alarm::ESCALATED),
        note(&alarm, edits::THEIR_NOTE),
        note(&alarm, edits::OUR_NOTE),
        line(&merged, reopened::MERGED),
        note(&created, created::LATER),
        note(&traced, traced::NOTE),
    ];
    ending::play(scene, &[&alarm, &merged, &created, &traced], &once, before)
}
