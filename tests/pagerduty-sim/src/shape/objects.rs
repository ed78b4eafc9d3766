//! Owns the full REST form of what is not an incident: users, services, policies, priorities, fields.
//!
//! Each writer gives nothing for an id that does not exist.

use serde_json::{Map, Value, json};

use super::reference::Refs;
use crate::account::{CustomField, Service, ServiceState, Target, User};
use crate::incident::{Incident, Urgency};
use crate::world::World;

/// Merges the members every full object has (`id`, `type`, `summary`, `self`, `html_url`) with its own.
fn whole(reference: Value, kind: &str, members: Value) -> Value {
    let mut out = match reference {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    out.insert("type".to_owned(), json!(kind));
    if let Value::Object(members) = members {
        out.extend(members);
    }
    Value::Object(out)
}

pub(crate) fn user(refs: Refs<'_>, world: &World, id: &str) -> Option<Value> {
    let user = world.account.user(id)?;
    let members = json!({
        "name": user.name,
        "email": user.email,
        "time_zone": world.knobs.behaviour.account_time_zone,
        "color": "purple",
        "role": if user.read_only { "read_only_user" } else { user.role.as_str() },
        "avatar_url": refs.html(&format!("avatars/{id}.png")),
        "description": null,
        "invitation_sent": false,
        "job_title": null,
        "teams": user.teams.iter().map(|team| refs.team(team)).collect::<Vec<_>>(),
        "contact_methods": [contact_reference(refs, user)],
        "notification_rules": [],
    });
    Some(whole(refs.user(id), "user", members))
}

/// Everybody is reached by the email of their login, and by nothing else.
fn contact_reference(refs: Refs<'_>, user: &User) -> Value {
    let id = format!("PCM{}", user.id.get(2..).unwrap_or_default());
    let api = refs.api(&format!("users/{}/contact_methods/{id}", user.id));
    json!({
        "id": id,
        "type": "email_contact_method_reference",
        "summary": "Default",
        "self": api,
        "html_url": null,
    })
}

/// How a user is reached.
pub(crate) fn contact_method(refs: Refs<'_>, world: &World, user: &str) -> Option<Value> {
    let user = world.account.user(user)?;
    let members = json!({
        "label": "Default",
        "address": user.email,
        "send_short_email": false,
        "send_html_email": true,
    });
    Some(whole(contact_reference(refs, user), "email_contact_method", members))
}

const INTEGRATION: &str = "events_api_v2_inbound_integration";

fn integration_reference(refs: Refs<'_>, service: &Service) -> Value {
    let path = format!("services/{}/integrations/{}", service.id, service.integration_id);
    let (kind, name) = (format!("{INTEGRATION}_reference"), Some("Events API V2"));
    refs.built(&kind, &service.integration_id, name, &refs.api(&path), &refs.html(&path))
}

/// The integration of a service, with its routing key.
pub(crate) fn integration(refs: Refs<'_>, service: &Service) -> Value {
    let members = json!({
        "name": "Events API V2",
        "created_at": "2025-01-01T00:00:00Z",
        "service": refs.service(&service.id),
        "integration_key": service.integration_key,
    });
    whole(integration_reference(refs, service), INTEGRATION, members)
}

pub(crate) fn service(refs: Refs<'_>, world: &World, id: &str) -> Option<Value> {
    let service = world.account.service(id)?;
    let open = || world.incidents.iter().filter(|it| it.service == id && it.open());
    let status = match service.state {
        ServiceState::Maintenance => "maintenance",
        ServiceState::Disabled => "disabled",
        ServiceState::Active
            if open().any(|it| it.status == crate::incident::Status::Triggered) =>
        {
            "critical"
        }
        ServiceState::Active if open().next().is_some() => "warning",
        ServiceState::Active => "active",
    };
    let members = json!({
        "name": service.name,
        "description": null,
        "status": status,
        "created_at": "2025-01-01T00:00:00Z",
        "auto_resolve_timeout": service.auto_resolve_timeout_s,
        "acknowledgement_timeout": service.acknowledgement_timeout_s,
        "alert_creation": "create_alerts_and_incidents",
        "incident_urgency_rule":
            { "type": "constant", "urgency": service.fixed_urgency.map_or("high", Urgency::word) },
        "escalation_policy": refs.policy(&service.policy),
        "teams": service.teams.iter().map(|team| refs.team(team)).collect::<Vec<_>>(),
        "integrations": [integration_reference(refs, service)],
        "addons": [],
    });
    Some(whole(refs.service(id), "service", members))
}

pub(crate) fn policy(refs: Refs<'_>, world: &World, id: &str) -> Option<Value> {
    let policy = world.account.policy(id)?;
    let target = |target: &Target| match target {
        Target::User(id) => refs.user(id),
        Target::Schedule(id) => refs.schedule(id),
    };
    let rules = policy.levels.iter().map(|level| {
        json!({
            "id": level.id,
            "escalation_delay_in_minutes": level.delay_min,
            "targets": level.targets.iter().map(target).collect::<Vec<_>>(),
        })
    });
    let members = json!({
        "name": policy.name,
        "description": null,
        "num_loops": 0,
        "on_call_handoff_notifications": "if_has_services",
        "escalation_rules": rules.collect::<Vec<_>>(),
        "services": world.account.services.iter().filter(|it| it.policy == id)
            .map(|it| refs.service(&it.id)).collect::<Vec<_>>(),
        "teams": policy.teams.iter().map(|team| refs.team(team)).collect::<Vec<_>>(),
    });
    Some(whole(refs.policy(id), "escalation_policy", members))
}

pub(crate) fn team(refs: Refs<'_>, world: &World, id: &str) -> Option<Value> {
    let team = world.account.team(id)?;
    Some(whole(refs.team(id), "team", json!({ "name": team.name, "description": null })))
}

/// The REST form of a priority has no web page of its own.
pub(crate) fn priority(refs: Refs<'_>, world: &World, id: &str) -> Option<Value> {
    let priority = world.account.priority(id)?;
    let members = json!({
        "name": priority.name,
        "description": priority.description,
        "html_url": null,
    });
    Some(whole(refs.priority(id), "priority", members))
}

/// All custom field values of an incident, set or not.
pub(crate) fn field_values(world: &World, incident: &Incident) -> Value {
    let one = |field: &CustomField| {
        json!({
            "id": field.id,
            "type": "field_value",
            "name": field.name,
            "display_name": field.display_name,
            "description": null,
            "data_type": field.data_type,
            "field_type": field.field_type,
            "value": incident.custom_fields.get(&field.id),
        })
    };
    world.account.fields.iter().map(one).collect()
}
