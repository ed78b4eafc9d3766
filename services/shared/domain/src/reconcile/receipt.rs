//! Receipts: what a call saw before and after, and which of our writes it confirms.
//!
//! `before` is taken in first, then `after`, then the entries close: one message, one transition.

use std::collections::BTreeMap;

use super::{Configs, Effect, Input, State, Step, draft::Draft, observe::Sight};
use crate::{
    event::{Fate, Outcome, Reading, Receipt},
    field::Field,
    id::LinkId,
    incident::{Actor, Side},
    link::Stamp,
};

pub(super) fn apply(
    state: Option<State>,
    input: Input<'_>,
    receipt: &Receipt,
    configs: &Configs,
) -> Step {
    let Some(state) = state else {
        return Step::without_effect(None, Effect::Ignored("the link is gone"));
    };
    let mut draft = Draft::resume(state, input, configs);
    let link = receipt.link;
    match &receipt.outcome {
        Outcome::Settled { version, before, after, fates } => {
            draft.read(link, before.as_deref(), *version);
            draft.read(link, after.as_deref(), *version);
            draft.settle(link, *version, fates, after.as_deref());
        }
        Outcome::Noted { note, foreign } => {
            let mut tracks = draft.tracks.iter_mut();
            let track = tracks.find(|track| track.link == link && track.note == *note);
            if let Some(track) = track {
                track.issued = true;
                track.foreign = Some(foreign.clone());
            }
        }
        Outcome::Refused { version, before, reason } => {
            draft.read(link, before.as_deref(), version.unwrap_or(0));
            draft.refused(link, *version, reason);
        }
    }
    draft.finish(false)
}

impl Draft<'_> {
    fn read(&mut self, link: LinkId, reading: Option<&Reading>, answers: u64) {
        let Some(Reading { sent, received, snapshot }) = reading else { return };
        self.join(link, snapshot, *received);
        let stamp = Stamp::Read { sent: *sent, received: *received };
        let actor = Actor::unnamed(Side::External);
        self.see(&Sight { link, snapshot, stamp, edited: None, actor, answers });
    }

    /// Closes what a version carried and forgets the wants it fulfilled.
    fn settle(
        &mut self,
        link: LinkId,
        version: u64,
        fates: &BTreeMap<Field, Fate>,
        after: Option<&Reading>,
    ) {
        let Some(link) = self.links.iter_mut().find(|other| other.id == link) else { return };
        for (field, _) in fates.iter().filter(|(_, fate)| **fate == Fate::Sent) {
            link.fields.entry(*field).or_default().written = after.map(|after| after.received);
        }
        let latest = version >= link.confirmed;
        link.confirmed = link.confirmed.max(version);
        for seen in link.fields.values_mut() {
            seen.open.retain(|intent| intent.version > version);
        }
        if !latest || version < link.version {
            return;
        }
        let mut problem = None;
        if let Some(published) = &mut link.published {
            // What was written and did not stick is not written again until something else is
            // wanted; everything else has had its turn, and the next difference is news.
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

    /// A refusal for good: nothing is tried again until something else is wanted.
    fn refused(&mut self, link: LinkId, version: Option<u64>, reason: &str) {
        let Some(link) = self.links.iter_mut().find(|other| other.id == link) else { return };
        link.problem = Some(reason.to_owned());
        if let Some(version) = version {
            link.confirmed = link.confirmed.max(version);
            for seen in link.fields.values_mut() {
                seen.open.retain(|intent| intent.version > version);
            }
        }
    }
}
