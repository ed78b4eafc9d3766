//! What was seen of a record, field by field: is it news, is it in doubt, is it to be judged.
//!
//! Rules 3–11: newer replaces older, what cannot be ordered is held until a read settles it, and
//! an announced edit is judged exactly once, in order, even where the state it shows is stale.

use jiff::{SignedDuration, Timestamp};

use super::{
    draft::Draft,
    echo::is_known,
    judge::{Authorship, Verdict},
};
use crate::{
    clock::Offset,
    event::Snapshot,
    field::Field,
    id::LinkId,
    incident::Actor,
    lens::Foreign,
    link::{Held, Landed, LinkField, Order, Replaced, Stamp, Theirs},
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
    /// Whether it may show what a call of ours has done: a read that a write begins with cannot.
    pub(super) attempted: bool,
    /// The versions that were attempted before it, whose reports may still be under way.
    pub(super) previous: &'a [u64],
    /// Whether it may come from a copy of the data that lags behind, as a read can and the answer
    /// to a write cannot.
    pub(super) lags: bool,
    /// Whether it tells that the record came to be: nothing a call showed is older.
    pub(super) begins: bool,
}

/// How long a read may show what was there before: PagerDuty tells nothing about its replicas, so
/// this is our assumption, and all it costs is a second read.
pub(super) const LAG_MAX: SignedDuration = SignedDuration::from_secs(5);
/// The most replaced values a field keeps in mind.
const REPLACED_MAX: usize = 8;

/// How what is seen now stands to what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    Newer,
    Same,
    Stale,
    Unordered,
}

impl Draft<'_> {
    /// Takes in every field a reading shows.
    pub(super) fn see(&mut self, sight: &Sight<'_>) {
        let Some(config) = self.link(sight.link).and_then(|link| self.config(link.integration))
        else {
            return;
        };
        for (name, value) in &sight.snapshot.fields {
            if let Some(field) = config.field_named(*name)
                && config.fields.contains_key(&field)
            {
                self.see_field(sight, field, value, config.clock);
            }
        }
    }

    fn see_field(&mut self, sight: &Sight<'_>, field: Field, value: &Foreign, clock: Offset) {
        let (lo, hi) = (sight.stamp.earliest(clock), sight.stamp.latest(clock));
        let undone = self.undoes(sight.link, field, value, lo);
        let of_us = self.link(sight.link).is_some_and(|link| is_known(link, &sight.actor));
        let Some(seen) = self.seen_mut(sight.link, field) else { return };
        let now = Theirs { value: value.clone(), stamp: sight.stamp };
        let edited = sight.edited == Some(field);
        let due = edited && is_due(seen, &sight.stamp);
        if due && let Stamp::Told { occurred_at, sequence, .. } = sight.stamp {
            // What our own edits went over is still to be judged when it comes late.
            let written = seen.open.iter().map(|it| (&it.value, it.opened, None));
            let landed = seen.landed.iter().map(|it| (&it.value, it.from, Some(it.until)));
            let mut ours = written.chain(landed);
            let of_us = of_us
                || ours.any(|(ours, from, until)| {
                    *ours == value.value && hi >= from && until.is_none_or(|until| lo <= until)
                });
            let last = if of_us { &mut seen.echoed } else { &mut seen.judged };
            *last = Some((occurred_at, sequence));
        }
        let since = seen.theirs.as_ref().map(|theirs| theirs.stamp.earliest(clock));
        let raced = overwrites(seen, lo) || undone;
        let at = sight.stamp.likely(clock);
        let exact = Authorship { lo, hi, at, raced: false, unsure: false, announced: true };
        let (settles, news) = place(seen, &now, sight, clock);
        let doubted = seen.held.clone();
        if settles {
            seen.held = None;
            let past = doubted
                .as_ref()
                .filter(|held| !held.judged && held.seen.value.value != value.value);
            if let Some(Held { seen: past, .. }) = past
                && let Some(written) = gone_over(seen, past, clock)
            {
                self.judge(sight, field, &past.value, &written);
            }
        }
        let Some(seen) = self.seen_mut(sight.link, field) else { return };
        match news {
            News::Same => {
                if let Some(theirs) = &mut seen.theirs
                    && now.stamp.order(&theirs.stamp, clock) == Order::Newer
                {
                    *theirs = now;
                }
                let doubted = doubted.filter(|held| settles && held.judged);
                let doubt = doubted.map(|held| held.seen.stamp.earliest(clock));
                self.see_again(sight, field, value, (&exact, due), doubt);
            }
            // Rule 10: what a write of ours went over is judged although it is past; what somebody
            // else went over is past.
            News::Stale if due && raced => {
                self.judge(sight, field, value, &Authorship { raced: true, ..exact });
            }
            News::Stale if edited => {}
            News::Stale => {
                let over = if sight.begins { None } else { gone_over(seen, &now, clock) };
                if let Some(written) = over {
                    self.judge(sight, field, value, &written);
                }
            }
            News::Unordered => self.doubt(sight, field, now, due.then_some((exact, raced)), clock),
            News::Newer => {
                replace(seen, now, clock);
                let again =
                    doubted.is_some_and(|held| held.judged && held.seen.value.value == value.value);
                if again && settles {
                    self.agree(sight.link, field, value, Some(lo));
                } else if due {
                    self.judge(sight, field, value, &exact);
                } else {
                    let lo = since.unwrap_or(Timestamp::UNIX_EPOCH).min(hi);
                    let written =
                        Authorship { lo, hi, at, raced: false, unsure: false, announced: false };
                    self.judge(sight, field, value, &written);
                }
            }
        }
    }

    /// What was seen before was judged then; now its time may be known better. An announced edit is
    /// judged also where it changes nothing, and what settles a doubt by having been there all
    /// along is news to whoever followed the doubt.
    fn see_again(
        &mut self,
        sight: &Sight<'_>,
        field: Field,
        value: &Foreign,
        (exact, due): (&Authorship, bool),
        doubt: Option<Timestamp>,
    ) {
        if due {
            self.reconsider(sight, field, value, exact);
            self.judge(sight, field, value, exact);
        } else if let Some(lo) = doubt {
            let written = Authorship { lo: lo.min(exact.hi), announced: false, ..*exact };
            self.judge(sight, field, value, &written);
        } else {
            self.agree(sight.link, field, value, Some(exact.lo));
        }
    }

    /// Rules 6 and 7: what cannot be ordered is held, and a read is asked for.
    fn doubt(
        &mut self,
        sight: &Sight<'_>,
        field: Field,
        now: Theirs,
        due: Option<(Authorship, bool)>,
        clock: Offset,
    ) {
        let Some(seen) = self.link_mut(sight.link).and_then(|link| link.fields.get_mut(&field))
        else {
            return;
        };
        // A doubt that is older than the one in hand adds nothing to it.
        let older = |held: &Held| now.stamp.order(&held.seen.stamp, clock) == Order::Older;
        let (value, judged) = (now.value.clone(), due.is_some());
        if let Some(held) = seen.held.as_mut().filter(|held| older(held)) {
            held.judged |= judged && held.seen.value.value == value.value;
        } else {
            let not_before = if sight.lags { lagging(seen, &now) } else { None };
            seen.held = Some(Held { seen: now, asked: 0, judged, not_before });
        }
        if let Some((exact, raced)) = due {
            self.judge(sight, field, &value, &Authorship { raced, unsure: true, ..exact });
        }
    }

    /// Keeps in mind which platform value each external one stands for.
    pub(super) fn remember(&mut self) {
        for link in self.links.iter_mut().filter(|link| !link.detached) {
            let Some(config) = self.configs.get(&link.integration) else { continue };
            for (field, rule) in &config.fields {
                if let Some(seen) = link.fields.get_mut(field) {
                    rule.lens.remember(self.incident.value(*field), &mut seen.remembered);
                }
            }
        }
    }

    /// What a verdict needs to know of a link's field; for the judge.
    pub(super) fn verdict_on(&self, link: LinkId, field: Field) -> Option<Verdict<'_>> {
        let link = self.link(link)?;
        let config = self.configs.get(&link.integration)?;
        let rule = config.fields.get(&field)?;
        Some(Verdict { config, rule, seen: link.fields.get(&field) })
    }
}

/// Whether an announced edit is later than the last one judged.
fn is_due(seen: &LinkField, stamp: &Stamp) -> bool {
    let Stamp::Told { occurred_at, sequence, .. } = stamp else { return false };
    let place = (*occurred_at, *sequence);
    seen.judged.is_none_or(|judged| place > judged) && seen.echoed != Some(place)
}

/// Whether a write of ours may have gone over what was there at `lo`.
fn overwrites(seen: &LinkField, lo: Timestamp) -> bool {
    seen.landed.last().is_some_and(|landed| lo <= landed.until)
}

/// Rule 28: what nobody announced shows late, in the webhook of something else, as written between
/// the read and the write of a call of ours, which went over it unseen. The clocks do not tell it
/// from what was there just before that read, but then it had been seen or was itself gone over.
fn gone_over(seen: &mut LinkField, shown: &Theirs, clock: Offset) -> Option<Authorship> {
    let Theirs { value, stamp } = shown;
    if !matches!(stamp, Stamp::Told { .. }) || is_known_value(seen, value) {
        return None;
    }
    let (first, last) = (stamp.earliest(clock), stamp.latest(clock));
    let over = |it: &&Landed| first <= it.until && it.read.is_some_and(|read| last >= read);
    let landed = seen.landed.iter().rev().find(over)?;
    let (lo, until) = (landed.read?, landed.until);
    let (hi, at) = (last.min(until).max(lo), stamp.likely(clock).clamp(lo, until.max(lo)));
    seen.replaced.push(Replaced { value: Some(value.clone()), until });
    Some(Authorship { lo, hi, at, raced: true, unsure: false, announced: false })
}

/// Whether a value is one that the field was seen to hold, or that we wrote.
fn is_known_value(seen: &LinkField, value: &Foreign) -> bool {
    let theirs = seen.theirs.iter().map(|theirs| &theirs.value);
    let held = seen.held.iter().map(|held| &held.seen.value);
    let replaced = seen.replaced.iter().filter_map(|old| old.value.as_ref());
    let over = seen.landed.iter().filter_map(|landed| landed.over.as_ref());
    let shown = theirs.chain(held).chain(replaced).chain(over).chain(&seen.previous);
    let base = seen.base.iter().map(|base| &base.value);
    let open = seen.open.iter().map(|intent| &intent.value);
    let written = seen.landed.iter().map(|landed| &landed.value).chain(open).chain(base);
    shown.map(|shown| &shown.value).chain(written).any(|known| *known == value.value)
}

/// Places an observation against what is known, and says whether it settles what was held.
fn place(seen: &LinkField, now: &Theirs, sight: &Sight<'_>, clock: Offset) -> (bool, News) {
    let Some(theirs) = &seen.theirs else { return (true, News::Newer) };
    let held = seen.held.as_ref();
    // The read that was asked for began after what made it necessary, whatever the clocks say.
    let asked = held.is_some_and(|held| {
        let begun = |at: Timestamp| matches!(now.stamp, Stamp::Read { sent, .. } if sent >= at);
        held.asked > 0 && sight.answers >= held.asked && held.not_before.is_none_or(begun)
    });
    let after_held =
        asked || held.is_none_or(|held| now.stamp.order(&held.seen.stamp, clock) == Order::Newer);
    if now.value.value == theirs.value.value {
        // Later than the challenger: whichever of the two came first, this is how it ended.
        return (after_held, News::Same);
    }
    let as_held = held.is_some_and(|held| held.seen.value.value == now.value.value);
    let lags = sight.lags && lagging(seen, now).is_some();
    let older = sight.begins && matches!(theirs.stamp, Stamp::Read { .. });
    match now.stamp.order(&theirs.stamp, clock) {
        _ if asked && !lags => (true, News::Newer),
        _ if older => (false, News::Stale),
        Order::Older => (false, News::Stale),
        Order::Newer if lags => (false, News::Unordered),
        Order::Unordered => (false, News::Unordered),
        Order::Newer => (after_held || as_held, News::Newer),
    }
}

/// Puts a newer observation in the place of theirs, and keeps what it replaces.
fn replace(seen: &mut LinkField, now: Theirs, clock: Offset) {
    let until = now.stamp.latest(clock);
    // A webhook that is the first to show a field most likely tells of the record's beginning.
    let first_read = matches!(now.stamp, Stamp::Read { .. });
    let before = seen.theirs.replace(now).map(|before| before.value);
    if before.is_none() && !first_read {
        return;
    }
    seen.replaced.retain(|old| old.until.checked_add(LAG_MAX).is_ok_and(|lag| lag > until));
    seen.replaced.push(Replaced { value: before.clone(), until });
    if seen.replaced.len() > REPLACED_MAX {
        seen.replaced.remove(0);
    }
    seen.previous = before.or(seen.previous.take());
}

/// Where a read shows what was there before, so soon that it may come from a copy of the data that
/// lags behind: from when on a read can be believed. What was there before the first read may be
/// anything.
fn lagging(seen: &LinkField, now: &Theirs) -> Option<Timestamp> {
    let Stamp::Read { sent, .. } = now.stamp else { return None };
    let may_be =
        |old: &&Replaced| old.value.as_ref().is_none_or(|value| value.value == now.value.value);
    let until = seen.replaced.iter().rev().find(may_be)?.until.checked_add(LAG_MAX).ok()?;
    (sent < until).then_some(until)
}
