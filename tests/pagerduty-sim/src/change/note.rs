//! Owns notes: at most 2000 on an incident, each at most 65,535 bytes.
//!
//! A note on creation emits `incident.annotated`; editing or deleting one emits nothing.

use serde_json::json;

use super::Change;
use crate::incident::Note;
use crate::minter::Kind;
use crate::refusal::Refusal;
use crate::webhooks::emit;

const MAX_NOTES: usize = 2000;
const MAX_BYTES: usize = 65_535;

impl Change<'_> {
    /// Adds a note and gives its id.
    pub(crate) fn annotate(&mut self, id: &str, content: &str) -> Result<String, Refusal> {
        check_content(content)?;
        if self.incident(id)?.notes.len() >= MAX_NOTES {
            return Err(Refusal::invalid("Incident has too many notes."));
        }
        let note_id = self.world.minter.short_id(Kind::Note);
        let note = Note {
            id: note_id.clone(),
            content: content.to_owned(),
            by: self.actor.agent.clone(),
            channel: self.actor.channel.into(),
            created_at: self.now,
            updated_at: self.now,
        };
        self.edit(id, |incident| incident.notes.push(note));
        self.record(id, "annotate", json!({ "note": content, "summary": content }));
        emit::note(self.world, id, &note_id, &self.actor, self.now);
        Ok(note_id)
    }

    pub(crate) fn edit_note(&mut self, id: &str, note: &str, content: &str) -> Result<(), Refusal> {
        check_content(content)?;
        self.find_note(id, note)?;
        let now = self.now;
        self.edit(id, |incident| {
            for found in incident.notes.iter_mut().filter(|it| it.id == note) {
                content.clone_into(&mut found.content);
                found.updated_at = now;
            }
        });
        Ok(())
    }

    pub(crate) fn delete_note(&mut self, id: &str, note: &str) -> Result<(), Refusal> {
        self.find_note(id, note)?;
        self.edit(id, |incident| incident.notes.retain(|it| it.id != note));
        Ok(())
    }

    fn find_note(&self, id: &str, note: &str) -> Result<(), Refusal> {
        let known = self.incident(id)?.notes.iter().any(|it| it.id == note);
        if known { Ok(()) } else { Err(Refusal::NotFound) }
    }

    /// The note that a resolution becomes.
    pub(crate) fn annotate_resolution(&mut self, id: &str, text: &str) -> Result<(), Refusal> {
        self.annotate(id, &format!("Resolution Note: {text}")).map(drop)
    }
}

fn check_content(content: &str) -> Result<(), Refusal> {
    if content.trim().is_empty() {
        return Err(Refusal::invalid("Content cannot be empty."));
    }
    if content.len() > MAX_BYTES {
        return Err(Refusal::invalid("Content is too long."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::change::New;
    use crate::clock;
    use crate::incident::{Actor, Agent};
    use crate::options::Options;
    use crate::world::World;

    /// §3.5 [KB-edit-incidents]: 2000 notes on an incident and no more.
    #[test]
    fn an_incident_holds_two_thousand_notes() {
        let mut world = World::new(Arc::new(Options::default()));
        let actor = Actor { agent: Agent::Automation, channel: "api", client: None };
        let mut change = Change::new(&mut world, actor, clock::now());
        let (title, service) = ("t".to_owned(), "P123ABC".to_owned());
        let id = change.create(New { title, service, ..New::default() }).unwrap();
        for _ in 0..MAX_NOTES {
            change.annotate(&id, "n").unwrap();
        }
        assert!(matches!(change.annotate(&id, "one more"), Err(Refusal::Invalid(_))));
    }
}
