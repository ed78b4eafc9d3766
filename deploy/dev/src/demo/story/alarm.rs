//! An alarm in PagerDuty becomes an incident on the platform, and what people do there follows.

use serde_json::json;

use super::Pair;
use crate::demo::scene::Scene;
use crate::demo::sides::{assignee, text};
use crate::stack::configure::{INCIDENT_TYPE, SERVICE};

/// How the line about the escalation begins.
pub(super) const ESCALATED: &str = "escalated to";
/// Who gets the incident in the end.
const TOMAS: &str = "PT0M4S1";

pub(super) fn play(scene: &mut Scene<'_>) -> anyhow::Result<Pair> {
    scene.chapter("An alarm in PagerDuty")?;
    let pair = triggered(scene, "Checkout latency above 2 s")?;
    escalated(scene, &pair)?;
    acknowledged(scene, &pair)?;
    reassigned(scene, &pair)?;
    Ok(pair)
}

/// An alarm of that title, on the service that stands for our incident type.
pub(super) fn triggered(scene: &mut Scene<'_>, title: &str) -> anyhow::Result<Pair> {
    let what = format!("an alarm triggers an incident, urgency high: {title}");
    let act = scene.act("PagerDuty", &what)?;
    let details =
        json!({ "title": title, "service": SERVICE, "urgency": "high", "automatic": true });
    let record = text(&scene.pagerduty.act("trigger", details)?, "id").to_owned();
    scene.webhook(act, "incident.triggered", &record)?;
    let incident = scene.linked("record", &record, "incident")?;
    scene.event(act, "created", &incident)?;
    let seen = scene.incident(&incident)?;
    scene.holds(
        &format!("the platform has it open, SEV-2, {INCIDENT_TYPE}"),
        text(&seen, "status") == "open"
            && text(&seen, "severity") == "SEV-2"
            && text(&seen, "incident_type") == INCIDENT_TYPE,
    )?;
    Ok(Pair { record, incident })
}

fn escalated(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", "nobody answers; it escalates to the next level")?;
    let details = json!({ "incident": pair.record, "automatic": true });
    let record = scene.pagerduty.act("escalate", details)?;
    scene.webhook(act, "incident.escalated", &pair.record)?;
    let (_, person) = assignee(&record);
    scene.until(&format!("the platform's timeline says “{ESCALATED} {person}”"), |scene| {
        Ok(scene.platform.lines(&pair.incident, &format!("{ESCALATED} {person}"))? == 1)
    })?;
    scene.until(&format!("the platform has it assigned to {person}"), |scene| {
        Ok(text(&scene.incident(&pair.incident)?, "assigned_to") == person)
    })
}

fn acknowledged(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", "Priya acknowledges")?;
    scene.pagerduty.act("acknowledge", json!({ "incident": pair.record }))?;
    scene.webhook(act, "incident.acknowledged", &pair.record)?;
    scene.event(act, "updated", &pair.incident)?;
    scene.until("the platform has it mitigated", |scene| {
        Ok(text(&scene.incident(&pair.incident)?, "status") == "mitigated")
    })
}

fn reassigned(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", "Priya hands it to Tomas")?;
    let details = json!({ "incident": pair.record, "assignees": [TOMAS] });
    scene.pagerduty.act("reassign", details)?;
    scene.webhook(act, "incident.reassigned", &pair.record)?;
    scene.event(act, "updated", &pair.incident)?;
    scene.until("the platform has it assigned to Tomas", |scene| {
        Ok(is_tomas(text(&scene.incident(&pair.incident)?, "assigned_to")))
    })
}

/// However the platform calls him.
fn is_tomas(who: &str) -> bool {
    who == TOMAS || who.to_lowercase().contains("tomas")
}
