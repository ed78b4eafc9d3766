//! Resolved and open again on either side; a second alarm is merged into the first; then it is over.

use serde_json::json;

use super::{Pair, alarm, edits};
use crate::demo::scene::{Scene, answered};
use crate::demo::sides::text;

/// How the line about the merge begins.
pub(super) const MERGED: &str = "merged into";

/// Returns the incident that was merged.
pub(super) fn play(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<Pair> {
    scene.chapter("Resolved, and open again")?;
    there(scene, pair, "resolve", "Priya resolves it", "resolved")?;
    there(scene, pair, "reopen", "Priya reopens it: it was not over", "open")?;
    here(scene, pair, "resolved", "somebody resolves it", "resolved")?;
    here(scene, pair, "open", "somebody reopens it", "triggered")?;
    scene.chapter("Two alarms, one cause")?;
    let second = alarm::triggered(scene, "Checkout errors above 5 %")?;
    merged(scene, pair, &second)?;
    here(scene, pair, "resolved", "somebody resolves the first one, for good", "resolved")?;
    Ok(second)
}

/// A change of status in PagerDuty, and what the platform makes of it.
fn there(
    scene: &mut Scene<'_>,
    pair: &Pair,
    action: &str,
    what: &str,
    status: &str,
) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", what)?;
    scene.pagerduty.act(action, json!({ "incident": pair.record }))?;
    let kind = if action == "resolve" { "incident.resolved" } else { "incident.reopened" };
    scene.webhook(act, kind, &pair.record)?;
    scene.event(act, "updated", &pair.incident)?;
    scene.until(&format!("the platform has it {status}"), |scene| {
        Ok(text(&scene.incident(&pair.incident)?, "status") == status)
    })
}

/// A change of status on the platform, and what PagerDuty makes of it.
fn here(
    scene: &mut Scene<'_>,
    pair: &Pair,
    status: &str,
    what: &str,
    theirs: &str,
) -> anyhow::Result<()> {
    let act = scene.act("platform", what)?;
    scene.platform.incident(&["update", &pair.incident, "--status", status])?;
    answered(act)?;
    scene.event(act, "updated", &pair.incident)?;
    scene.call(act, "PUT", &format!("/incidents/{}", pair.record))?;
    scene.until(&format!("PagerDuty has it {theirs}"), |scene| {
        Ok(text(&scene.pagerduty.record(&pair.record)?, "status") == theirs)
    })
}

fn merged(scene: &mut Scene<'_>, target: &Pair, source: &Pair) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", "Priya merges the second into the first")?;
    let details = json!({ "incident": target.record, "sources": [source.record] });
    scene.pagerduty.act("merge", details)?;
    scene.webhook(act, "incident.resolved", &source.record)?;
    scene.event(act, "updated", &source.incident)?;
    scene.until("the platform has the second resolved", |scene| {
        Ok(text(&scene.incident(&source.incident)?, "status") == "resolved")
    })?;
    let line = format!("{MERGED} {}", edits::TITLE);
    scene.until(&format!("its timeline says “{line}”"), |scene| {
        Ok(scene.platform.lines(&source.incident, &line)? == 1)
    })?;
    let first = scene.incident(&target.incident)?;
    scene.holds("the first is still open", text(&first, "status") == "open")
}
