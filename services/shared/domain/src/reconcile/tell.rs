//! The end of a transition: lines for people, events for the outside, the answer to the author.

use super::{Effect, State, Step, TimelineEntry, TimelineKind, draft::Draft};
use crate::{
    event::Reply,
    feed::{Happening, News, PublicEvent, Shown},
    field::Field,
    incident::{Actor, Side},
};

impl Draft<'_> {
    /// Ends the transition: lines and events for what changed, and the desired state of each link.
    pub(super) fn finish(self, reply: bool) -> Step {
        self.end(|revision| reply.then_some(Reply::Accepted { revision }))
    }

    /// Ends a transition that tells the author of an edit something of its own.
    pub(super) fn end(mut self, reply: impl FnOnce(u64) -> Option<Reply>) -> Step {
        self.give_way();
        self.close_agreed();
        // Those too that were written while nothing was sent.
        self.issue_notes();
        self.level();
        self.tell_changes();
        let mut feed = Vec::with_capacity(self.feed.len());
        for (happening, news) in std::mem::take(&mut self.feed) {
            self.incident.sequence += 1;
            feed.push(PublicEvent {
                org: self.incident.org.clone(),
                incident: self.incident.id,
                happening,
                sequence: self.incident.sequence,
                at: self.input.at,
                news,
                shown: Shown::from(&self.incident),
            });
        }
        let revision = self.incident.revision;
        Step {
            state: Some(State {
                incident: self.incident,
                links: self.links,
                notes: self.tracks,
                conflicts: self.conflicts,
            }),
            effect: Effect::Applied,
            decisions: self.decisions,
            desired: self.desired,
            acts: self.acts,
            writes: self.writes,
            conflicts: self.disputed,
            notes: self.notes,
            timeline: self.timeline,
            feed,
            missed: self.missed,
            reply: reply(revision),
        }
    }

    fn tell_changes(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        if self.fresh {
            let title = self.incident.value(Field::Title).unwrap_or_default().to_owned();
            let by = changes.first().map(|change| change.by.clone());
            let actor = by.unwrap_or_else(|| Actor::unnamed(Side::Platform));
            let (at, kind) = (self.incident.created_at, TimelineKind::Created);
            self.timeline.insert(0, TimelineEntry { at, kind, text: title, actor });
            self.feed.insert(0, (Happening::Created, News::Changes { changes }));
        } else if !changes.is_empty() {
            for change in &changes {
                let at = self.incident.fields.get(&change.field).map_or(self.input.at, |f| f.at);
                let text = format!(
                    "{}: {} → {}",
                    change.field,
                    change.before.as_deref().unwrap_or("(empty)"),
                    change.after.as_deref().unwrap_or("(empty)"),
                );
                self.line(at, TimelineKind::Changed, text, change.by.clone());
            }
            self.feed.push((Happening::Updated, News::Changes { changes }));
        }
    }
}
