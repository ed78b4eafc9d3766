//! Both sides work on the incident: a title travels out, notes travel both ways.

use serde_json::json;

use super::Pair;
use crate::demo::scene::{Scene, answered};
use crate::demo::sides::{notes_on, text};

/// The note written in PagerDuty.
pub(super) const THEIR_NOTE: &str = "Rolled back the gateway to v412";
/// The note written on the platform.
pub(super) const OUR_NOTE: &str = "Status page updated for eu-west";
/// The title the platform gives.
pub(super) const TITLE: &str = "Checkout is down in eu-west";

pub(super) fn play(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    scene.chapter("Both sides work on it")?;
    retitled(scene, pair)?;
    their_note(scene, pair)?;
    our_note(scene, pair)
}

fn retitled(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    let act = scene.act("platform", &format!("somebody gives it a better title: {TITLE}"))?;
    scene.platform.incident(&["update", &pair.incident, "--title", TITLE])?;
    answered(act)?;
    scene.event(act, "updated", &pair.incident)?;
    scene.call(act, "PUT", &format!("/incidents/{}", pair.record))?;
    scene.until("PagerDuty has the new title", |scene| {
        Ok(text(&scene.pagerduty.record(&pair.record)?, "title") == TITLE)
    })?;
    let seen = scene.pagerduty.record(&pair.record)?;
    scene.holds(
        "it is still acknowledged there, urgency high",
        text(&seen, "status") == "acknowledged" && text(&seen, "urgency") == "high",
    )
}

fn their_note(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", &format!("Priya notes: {THEIR_NOTE}"))?;
    let details = json!({ "incident": pair.record, "content": THEIR_NOTE });
    scene.pagerduty.act("annotate", details)?;
    scene.webhook(act, "incident.annotated", &pair.record)?;
    scene.event(act, "noted", &pair.incident)?;
    scene.until("it is on the platform's timeline", |scene| {
        Ok(scene.platform.lines(&pair.incident, THEIR_NOTE)? == 1)
    })
}

fn our_note(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    let act = scene.act("platform", &format!("somebody notes: {OUR_NOTE}"))?;
    scene.platform.incident(&["note", &pair.incident, OUR_NOTE])?;
    answered(act)?;
    scene.event(act, "noted", &pair.incident)?;
    scene.call(act, "POST", &format!("/incidents/{}/notes", pair.record))?;
    scene.until("it is a note in PagerDuty", |scene| {
        Ok(notes_on(&scene.pagerduty.record(&pair.record)?, OUR_NOTE) == 1)
    })
}
