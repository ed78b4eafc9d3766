//! What was seen of a record, field by field: is it news, is it in doubt, is it to be judged.
//!
//! Rules 3–11: newer replaces older, what cannot be ordered is held until a read settles it, and
//! an announced edit is judged exactly once, in order, even where the state it shows is stale.

use jiff::{SignedDuration, Timestamp};

use super::{
    Configs,
    draft::Draft,
    echo::is_known,
    judge::{Authorship, Verdict},
    past::{gone_over, is_due, lagging, mark_judged, overwrites, replace},
};
use crate::{
    clock::Offset,
    event::Snapshot,
    field::Field,
    id::LinkId,
    incident::Actor,
    lens::Foreign,
    link::{Held, Link, LinkField, Order, Stamp, Theirs},
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
    /// How exactly it tells the time of what it announces.
    pub(super) grain: SignedDuration,
}

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
        let lo = sight.stamp.earliest(clock);
        let hi = later(sight.stamp.latest(clock), sight.grain);
        let named = self.link(sight.link).is_some_and(|link| is_known(link, &sight.actor));
        let Some(seen) = self.seen_mut(sight.link, field) else { return };
        let now = Theirs { value: value.clone(), stamp: sight.stamp };
        let edited = sight.edited == Some(field);
        let due = edited && is_due(seen, &sight.stamp);
        if due {
            mark_judged(seen, &now, named, clock);
        }
        let since = seen.theirs.as_ref().map(|theirs| theirs.stamp.earliest(clock));
        let raced = overwrites(seen, lo);
        let at = later(sight.stamp.likely(clock), sight.grain / 2);
        let exact = Authorship { lo, hi, at, raced: false, unsure: false, announced: true };
        let (settles, news) = place(seen, &now, sight, clock);
        let doubted = if settles { seen.held.take() } else { seen.held.clone() };
        let past = |held: &&Held| settles && !held.judged && held.seen.value.value != value.value;
        if let Some(held) = doubted.as_ref().filter(past) {
            self.find_gone_over(sight, field, &held.seen, clock);
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
            News::Stale if due && (raced || self.undoes(sight.link, field, value, lo)) => {
                self.judge(sight, field, value, &Authorship { raced: true, ..exact });
            }
            News::Stale if edited || sight.begins => {}
            News::Stale => self.find_gone_over(sight, field, &now, clock),
            News::Unordered => self.doubt(sight, field, now, due.then_some((exact, raced)), clock),
            News::Newer => {
                if let Some(seen) = self.seen_mut(sight.link, field) {
                    replace(seen, now, clock);
                }
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

    /// What turns out to be past may be what a write of ours went over.
    fn find_gone_over(&mut self, sight: &Sight<'_>, field: Field, shown: &Theirs, clock: Offset) {
        let over = self.seen_mut(sight.link, field).and_then(|seen| gone_over(seen, shown, clock));
        if let Some(written) = over {
            self.judge(sight, field, &shown.value, &written);
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

    /// What a verdict needs to know of a link's field; for the judge.
    pub(super) fn verdict_on(&self, link: LinkId, field: Field) -> Option<Verdict<'_>> {
        let link = self.link(link)?;
        let config = self.configs.get(&link.integration)?;
        let rule = config.fields.get(&field)?;
        Some(Verdict { config, rule, seen: link.fields.get(&field) })
    }
}

/// Keeps in mind which external value a platform value stood for that is about to be replaced.
pub(super) fn remember(
    links: &mut [Link],
    configs: &Configs,
    field: Field,
    replaced: Option<&str>,
) {
    for link in links {
        let rule = configs.get(&link.integration).and_then(|config| config.fields.get(&field));
        if let Some((rule, seen)) = rule.zip(link.fields.get_mut(&field)) {
            rule.lens.remember(replaced, &mut seen.remembered);
        }
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
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
