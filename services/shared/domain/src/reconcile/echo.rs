//! What is nobody's edit: what agrees with ours, what we wrote, and what that causes besides
//! (rules 14, 20 and 26).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{draft::Draft, judge::Authorship, sight::Sight};
use crate::{
    field::{Field, Value},
    id::LinkId,
    incident::Actor,
    integration::Integration,
    lens::{Foreign, is_part, parts},
    link::{Base, Echo, Intent, Landed, Link, LinkField, Stamp, link_of_key},
};

impl Draft<'_> {
    /// Whether a value agrees with ours, is of our making, or is what both last agreed on.
    pub(super) fn is_no_edit(
        &mut self,
        sight: &Sight<'_>,
        field: Field,
        value: &Foreign,
        written: &Authorship,
    ) -> bool {
        let config = self.link(sight.link).and_then(|link| self.config(link.integration));
        let Some(clock) = config.map(|config| config.clock) else { return true };
        // What a write of ours went over says nothing about what is there now.
        let agrees = if written.raced {
            self.agrees(sight.link, field, value)
        } else {
            self.agree(sight.link, field, value, Some(sight.stamp.earliest(clock)))
        };
        if agrees {
            return true;
        }
        let key = sight.snapshot.key.as_deref();
        if key.and_then(link_of_key) == Some(sight.link) {
            self.begin_base(sight.link, field, value);
        }
        if self.is_ours(sight, field, value, written) {
            return true;
        }
        // What a record begins with is nobody's edit; what goes back to it later is.
        let seen = self.verdict_on(sight.link, field).and_then(|verdict| verdict.seen);
        let first = seen.filter(|seen| seen.previous.is_none() && !written.announced);
        let base = first.and_then(|seen| seen.base.as_ref());
        !written.raced && base.is_some_and(|base| base.value == value.value)
    }

    /// Whether an external value is what ours comes to over there; if so, that is the new base.
    /// Rule 20: an observation that began before an edit of the platform proves nothing about it.
    pub(super) fn agree(
        &mut self,
        link: LinkId,
        field: Field,
        value: &Foreign,
        began: Option<Timestamp>,
    ) -> bool {
        let agree = self.agrees(link, field, value);
        let Some(verdict) = self.verdict_on(link, field) else { return false };
        let ours = self.incident.fields.get(&field);
        if agree {
            let base = verdict.seen.and_then(|seen| seen.base.as_ref()).map_or(0, |base| base.rev);
            let edited = ours.and_then(|ours| ours.edited);
            let before = edited.is_some_and(|edited| began.is_some_and(|began| began < edited));
            let rev = ours.map_or(0, |ours| if before { base.min(ours.rev) } else { ours.rev });
            match self.seen_mut(link, field).and_then(|seen| seen.base.as_mut()) {
                Some(base) if base.value == value.value => base.rev = rev,
                _ => self.rebase(link, field, Base { value: value.value.clone(), rev }),
            }
        }
        agree
    }

    /// Whether a write of ours to another field may have undone what was there at `lo` (rule 26).
    pub(super) fn undoes(
        &self,
        link: LinkId,
        field: Field,
        value: &Foreign,
        lo: Timestamp,
    ) -> bool {
        let Some(link) = self.link(link) else { return false };
        let Some(config) = self.config(link.integration) else { return false };
        config.fields.iter().filter(|(cause, _)| **cause != field).any(|(cause, rule)| {
            let undone = rule
                .disturbs
                .iter()
                .filter(|it| it.field == field && Some(&*it.from) == value.value.as_deref());
            let landed = || link.fields.get(cause).into_iter().flat_map(|seen| &seen.landed);
            undone
                .into_iter()
                .any(|it| landed().any(|landed| lo <= landed.until && changes_to(landed, &it.by)))
        })
    }

    /// Rule 26: what somebody set and nobody had seen before a write of ours to another field undid
    /// it, where the answer to that write names us as the author of what is there now.
    pub(super) fn undone_unseen(
        &self,
        sight: &Sight<'_>,
        field: Field,
        value: &Foreign,
    ) -> Option<Foreign> {
        let link = self.link(sight.link)?;
        let config = self.config(link.integration)?;
        let by_us = is_agent(link, sight.snapshot.changed_by.as_ref());
        // Only of the status is it told who changed it last.
        if field != Field::Status || !by_us || !sight.attempted || sight.lags {
            return None;
        }
        let wrote = |cause: &Field, by: &str| {
            let open = link.fields.get(cause).into_iter().flat_map(|seen| &seen.open);
            let carried =
                |intent: &Intent| (intent.since..=intent.version).contains(&sight.answers);
            open.into_iter().any(|intent| carried(intent) && is_done(&intent.value, by))
        };
        config.fields.iter().filter(|(cause, _)| **cause != field).find_map(|(cause, rule)| {
            let mut exact = rule.disturbs.iter().filter(|it| it.field == field);
            let effect = exact.find(|it| {
                value.value.as_deref() == Some(&*it.to) && it.from != it.to && wrote(cause, &it.by)
            });
            effect.map(|it| Foreign::plain(it.from.clone()))
        })
    }

    fn agrees(&self, link: LinkId, field: Field, value: &Foreign) -> bool {
        let rule = self.verdict_on(link, field).map(|verdict| verdict.rule);
        rule.is_some_and(|rule| rule.lens.agree(self.incident.value(field), value))
    }

    pub(super) fn rebase(&mut self, link: LinkId, field: Field, base: Base) {
        if let Some(link) = self.link_mut(link) {
            link.fields.entry(field).or_default().base = Some(base);
        }
    }

    /// A record of our making: what it begins with by itself is older than anything we want,
    /// everything else is what the creation wrote.
    fn begin_base(&mut self, link: LinkId, field: Field, value: &Foreign) {
        let Some(verdict) = self.verdict_on(link, field) else { return };
        let initial = verdict.rule.initial.is_some() && verdict.rule.initial == value.value;
        let first = |seen: &&LinkField| seen.base.is_none() && seen.previous.is_none();
        let Some(seen) = verdict.seen.filter(first) else { return };
        let Some(intent) = seen.open.first() else {
            // Nobody asked for what it begins with.
            if seen.begins {
                self.rebase(link, field, Base { value: value.value.clone(), rev: 0 });
            }
            return;
        };
        let (value, rev) = if initial { (&value.value, 0) } else { (&intent.value, intent.rev) };
        let base = Base { value: value.clone(), rev };
        self.rebase(link, field, base);
    }

    /// Rule 14: whether a value is there because we wrote it, or because of another write of ours.
    fn is_ours(
        &mut self,
        sight: &Sight<'_>,
        field: Field,
        value: &Foreign,
        written: &Authorship,
    ) -> bool {
        let Some(config) = self.link(sight.link).and_then(|it| self.config(it.integration)) else {
            return false;
        };
        let (lo, hi) = (sight.stamp.earliest(config.clock), sight.stamp.latest(config.clock));
        let told = matches!(sight.stamp, Stamp::Told { .. });
        let Some(link) = self.link_mut(sight.link) else { return false };
        if sight.edited == Some(field) && is_stranger(link, &sight.actor) {
            return false;
        }
        let of_call = |intent: &Intent| {
            let carried = |version: u64| (intent.since..=intent.version).contains(&version);
            match (told, sight.attempted) {
                (true, _) => hi >= intent.opened,
                (false, _) if intent.attempted => true,
                (false, true) if carried(sight.answers) => true,
                (false, _) => sight.previous.iter().any(|it| carried(*it)),
            }
        };
        let known = (sight, is_known(link, &sight.actor));
        let disturbed = disturbed(&link.fields, config, field, value, (lo, hi), of_call, known);
        let seen = link.fields.entry(field).or_default();
        let announced = told && sight.edited == Some(field);
        // What is there shows our last write until somebody has gone over it.
        let last = seen.landed.last().map(|last| last.until);
        let mut landed = seen.landed.iter().rev().filter(|it| it.value == value.value);
        let landed = landed.find(|it| {
            let stands = Some(it.until) == last && it.until >= written.lo;
            let window = (told || it.late) && hi >= it.from && lo <= it.until;
            window || (!announced && stands)
        });
        let mut open = seen.open.iter_mut().filter(|intent| is_part(&value.value, &intent.value));
        let open = open.find(|intent| of_call(intent) || (!told && sight.attempted));
        // What is known to have landed explains more than what may never be sent.
        let open = open.filter(|intent| !told || intent.attempted || landed.is_none());
        if let Some(intent) = open {
            let announced = written.announced;
            let echo = Echo {
                by: sight.actor.clone(),
                lo: written.lo,
                hi: written.hi,
                at: written.at,
                announced,
            };
            intent.echo = Some(echo);
            // What a write of ours went over says nothing about what is there now.
            if !written.raced {
                seen.base = Some(Base { value: value.value.clone(), rev: intent.rev });
            }
            return true;
        }
        if let Some(landed) = landed {
            if !written.raced {
                seen.base = Some(Base { value: landed.value.clone(), rev: landed.rev });
            }
            return true;
        }
        disturbed
    }
}

/// How far a change over there and the answer to a write of ours may be apart for one to be the
/// side effect of the other.
const EFFECT_MAX: SignedDuration = SignedDuration::from_secs(1);

/// Whom our calls appear as, as far as is known.
fn agents(link: &Link) -> impl Iterator<Item = &String> {
    let landed = link.fields.values().flat_map(|seen| &seen.landed);
    landed.filter_map(|landed| landed.agent.as_ref())
}

/// Whether somebody is named as the author who is none of those our calls appear under.
pub(super) fn is_stranger(link: &Link, actor: &Actor) -> bool {
    actor.id.is_some() && agents(link).next().is_some() && !is_known(link, actor)
}

/// Whether the one named as the author is one of those our calls appear under.
pub(super) fn is_known(link: &Link, actor: &Actor) -> bool {
    is_agent(link, actor.id.as_ref())
}

fn is_agent(link: &Link, id: Option<&String>) -> bool {
    agents(link).any(|agent| id == Some(agent))
}

/// Whether a value is the one that causes an effect.
fn is_done(value: &Value, by: &str) -> bool {
    value.as_deref().is_some_and(|value| parts(value).0 == by)
}

/// Whether a write of ours brought that value about, as far as is known. What a record was created
/// with had no effect on anything.
fn changes_to(landed: &Landed, by: &str) -> bool {
    !landed.creates()
        && is_done(&landed.value, by)
        && !landed.over.as_ref().is_some_and(|over| is_done(&over.value, by))
}

/// Rule 26: whether a value is there because a write of ours to another field put it there.
fn disturbed(
    fields: &BTreeMap<Field, LinkField>,
    config: &Integration,
    field: Field,
    value: &Foreign,
    (lo, hi): (Timestamp, Timestamp),
    of_call: impl Fn(&Intent) -> bool,
    (sight, known): (&Sight<'_>, bool),
) -> bool {
    let began_as = |from: &str| {
        let Some(seen) = fields.get(&field) else { return false };
        let base = seen.base.as_ref().and_then(|base| base.value.as_deref());
        let replaced = seen.replaced.iter().filter_map(|old| old.value.as_ref());
        let mut held = replaced.chain(&seen.previous).map(|held| held.value.as_deref());
        base == Some(from) || held.any(|held| held == Some(from))
    };
    let of_us = sight.edited == Some(field) && known;
    let causes = config.fields.iter().flat_map(|(other, rule)| {
        let exact = rule.disturbs.iter().filter(|it| {
            it.field == field
                // A step on the way to what we write is ours wherever the way began.
                && (*other == field || of_us || began_as(&it.from))
                && Some(&*it.to) == value.value.as_deref()
        });
        exact.map(|it| (*other, it.by.as_str()))
    });
    causes.into_iter().any(|(cause, by)| {
        let Some(other) = fields.get(&cause) else { return false };
        let does = |value: &Value| is_done(value, by);
        // What shows the effect shows the cause, or what we wrote since, where it shows that field.
        let wrote = |value: &Value| {
            other.open.iter().any(|intent| intent.value == *value && of_call(intent))
        };
        let shown = sight.snapshot.fields.get(&config.external_name(cause));
        let hides = |shown: &Foreign| !does(&shown.value) && !wrote(&shown.value);
        if cause != field && shown.is_some_and(hides) {
            return false;
        }
        let landed = other.landed.iter().filter(|it| changes_to(it, by)).any(|landed| {
            let until = landed.until.checked_add(EFFECT_MAX).unwrap_or(landed.until);
            hi >= landed.from && lo <= until
        });
        landed || other.open.iter().any(|intent| does(&intent.value) && of_call(intent))
    })
}
