//! Owns the Events API v2: `/v2/enqueue` and `/v2/change/enqueue`, on the same port as REST.
//!
//! The routing key is the credential. Incidents made here have no incident key in webhooks, an
//! integration as agent and the event's client; alerts themselves are not simulated.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::change::patch::text_at;
use crate::change::{Change, New};
use crate::incident::{Actor, Agent, Incident, Status};
use crate::refusal::Refusal;
use crate::rest::{Answer, Asked};
use crate::world::World;

#[expect(clippy::unnecessary_wraps, reason = "a handler has this type")]
pub(crate) fn enqueue(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let event = &asked.body;
    let text = |path: &[&str]| text_at(event, path).map(str::to_owned);
    let key = text(&["routing_key"]).unwrap_or_default();
    let service = world.account.services.iter().find(|it| it.integration_key == key);
    let Some(service) = service.map(|service| service.id.clone()) else {
        return Ok(invalid("Invalid routing key"));
    };
    let limit = world.knobs.limits.events_per_minute;
    let reading = world.windows.count(&format!("events {key}"), limit, Instant::now());
    if reading.is_some_and(|reading| reading.exceeded) {
        return Ok(Answer { status: 429, body: Some(json!({ "status": "throttle exceeded" })) });
    }
    if let Some(error) = fault(event) {
        return Ok(invalid(error));
    }
    let dedup = text(&["dedup_key"]).unwrap_or_else(|| world.minter.incident_key());
    let of_alert = |it: &&Incident| {
        it.open() && it.service == service && it.alert_key.as_deref() == Some(dedup.as_str())
    };
    let open = world.incidents.with_key(&dedup).find(of_alert).map(|it| (it.id.clone(), it.status));
    let actor =
        Actor { agent: Agent::Integration(service.clone()), channel: "api", client: client(event) };
    let mut change = Change::new(world, actor, asked.now);
    let done = match (text(&["event_action"]).as_deref(), open) {
        (Some("trigger"), None) => {
            let new = New {
                title: text(&["payload", "summary"]).unwrap_or_default(),
                service: service.clone(),
                body: event.pointer("/payload/custom_details").map(Value::to_string),
                alert_key: Some(dedup.clone()),
                ..New::default()
            };
            change.create(new).map(drop)
        }
        (Some("acknowledge"), Some((id, Status::Triggered))) => change.acknowledge(&id),
        (Some("resolve"), Some((id, _))) => change.resolve(&id),
        // A second trigger only adds to the alert; an unknown key is dropped silently.
        _ => Ok(()),
    };
    // An incident that cannot be (service disabled, nobody on call) is no error of the event's.
    done.ok();
    let body = json!({ "status": "success", "message": "Event processed", "dedup_key": dedup });
    Ok(Answer { status: 202, body: Some(body) })
}

fn fault(event: &Value) -> Option<&'static str> {
    let action = text_at(event, &["event_action"]);
    let summary = text_at(event, &["payload", "summary"]).unwrap_or_default();
    let severity = text_at(event, &["payload", "severity"]);
    let dedup = text_at(event, &["dedup_key"]);
    match action {
        Some("trigger") if summary.is_empty() => Some("'payload.summary' is missing or blank"),
        Some("trigger") if summary.chars().count() > 1024 => Some("'payload.summary' is too long"),
        Some("trigger") if text_at(event, &["payload", "source"]).is_none() => {
            Some("'payload.source' is missing or blank")
        }
        Some("trigger") if !matches!(severity, Some("critical" | "error" | "warning" | "info")) => {
            Some("'payload.severity' is invalid")
        }
        Some("acknowledge" | "resolve") if dedup.is_none() => Some("'dedup_key' is missing"),
        Some("trigger" | "acknowledge" | "resolve") if dedup.is_some_and(|it| it.len() > 255) => {
            Some("'dedup_key' is too long")
        }
        Some("trigger" | "acknowledge" | "resolve") => None,
        _ => Some("'event_action' is invalid"),
    }
}

fn client(event: &Value) -> Option<Value> {
    let name = text_at(event, &["client"])?;
    Some(match text_at(event, &["client_url"]) {
        Some(url) => json!({ "name": name, "url": url }),
        None => json!({ "name": name }),
    })
}

/// Change events never make incidents.
#[expect(clippy::unnecessary_wraps, reason = "a handler has this type")]
pub(crate) fn change(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let key = text_at(&asked.body, &["routing_key"]).unwrap_or_default();
    let known = world.account.services.iter().any(|it| it.integration_key == key);
    let summary = text_at(&asked.body, &["payload", "summary"]).unwrap_or_default();
    if !known || summary.is_empty() {
        return Ok(invalid("Change event is invalid"));
    }
    let body = json!({ "status": "success", "message": "Change event processed" });
    Ok(Answer { status: 202, body: Some(body) })
}

fn invalid(error: &str) -> Answer {
    let body = json!({
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": [error],
    });
    Answer { status: 400, body: Some(body) }
}
