//! One line for the timeline, for what maps to no field. It does not say who did it: the actor
//! stands beside it.

use super::{
    lenient::Object,
    wire::{Data, FieldValue, Reference, RoleAssignment},
};
use crate::pagerduty::event_type::EventType;

/// The longest remark, in characters.
const REMARK_MAX: usize = 500;

/// The remark on an event; `name` is what PagerDuty calls its type.
pub(super) fn remark(event_type: EventType, name: &str, data: &Data<'_>) -> Option<String> {
    let text = match event_type {
        EventType::Triggered
        | EventType::Acknowledged
        | EventType::Unacknowledged
        | EventType::Reassigned
        | EventType::Delegated
        | EventType::Reopened
        | EventType::Annotated => return None,
        EventType::Resolved => {
            let into = data.resolve_reason.get()?.incident.get()?;
            format!("merged into {}", label(Some(into)))
        }
        EventType::Escalated => format!("escalated to {}", assignees(data)),
        EventType::PriorityUpdated => match data.priority.get() {
            Some(priority) => format!("priority set to {}", label(Some(priority))),
            None => "priority cleared".to_owned(),
        },
        EventType::ServiceUpdated => format!("moved to service {}", label(data.service.get())),
        EventType::IncidentTypeChanged => {
            let name = data.incident_type.get().and_then(|named| named.name.raw());
            format!("incident type changed to {}", name.unwrap_or(UNKNOWN))
        }
        EventType::StatusUpdatePublished => with("status update", data.message.raw()),
        EventType::ConferenceBridgeUpdated => conference_bridge(data),
        EventType::CustomFieldsUpdated | EventType::ServiceFieldsUpdated => custom_fields(data),
        EventType::ResponderAdded => {
            with(&format!("{} was asked to respond", responder(data)), data.message.raw())
        }
        EventType::ResponderReplied => {
            with(&format!("{} replied to the request", responder(data)), data.state.raw())
        }
        EventType::RoleAssigned => roles(data),
        EventType::TaskCreated => with("task created", data.summary.raw()),
        EventType::TaskUpdated => {
            let task = with("task updated", data.summary.raw());
            data.status.raw().map_or_else(|| task.clone(), |status| format!("{task} ({status})"))
        }
        EventType::TaskCompleted => with("task completed", data.summary.raw()),
        EventType::ActionCreated | EventType::ActionUpdated | EventType::ActionTerminated => {
            with(&format!("action {}", label(data.action.get())), data.state.raw())
        }
        EventType::WorkflowStarted => format!("workflow {} started", workflow(data)),
        EventType::WorkflowCompleted => format!("workflow {} completed", workflow(data)),
        EventType::ServiceCreated => with("service created", data.summary.raw()),
        EventType::ServiceChanged => with("service changed", data.summary.raw()),
        EventType::ServiceDeleted => with("service deleted", data.summary.raw()),
        EventType::Ping => with("ping", data.message.raw()),
        EventType::Other => format!("unknown event type {name}"),
    };
    Some(line(&text))
}

/// Where a name is missing.
const UNKNOWN: &str = "(unnamed)";

fn label<'a>(reference: Option<&'a Reference<'_>>) -> &'a str {
    reference.and_then(Reference::label).unwrap_or(UNKNOWN)
}

/// What happened, and what is told of it.
fn with(what: &str, told: Option<&str>) -> String {
    told.map_or_else(|| what.to_owned(), |told| format!("{what}: {told}"))
}

fn assignees(data: &Data<'_>) -> String {
    let names: Vec<_> = data.assignees.iter().map(|assignee| label(assignee.get())).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// A responder is a person or a whole escalation policy.
fn responder<'a>(data: &'a Data<'_>) -> &'a str {
    label(data.user.get().or_else(|| data.escalation_policy.get()))
}

fn workflow<'a>(data: &'a Data<'_>) -> &'a str {
    data.summary.raw().unwrap_or_else(|| label(data.incident_workflow.get()))
}

fn conference_bridge(data: &Data<'_>) -> String {
    let numbers = data.conference_numbers.iter().filter_map(Object::get);
    let numbers = numbers.filter_map(|number| number.number.raw());
    let ways: Vec<_> = data.conference_url.raw().into_iter().chain(numbers).collect();
    if ways.is_empty() {
        "conference bridge removed".to_owned()
    } else {
        format!("conference bridge: {}", ways.join(", "))
    }
}

/// The changed fields come with their previous values; what they hold now stands among all fields.
fn custom_fields(data: &Data<'_>) -> String {
    let current = |changed: &FieldValue<'_>| {
        let mut fields = data.custom_fields.iter().filter_map(Object::get);
        let field = fields.find(|field| field.id == changed.id)?;
        field.value.joined().flatten()
    };
    let change = |changed: &FieldValue<'_>| {
        let name = changed.name.raw().unwrap_or(UNKNOWN);
        match current(changed) {
            Some(value) => format!("{name} is now {value}"),
            None => format!("{name} changed"),
        }
    };
    let changes = data.changed_custom_fields.iter().filter_map(Object::get).map(change);
    let changes = changes.collect::<Vec<_>>().join(", ");
    with("custom fields", Some(&changes).filter(|text| !text.is_empty()).map(String::as_str))
}

fn roles(data: &Data<'_>) -> String {
    let role = |assignment: &RoleAssignment<'_>| {
        let who = assignment.assignee.get().and_then(Reference::label).unwrap_or("nobody");
        format!("{} is {who}", label(assignment.role.get()))
    };
    let roles = data.incident_role_assignments.iter().filter_map(Object::get).map(role);
    with("roles", Some(&*roles.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty()))
}

/// Makes it one line of a sane length, without control characters.
fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(REMARK_MAX) {
        None => line,
        Some(_) => line.chars().take(REMARK_MAX - 1).chain(['…']).collect(),
    }
}
