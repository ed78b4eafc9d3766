//! The end: nothing moves any more, both sides tell the same story, and nothing is there twice.

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::Value;

use super::{Census, Once, Pair};
use crate::commands::told;
use crate::demo::scene::{PATIENCE, Scene};
use crate::demo::sides::{assignee, notes_on, priority, text};
use crate::demo::witness::Seen;

/// How long both sides have to keep silent.
const SILENCE: Duration = Duration::from_secs(10);

pub(super) fn play(
    scene: &mut Scene<'_>,
    pairs: &[&Pair],
    once: &[Once<'_>],
    before: Census,
) -> anyhow::Result<()> {
    scene.chapter("The end")?;
    silence(scene)?;
    scene.act("both", "do they tell the same story?")?;
    for pair in pairs {
        let theirs = scene.pagerduty.record(&pair.record)?;
        let ours = scene.incident(&pair.incident)?;
        agree(scene, &ours, &theirs)?;
    }
    scene.act("both", "is anything there twice?")?;
    nothing_twice(scene, pairs.len(), once, before)?;
    match scene.wrongs() {
        [] => told::line(format_args!(
            "\nBoth sides agree, and nothing was doubled ({:.1} s).",
            scene.age().as_secs_f32()
        )),
        wrongs => bail!("{} things went wrong:\n  {}", wrongs.len(), wrongs.join("\n  ")),
    }
}

/// Waits until nothing is on its way any more, then for silence.
fn silence(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.until("every webhook has arrived", |scene| Ok(scene.pagerduty.pending()? == 0))?;
    // What the last webhook may still set off is part of the story, not of the silence.
    settle(scene);
    let act = scene.act("both", &format!("{} s of silence", SILENCE.as_secs()))?;
    let is_noise = |seen: &Seen| !matches!(seen, Seen::Call(call) if call.method == "GET");
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

/// Compares an incident and its record field by field.
fn agree(scene: &mut Scene<'_>, ours: &Value, theirs: &Value) -> anyhow::Result<()> {
    let (title, severity) = (text(ours, "title"), text(ours, "severity"));
    let status = match text(ours, "status") {
        "open" => "triggered",
        "mitigated" => "acknowledged",
        _ => "resolved",
    };
    let urgency = if matches!(severity, "SEV-1" | "SEV-2") { "high" } else { "low" };
    let fields = ["title", "status", "urgency"].map(|field| text(theirs, field));
    let mut is_so = fields == [title, status, urgency];
    let mut found = fields.to_vec();
    if !priority(theirs).is_empty() {
        is_so &= priority(theirs) == severity.replace("SEV-", "P");
        found.push(priority(theirs));
    }
    // PagerDuty takes everybody off what is resolved.
    if status != "resolved" {
        let ((id, person), assigned_to) = (assignee(theirs), text(ours, "assigned_to"));
        is_so &= assigned_to == id || assigned_to == person;
        found.push(person);
    }
    scene.holds(&found.join(" · "), is_so)
}

/// Counts what the story has left behind on either side, and what it took to get there.
fn nothing_twice(
    scene: &mut Scene<'_>,
    pairs: usize,
    once: &[Once<'_>],
    before: Census,
) -> anyhow::Result<()> {
    let expected = Census { records: before.records + pairs, incidents: before.incidents + pairs };
    let is_so = Census::take(scene)? == expected;
    scene.holds(&format!("{pairs} incidents came to be, each once on either side"), is_so)?;
    for Once { pair, text, is_note } in once {
        let there = notes_on(&scene.pagerduty.record(&pair.record)?, text);
        let is_so =
            scene.platform.lines(&pair.incident, text)? == 1 && there == usize::from(*is_note);
        let place = if *is_note { "on either side" } else { "on the platform" };
        scene.holds(&format!("once {place}: “{text}”"), is_so)?;
    }
    let surplus: Vec<String> = scene.surplus().iter().map(|call| format!("{call:?}")).collect();
    let writes = scene.writes(0).len();
    scene.holds(
        &format!("each of the {writes} calls that wrote was asked for by one act"),
        surplus.is_empty(),
    )?;
    for call in surplus {
        scene.wrong(&call)?;
    }
    Ok(())
}
