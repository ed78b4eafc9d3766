//! Notes seen on the external side: each becomes ours once, and our own come back as nothing.

use jiff::Timestamp;

use super::{NewNote, NoteTrack, draft::Draft};
use crate::{event::ForeignNote, id::LinkId, incident::Actor, link::Link};

impl Draft<'_> {
    /// Takes in a note that was seen on `link`. One of ours is known by its id, or, when its
    /// webhook overtakes the answer to our call, by its text.
    pub(super) fn note_seen(
        &mut self,
        link: LinkId,
        note: &ForeignNote,
        at: Timestamp,
        author: Actor,
    ) {
        let on_link = |track: &&mut NoteTrack| track.link == link;
        let mut tracks = self.tracks.iter_mut().filter(on_link);
        if tracks.any(|track| track.foreign.as_deref() == Some(&note.id)) {
            return;
        }
        let awaited = self.tracks.iter_mut().filter(on_link).find(|track| {
            track.issued && track.foreign.is_none() && same_text(&track.text, &note.text)
        });
        if let Some(track) = awaited {
            track.foreign = Some(note.id.clone());
            return;
        }
        let text = if note.trimmed { self.pointed(link, &note.text) } else { note.text.clone() };
        let id = self.mint.id();
        let others = |other: &&Link| {
            let config = self.configs.get(&other.integration);
            other.id == link || config.is_some_and(|config| config.direction.outbound())
        };
        let links: Vec<_> = self.links.iter().filter(others).map(|other| other.id).collect();
        self.tracks.extend(links.into_iter().map(|other| NoteTrack {
            note: id,
            link: other,
            text: text.clone(),
            author: author.clone(),
            foreign: (other == link).then(|| note.id.clone()),
            issued: other == link,
        }));
        self.add_note(NewNote { id, text, author, at });
        self.issue_notes();
    }

    /// A note that was cut to fit its message, with where the whole of it is.
    fn pointed(&self, link: LinkId, text: &str) -> String {
        match self.link(link).and_then(|link| link.url.as_deref()) {
            Some(url) => format!("{text} […]\n(cut on its way; the whole note is at {url})"),
            None => format!("{text} […]"),
        }
    }
}

/// Whether two texts are the same note; the far side may trim what surrounds them.
fn same_text(ours: &str, theirs: &str) -> bool {
    ours.trim() == theirs.trim()
}
