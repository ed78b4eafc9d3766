//! Webhooks: which incident and link one is about, and what it brings besides the fields.
//!
//! A webhook plays two roles (rule 8): it is *state* for every field it shows, and the *edit* of
//! the one field its type names. [`sight`](super::sight) keeps the two apart.

use jiff::SignedDuration;

use super::{
    Configs, Input, State, Step, TimelineKind,
    draft::{Draft, Ruling},
    sight::Sight,
};
use crate::{
    decision::Rule,
    event::Observation,
    field::Field,
    id::{LinkId, RecordId},
    incident::{Actor, Side},
    integration::Integration,
    lens::Memory,
    link::{Base, Link, Stamp, link_of_key},
};

pub(super) fn apply(
    state: Option<State>,
    input: Input<'_>,
    observation: &Observation,
    configs: &Configs,
) -> Step {
    match open(state, input, observation, configs) {
        Ok((mut draft, link)) => {
            let actor = observation.actor.clone();
            let actor = actor.unwrap_or_else(|| Actor::unnamed(Side::External));
            draft.take_in(link, observation, actor);
            draft.finish(false)
        }
        Err(step) => *step,
    }
}

/// The incident and the link that an observation is about, or why there is none.
pub(super) fn open<'a>(
    state: Option<State>,
    input: Input<'a>,
    observation: &Observation,
    configs: &'a Configs,
) -> Result<(Draft<'a>, LinkId), Box<Step>> {
    let ignored = |state, reason: &str| Err(Box::new(Step::ignored(state, reason)));
    let Some(config) = configs.get(&observation.integration).filter(|config| config.enabled) else {
        return ignored(state, "the integration is not enabled");
    };
    let Some(record) = &observation.record else {
        return ignored(state, "it concerns no record");
    };
    let draft = match state {
        Some(state) => Draft::resume(state, input, configs),
        None if !config.direction.inbound() => {
            return ignored(None, "the integration is outbound only");
        }
        None if !tells_of_record(observation) => {
            return ignored(None, "the record is not linked");
        }
        None => {
            let draft = begin(input, observation, record, config, configs);
            let outside = config.scope.excludes(&draft.incident, observation.snapshot.as_ref());
            if let Some(reason) = outside {
                return ignored(None, &reason);
            }
            draft
        }
    };
    let Some(link) = link_for(&draft, observation, record) else {
        return ignored(Some(draft.untouched()), "the record is not linked");
    };
    if draft.link(link).is_some_and(|link| link.detached) {
        return ignored(Some(draft.untouched()), "the record was unlinked by hand");
    }
    Ok((draft, link))
}

/// Whether an event is enough to begin an incident with: it shows the record, or brings a note that
/// must not be lost. Anything else about an unknown record stays visible in the inbox.
fn tells_of_record(observation: &Observation) -> bool {
    let snapshot = observation.snapshot.as_ref();
    let shown = snapshot.is_some_and(|snapshot| snapshot.fields.contains_key(&Field::Title));
    shown || observation.note.is_some()
}

/// An incident for a record nobody has linked yet. Where the event shows no state, the incident
/// starts from what the reference tells and a read fills in the rest.
fn begin<'a>(
    input: Input<'a>,
    observation: &Observation,
    record: &RecordId,
    config: &Integration,
    configs: &'a Configs,
) -> Draft<'a> {
    let snapshot = observation.snapshot.as_ref();
    let created_at =
        snapshot.and_then(|snapshot| snapshot.created_at).unwrap_or(observation.occurred_at);
    let mut draft = Draft::begin(None, config.org.clone(), created_at, input, configs);
    let link = Link::new(draft.mint.id(), draft.incident.id, config.id);
    let (id, actor) = (link.id, observation.actor.clone());
    let actor = actor.unwrap_or_else(|| Actor::unnamed(Side::External));
    draft.links.push(link);
    let service = snapshot.and_then(|snapshot| snapshot.service.as_ref()?.value.as_deref());
    let kind = service.and_then(|service| config.incident_type(service));
    draft.incident.incident_type = kind.map(str::to_owned);
    for (field, fallback) in [
        (Field::Title, observation.record_title.as_deref().unwrap_or(record.as_str())),
        (Field::Severity, "SEV-3"),
        (Field::Status, "open"),
    ] {
        let seen = snapshot.and_then(|snapshot| snapshot.fields.get(&field));
        let taken = seen.and_then(|seen| {
            let value = config.fields.get(&field)?.lens.put(None, seen, &Memory::new()).ok()?;
            field.check(value.as_deref()).ok()?;
            value
        });
        let external = seen.and_then(|seen| seen.value.clone());
        let rev = draft.set(Ruling {
            field,
            value: Some(taken.unwrap_or_else(|| fallback.to_owned())),
            at: observation.occurred_at.min(observation.arrived),
            span: None,
            by: actor.clone(),
            rule: Rule::Created,
            link: Some((id, config.id)),
            external: external.clone(),
        });
        draft.rebase(id, field, Base { value: external, rev });
    }
    draft
}

/// The observed record's link: by the record, or by the key we gave it when we created it.
fn link_for(draft: &Draft<'_>, observation: &Observation, record: &RecordId) -> Option<LinkId> {
    let ours = || draft.links.iter().filter(|link| link.integration == observation.integration);
    let key = observation.snapshot.as_ref().and_then(|snapshot| snapshot.key.as_deref());
    let keyed = key.and_then(link_of_key);
    ours()
        .find(|link| link.record.as_ref() == Some(record))
        .or_else(|| ours().find(|link| link.record.is_none() && Some(link.id) == keyed))
        .or_else(|| ours().find(|_| draft.fresh))
        .map(|link| link.id)
}

impl Draft<'_> {
    /// Takes in what a webhook shows, announces and brings.
    fn take_in(&mut self, link: LinkId, observation: &Observation, actor: Actor) {
        let asked = self.asked_for(link, observation);
        let echo = asked.is_some() || self.knows(link, observation);
        // Whoever asked for it is who did it, whatever name our calls have over there.
        let actor = asked.unwrap_or(actor);
        if let (None, Some(record)) = (&observation.snapshot, &observation.record) {
            self.link_up(link, record, observation.occurred_at);
        }
        if let Some(snapshot) = &observation.snapshot {
            self.join(link, snapshot, observation.occurred_at);
            let stamp = Stamp::Told {
                occurred_at: observation.occurred_at,
                arrived: observation.arrived,
                sequence: self.input.sequence,
            };
            let (edited, actor) = (observation.edited, actor.clone());
            self.see(&Sight {
                link,
                snapshot,
                stamp,
                edited,
                actor,
                answers: 0,
                attempted: true,
                previous: &[],
                lags: false,
                begins: observation.begins,
                grain: SignedDuration::ZERO,
            });
        }
        if let Some(remark) = observation.remark.as_ref().filter(|_| !echo) {
            let (at, text) = (observation.occurred_at, remark.clone());
            self.line(at, TimelineKind::Remarked, text, actor.clone());
            if observation.summons.is_some() {
                self.tell_summoned(link, remark, &actor);
            }
        }
        if let Some(note) = &observation.note {
            self.note_seen(link, note, observation.occurred_at, actor);
        }
    }

    /// Whether the change an event announces is known already: a write of ours, most likely.
    fn knows(&self, link: LinkId, observation: &Observation) -> bool {
        let announced = observation.edited.and_then(|field| {
            let value = observation.snapshot.as_ref()?.fields.get(&field)?;
            Some((field, &value.value))
        });
        let link = self.links.iter().find(|other| other.id == link);
        let Some(((field, value), link)) = announced.zip(link) else { return false };
        let Some(seen) = link.fields.get(&field) else { return false };
        let held = seen.theirs.as_ref().is_some_and(|theirs| theirs.value.value == *value);
        held || seen.open.iter().any(|intent| intent.value == *value)
    }
}
