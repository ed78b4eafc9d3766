//! Who and what of an external account the platform knows, and by what; suggestions by name.
//!
//! Pure. An explicit mapping goes before everything else; whom the platform calls by the address that
//! they have over there is them; what is guessed by name is only shown, never acted upon.

use std::collections::BTreeSet;

use tandem_connectors::directory::{Person, Service};
use tandem_domain::{
    field::Field,
    integration::{Integration, ServiceMapping},
    lens::{Lens, Row},
};
use tandem_proto::v1::{self, PersonMatch, ServiceMatch};
use tandem_store::standing::Said;

use crate::wire;

/// Words that say nothing of what a service is about.
const EMPTY_WORDS: [&str; 12] = [
    "api",
    "app",
    "incident",
    "incidents",
    "prod",
    "production",
    "service",
    "services",
    "svc",
    "system",
    "team",
    "the",
];

/// Who of the account's users the platform knows; and whom it names that are none of them.
pub(crate) fn people(
    integration: &Integration,
    users: Vec<Person>,
    said: &[Said],
) -> (Vec<v1::AccountUser>, Vec<v1::PlatformPerson>) {
    let (rows, by_email) = rows(integration);
    let names = |user: &Person, text: &str| user.name == text || has_address(user, text);
    let is_known = |text: &str| {
        rows.iter().any(|row| row.platform == text) || users.iter().any(|user| names(user, text))
    };
    let unknown = said.iter().filter(|said| !is_known(&said.text)).map(|said| v1::PlatformPerson {
        platform: said.text.clone(),
        incidents: wire::number(said.incidents),
    });
    let unknown = unknown.collect();
    let users = users.into_iter().map(|user| person(user, (rows, by_email), said)).collect();
    (users, unknown)
}

/// The people whom the platform calls by the address that they have there: those who are known, and
/// whoever is found among the account's users and has no explicit counterpart.
pub(crate) fn by_email(integration: &Integration, users: &[Person], said: &[Said]) -> Vec<Row> {
    let (rows, known) = rows(integration);
    let is_explicit = |user: &Person| rows.iter().any(|row| row.external == user.id);
    let is_known = |name: &str| rows.iter().chain(known).any(|row| row.platform == name);
    let found = said.iter().filter(|said| !is_known(&said.text)).filter_map(|said| {
        let user = users.iter().find(|user| has_address(user, &said.text))?;
        let row = || Row { platform: said.text.clone(), external: user.id.clone(), fresh: true };
        (!is_explicit(user)).then(row)
    });
    let mut all: Vec<Row> = known.iter().cloned().chain(found).collect();
    all.sort_by(|one, other| one.platform.cmp(&other.platform));
    all
}

/// Keeps who is known by address.
pub(crate) fn know(integration: &mut Integration, known: Vec<Row>) {
    let rule = integration.fields.get_mut(&Field::AssignedTo);
    if let Some(Lens::Reference { by_email, .. }) = rule.map(|rule| &mut rule.lens) {
        *by_email = known;
    }
}

/// Who is who: explicitly, and by address.
pub(crate) fn rows(integration: &Integration) -> (&[Row], &[Row]) {
    match integration.fields.get(&Field::AssignedTo).map(|rule| &rule.lens) {
        Some(Lens::Reference { rows, by_email }) => (rows, by_email),
        _ => (&[], &[]),
    }
}

fn has_address(user: &Person, text: &str) -> bool {
    user.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(text))
}

fn person(user: Person, (rows, by_email): (&[Row], &[Row]), said: &[Said]) -> v1::AccountUser {
    let is_them = |row: &&Row| row.external == user.id;
    let mapped = rows.iter().find(is_them).map(|row| row.platform.clone());
    let addressed = by_email.iter().find(is_them).map(|row| row.platform.clone());
    let says = |is: &dyn Fn(&str) -> bool| {
        said.iter().find(|said| is(&said.text)).map(|said| said.text.clone())
    };
    let by_email = || addressed.or_else(|| says(&|text| has_address(&user, text)));
    let by_name = || says(&|text| text == user.name);
    let (found, platform) = if let Some(platform) = mapped {
        (PersonMatch::Mapped, platform)
    } else if let Some(platform) = by_email() {
        (PersonMatch::Email, platform)
    } else if let Some(platform) = by_name() {
        (PersonMatch::Name, platform)
    } else {
        (PersonMatch::Unknown, String::new())
    };
    v1::AccountUser {
        id: user.id,
        name: user.name,
        email: user.email.unwrap_or_default(),
        role: user.role.unwrap_or_default(),
        r#match: found.into(),
        platform,
    }
}

/// Which of the account's services are mapped, what the others might stand for, which mappings
/// lead nowhere; and the incident types that no service stands for.
pub(crate) fn services(
    integration: &Integration,
    services: Vec<Service>,
    types: &[Said],
) -> (Vec<v1::AccountService>, Vec<String>) {
    let mapped = &integration.services;
    let is_there = |mapping: &&ServiceMapping| services.iter().any(|it| it.id == mapping.service);
    let missing: Vec<_> = mapped
        .iter()
        .filter(|mapping| !is_there(mapping))
        .map(|mapping| v1::AccountService {
            id: mapping.service.clone(),
            r#match: ServiceMatch::Missing.into(),
            incident_type: mapping.incident_type.clone(),
            is_default: mapping.default,
            ..Default::default()
        })
        .collect();
    let spoken: Vec<&str> = types.iter().map(|said| said.text.as_str()).collect();
    let also = mapped.iter().map(|it| it.incident_type.as_str());
    let all: Vec<&str> = spoken.iter().copied().chain(also).collect();
    let mut shown: Vec<_> = services.into_iter().map(|it| service(it, mapped, &all)).collect();
    shown.extend(missing);
    let is_mapped = |name: &str| mapped.iter().any(|mapping| mapping.incident_type == name);
    let unmapped = spoken.into_iter().filter(|name| !is_mapped(name)).map(str::to_owned).collect();
    (shown, unmapped)
}

fn service(from: Service, mapped: &[ServiceMapping], types: &[&str]) -> v1::AccountService {
    let mapping = mapped.iter().find(|mapping| mapping.service == from.id);
    let (found, incident_type) = match (mapping, suggestion(&from.name, types)) {
        (Some(mapping), _) => (ServiceMatch::Mapped, mapping.incident_type.clone()),
        (None, Some(alike)) => (ServiceMatch::Suggested, alike.to_owned()),
        (None, None) => (ServiceMatch::Unmapped, String::new()),
    };
    v1::AccountService {
        id: from.id,
        name: from.name,
        status: from.status.unwrap_or_default(),
        takes_incidents: from.takes_incidents,
        escalation_policy: from.policy.map(|policy| policy.name).unwrap_or_default(),
        r#match: found.into(),
        incident_type,
        is_default: mapping.is_some_and(|mapping| mapping.default),
    }
}

/// The type whose name is most like a service's: at least half of the words that either has are in
/// both. Of several, the first.
fn suggestion<'a>(service: &str, types: &[&'a str]) -> Option<&'a str> {
    let service = words(service);
    let mut best: Option<(usize, usize, &str)> = None;
    for name in types {
        let other = words(name);
        let (both, either) = (service.intersection(&other).count(), service.union(&other).count());
        // Fractions are compared by multiplying out.
        let better = best.is_none_or(|(b, e, _)| both * e > b * either);
        if both > 0 && both * 2 >= either && better {
            best = Some((both, either, name));
        }
    }
    best.map(|(_, _, name)| name)
}

/// The words of a name, without those that say nothing unless there are no others.
fn words(name: &str) -> BTreeSet<String> {
    let all = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let all: BTreeSet<String> = all.map(str::to_lowercase).collect();
    let telling: BTreeSet<String> =
        all.iter().filter(|word| !EMPTY_WORDS.contains(&word.as_str())).cloned().collect();
    if telling.is_empty() { all } else { telling }
}

#[cfg(test)]
mod tests;
