//! Owns the REST form of log entries.
//!
//! `channel` shows only its type unless `include[]=channels` asks for the rest.

use serde_json::{Map, Value, json};

use super::reference::{Refs, Surface};
use super::{objects, rest};
use crate::clock;
use crate::incident::LogEntry;
use crate::world::World;

/// The sentence that sums an entry up.
pub(crate) fn summary(world: &World, entry: &LogEntry) -> String {
    let refs = Refs::new(world, Surface::Rest);
    let by = refs.agent(&entry.agent);
    let by = by.get("summary").and_then(Value::as_str).unwrap_or("PagerDuty").to_owned();
    match entry.kind.as_ref() {
        "trigger" => match entry.channel.as_ref() {
            "api" => "Triggered through the API".to_owned(),
            _ => "Triggered through the website".to_owned(),
        },
        "annotate" => format!("Annotated by {by}"),
        "assign" => format!("Assigned by {by}"),
        "acknowledge" => format!("Acknowledged by {by}"),
        "resolve" => format!("Resolved by {by}"),
        kind => format!("{} by {by}", kind.replace('_', " ")),
    }
}

/// A reference to an entry.
pub(crate) fn reference(refs: Refs<'_>, entry: &LogEntry) -> Value {
    let kind = format!("{}_log_entry_reference", entry.kind);
    let api = refs.api(&format!("log_entries/{}", entry.id));
    let html = refs.html(&format!("incidents/{}/log_entries/{}", entry.incident, entry.id));
    refs.built(&kind, &entry.id, Some(&entry.summary), &api, &html)
}

/// An entry, with what `include[]` asks for.
pub(crate) fn entry(world: &World, entry: &LogEntry, include: &[&str]) -> Value {
    let refs = Refs::new(world, Surface::Rest);
    let incident = world.incidents.get(&entry.incident);
    let teams = incident.map(|incident| incident.teams.as_slice()).unwrap_or_default();
    let mut channel = Map::new();
    channel.insert("type".to_owned(), json!(entry.channel));
    let mut out = match reference(refs, entry) {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    out.insert("type".to_owned(), json!(format!("{}_log_entry", entry.kind)));
    out.insert("created_at".to_owned(), json!(clock::seconds(entry.at)));
    out.insert("agent".to_owned(), refs.agent(&entry.agent));
    out.insert("service".to_owned(), refs.service(&entry.service));
    out.insert("teams".to_owned(), teams.iter().map(|id| refs.team(id)).collect());
    out.insert("contexts".to_owned(), json!([]));
    out.insert("event_details".to_owned(), json!({}));
    if let Some(incident) = incident {
        out.insert("incident".to_owned(), refs.incident(incident));
    }
    for asked in include {
        match (*asked, incident) {
            ("channels", _) => {
                if let Value::Object(details) = &entry.details {
                    channel.extend(details.clone());
                }
            }
            ("incidents", Some(incident)) => {
                out.insert("incident".to_owned(), rest::incident(world, incident, &[]));
            }
            ("services", _) => {
                if let Some(service) = objects::service(refs, world, &entry.service) {
                    out.insert("service".to_owned(), service);
                }
            }
            ("teams", _) => {
                let full = teams.iter().filter_map(|id| objects::team(refs, world, id));
                out.insert("teams".to_owned(), full.collect());
            }
            _ => {}
        }
    }
    out.insert("channel".to_owned(), Value::Object(channel));
    // Members of the entry itself, whatever is included.
    for name in ["note", "assignees", "changed_actions", "channel_note"] {
        if let Some(value) = entry.details.get(name) {
            out.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(out)
}
