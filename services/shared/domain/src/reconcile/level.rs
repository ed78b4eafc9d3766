//! Level-triggered: at the end of every transition, where ours and theirs differ, the desired
//! state says ours. A message is published only if it says something new.

use std::collections::BTreeMap;

use super::draft::Draft;
use crate::{
    event::Event,
    field::Field,
    incident::{Incident, Side},
    integration::Integration,
    link::{Intent, Link, Published, record_key},
    outbound::{Create, Desired, Want},
};

impl Draft<'_> {
    /// Brings the desired state of each link up to date.
    pub(super) fn level(&mut self) {
        let actor = match self.input.event {
            Event::Edit(edit) => Some(edit.author.clone()),
            Event::Observation(_) | Event::Receipt(_) => {
                let by = self.incident.fields.values().max_by_key(|owned| owned.rev);
                by.map(|owned| owned.by.clone()).filter(|by| by.side == Side::Platform)
            }
        };
        let Self { incident, links, configs, desired, .. } = self;
        for link in links {
            let Some(config) = configs.get(&link.integration) else { continue };
            if !config.sends() {
                continue;
            }
            if let Some(next) = next_desired(incident, link, config) {
                desired.push(Desired { actor: actor.clone(), ..next });
            }
        }
    }
}

/// The link's next desired state, if it is to be published.
fn next_desired(incident: &Incident, link: &mut Link, config: &Integration) -> Option<Desired> {
    let create = match (&link.record, config.service_for(incident.incident_type.as_deref())) {
        (Some(_), _) => None,
        (None, Some(service)) => Some(Create {
            key: record_key(link.id),
            service: service.to_owned(),
            description: incident.value(Field::Description).map(str::to_owned),
        }),
        (None, None) => {
            link.problem = Some(match &incident.incident_type {
                Some(kind) => format!("no service is mapped to the incident type {kind:?}"),
                None => "the incident has no incident type, so no service is known".to_owned(),
            });
            return None;
        }
    };
    let wanted = wanted(incident, link, config);
    // Each doubt is worth one read: an answer that settles nothing would settle nothing again.
    let held = link.fields.values().filter_map(|seen| seen.held.as_ref());
    let unsure = held.into_iter().any(|held| held.asked == 0) || (wanted.unseen && link.asked == 0);
    if !(wanted.news || unsure) {
        return None;
    }
    link.version += 1;
    let version = link.version;
    let held = link.fields.values_mut().filter_map(|seen| seen.held.as_mut());
    held.filter(|held| held.asked == 0).for_each(|held| held.asked = version);
    if wanted.unseen && link.asked == 0 {
        link.asked = version;
    }
    open_intents(incident, link, &wanted.want);
    link.published = Some(Published { want: wanted.want.clone() });
    Some(Desired {
        link: link.id,
        incident: incident.id,
        integration: config.id,
        version: link.version,
        record: link.record.clone(),
        create,
        want: wanted.want,
        actor: None,
    })
}

/// The most intents a field keeps open.
const OPEN_MAX: usize = 16;

struct Wanted {
    want: BTreeMap<Field, Want>,
    /// Whether a difference is not yet, or not yet so, on its way.
    news: bool,
    /// Whether the record exists but a field of it was never seen.
    unseen: bool,
}

fn wanted(incident: &Incident, link: &mut Link, config: &Integration) -> Wanted {
    let mut wanted = Wanted { want: BTreeMap::new(), news: false, unseen: false };
    for (field, rule) in config.fields.iter().filter(|(field, _)| config.writes(**field)) {
        let (ours, seen) = (incident.value(*field), link.fields.entry(*field).or_default());
        let theirs = seen.theirs.as_ref().map(|theirs| &theirs.value);
        let value = match (rule.lens.get(ours, theirs), theirs) {
            (Ok(None), _) => continue,
            // What has no partner here is somebody's business there: left alone, and listed.
            (Ok(Some(_)), Some(theirs)) if rule.lens.put(ours, theirs).is_err() => {
                let value = theirs.value.as_deref().unwrap_or_default();
                link.problem = Some(format!("{field}: {value:?} has no partner on the platform"));
                continue;
            }
            // What says the same is left as it is.
            (Ok(Some(_)), Some(theirs)) if rule.lens.agree(ours, theirs) => theirs.value.clone(),
            (Ok(Some(value)), _) => value,
            (Err(error), _) => {
                link.problem = Some(format!("{field}: {error}"));
                continue;
            }
        };
        if seen.held.is_some() {
            continue;
        }
        if seen.theirs.is_none() && link.record.is_some() {
            wanted.unseen = true;
            continue;
        }
        let theirs = theirs.map(|theirs| &theirs.value);
        let differs = theirs != Some(&value) || seen.open.iter().any(|open| open.value != value);
        let mut expect: Vec<_> = theirs.cloned().into_iter().collect();
        for open in &seen.open {
            if !expect.contains(&open.value) {
                expect.push(open.value.clone());
            }
        }
        let sent = link.published.as_ref().and_then(|published| published.want.get(field));
        let on_its_way = sent.is_some_and(|sent| {
            sent.value == value && theirs.is_none_or(|theirs| sent.expect.contains(theirs))
        });
        wanted.news |= differs && !on_its_way;
        wanted.want.insert(*field, Want { value, expect });
    }
    wanted
}

/// Opens an intent for each field that is about to be written, or lengthens the open one.
fn open_intents(incident: &Incident, link: &mut Link, want: &BTreeMap<Field, Want>) {
    let version = link.version;
    for (field, want) in want {
        let seen = link.fields.entry(*field).or_default();
        let theirs = seen.theirs.as_ref().map(|theirs| &theirs.value.value);
        if theirs == Some(&want.value) && seen.open.is_empty() {
            continue;
        }
        let rev = incident.fields.get(field).map_or(0, |owned| owned.rev);
        match seen.open.last_mut().filter(|last| last.value == want.value) {
            Some(last) => (last.version, last.rev) = (version, rev),
            None => seen.open.push(Intent { value: want.value.clone(), rev, version }),
        }
        // Of many that pile up while the far side is away, all but the first and the last were
        // replaced before anybody took them.
        if seen.open.len() > OPEN_MAX {
            seen.open.remove(1);
        }
    }
}
