//! An incident begins on the platform: its description is written once, and later changes travel as notes.

use super::Pair;
use crate::demo::scene::{Scene, answered};
use crate::demo::sides::{notes_on, text};
use crate::stack::configure::INCIDENT_TYPE;

/// What is known later.
pub(super) const LATER: &str = "The primary's disk is full; failing over";
/// What it is called.
const TITLE: &str = "Ledger writes are failing";
/// What is known at first.
const FIRST: &str = "Every write since 09:14 is refused";

pub(super) fn play(scene: &mut Scene<'_>) -> anyhow::Result<Pair> {
    scene.chapter("An incident that begins on the platform")?;
    let pair = created(scene)?;
    described(scene, &pair)?;
    Ok(pair)
}

fn created(scene: &mut Scene<'_>) -> anyhow::Result<Pair> {
    let what = format!("somebody opens an incident, SEV-2, described: {FIRST}");
    let act = scene.act("platform", &what)?;
    let words = ["create", "--title", TITLE, "--severity", "SEV-2", "--type", INCIDENT_TYPE];
    let made = scene.platform.incident(&[&words[..], &["--description", FIRST]].concat())?;
    let incident = text(&made, "id").to_owned();
    answered(act)?;
    scene.event(act, "created", &incident)?;
    scene.call(act, "POST", "/incidents")?;
    let record = scene.linked("incident", &incident, "record")?;
    scene.until("PagerDuty has it, and its body is the description", |scene| {
        let seen = scene.pagerduty.record(&record)?;
        Ok(text(&seen, "title") == TITLE && body_of(&seen) == FIRST)
    })?;
    Ok(Pair { record, incident })
}

fn described(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    let act = scene.act("platform", &format!("somebody describes it anew: {LATER}"))?;
    scene.platform.incident(&["update", &pair.incident, "--description", LATER])?;
    answered(act)?;
    scene.event(act, "updated", &pair.incident)?;
    scene.call(act, "POST", &format!("/incidents/{}/notes", pair.record))?;
    scene.until("it is one note in PagerDuty, whose body cannot change", |scene| {
        let seen = scene.pagerduty.record(&pair.record)?;
        Ok(notes_on(&seen, LATER) == 1 && body_of(&seen) == FIRST)
    })
}

fn body_of(record: &serde_json::Value) -> &str {
    record.get("body").map(|body| text(body, "details")).unwrap_or_default()
}
