//! Deciding what an external value means for ours: rules 14, 17–20, 26 and 34.
//!
//! What agrees is agreed. What we wrote, or what a write of ours causes besides, is nobody's edit.
//! Everything else is an edit: taken where only they had moved, and settled by the strategy where
//! both had.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    draft::{Draft, Ruling},
    sight::Sight,
};
use crate::{
    conflict::{Candidate, Reason},
    decision::Rule,
    field::{Field, Value},
    id::LinkId,
    incident::{Owned, Side},
    integration::{FieldRule, Integration, Strategy},
    lens::Foreign,
    link::{Base, LinkField, Turn},
};

/// When an external value was written, on our clock, as far as is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Authorship {
    pub(super) lo: Timestamp,
    pub(super) hi: Timestamp,
    /// The best guess within these bounds.
    pub(super) at: Timestamp,
    /// Whether a write of ours to the same field may have landed on top of it.
    pub(super) raced: bool,
    /// Whether nobody can tell how it stands to what was seen last.
    pub(super) unsure: bool,
    /// Whether it was announced, which makes the time exact but for the clocks.
    pub(super) announced: bool,
}

/// What a verdict needs to know of a link's field.
pub(super) struct Verdict<'a> {
    pub(super) config: &'a Integration,
    pub(super) rule: &'a FieldRule,
    pub(super) seen: Option<&'a LinkField>,
}

/// Who wins, and by which rule.
enum Outcome {
    Theirs(Rule),
    Ours(Rule),
    /// Somebody has to decide.
    Dispute(Reason),
}

impl Draft<'_> {
    /// Decides what an external value means for ours.
    pub(super) fn judge(
        &mut self,
        sight: &Sight<'_>,
        field: Field,
        value: &Foreign,
        written: &Authorship,
    ) {
        if self.is_no_edit(sight, field, value, written) {
            return;
        }
        if let Some(unseen) = self.undone_unseen(sight, field, value) {
            return self.judge(sight, field, &unseen, &Authorship { raced: true, ..*written });
        }
        let Some(verdict) = self.verdict_on(sight.link, field) else { return };
        let empty = BTreeMap::new();
        let memory = verdict.seen.map_or(&empty, |seen| &seen.remembered);
        let ours = self.incident.value(field);
        let taken = verdict.rule.lens.put(ours, value, memory).ok();
        let taken = taken.filter(|taken| field.check(taken.as_deref()).is_ok());
        let link = Some((sight.link, verdict.config.id));
        let measured = verdict.config.clock.at.is_some();
        self.turn(sight.link, field, &value.value, false);
        let outcome = self.contest(sight.link, field, taken.as_ref(), written);
        let ruling = |value: Value, rule, external: &Foreign| Ruling {
            field,
            value,
            at: written.at,
            span: span_of(written, measured),
            by: sight.actor.clone(),
            rule,
            link,
            external: external.value.clone(),
        };
        let (by, external, at) = (sight.actor.clone(), value.clone(), written.at);
        let candidate = |value| Candidate { value, external, by, at };
        match (outcome, taken) {
            (Outcome::Ours(Rule::NoPartner), _) | (_, None) => {
                self.keep(ruling(None, Rule::NoPartner, value));
            }
            (Outcome::Ours(rule), Some(taken)) => {
                self.keep(ruling(None, rule, value));
                if rule == Rule::Frozen {
                    self.show_external(sight.link, field, candidate(taken));
                }
            }
            (Outcome::Theirs(rule), Some(taken)) => {
                let before = self.incident.fields.get(&field).cloned();
                let rev = self.set(ruling(taken, rule, value));
                self.rebase_to(sight.link, field, value, rev, written);
                let guessed = rule == Rule::OwnerWins && !written.announced;
                let kept = before.filter(|_| guessed).map(|before| Box::new((before, rev)));
                if let Some(seen) = self.seen_mut(sight.link, field) {
                    seen.provisional = kept;
                }
            }
            (Outcome::Dispute(reason), Some(taken)) => {
                let rule = match reason {
                    Reason::BothMoved => Rule::Review,
                    Reason::Flapping => Rule::Flapping,
                };
                self.keep(ruling(None, rule, value));
                self.dispute(sight.link, field, reason, candidate(taken));
            }
        }
    }

    /// Base after their edit was taken: that edit, unless a write of ours has gone over it.
    fn rebase_to(
        &mut self,
        link: LinkId,
        field: Field,
        value: &Foreign,
        rev: u64,
        written: &Authorship,
    ) {
        if !written.raced {
            return self.rebase(link, field, Base { value: value.value.clone(), rev });
        }
        let theirs = self.verdict_on(link, field).and_then(|it| it.seen?.theirs.clone());
        if let Some(theirs) = theirs {
            self.agree(link, field, &theirs.value, None);
        }
    }

    /// A tie that was given to their owner for want of the time is judged again once that is known.
    pub(super) fn reconsider(
        &mut self,
        sight: &Sight<'_>,
        field: Field,
        value: &Foreign,
        written: &Authorship,
    ) {
        let Some(config) = self.link(sight.link).and_then(|it| self.config(it.integration)) else {
            return;
        };
        let measured = config.clock.at.is_some();
        let by_time = config.strategy == Strategy::LastWriteWins;
        let kept = self.seen_mut(sight.link, field).and_then(|seen| seen.provisional.take());
        let Some((before, rev)) = kept.map(|kept| *kept).filter(|_| by_time) else { return };
        let ours = self.incident.fields.get(&field);
        let later = if measured { before.at > written.hi } else { before.at > written.at };
        if !later || ours.is_none_or(|ours| ours.rev != rev) {
            return;
        }
        self.set(Ruling {
            field,
            value: before.value,
            at: before.at,
            span: None,
            by: before.by,
            rule: Rule::LaterWins,
            link: Some((sight.link, config.id)),
            external: value.value.clone(),
        });
        if let Some(owned) = self.incident.fields.get_mut(&field) {
            owned.via = before.via;
        }
    }

    /// Who wins a value that nobody knows yet.
    fn contest(
        &self,
        link: LinkId,
        field: Field,
        taken: Option<&Value>,
        written: &Authorship,
    ) -> Outcome {
        let Some(verdict) = self.verdict_on(link, field) else {
            return Outcome::Ours(Rule::DirectionForbids);
        };
        let Verdict { config, rule, seen, .. } = verdict;
        let decided = seen.and_then(|seen| seen.decided);
        let ours = self.incident.fields.get(&field);
        let reserved = rule.belongs_to(Side::Platform) || self.is_reserved(field, Some(link));
        match ours {
            _ if taken.is_none() => Outcome::Ours(Rule::NoPartner),
            _ if self.is_frozen(link, field) => Outcome::Ours(Rule::Frozen),
            _ if seen.is_some_and(|seen| flaps(&seen.turns)) => Outcome::Dispute(Reason::Flapping),
            _ if reserved => Outcome::Ours(Rule::Enforced),
            _ if !config.reads(field) => Outcome::Ours(Rule::DirectionForbids),
            _ if decided.is_some_and(|decided| written.hi <= decided) => {
                Outcome::Ours(Rule::Settled)
            }
            Some(ours)
                if !rule.belongs_to(Side::External) && moved(&verdict, ours, field, written) =>
            {
                self.settle_race(&verdict, field, ours, written)
            }
            _ => Outcome::Theirs(Rule::Taken),
        }
    }

    /// Rule 17: both moved, so the strategy decides.
    fn settle_race(
        &self,
        verdict: &Verdict<'_>,
        field: Field,
        ours: &Owned,
        written: &Authorship,
    ) -> Outcome {
        let later = match verdict.config.strategy {
            Strategy::ManualReview => return Outcome::Dispute(Reason::BothMoved),
            Strategy::LastWriteWins if ours.at > written.hi => Some(false),
            Strategy::LastWriteWins if ours.at < written.lo => Some(true),
            // Announced to the millisecond: all that is unsure is the clocks, and while they were
            // never compared the time that is told is the best there is.
            Strategy::LastWriteWins if written.announced && verdict.config.clock.at.is_none() => {
                (ours.at != written.at).then_some(ours.at < written.at)
            }
            Strategy::LastWriteWins | Strategy::OwnershipPriority => None,
        };
        match later {
            Some(true) => Outcome::Theirs(Rule::LaterWins),
            Some(false) => Outcome::Ours(Rule::LaterWins),
            None if self.owns(verdict, field, ours) => Outcome::Theirs(Rule::OwnerWins),
            None => Outcome::Ours(Rule::OwnerWins),
        }
    }

    /// Rule 34: whether a link's external side owns a field against who set ours. The claim with the
    /// highest priority counts; a claim of another external side counts where ours came from there.
    fn owns(&self, verdict: &Verdict<'_>, field: Field, ours: &Owned) -> bool {
        let claims = || {
            self.links.iter().filter(|link| !link.detached).filter_map(|link| {
                let config = self.configs.get(&link.integration).filter(|config| config.enabled)?;
                Some((link.id, config.fields.get(&field)?))
            })
        };
        let highest = claims().map(|(_, rule)| rule.priority).max().unwrap_or(0);
        let own = verdict.rule;
        if own.priority >= highest {
            return own.owner == Side::External;
        }
        let top = || claims().filter(|(_, rule)| rule.priority == highest);
        if top().any(|(_, rule)| rule.owner == Side::Platform) {
            return false;
        }
        if top().any(|(link, _)| ours.via == Some(link)) {
            return false;
        }
        own.owner == Side::External
    }

    /// Whether another link's external side alone may change a field.
    pub(super) fn is_reserved(&self, field: Field, but: Option<LinkId>) -> bool {
        self.links.iter().filter(|link| !link.detached && Some(link.id) != but).any(|link| {
            let config = self.configs.get(&link.integration).filter(|config| config.enabled);
            let rule = config.and_then(|config| config.fields.get(&field));
            rule.is_some_and(|rule| rule.belongs_to(Side::External))
        })
    }

    /// Keeps a change over there in mind, for what goes back and forth.
    pub(super) fn turn(&mut self, link: LinkId, field: Field, value: &Value, ours: bool) {
        let at = self.input.at;
        let Some(link) = self.link_mut(link) else { return };
        let turns = &mut link.fields.entry(field).or_default().turns;
        if turns.last().is_some_and(|last| last.value == *value && last.ours == ours) {
            return;
        }
        turns.push(Turn { value: value.clone(), ours, at });
        if turns.len() > FLAPS {
            turns.remove(0);
        }
    }
}

/// How many turns in a row make a flap: A, B, A, B.
const FLAPS: usize = 4;
/// Within what time.
const FLAP_WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// Whether a field goes back and forth between us and another writer.
fn flaps(turns: &[Turn]) -> bool {
    let [first, second, third, fourth] = turns else { return false };
    first.value == third.value
        && second.value == fourth.value
        && first.value != second.value
        && (first.ours, second.ours, third.ours, fourth.ours) == (true, false, true, false)
        && fourth.at.duration_since(first.at) <= FLAP_WINDOW
}

/// Between which instants an edit over there was made; exact, as it tells, while the clocks were
/// never compared.
const fn span_of(written: &Authorship, measured: bool) -> Option<(Timestamp, Timestamp)> {
    if written.announced && !measured { None } else { Some((written.lo, written.hi)) }
}

/// Rule 18: whether the platform moved since both last agreed; by revision, never by value.
fn moved(verdict: &Verdict<'_>, ours: &Owned, field: Field, written: &Authorship) -> bool {
    let base = verdict.seen.and_then(|seen| seen.base.as_ref());
    let since = written.raced || base.is_none_or(|base| ours.rev > base.rev);
    // What was agreed may have been seen after this, and then proves nothing about it. The bounds
    // of the time are no use here: within them lies every edit that answers one of the platform.
    let unproven = written.unsure && ours.via.is_none() && ours.at > written.at;
    verdict.config.writes(field) && (since || unproven)
}
