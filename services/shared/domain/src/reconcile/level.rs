//! Level-triggered: at the end of every transition, where ours and theirs differ, the desired
//! state says ours. A message is published only if it says something new.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Write, WriteState, draft::Draft};
use crate::{
    event::Event,
    field::{Field, Value},
    id::LinkId,
    incident::{Incident, Side},
    integration::Integration,
    lens::{Foreign, is_part},
    link::{ASIDE, Intent, Link, LinkField, Published, record_key},
    outbound::{Create, Desired, Want},
};

impl Draft<'_> {
    /// Brings the desired state of each link up to date.
    pub(super) fn level(&mut self) {
        let Self { incident, links, configs, desired, conflicts, writes, input, .. } = self;
        let actor = match input.event {
            Event::Edit(edit) => Some(&edit.author),
            Event::Observation(_) | Event::Receipt(_) | Event::Finding(_) => {
                let by = incident.fields.values().max_by_key(|owned| owned.rev);
                by.map(|owned| &owned.by).filter(|by| by.side == Side::Platform)
            }
        };
        for link in links.iter_mut().filter(|link| !link.detached) {
            let Some(config) = configs.get(&link.integration) else { continue };
            if !config.enabled {
                // It is compared again once the integration takes part, even if it is closed by then.
                link.levelled = ASIDE;
                continue;
            }
            link.levelled = link.levelled.max(config.version);
            let of_link = conflicts.iter().filter(|open| open.link == link.id);
            let frozen = of_link.map(|open| open.field).collect();
            let side = Leveller { incident, config, frozen, at: input.at };
            if let Some(next) = side.next_desired(link, writes) {
                desired.push(Desired { actor: actor.cloned(), ..next });
            }
            if link.problem.is_none() {
                link.problem = side.without_partner(link);
            }
        }
    }
}

impl Draft<'_> {
    /// Replaces what is on its way to a link that was taken apart by a state that wants nothing.
    pub(super) fn withdraw(&mut self, id: LinkId) {
        let incident = self.incident.id;
        let Some(link) = self.link_mut(id) else { return };
        link.version += 1;
        let desired = Desired {
            link: id,
            incident,
            integration: link.integration,
            version: link.version,
            record: link.record.clone(),
            create: None,
            not_before: None,
            want: BTreeMap::new(),
            actor: None,
        };
        self.desired.push(desired);
    }
}

/// What a link is compared with.
struct Leveller<'a> {
    incident: &'a Incident,
    config: &'a Integration,
    frozen: BTreeSet<Field>,
    at: Timestamp,
}

/// The most intents a field keeps open.
const OPEN_MAX: usize = 16;

#[derive(Default)]
struct Wanted {
    values: Vec<(Field, Value)>,
    /// Whether a difference is not yet, or not yet so, on its way.
    news: bool,
    /// Whether the record exists but a field of it was never seen.
    unseen: bool,
    /// What a read is to prove to be equal: fields with the platform's revision.
    unproven: Vec<(Field, u64)>,
}

/// What is wanted of one field.
enum Wish {
    /// Nothing.
    Nothing,
    /// To hold this value.
    Hold(Value),
    /// To be seen first.
    See,
}

impl Leveller<'_> {
    /// The link's next desired state, if it is to be published.
    fn next_desired(&self, link: &mut Link, writes: &mut Vec<Write>) -> Option<Desired> {
        let create = match &link.record {
            Some(_) => None,
            None if !self.config.sends() => return None,
            None => Some(self.creation(link)?),
        };
        let reread = std::mem::take(&mut link.reread);
        let wanted = self.wanted(link);
        // Each doubt is worth one read: an answer that settles nothing would settle nothing again.
        let held = link.fields.values().filter_map(|seen| seen.held.as_ref());
        let unsure =
            held.into_iter().any(|held| held.asked == 0) || (wanted.unseen && link.asked == 0);
        if !(wanted.news || unsure || reread) {
            return None;
        }
        let want = wants(link, wanted.values);
        link.version += 1;
        let version = link.version;
        let mut not_before = None;
        for held in link.fields.values_mut().filter_map(|seen| seen.held.as_mut()) {
            if held.asked == 0 {
                held.asked = version;
                not_before = not_before.max(held.not_before);
            }
        }
        if wanted.unseen && link.asked == 0 {
            link.asked = version;
        }
        for (field, rev) in wanted.unproven {
            link.fields.entry(field).or_default().proving = Some(rev);
        }
        if create.is_some() {
            // A label has no value by itself: whatever is seen was given to it. Where the platform
            // never said anything, what the record begins with is all there is; but its first title
            // is always ours.
            let says = |field: &Field| self.incident.fields.contains_key(field);
            let by_itself = |field: &&Field| {
                let title = **field == Field::Title;
                !want.contains_key(field)
                    && !matches!(field, Field::Label(_))
                    && (title || says(field))
            };
            for field in self.config.fields.keys().filter(by_itself) {
                link.fields.entry(*field).or_default().begins = true;
            }
        }
        self.open_intents(link, &want, writes);
        link.published = Some(Published { want: want.clone() });
        let named = |(field, want)| (self.config.external_name(field), want);
        Some(Desired {
            link: link.id,
            incident: self.incident.id,
            integration: self.config.id,
            version,
            record: link.record.clone(),
            create,
            not_before,
            want: want.into_iter().map(named).collect(),
            actor: None,
        })
    }

    /// How to create the record; none, and the problem listed, where it cannot or must not be.
    fn creation(&self, link: &mut Link) -> Option<Create> {
        let begun = link.published.is_some();
        let is_over = matches!(self.incident.value(Field::Status), Some("resolved" | "closed"));
        let problem = match service_for(self.incident, self.config) {
            // Nobody is to be paged for what is over, as after a time in which nothing was sent.
            _ if is_over && link.version == 0 => {
                "the incident was over before a record was asked for; reopening it makes one"
                    .to_owned()
            }
            Ok(service) => match self.config.scope.excludes(self.incident, None) {
                Some(outside) if !begun => outside,
                _ => {
                    return Some(Create {
                        key: record_key(link.id),
                        service: service.to_owned(),
                        title: self.incident.value(Field::Title).unwrap_or_default().to_owned(),
                        description: self.incident.value(Field::Description).map(str::to_owned),
                    });
                }
            },
            Err(problem) => problem,
        };
        link.problem = Some(problem);
        None
    }

    /// What they hold and the mapping has no partner for: nothing is done about it but to list it.
    fn without_partner(&self, link: &Link) -> Option<String> {
        self.config.fields.iter().find_map(|(field, rule)| {
            let seen = link.fields.get(field)?;
            let theirs = &seen.theirs.as_ref()?.value;
            let known = rule.lens.knows(self.incident.value(*field), theirs, &seen.remembered);
            let value = theirs.value.as_deref().unwrap_or_default();
            (!known).then(|| format!("{field}: {value:?} has no partner on the platform"))
        })
    }

    fn wanted(&self, link: &mut Link) -> Wanted {
        let mut wanted = Wanted::default();
        let unanswered = link.confirmed < link.version;
        for field in self.config.fields.keys().copied().filter(|field| self.config.writes(*field)) {
            if self.frozen.contains(&field) {
                // What is on its way is withdrawn by a state without it.
                wanted.news |= sent(link, field).is_some() && unanswered;
                continue;
            }
            let value = match self.wish(link, field) {
                Wish::Nothing => continue,
                Wish::See => {
                    wanted.unseen = true;
                    continue;
                }
                Wish::Hold(value) => value,
            };
            let Some(seen) = link.fields.get(&field) else { continue };
            let theirs = seen.theirs.as_ref().map(|theirs| &theirs.value.value);
            let says_else =
                |open: &Intent| open.value != value && !self.says_ours(field, &open.value);
            let differs = theirs != Some(&value) || seen.open.iter().any(says_else);
            let on_its_way = sent(link, field).is_some_and(|sent| {
                sent.value == value && theirs.is_none_or(|theirs| sent.expect.contains(theirs))
            });
            wanted.news |= differs && !on_its_way;
            if !differs && let Some(rev) = self.unproven(seen, field) {
                wanted.news = true;
                wanted.unproven.push((field, rev));
            }
            wanted.values.push((field, value));
        }
        wanted
    }

    /// Whether an external value says what ours says.
    fn says_ours(&self, field: Field, value: &Value) -> bool {
        let value = Foreign { value: value.clone(), label: None };
        let rule = self.config.fields.get(&field);
        rule.is_some_and(|rule| rule.lens.agree(self.incident.value(field), &value))
    }

    /// Rule 22: an edit that comes to what is there already is read back once, which proves that
    /// both sides agree. Gives the platform's revision where that is still to be asked for.
    fn unproven(&self, seen: &LinkField, field: Field) -> Option<u64> {
        let ours = self.incident.fields.get(&field)?;
        let proven = seen.base.as_ref().is_some_and(|base| base.rev >= ours.rev);
        (!proven && seen.theirs.is_some() && seen.proving != Some(ours.rev)).then_some(ours.rev)
    }

    fn wish(&self, link: &mut Link, field: Field) -> Wish {
        let Some(rule) = self.config.fields.get(&field) else { return Wish::Nothing };
        let (ours, seen) = (self.incident.value(field), link.fields.entry(field).or_default());
        let theirs = seen.theirs.as_ref().map(|theirs| &theirs.value);
        let value = match (rule.lens.get(ours, theirs), theirs) {
            (Ok(None), _) => return Wish::Nothing,
            // What has no partner here is somebody's business there: left alone, and listed.
            (Ok(Some(_)), Some(theirs)) if !rule.lens.knows(ours, theirs, &seen.remembered) => {
                return Wish::Nothing;
            }
            // While the creation is under way, it is what it was asked to be.
            (Ok(Some(_)), Some(theirs)) if link.confirmed == 0 && rule.lens.agree(ours, theirs) => {
                asked_for(seen, &theirs.value).unwrap_or_else(|| theirs.value.clone())
            }
            // What says the same is left as it is.
            (Ok(Some(_)), Some(theirs)) if rule.lens.agree(ours, theirs) => theirs.value.clone(),
            (Ok(Some(value)), _) => value,
            (Err(error), _) => {
                link.problem = Some(format!("{field}: {error}"));
                return Wish::Nothing;
            }
        };
        // A label that nobody has set on either side is not written as empty.
        let unset = theirs.is_none_or(|theirs| theirs.value.is_none());
        let absent = matches!(field, Field::Label(_)) && ours.is_none() && unset;
        match seen.theirs {
            _ if seen.held.is_some() || absent => Wish::Nothing,
            None if link.record.is_some() => Wish::See,
            _ => Wish::Hold(value),
        }
    }

    /// Opens an intent for each field that is about to be written, or lengthens the open one.
    fn open_intents(&self, link: &mut Link, want: &BTreeMap<Field, Want>, writes: &mut Vec<Write>) {
        let (id, version) = (link.id, link.version);
        for (field, want) in want {
            let seen = link.fields.entry(*field).or_default();
            let theirs = seen.theirs.as_ref().map(|theirs| &theirs.value.value);
            if theirs == Some(&want.value) && seen.open.is_empty() {
                continue;
            }
            let rev = self.incident.fields.get(field).map_or(0, |owned| owned.rev);
            if let Some(last) = seen.open.last_mut().filter(|last| last.value == want.value) {
                (last.version, last.rev) = (version, rev);
            } else {
                let (value, since, opened) = (want.value.clone(), version, self.at);
                let (attempted, echo) = (false, None);
                let intent = Intent { value, rev, since, version, opened, attempted, echo };
                seen.open.push(intent);
                let (field, value) = (*field, want.value.clone());
                let (state, at) = (WriteState::Asked, self.at);
                writes.push(Write { link: id, version, field, value, state, at });
            }
            // Of many that pile up while the far side is away, all but the first and the last were
            // replaced before anybody took them.
            if seen.open.len() > OPEN_MAX {
                seen.open.remove(1);
            }
        }
    }
}

/// The external service in which an incident's record is created; or why there is none.
pub(super) fn service_for<'a>(
    incident: &Incident,
    config: &'a Integration,
) -> Result<&'a str, String> {
    let kind = incident.incident_type.as_deref();
    config.service_for(kind).ok_or_else(|| match kind {
        Some(kind) => format!("no service is mapped to the incident type {kind:?}"),
        None => "the incident has no incident type, so no service is known".to_owned(),
    })
}

/// What was last asked for of a field.
fn sent(link: &Link, field: Field) -> Option<&Want> {
    link.published.as_ref().and_then(|published| published.want.get(&field))
}

/// What is wanted, with what it may be found in place of.
fn wants(link: &Link, values: Vec<(Field, Value)>) -> BTreeMap<Field, Want> {
    let want = |(field, value)| {
        let seen = link.fields.get(&field);
        let theirs = seen.and_then(|seen| seen.theirs.as_ref());
        let mut expect: Vec<_> = theirs.map(|it| it.value.value.clone()).into_iter().collect();
        for open in seen.into_iter().flat_map(|seen| &seen.open) {
            if !expect.contains(&open.value) {
                expect.push(open.value.clone());
            }
        }
        (field, Want { value, expect })
    };
    values.into_iter().map(want).collect()
}

/// What the last write that is under way is to put there, where theirs is a part of it.
fn asked_for(seen: &LinkField, theirs: &Value) -> Option<Value> {
    let asked = seen.open.last().map(|intent| &intent.value)?;
    is_part(theirs, asked).then(|| asked.clone())
}
