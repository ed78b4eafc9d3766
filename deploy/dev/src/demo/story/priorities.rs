//! A priority in PagerDuty decides the severity, and a severity writes urgency and priority back.

use serde_json::{Value, json};

use super::Pair;
use crate::demo::scene::{Scene, answered};
use crate::demo::sides::{priority, text};

pub(super) fn play(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    scene.chapter("Priority and severity")?;
    raised_there(scene, pair)?;
    lowered_here(scene, pair)
}

fn raised_there(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    let act = scene.act("PagerDuty", "Priya sets priority P1")?;
    let details = json!({ "incident": pair.record, "priority": "P1" });
    scene.pagerduty.act("set_priority", details)?;
    scene.webhook(act, "incident.priority_updated", &pair.record)?;
    scene.event(act, "updated", &pair.incident)?;
    scene.until("the platform has it as SEV-1", |scene| {
        Ok(text(&scene.incident(&pair.incident)?, "severity") == "SEV-1")
    })
}

fn lowered_here(scene: &mut Scene<'_>, pair: &Pair) -> anyhow::Result<()> {
    let act = scene.act("platform", "somebody makes it SEV-3")?;
    scene.platform.incident(&["update", &pair.incident, "--severity", "SEV-3"])?;
    answered(act)?;
    scene.event(act, "updated", &pair.incident)?;
    scene.call(act, "PUT", &format!("/incidents/{}", pair.record))?;
    scene.until("PagerDuty has it at urgency low, priority P3", |scene| {
        let seen = scene.pagerduty.record(&pair.record)?;
        Ok(text(&seen, "urgency") == "low" && priority(&seen) == "P3")
    })?;
    let writes = scene.writes(act.mark);
    let carries = |body: &Value| {
        let has = |member: &str| body.pointer(member).is_some_and(|value| !value.is_null());
        has("/incident/urgency") && has("/incident/priority")
    };
    scene.holds(
        "one PUT carried both",
        matches!(&*writes, [call] if call.method == "PUT" && carries(&call.body)),
    )
}
