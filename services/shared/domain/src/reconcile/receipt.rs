//! Receipts: what a call saw before and after, and which of our writes it confirms.
//!
//! Rule 25: `before` is taken in first, then `after`, then the entries close: one message, one
//! transition.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    Configs, Input, State, Step, Write, WriteState, draft::Draft, judge::Authorship, sight::Sight,
};
use crate::{
    event::{Fate, Outcome, Reading, Receipt},
    field::Field,
    id::{LinkId, NoteId},
    incident::{Actor, Side},
    lens::Foreign,
    link::{Intent, Landed, Stamp},
};

pub(super) fn apply(
    state: Option<State>,
    input: Input<'_>,
    receipt: &Receipt,
    configs: &Configs,
) -> Step {
    let Some(state) = state else {
        return Step::ignored(None, "the link is gone");
    };
    let mut draft = Draft::resume(state, input, configs);
    let link = receipt.link;
    if let Some(parted) = draft.link_mut(link).filter(|link| link.detached) {
        if let Outcome::Settled { version, .. } | Outcome::Refused { version: Some(version), .. } =
            &receipt.outcome
        {
            parted.confirmed = parted.confirmed.max(*version);
        }
        return draft.finish(false);
    }
    match &receipt.outcome {
        Outcome::Settled { version, before, after, made, fates, uncertain, previous } => {
            let fates = draft.own_fates(link, fates);
            draft.read(
                link,
                before.as_deref(),
                *version,
                Call { wrote: *uncertain, lags: true, made: false, previous },
            );
            draft.read(
                link,
                after.as_deref(),
                *version,
                Call { wrote: true, lags: false, made: *made, previous },
            );
            // Who changed the status last is us only where we changed it.
            let ours = fates.get(&Field::Status) == Some(&Fate::Sent);
            let agent = after.as_ref().filter(|_| ours);
            let agent = agent.and_then(|after| after.snapshot.changed_by.clone());
            let seen = Seen { before: before.as_deref(), after: after.as_deref(), agent };
            draft.settle(link, (*version, previous), &fates, &seen, *uncertain);
        }
        Outcome::Noted { note, foreign } => draft.noted(link, *note, foreign),
        Outcome::Summoned { request, received, after } => {
            draft.summoned(link, *request, *received, after.as_deref());
        }
        Outcome::Refused { version, before, reason, uncertain, previous } => {
            let call = Call { wrote: *uncertain, lags: true, made: false, previous };
            draft.read(link, before.as_deref(), version.unwrap_or(0), call);
            draft.refused(link, *version, reason, |intent| {
                *uncertain || intent.attempted || was_tried(intent, previous)
            });
            draft.summons_refused(link, &receipt.id, reason);
        }
    }
    draft.finish(false)
}

/// What kind of call a reading comes from.
pub(super) struct Call<'a> {
    /// Whether it may show what we wrote.
    pub(super) wrote: bool,
    /// Whether it may lag behind.
    pub(super) lags: bool,
    /// Whether it is the answer to the call that created the record.
    pub(super) made: bool,
    /// The versions that were attempted before it.
    pub(super) previous: &'a [u64],
}

/// What a call showed.
struct Seen<'a> {
    before: Option<&'a Reading>,
    after: Option<&'a Reading>,
    /// Whom the external side takes us for.
    agent: Option<String>,
}

/// How long after its receipt an attempt of unknown outcome may still land: the time-out of a call
/// and a margin.
const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// The most writes that landed a field keeps in mind.
const LANDED_MAX: usize = 8;

impl Draft<'_> {
    /// Takes in what a call of ours read.
    pub(super) fn read(
        &mut self,
        link: LinkId,
        reading: Option<&Reading>,
        answers: u64,
        call: Call<'_>,
    ) {
        let Some(Reading { sent, received, snapshot, .. }) = reading else { return };
        self.join(link, snapshot, *received);
        let (sent, received, made) = (*sent, *received, call.made);
        let stamp = Stamp::Read { sent, received, made };
        let actor = Actor::unnamed(Side::External);
        let (edited, Call { wrote: attempted, lags, previous, .. }) = (None, call);
        self.see(&Sight {
            link,
            snapshot,
            stamp,
            edited,
            actor,
            answers,
            attempted,
            previous,
            lags,
            begins: false,
            grain: SignedDuration::ZERO,
        });
    }

    /// The fates by our own names of the fields.
    fn own_fates(&self, link: LinkId, fates: &BTreeMap<Field, Fate>) -> BTreeMap<Field, Fate> {
        let config = self.link(link).and_then(|link| self.config(link.integration));
        let named = |(name, fate): (&Field, &Fate)| {
            let field = config.and_then(|config| config.field_named(*name)).unwrap_or(*name);
            (field, *fate)
        };
        fates.iter().map(named).collect()
    }

    fn noted(&mut self, link: LinkId, note: NoteId, foreign: &str) {
        let Some(place) =
            self.tracks.iter().position(|track| track.link == link && track.note == note)
        else {
            return;
        };
        // Two notes of one text can be taken for each other until their receipts come.
        let held = self.tracks.get_mut(place).and_then(|track| {
            track.issued = true;
            track.foreign.replace(foreign.to_owned())
        });
        let twin = self.tracks.iter_mut().enumerate().find(|(at, track)| {
            *at != place && track.link == link && track.foreign.as_deref() == Some(foreign)
        });
        if let Some((_, twin)) = twin {
            twin.foreign = held;
        }
    }

    /// Closes what a version carried and forgets the wants it fulfilled.
    fn settle(
        &mut self,
        id: LinkId,
        (version, previous): (u64, &[u64]),
        fates: &BTreeMap<Field, Fate>,
        seen: &Seen<'_>,
        uncertain: bool,
    ) {
        for (field, fate) in fates {
            self.land(id, *field, *fate, version, seen, uncertain);
        }
        let Some(link) = self.link_mut(id) else { return };
        let latest = version >= link.confirmed;
        link.confirmed = link.confirmed.max(version);
        let mut closed = Vec::new();
        for (field, held) in &mut link.fields {
            let done = held.open.extract_if(.., |intent| intent.version <= version);
            // What was tried, and has not been accounted for by its fate.
            let stands = matches!(fates.get(field), Some(Fate::Sent | Fate::Equal));
            let open = |intent: &Intent| !intent.attempted || (uncertain && !stands);
            closed.extend(done.filter(open).map(|intent| (*field, intent)));
        }
        if latest && version >= link.version {
            forget_wants(link, fates, seen.after);
        }
        let Some(reading) = seen.before.or(seen.after) else { return };
        for (field, intent) in closed {
            if uncertain || was_tried(&intent, previous) {
                self.may_land(id, field, intent, reading.received);
            } else {
                // Whatever else the same answer shows tells how its value came about.
                let of_echo = |reading: &&Reading| {
                    intent.echo.as_ref().is_some_and(|echo| echo.hi == reading.received)
                };
                self.never_sent(id, field, &intent, seen.after.filter(of_echo).unwrap_or(reading));
            }
        }
    }

    /// It may have been the attempt whose outcome nobody knows, or is yet to be told.
    fn may_land(&mut self, id: LinkId, field: Field, intent: Intent, known: Timestamp) {
        let (value, rev, from) = (intent.value, intent.rev, intent.opened);
        let until = known.checked_add(GRACE).unwrap_or(known);
        let (over, read, agent, late) = (None, None, None, true);
        self.keep_landed(id, field, Landed { value, over, rev, from, read, until, agent, late });
    }

    fn keep_landed(&mut self, id: LinkId, field: Field, landed: Landed) {
        let Some(held) = self.seen_mut(id, field) else { return };
        held.landed.push(landed);
        if held.landed.len() > LANDED_MAX {
            held.landed.remove(0);
        }
    }

    /// Keeps in mind that a write landed, or may have.
    fn land(
        &mut self,
        id: LinkId,
        field: Field,
        fate: Fate,
        version: u64,
        seen: &Seen<'_>,
        uncertain: bool,
    ) {
        let at = self.input.at;
        let Some(link) = self.link_mut(id) else { return };
        let held = link.fields.entry(field).or_default();
        let intent =
            held.open.iter_mut().find(|intent| (intent.since..=intent.version).contains(&version));
        // An attempt of unknown outcome can only have been of what was to be changed.
        let sent = fate == Fate::Sent || (uncertain && fate == Fate::Equal && intent.is_some());
        let shown = |reading: Option<&Reading>| -> Option<Foreign> {
            reading?.snapshot.fields.get(&field).cloned()
        };
        let value = match &intent {
            Some(intent) => intent.value.clone(),
            None => shown(seen.after.or(seen.before)).and_then(|shown| shown.value),
        };
        let state = match fate {
            Fate::Sent => WriteState::Sent,
            Fate::Equal => WriteState::Equal,
            Fate::Unexpected => WriteState::Unexpected,
        };
        if sent {
            let received = seen.after.or(seen.before).map_or(at, |reading| reading.received);
            let grace = if uncertain { GRACE } else { SignedDuration::ZERO };
            let until = received.checked_add(grace).unwrap_or(received);
            let (rev, from) = match intent {
                Some(intent) => {
                    intent.attempted = true;
                    (intent.rev, intent.opened)
                }
                None => (0, seen.before.map_or(received, |before| before.sent)),
            };
            let (late, agent) = (uncertain, seen.agent.clone());
            // A retry finds what an attempt of unknown outcome put there.
            let over = shown(seen.before).filter(|_| !uncertain);
            let (written, read) = (value.clone(), seen.before.map(|before| before.sent));
            let landed = Landed { value: written, over, rev, from, read, until, agent, late };
            // Calls of one link go one at a time, so no two end at the same instant.
            let again = |it: &Landed| it.until == landed.until;
            if held.landed.iter().any(again) {
                return;
            }
            self.keep_landed(id, field, landed);
            self.turn(id, field, &value, true);
        }
        if fate != Fate::Equal || sent {
            self.writes.push(Write { link: id, version, field, value, state, at });
        }
    }

    /// Rule 16: what was never sent explains nothing. What was taken for its echo was an edit.
    fn never_sent(&mut self, link: LinkId, field: Field, intent: &Intent, reading: &Reading) {
        let Some(echo) = intent.echo.clone() else { return };
        let value = Foreign { value: intent.value.clone(), label: None };
        let stamp = Stamp::Read { sent: echo.lo, received: echo.hi, made: false };
        let sight = Sight {
            link,
            snapshot: &reading.snapshot,
            stamp,
            edited: None,
            actor: echo.by,
            answers: 0,
            attempted: false,
            previous: &[],
            lags: false,
            begins: false,
            grain: SignedDuration::ZERO,
        };
        let (lo, hi, at, announced) = (echo.lo, echo.hi, echo.at, echo.announced);
        let written = Authorship { lo, hi, at, raced: true, unsure: false, announced };
        self.judge(&sight, field, &value, &written);
    }

    /// A refusal for good: nothing is tried again until something else is wanted.
    fn refused(
        &mut self,
        id: LinkId,
        version: Option<u64>,
        reason: &str,
        may_have_landed: impl Fn(&Intent) -> bool,
    ) {
        let at = self.input.at;
        let Some(link) = self.link_mut(id) else { return };
        link.problem = Some(reason.to_owned());
        let Some(version) = version else { return };
        link.confirmed = link.confirmed.max(version);
        let mut refused = Vec::new();
        for (field, seen) in &mut link.fields {
            let closed = seen.open.extract_if(.., |intent| intent.version <= version);
            refused.extend(closed.map(|intent| (*field, intent)));
        }
        for (field, intent) in refused {
            let (value, state) = (intent.value.clone(), WriteState::Refused);
            self.writes.push(Write { link: id, version, field, value, state, at });
            if may_have_landed(&intent) {
                self.may_land(id, field, intent, at);
            }
        }
    }
}

/// Whether one of the versions that carried an intent was attempted.
fn was_tried(intent: &Intent, attempted: &[u64]) -> bool {
    attempted.iter().any(|version| (intent.since..=intent.version).contains(version))
}

/// What was written and did not stick is not written again until something else is wanted;
/// everything else has had its turn, and the next difference is news.
fn forget_wants(
    link: &mut crate::link::Link,
    fates: &BTreeMap<Field, Fate>,
    after: Option<&Reading>,
) {
    let mut problem = None;
    if let Some(published) = &mut link.published {
        published.want.retain(|field, want| {
            let answer = after.and_then(|after| after.snapshot.fields.get(field));
            let stuck = answer.is_none_or(|answer| answer.value == want.value);
            let ignored = fates.get(field) == Some(&Fate::Sent) && !stuck;
            if ignored {
                problem = Some(format!(
                    "{field}: the external side accepted {:?} and does not hold it",
                    want.value.as_deref().unwrap_or_default()
                ));
            }
            ignored
        });
    }
    link.problem = problem;
}
