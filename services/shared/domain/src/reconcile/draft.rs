//! The next state while it is being worked out, with everything that follows from the event.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Configs, Input, NewNote, NoteTrack, State, TimelineEntry, TimelineKind, Write, sight::remember,
};
use crate::{
    conflict::Conflict,
    decision::{Cause, Decision, Head, Rule, stored},
    event::Event,
    feed::{FieldChange, Happening, News},
    field::{Field, Value},
    finding::Missed,
    id::{IncidentId, IntegrationId, LinkId, Mint, Org, RecordId},
    incident::{Actor, Incident, Owned, Side},
    integration::Integration,
    link::{Link, LinkField},
    outbound::{Act, ActKind, Desired},
};

/// The mint of an event: the same event always mints the same ids.
pub(super) fn mint(input: Input<'_>) -> Mint {
    let seed = format!("{}/{}", input.event.source(), input.event.delivery());
    Mint::new(input.at, seed)
}

pub(super) struct Draft<'a> {
    pub(super) incident: Incident,
    pub(super) links: Vec<Link>,
    pub(super) tracks: Vec<NoteTrack>,
    /// The open conflicts.
    pub(super) conflicts: Vec<Conflict>,
    /// Those that this event opened, changed or closed.
    pub(super) disputed: Vec<Conflict>,
    pub(super) writes: Vec<Write>,
    pub(super) configs: &'a Configs,
    pub(super) input: Input<'a>,
    pub(super) mint: Mint,
    pub(super) desired: Vec<Desired>,
    pub(super) acts: Vec<Act>,
    pub(super) decisions: Vec<Decision>,
    pub(super) notes: Vec<NewNote>,
    pub(super) timeline: Vec<TimelineEntry>,
    pub(super) feed: Vec<(Happening, News)>,
    pub(super) changes: Vec<FieldChange>,
    /// What should have been told and was found by looking.
    pub(super) missed: Vec<Missed>,
    pub(super) fresh: bool,
    revised: bool,
}

/// A field's new value with what explains it.
pub(super) struct Ruling {
    pub(super) field: Field,
    pub(super) value: Value,
    pub(super) at: Timestamp,
    /// Between which instants that was, where it is not known exactly.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) by: Actor,
    pub(super) rule: Rule,
    pub(super) link: Option<(LinkId, IntegrationId)>,
    pub(super) external: Value,
}

impl<'a> Draft<'a> {
    pub(super) fn resume(state: State, input: Input<'a>, configs: &'a Configs) -> Self {
        Self {
            incident: state.incident,
            links: state.links,
            tracks: state.notes,
            conflicts: state.conflicts,
            disputed: Vec::new(),
            writes: Vec::new(),
            configs,
            input,
            mint: mint(input),
            desired: Vec::new(),
            acts: Vec::new(),
            decisions: Vec::new(),
            notes: Vec::new(),
            timeline: Vec::new(),
            feed: Vec::new(),
            changes: Vec::new(),
            missed: Vec::new(),
            fresh: false,
            revised: false,
        }
    }

    /// A draft of an incident that does not exist yet.
    pub(super) fn begin(
        id: Option<IncidentId>,
        org: Org,
        created_at: Timestamp,
        input: Input<'a>,
        configs: &'a Configs,
    ) -> Self {
        let mut mint = mint(input);
        let minted = mint.id();
        let incident = Incident {
            id: id.unwrap_or(minted),
            org,
            fields: BTreeMap::new(),
            incident_type: None,
            revision: 0,
            sequence: 0,
            created_at,
            updated_at: input.at,
            chain: Head::default(),
        };
        let (links, notes, conflicts) = (Vec::new(), Vec::new(), Vec::new());
        let state = State { incident, links, notes, conflicts };
        Self { mint, fresh: true, ..Self::resume(state, input, configs) }
    }

    /// The state as it was, where the event turned out to have no effect.
    pub(super) fn untouched(self) -> State {
        State {
            incident: self.incident,
            links: self.links,
            notes: self.tracks,
            conflicts: self.conflicts,
        }
    }

    pub(super) fn config(&self, integration: IntegrationId) -> Option<&'a Integration> {
        self.configs.get(&integration)
    }

    /// The revision everything this event changes gets.
    pub(super) fn revise(&mut self) -> u64 {
        if !self.revised {
            self.revised = true;
            self.incident.revision += 1;
            self.incident.updated_at = self.input.at;
        }
        self.incident.revision
    }

    /// Sets a field and records why. Returns the field's new revision.
    pub(super) fn set(&mut self, ruling: Ruling) -> u64 {
        let rev = self.revise();
        let owned = Owned {
            value: ruling.value.clone(),
            rev,
            at: ruling.at,
            by: ruling.by.clone(),
            edited: matches!(self.input.event, Event::Edit(_)).then_some(self.input.at),
            place: matches!(self.input.event, Event::Edit(_)).then_some(self.input.sequence),
            span: ruling.span,
            via: ruling.link.map(|(link, _)| link),
        };
        let before = self.incident.fields.insert(ruling.field, owned);
        let held = before.as_ref().and_then(|before| before.value.as_ref());
        if before.is_some() && held != ruling.value.as_ref() {
            remember(&mut self.links, self.configs, ruling.field, held.map(String::as_str));
        }
        if self.fresh || held != ruling.value.as_ref() {
            self.changes.push(FieldChange {
                field: ruling.field,
                before: held.cloned(),
                after: ruling.value.clone(),
                by: ruling.by.clone(),
            });
        }
        self.decide(before, ruling);
        rev
    }

    /// Records why a field keeps its value although the external side holds another one.
    pub(super) fn keep(&mut self, mut ruling: Ruling) {
        let before = self.incident.fields.get(&ruling.field).cloned();
        ruling.value = before.as_ref().and_then(|before| before.value.clone());
        self.decide(before, ruling);
    }

    fn decide(&mut self, before: Option<Owned>, ruling: Ruling) {
        let (kind, id) = match self.input.event {
            Event::Observation(observation) => ("webhook", observation.event.clone()),
            Event::Receipt(receipt) => ("receipt", receipt.id.clone()),
            Event::Edit(edit) => ("edit", edit.id.to_string()),
            Event::Finding(finding) => ("finding", finding.id.clone()),
        };
        let config = ruling.link.and_then(|(_, integration)| self.config(integration));
        let config_version = config.map(|config| config.version);
        let (before, before_by, before_at) = match before {
            Some(Owned { value, by, at, .. }) => (value, Some(by), Some(stored(at))),
            None => (None, None, None),
        };
        let chain = &mut self.incident.chain;
        let decision = Decision {
            id: self.mint.id(),
            incident: self.incident.id,
            position: chain.length + 1,
            previous: std::mem::take(&mut chain.hash),
            link: ruling.link.map(|(link, _)| link),
            field: ruling.field,
            before,
            before_by,
            before_at,
            after: ruling.value,
            external: ruling.external,
            rule: ruling.rule,
            cause: Cause { kind: kind.to_owned(), id },
            actor: ruling.by,
            authored_at: stored(ruling.at),
            at: stored(self.input.at),
            config_version,
        };
        *chain = Head { length: decision.position, hash: decision.hash() };
        self.decisions.push(decision);
    }

    pub(super) fn add_note(&mut self, note: NewNote) {
        self.revise();
        self.line(note.at, TimelineKind::Noted, note.text.clone(), note.author.clone());
        let (id, text, by) = (note.id, note.text.clone(), note.author.clone());
        self.feed.push((Happening::Noted, News::Note { note: id, text, by }));
        self.notes.push(note);
    }

    /// Remembers a note that the timeline does not show.
    pub(super) fn keep_note(&mut self, note: NewNote) {
        self.notes.push(note);
    }

    pub(super) fn line(&mut self, at: Timestamp, kind: TimelineKind, text: String, actor: Actor) {
        self.timeline.push(TimelineEntry { at, kind, text, actor });
    }

    /// Joins a link to its record, tells so, and issues the notes that waited for it.
    pub(super) fn join(&mut self, link: LinkId, snapshot: &crate::event::Snapshot, at: Timestamp) {
        let Some(found) = self.links.iter_mut().find(|other| other.id == link) else { return };
        found.number = snapshot.number.or(found.number);
        found.url = snapshot.url.clone().or_else(|| found.url.take());
        let integration = found.integration;
        if self.incident.incident_type.is_none() {
            let service = snapshot.service.as_ref().and_then(|service| service.value.as_deref());
            let kind = service.zip(self.config(integration));
            let kind = kind.and_then(|(service, config)| config.incident_type(service));
            self.incident.incident_type = kind.map(str::to_owned);
        }
        self.link_up(link, &snapshot.record, at);
    }

    pub(super) fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.iter().find(|link| link.id == id)
    }

    pub(super) fn seen_mut(&mut self, link: LinkId, field: Field) -> Option<&mut LinkField> {
        Some(self.link_mut(link)?.fields.entry(field).or_default())
    }

    pub(super) fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }

    /// Joins a link to its record, unless it is.
    pub(super) fn link_up(&mut self, link: LinkId, record: &RecordId, at: Timestamp) {
        let Some(found) = self.links.iter_mut().find(|other| other.id == link) else { return };
        if found.record.is_some() {
            return;
        }
        found.record = Some(record.clone());
        let (integration, number) = (found.integration, found.number);
        let handle = self.config(integration).map_or("", |config| config.handle.as_str());
        let number = number.map_or_else(String::new, |number| format!(" (#{number})"));
        let text = format!("linked to {record} in {handle}{number}");
        let actor = Actor::unnamed(Side::External);
        self.line(at, TimelineKind::Linked, text, actor);
        let (integration, record) = (handle.to_owned(), record.clone());
        self.feed.push((Happening::Linked, News::Link { link, integration, record }));
        self.issue_notes();
    }

    /// Issues the act of every note whose link has a record and whose act was not issued yet.
    pub(super) fn issue_notes(&mut self) {
        let Self { tracks, links, acts, configs, .. } = self;
        for track in tracks.iter_mut().filter(|track| !track.issued && track.foreign.is_none()) {
            let link = links.iter().find(|link| link.id == track.link);
            let Some((link, record)) = link.and_then(|link| Some((link, link.record.clone()?)))
            else {
                continue;
            };
            if !configs.get(&link.integration).is_some_and(Integration::sends) {
                continue;
            }
            track.issued = true;
            acts.push(Act {
                link: link.id,
                integration: link.integration,
                record,
                actor: track.author.clone(),
                kind: ActKind::Note { note: track.note, text: track.text.clone() },
            });
        }
    }
}
