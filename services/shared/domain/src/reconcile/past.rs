//! What was there before: what a read that lags may still show, what a write of ours went over, and
//! which announced edits were judged already (rules 9, 10 and 28).

use jiff::{SignedDuration, Timestamp};

use super::judge::Authorship;
use crate::{
    clock::Offset,
    lens::Foreign,
    link::{Landed, LinkField, Replaced, Stamp, Theirs},
};

/// How long a read may show what was there before: PagerDuty tells nothing about its replicas, so
/// this is our assumption, and all it costs is a second read.
const LAG_MAX: SignedDuration = SignedDuration::from_secs(5);
/// The most replaced values a field keeps in mind.
const REPLACED_MAX: usize = 8;

/// Whether an announced edit is later than the last one judged.
pub(super) fn is_due(seen: &LinkField, stamp: &Stamp) -> bool {
    let Stamp::Told { occurred_at, sequence, .. } = stamp else { return false };
    let place = (*occurred_at, *sequence);
    seen.judged.is_none_or(|judged| place > judged) && seen.echoed != Some(place)
}

/// Keeps in mind that an announced edit was judged. What was told in our name, or shows what we
/// wrote, is kept apart: what it went over is still to be judged when it comes late.
pub(super) fn mark_judged(seen: &mut LinkField, now: &Theirs, named: bool, clock: Offset) {
    let Stamp::Told { occurred_at, sequence, .. } = now.stamp else { return };
    let (lo, hi) = (now.stamp.earliest(clock), now.stamp.latest(clock));
    let open = seen.open.iter().map(|it| (&it.value, it.opened, None));
    let landed = seen.landed.iter().map(|it| (&it.value, it.from, Some(it.until)));
    let written = open.chain(landed).any(|(ours, from, until)| {
        *ours == now.value.value && hi >= from && until.is_none_or(|until| lo <= until)
    });
    let last = if named || written { &mut seen.echoed } else { &mut seen.judged };
    *last = Some((occurred_at, sequence));
}

/// Whether a write of ours may have gone over what was there at `lo`.
pub(super) fn overwrites(seen: &LinkField, lo: Timestamp) -> bool {
    seen.landed.last().is_some_and(|landed| lo <= landed.until)
}

/// Rule 28: what nobody announced shows late, in the webhook of something else, as written between
/// the read and the write of a call of ours, which went over it unseen. The clocks do not tell it
/// from what was there just before that read, but then it had been seen or was itself gone over.
pub(super) fn gone_over(seen: &mut LinkField, shown: &Theirs, clock: Offset) -> Option<Authorship> {
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

/// Puts a newer observation in the place of theirs, and keeps what it replaces.
pub(super) fn replace(seen: &mut LinkField, now: Theirs, clock: Offset) {
    let until = now.stamp.latest(clock);
    // A webhook that is the first to show a field most likely tells of the record's beginning.
    let first_read = matches!(now.stamp, Stamp::Read { .. });
    let told = matches!(now.stamp, Stamp::Told { .. });
    let made = |theirs: &Theirs| matches!(theirs.stamp, Stamp::Read { made: true, .. });
    if told && seen.theirs.as_ref().is_some_and(made) {
        // What the creation wrote is told by nothing that shows something else.
        seen.landed.retain(|landed| !landed.creates());
    }
    let before = seen.theirs.replace(now).map(|before| before.value);
    if before.is_none() && !first_read {
        return;
    }
    seen.replaced.retain(|old| old.until.checked_add(LAG_MAX).is_ok_and(|lag| lag > until));
    seen.replaced.push(Replaced { value: before.clone(), until });
    if seen.replaced.len() > REPLACED_MAX {
        seen.replaced.remove(0);
    }
    seen.previous = before.or_else(|| seen.previous.take());
}

/// Where a read shows what was there before, so soon that it may come from a copy of the data that
/// lags behind: from when on a read can be believed. What was there before the first read may be
/// anything.
pub(super) fn lagging(seen: &LinkField, now: &Theirs) -> Option<Timestamp> {
    let Stamp::Read { sent, .. } = now.stamp else { return None };
    let may_be =
        |old: &&Replaced| old.value.as_ref().is_none_or(|value| value.value == now.value.value);
    let until = seen.replaced.iter().rev().find(may_be)?.until.checked_add(LAG_MAX).ok()?;
    (sent < until).then_some(until)
}
