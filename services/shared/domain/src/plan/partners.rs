//! What has no counterpart on the other side, with how many records or incidents hold it.

use std::collections::BTreeMap;

use crate::{
    event::Reading,
    field::Field,
    incident::{Incident, Side},
    integration::Integration,
    lens::{Lens, Memory},
};

/// What has no counterpart, or is only known by its own side's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partners {
    /// Values, by the side that holds them and the field.
    pub values: BTreeMap<Lone, u64>,
    /// External services that stand for no incident type, by id, with their names.
    pub services: BTreeMap<String, Named>,
    /// Incident types that no service stands for; the empty one is none at all.
    pub incident_types: BTreeMap<String, u64>,
    /// External users whom no row of the mapping names, by id.
    pub users: BTreeMap<String, Named>,
    /// Whom the platform names and no row of the mapping does.
    pub people: BTreeMap<String, u64>,
}

/// A value without a counterpart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lone {
    /// The side that holds it.
    pub side: Side,
    /// The field.
    pub field: Field,
    /// The value.
    pub value: String,
}

/// Something of the external side's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// What people call it.
    pub name: String,
    /// How many records hold it.
    pub count: u64,
}

/// Adds what a record holds.
pub(super) fn of_record(partners: &mut Partners, config: &Integration, reading: &Reading) {
    let snapshot = &reading.snapshot;
    for (name, value) in &snapshot.fields {
        let Some(field) = config.field_named(*name) else { continue };
        let Some(rule) = config.fields.get(&field) else { continue };
        let Some(text) = value.value.clone() else { continue };
        if field == Field::AssignedTo {
            if !has_row(&rule.lens, |row| row.external == text) {
                let named = partners.users.entry(text.clone()).or_default();
                named.name = value.label.clone().unwrap_or(text);
                named.count += 1;
            }
        } else if !rule.lens.knows(None, value, &Memory::new()) {
            let lone = Lone { side: Side::External, field, value: text };
            *partners.values.entry(lone).or_default() += 1;
        }
    }
    let service = snapshot.service.as_ref();
    let unmapped = service.and_then(|service| Some((service, service.value.as_deref()?)));
    let unmapped = unmapped.filter(|(_, id)| config.incident_type(id).is_none());
    if let Some((service, id)) = unmapped {
        let named = partners.services.entry(id.to_owned()).or_default();
        named.name = service.label.clone().unwrap_or_else(|| id.to_owned());
        named.count += 1;
    }
}

/// Adds what an incident holds that is to be shown on the external side.
pub(super) fn of_incident(partners: &mut Partners, config: &Integration, incident: &Incident) {
    for (field, rule) in &config.fields {
        let Some(ours) = incident.value(*field) else { continue };
        if *field == Field::AssignedTo {
            if !has_row(&rule.lens, |row| row.platform == ours) {
                *partners.people.entry(ours.to_owned()).or_default() += 1;
            }
        } else if config.writes(*field) && rule.lens.get(Some(ours), None).is_err() {
            let lone = Lone { side: Side::Platform, field: *field, value: ours.to_owned() };
            *partners.values.entry(lone).or_default() += 1;
        }
    }
    let kind = incident.incident_type.as_deref();
    if config.sends() && config.service_for(kind).is_none() {
        *partners.incident_types.entry(kind.unwrap_or_default().to_owned()).or_default() += 1;
    }
}

fn has_row(lens: &Lens, is_it: impl Fn(&crate::lens::Row) -> bool) -> bool {
    matches!(lens, Lens::Reference { rows, by_email } if rows.iter().chain(by_email).any(is_it))
}
