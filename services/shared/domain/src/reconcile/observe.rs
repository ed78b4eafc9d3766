//! What an external side was seen to hold: is it news, whose change is it, and who wins.
//!
//! A webhook plays two roles. It is *state* for every field it shows: newer replaces older, and
//! what cannot be ordered is not guessed but held until a read settles it. And it is the *edit* of
//! the one field its type names, which is judged even when the state it shows cannot be ordered.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    Configs, Effect, Input, State, Step,
    draft::{Draft, Ruling},
};
use crate::{
    decision::Rule,
    event::{Observation, Snapshot},
    field::Field,
    id::{LinkId, RecordId},
    incident::{Actor, Owned, Side},
    integration::{FieldRule, Integration, Strategy},
    lens::Foreign,
    link::{Base, Held, Link, LinkField, Order, Stamp, Theirs, link_of_key},
    reconcile::TimelineKind,
};

/// A reading of a record, with who is thought to have changed what it shows.
pub(super) struct Sight<'a> {
    pub(super) link: LinkId,
    pub(super) snapshot: &'a Snapshot,
    pub(super) stamp: Stamp,
    /// The field whose change was announced, which makes its time exact.
    pub(super) edited: Option<Field>,
    pub(super) actor: Actor,
    /// The version it answers, where it is the read a doubt was to be settled by.
    pub(super) answers: u64,
}

pub(super) fn apply(
    state: Option<State>,
    input: Input<'_>,
    observation: &Observation,
    configs: &Configs,
) -> Step {
    let Some(config) = configs.get(&observation.integration).filter(|config| config.enabled) else {
        return Step::without_effect(state, Effect::Ignored("the integration is not enabled"));
    };
    let Some(record) = &observation.record else {
        return Step::without_effect(state, Effect::Ignored("it concerns no record"));
    };
    let mut draft = match state {
        Some(state) => Draft::resume(state, input, configs),
        None if !config.direction.inbound() => {
            return Step::without_effect(None, Effect::Ignored("the integration is outbound only"));
        }
        None if !tells_of_record(observation) => {
            return Step::without_effect(None, Effect::Ignored("the record is not linked"));
        }
        None => begin(input, observation, record, config, configs),
    };
    let Some(link) = link_for(&draft, observation, record) else {
        let state = State { incident: draft.incident, links: draft.links, notes: draft.tracks };
        return Step::without_effect(Some(state), Effect::Ignored("the record is not linked"));
    };
    let actor = observation.actor.clone().unwrap_or_else(|| Actor::unnamed(Side::External));
    let echo = draft.knows(link, observation);
    if observation.snapshot.is_none() {
        draft.link_up(link, record, observation.occurred_at);
    }
    if let Some(snapshot) = &observation.snapshot {
        draft.join(link, snapshot, observation.occurred_at);
        let stamp = Stamp::Told {
            occurred_at: observation.occurred_at,
            arrived: observation.arrived,
            sequence: input.sequence,
        };
        let edited = observation.edited;
        draft.see(&Sight { link, snapshot, stamp, edited, actor: actor.clone(), answers: 0 });
    }
    if let Some(remark) = observation.remark.as_ref().filter(|_| !echo) {
        let (at, text) = (observation.occurred_at, remark.clone());
        draft.line(at, TimelineKind::Remarked, text, actor.clone());
    }
    if let Some(note) = &observation.note {
        draft.note_seen(link, note, observation.occurred_at, actor);
    }
    draft.finish(false)
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
    for (field, fallback) in [
        (Field::Title, observation.record_title.as_deref().unwrap_or(record.as_str())),
        (Field::Severity, "SEV-3"),
        (Field::Status, "open"),
    ] {
        let seen = snapshot.and_then(|snapshot| snapshot.fields.get(&field));
        let taken = seen.and_then(|seen| {
            let value = config.fields.get(&field)?.lens.put(None, seen).ok()?;
            field.check(value.as_deref()).ok()?;
            value
        });
        let external = seen.and_then(|seen| seen.value.clone());
        let rev = draft.set(Ruling {
            field,
            value: Some(taken.unwrap_or_else(|| fallback.to_owned())),
            at: observation.occurred_at,
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
        .or_else(|| ours().find(|_| draft.is_fresh()))
        .map(|link| link.id)
}

impl Draft<'_> {
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

    /// Takes in every field a reading shows.
    pub(super) fn see(&mut self, sight: &Sight<'_>) {
        for (field, value) in &sight.snapshot.fields {
            self.see_field(sight, *field, value);
        }
    }

    fn see_field(&mut self, sight: &Sight<'_>, field: Field, value: &Foreign) {
        let Some(link) = self.links.iter_mut().find(|link| link.id == sight.link) else { return };
        let Some(rule) =
            self.configs.get(&link.integration).and_then(|config| config.fields.get(&field))
        else {
            return;
        };
        let seen = link.fields.entry(field).or_default();
        let now = Theirs { value: value.clone(), stamp: sight.stamp };
        let since = seen.theirs.as_ref().map(|theirs| earliest(&theirs.stamp));
        let edited = sight.edited == Some(field);
        let overwritten = overwrites(seen.written, &sight.stamp);
        let (settles, news) = place(seen.theirs.as_ref(), seen.held.as_ref(), &now, sight.answers);
        if settles {
            seen.held = None;
        }
        match news {
            News::Stale => return,
            News::Same => {
                if let Some(theirs) = &mut seen.theirs
                    && now.stamp.order(&theirs.stamp) == Order::Newer
                {
                    *theirs = now;
                }
                // It was judged when it was first seen; all it can still do is agree.
                self.agree(sight.link, field, value);
                return;
            }
            News::Unordered => {
                // A doubt that is older than the one in hand adds nothing to it.
                let older = |held: &Held| now.stamp.order(&held.seen.stamp) == Order::Older;
                let again = seen.held.as_ref().is_some_and(older);
                if !again {
                    seen.held = Some(Held { seen: now, asked: 0 });
                }
                if !edited || again {
                    return;
                }
            }
            News::Newer => seen.theirs = Some(now),
        }
        let raced = overwritten && seen.held.is_some();
        let hi = sight.stamp.latest();
        let lo = if edited { hi } else { since.unwrap_or(Timestamp::UNIX_EPOCH) };
        self.judge(sight, field, value, rule, &Authorship { lo, hi, raced });
    }

    /// Decides what an external value means for ours.
    fn judge(
        &mut self,
        sight: &Sight<'_>,
        field: Field,
        value: &Foreign,
        rule: &FieldRule,
        written: &Authorship,
    ) {
        if self.agree(sight.link, field, value) {
            return;
        }
        let Some(link) = self.links.iter_mut().find(|link| link.id == sight.link) else { return };
        let Some(config) = self.configs.get(&link.integration) else { return };
        let seen = link.fields.entry(field).or_default();
        let ours = self.incident.fields.get(&field);
        let rev = ours.map_or(0, |ours| ours.rev);
        let taken = rule.lens.put(ours.and_then(|ours| ours.value.as_deref()), value);
        if seen.base.is_none() {
            // A record of our making: what it begins with by itself is older than anything we
            // want, everything else is what the creation wrote.
            let initial = rule.initial.is_some() && rule.initial == value.value;
            seen.base = seen.open.first().map(|intent| {
                let (value, rev) =
                    if initial { (&value.value, 0) } else { (&intent.value, intent.rev) };
                Base { value: value.clone(), rev }
            });
        }
        if let Some(echoed) = seen.open.iter().find(|intent| intent.value == value.value) {
            seen.base = Some(Base { value: echoed.value.clone(), rev: echoed.rev });
            return;
        }
        if disturbed(&link.fields, config, field, value, &sight.stamp) {
            return;
        }
        let seen = link.fields.entry(field).or_default();
        if !written.raced && seen.base.as_ref().is_some_and(|base| base.value == value.value) {
            return;
        }
        let moved = config.writes(field)
            && ours.is_some()
            && (written.raced || seen.base.as_ref().is_none_or(|base| rev > base.rev));
        let (theirs_win, reason) = match ours {
            _ if !config.reads(field) => (false, Rule::DirectionForbids),
            Some(ours) if moved => contest(config.strategy, rule.owner, ours, written),
            _ => (true, Rule::Taken),
        };
        let taken = taken.ok().filter(|taken| field.check(taken.as_deref()).is_ok());
        if taken.is_none() {
            link.problem = Some(format!(
                "{field}: {:?} has no partner on the platform",
                value.value.as_deref().unwrap_or_default()
            ));
        }
        let (link, by) = (Some((link.id, link.integration)), sight.actor.clone());
        let external = value.value.clone();
        let ruling =
            |value, rule| Ruling { field, value, at: written.hi, by, rule, link, external };
        match taken {
            None => self.keep(ruling(None, Rule::NoPartner)),
            Some(_) if !theirs_win => self.keep(ruling(None, reason)),
            Some(taken) => {
                let rev = self.set(ruling(taken, reason));
                self.rebase(sight.link, field, Base { value: value.value.clone(), rev });
            }
        }
    }

    /// Whether an external value is what ours comes to over there; if so, that is the new base.
    fn agree(&mut self, link: LinkId, field: Field, value: &Foreign) -> bool {
        let Some(link) = self.links.iter_mut().find(|other| other.id == link) else { return false };
        let config = self.configs.get(&link.integration);
        let Some(rule) = config.and_then(|config| config.fields.get(&field)) else { return false };
        let ours = self.incident.fields.get(&field);
        let ours_value = ours.and_then(|ours| ours.value.as_deref());
        let agree = rule.lens.agree(ours_value, value);
        if agree {
            let rev = ours.map_or(0, |ours| ours.rev);
            link.fields.entry(field).or_default().base =
                Some(Base { value: value.value.clone(), rev });
        }
        agree
    }

    fn rebase(&mut self, link: LinkId, field: Field, base: Base) {
        if let Some(link) = self.links.iter_mut().find(|other| other.id == link) {
            link.fields.entry(field).or_default().base = Some(base);
        }
    }
}

/// How far a change over there and the answer to a write of ours may be apart for one to have
/// landed on the other unseen.
const RACE_MAX: SignedDuration = SignedDuration::from_secs(1);
/// How long a write of ours may have been on its way.
const WRITE_MAX: SignedDuration = SignedDuration::from_secs(30);

/// Whether a value is there because a write of ours to another field put it there.
fn disturbed(
    fields: &BTreeMap<Field, LinkField>,
    config: &Integration,
    field: Field,
    value: &Foreign,
    stamp: &Stamp,
) -> bool {
    let held = fields.get(&field).and_then(|seen| seen.base.as_ref()?.value.as_deref());
    let by = |(_, rule): &(&Field, &FieldRule)| {
        let mut disturbs = rule.disturbs.iter().filter(|other| other.field == field);
        disturbs.any(|it| Some(&*it.from) == held && Some(&*it.to) == value.value.as_deref())
    };
    config.fields.iter().filter(by).any(|(other, _)| {
        let Some(other) = fields.get(other) else { return false };
        let landed = other.written.is_some_and(|written| {
            let (begin, end) = (earliest(stamp), stamp.latest());
            let since = written.checked_sub(WRITE_MAX).unwrap_or(written);
            let until = written.checked_add(RACE_MAX).unwrap_or(written);
            end >= since && begin <= until
        });
        landed || !other.open.is_empty()
    })
}

/// When an external value was written, as far as is known.
struct Authorship {
    lo: Timestamp,
    hi: Timestamp,
    /// Whether a write of ours to the same field may have landed on top of it.
    raced: bool,
}

/// Whether our last write to a field may have come after what a stamp tells of.
fn overwrites(written: Option<Timestamp>, stamp: &Stamp) -> bool {
    let earliest = earliest(stamp).checked_sub(RACE_MAX);
    written.is_some_and(|written| earliest.is_ok_and(|earliest| earliest <= written))
}

/// How what is seen now stands to what was known.
enum News {
    Newer,
    Same,
    Stale,
    Unordered,
}

/// Places an observation against what is known, and says whether it settles what was held.
fn place(theirs: Option<&Theirs>, held: Option<&Held>, now: &Theirs, answers: u64) -> (bool, News) {
    let Some(theirs) = theirs else { return (true, News::Newer) };
    // The read that was asked for began after what made it necessary, whatever the clocks say.
    let asked = held.is_some_and(|held| held.asked > 0 && answers >= held.asked);
    let after_held =
        asked || held.is_none_or(|held| now.stamp.order(&held.seen.stamp) == Order::Newer);
    if now.value.value == theirs.value.value {
        // Later than the challenger: whichever of the two came first, this is how it ended.
        return (after_held, News::Same);
    }
    let as_held = held.is_some_and(|held| held.seen.value.value == now.value.value);
    match now.stamp.order(&theirs.stamp) {
        _ if asked => (true, News::Newer),
        Order::Older => (false, News::Stale),
        Order::Unordered => (false, News::Unordered),
        Order::Newer => (after_held || as_held, News::Newer),
    }
}

/// The earliest instant at which a value seen under a stamp was certainly there.
const fn earliest(stamp: &Stamp) -> Timestamp {
    match stamp {
        Stamp::Told { occurred_at, .. } => *occurred_at,
        Stamp::Read { sent, .. } => *sent,
    }
}

/// Who wins a field that moved on both sides: whether theirs does, and by which rule.
fn contest(strategy: Strategy, owner: Side, ours: &Owned, written: &Authorship) -> (bool, Rule) {
    match strategy {
        Strategy::LastWriteWins if ours.at > written.hi => (false, Rule::LaterWins),
        Strategy::LastWriteWins if ours.at < written.lo => (true, Rule::LaterWins),
        Strategy::LastWriteWins | Strategy::OwnershipPriority => {
            (owner == Side::External, Rule::OwnerWins)
        }
    }
}
