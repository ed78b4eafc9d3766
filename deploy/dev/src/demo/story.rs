//! The story itself, scene by scene.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::scene::{PATIENCE, Scene, answered};
use super::sides::{assignee, notes_on, text};
use super::witness::Seen;
use crate::commands::told;
use crate::stack::configure::{HANDLE, INCIDENT_TYPE, SERVICE};

/// How long both sides have to keep silent at the end.
const SILENCE: Duration = Duration::from_secs(10);
/// Who gets the incident in the end.
const TOMAS: &str = "PT0M4S1";
/// The note written in PagerDuty, and the one written on the platform.
const THEIR_NOTE: &str = "Rolled back the gateway to v412";
const OUR_NOTE: &str = "Status page updated for eu-west";
/// The title the platform gives.
const TITLE: &str = "Checkout is down in eu-west";
/// What the platform opens itself.
const CREATED: &str = "Ledger writes are failing";

/// Plays the story; fails unless both sides agree at the end.
pub(crate) fn play(mut scene: Scene<'_>) -> anyhow::Result<()> {
    let scene = &mut scene;
    let began = Instant::now();
    told::line(
        "\nLatencies count from the act. A webhook leaves the simulator 20 to 60 ms after its cause.",
    )?;
    let (record, incident) = triggered(scene)?;
    acknowledged(scene, &record, &incident)?;
    retitled(scene, &record, &incident)?;
    their_note(scene, &record, &incident)?;
    our_note(scene, &record, &incident)?;
    reassigned(scene, &record, &incident)?;
    resolved(scene, &record, &incident)?;
    let earlier = records_titled(scene, CREATED)?;
    let created = created_here(scene)?;
    silence(scene)?;
    let count = records_titled(scene, CREATED)?;
    scene.holds("what the platform opened is in PagerDuty exactly once", count == earlier + 1)?;
    verdict(scene, &[(record, incident), created], began)
}

fn triggered(scene: &mut Scene<'_>) -> anyhow::Result<(String, String)> {
    let act = scene.act("PagerDuty", "an alarm triggers an incident, urgency high")?;
    let details = json!({ "title": "Checkout latency above 2 s", "service": SERVICE,
        "urgency": "high", "automatic": true });
    let record = text(&scene.pagerduty.act("trigger", details)?, "id").to_owned();
    scene.webhook(act, "incident.triggered", &record)?;
    let incident = linked(scene, "record", &record, "incident")?;
    scene.event(act, "created", &incident)?;
    let seen = scene.incident(&incident)?;
    scene.holds(
        "the platform has it open, SEV-2",
        text(&seen, "status") == "open" && text(&seen, "severity") == "SEV-2",
    )?;
    scene.holds("its type is infrastructure", text(&seen, "incident_type") == INCIDENT_TYPE)?;
    Ok((record, incident))
}

fn acknowledged(scene: &mut Scene<'_>, record: &str, incident: &str) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", "Priya acknowledges")?;
    scene.pagerduty.act("acknowledge", json!({ "incident": record }))?;
    scene.webhook(act, "incident.acknowledged", record)?;
    scene.event(act, "updated", incident)?;
    scene.until("the platform has it mitigated", |scene| {
        Ok(text(&scene.incident(incident)?, "status") == "mitigated")
    })
}

fn retitled(scene: &mut Scene<'_>, record: &str, incident: &str) -> anyhow::Result<()> {
    let act = scene.act("platform", "somebody gives it a better title and makes it SEV-1")?;
    scene.platform.incident(&["update", incident, "--title", TITLE, "--severity", "SEV-1"])?;
    answered(act)?;
    scene.event(act, "updated", incident)?;
    scene.call(act, "PUT", &format!("/incidents/{record}"))?;
    scene.until("PagerDuty has the new title", |scene| {
        Ok(text(&scene.pagerduty.record(record)?, "title") == TITLE)
    })?;
    let seen = scene.pagerduty.record(record)?;
    scene.holds("its urgency is still high", text(&seen, "urgency") == "high")?;
    scene.holds("it is still acknowledged", text(&seen, "status") == "acknowledged")
}

fn their_note(scene: &mut Scene<'_>, record: &str, incident: &str) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", &format!("Priya notes: {THEIR_NOTE}"))?;
    scene.pagerduty.act("annotate", json!({ "incident": record, "content": THEIR_NOTE }))?;
    scene.webhook(act, "incident.annotated", record)?;
    scene.event(act, "noted", incident)?;
    scene.until("it is on the platform's timeline", |scene| {
        Ok(scene.platform.notes(incident, THEIR_NOTE)? == 1)
    })
}

fn our_note(scene: &mut Scene<'_>, record: &str, incident: &str) -> anyhow::Result<()> {
    let act = scene.act("platform", &format!("somebody notes: {OUR_NOTE}"))?;
    scene.platform.incident(&["note", incident, OUR_NOTE])?;
    answered(act)?;
    scene.event(act, "noted", incident)?;
    scene.call(act, "POST", &format!("/incidents/{record}/notes"))?;
    scene.until("it is a note in PagerDuty", |scene| {
        Ok(notes_on(&scene.pagerduty.record(record)?, OUR_NOTE) == 1)
    })
}

fn reassigned(scene: &mut Scene<'_>, record: &str, incident: &str) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", "Priya hands it to Tomas")?;
    scene.pagerduty.act("reassign", json!({ "incident": record, "assignees": [TOMAS] }))?;
    scene.webhook(act, "incident.reassigned", record)?;
    scene.event(act, "updated", incident)?;
    scene.until("the platform has it assigned to Tomas", |scene| {
        Ok(is_tomas(text(&scene.incident(incident)?, "assigned_to")))
    })
}

fn resolved(scene: &mut Scene<'_>, record: &str, incident: &str) -> anyhow::Result<()> {
    let act = scene.act("platform", "somebody resolves it")?;
    scene.platform.incident(&["update", incident, "--status", "resolved"])?;
    answered(act)?;
    scene.event(act, "updated", incident)?;
    scene.call(act, "PUT", &format!("/incidents/{record}"))?;
    scene.until("PagerDuty has it resolved", |scene| {
        Ok(text(&scene.pagerduty.record(record)?, "status") == "resolved")
    })
}

/// An incident that begins on the platform; returns its record and itself.
fn created_here(scene: &mut Scene<'_>) -> anyhow::Result<(String, String)> {
    let act = scene.act("platform", "somebody opens an incident, SEV-2, infrastructure")?;
    let words = ["create", "--title", CREATED, "--severity", "SEV-2", "--type", INCIDENT_TYPE];
    let incident = text(&scene.platform.incident(&words)?, "id").to_owned();
    answered(act)?;
    scene.event(act, "created", &incident)?;
    scene.call(act, "POST", "/incidents")?;
    let record = linked(scene, "incident", &incident, "record")?;
    scene.until("it is in PagerDuty, and linked", |scene| {
        Ok(text(&scene.pagerduty.record(&record)?, "title") == CREATED)
    })?;
    Ok((record, incident))
}

/// Waits for a link that has both ends; returns the other one.
fn linked(scene: &Scene<'_>, key: &str, id: &str, other: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let link = scene.platform.link(HANDLE, key, id)?;
        let end = link.as_ref().map(|link| text(link, other)).unwrap_or_default();
        if !end.is_empty() {
            return Ok(end.to_owned());
        }
        if Instant::now() >= deadline || scene.is_asked() {
            bail!("{id} was not linked within {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn records_titled(scene: &Scene<'_>, title: &str) -> anyhow::Result<usize> {
    let records = scene.pagerduty.records()?;
    Ok(records.iter().filter(|record| text(record, "title") == title).count())
}

/// Waits until nothing is on its way any more, then for silence.
fn silence(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.until("every webhook has arrived", |scene| Ok(scene.pagerduty.pending()? == 0))?;
    // What the last webhook may still set off is part of the story, not of the silence.
    settle(scene);
    let act = scene.act("both", &format!("{} s of silence", SILENCE.as_secs()))?;
    let is_noise = |seen: &Seen| !matches!(seen, Seen::Call { method, .. } if method == "GET");
    let broken = scene.witness.wait(act.mark, SILENCE, is_noise);
    let seen = scene.witness.since(act.mark);
    let noises: Vec<String> = seen
        .iter()
        .filter(|(_, seen)| is_noise(seen))
        .map(|(_, seen)| format!("{seen:?}"))
        .collect();
    let reads = seen.len() - noises.len();
    scene.holds(
        &format!("no webhook, no event, no call that changes anything ({reads} reads)"),
        broken.is_none(),
    )?;
    for noise in noises {
        scene.wrong(&noise)?;
    }
    Ok(())
}

/// Waits for a second in which nothing happens.
fn settle(scene: &Scene<'_>) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && !scene.is_asked() {
        let mark = scene.witness.mark();
        if scene.witness.wait(mark, Duration::from_secs(1), |_| true).is_none() {
            return;
        }
    }
}

fn verdict(
    scene: &mut Scene<'_>,
    pairs: &[(String, String)],
    began: Instant,
) -> anyhow::Result<()> {
    scene.act("both", "do they tell the same story?")?;
    for (record, incident) in pairs {
        let theirs = scene.pagerduty.record(record)?;
        let ours = scene.incident(incident)?;
        agree(scene, &ours, &theirs)?;
    }
    let (record, incident) = pairs.first().context("there is no story")?;
    let theirs = scene.pagerduty.record(record)?;
    let on_ours = [THEIR_NOTE, OUR_NOTE].map(|note| scene.platform.notes(incident, note));
    let [their_on_ours, our_on_ours] = on_ours;
    let once = their_on_ours? == 1 && our_on_ours? == 1;
    let once_there = [THEIR_NOTE, OUR_NOTE].iter().all(|note| notes_on(&theirs, note) == 1);
    scene.holds("each note is there exactly once, on either side", once && once_there)?;
    match scene.wrongs() {
        [] => {
            told::line(format_args!("\nBoth sides agree ({:.1} s).", began.elapsed().as_secs_f32()))
        }
        wrongs => bail!("{} things went wrong:\n  {}", wrongs.len(), wrongs.join("\n  ")),
    }
}

/// Compares an incident and its record field by field.
fn agree(scene: &mut Scene<'_>, ours: &Value, theirs: &Value) -> anyhow::Result<()> {
    let status = match text(ours, "status") {
        "open" => "triggered",
        "mitigated" => "acknowledged",
        _ => "resolved",
    };
    let urgency = if matches!(text(ours, "severity"), "SEV-1" | "SEV-2") { "high" } else { "low" };
    let name = text(ours, "title").to_owned();
    let pair = |field: &str, wanted: &str| {
        let found = text(theirs, field);
        (format!("“{name}”: {field} {found}"), found == wanted)
    };
    for (what, is_so) in [pair("title", &name), pair("status", status), pair("urgency", urgency)] {
        scene.holds(&what, is_so)?;
    }
    // PagerDuty takes everybody off what is resolved.
    if status != "resolved" {
        let ((id, person), assigned_to) = (assignee(theirs), text(ours, "assigned_to"));
        let is_so = assigned_to == id || assigned_to == person;
        scene.holds(&format!("“{name}”: assigned to {person}"), is_so)?;
    }
    Ok(())
}

/// However the platform calls him.
fn is_tomas(who: &str) -> bool {
    who == TOMAS || who.to_lowercase().contains("tomas")
}
