//! The heart: state, event and configuration in; next state and what follows from it out.
//!
//! [`reconcile`] is pure and total. What arrives is judged field by field ([`observe`]), edits set
//! ours ([`edit`]), receipts bring what a call saw and confirm writes ([`receipt`]), notes pass
//! once ([`note`]). At the end of *every* transition [`level`] compares ours with theirs and says
//! what the external side should hold: no edge is ever relied upon.

mod draft;
mod edit;
mod level;
mod note;
mod observe;
mod receipt;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    decision::Decision,
    event::{Event, Reply},
    feed::PublicEvent,
    id::{IncidentId, IntegrationId, LinkId, NoteId},
    incident::{Actor, Incident},
    integration::Integration,
    link::Link,
    outbound::{Act, Desired},
};

/// An incident with all its links and, where the event is about notes, what is known of them.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The platform's record.
    pub incident: Incident,
    /// Its counterparts, one per integration.
    pub links: Vec<Link>,
    /// Which of its notes are where.
    pub notes: Vec<NoteTrack>,
}

/// A note's standing on one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteTrack {
    /// The note.
    pub note: NoteId,
    /// The link.
    pub link: LinkId,
    /// Its text.
    pub text: String,
    /// Who wrote it.
    pub author: Actor,
    /// Its id over there, once known.
    pub foreign: Option<String>,
    /// Whether the act that adds it there was issued.
    pub issued: bool,
}

/// An event with its place in the stream.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What happened.
    pub event: &'a Event,
    /// Its place in the stream, which orders what is otherwise simultaneous.
    pub sequence: u64,
    /// When the stream had it, on our clock.
    pub at: Timestamp,
}

/// The integrations of the organisation concerned.
pub type Configs = BTreeMap<IntegrationId, Integration>;

/// A new note on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    /// Its id.
    pub id: NoteId,
    /// Its text.
    pub text: String,
    /// Who wrote it.
    pub author: Actor,
    /// When it was written, on its author's clock.
    pub at: Timestamp,
}

/// A line on an incident's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When it happened, on the clock of the side it happened on.
    pub at: Timestamp,
    /// What kind of line it is.
    pub kind: TimelineKind,
    /// The line.
    pub text: String,
    /// Who did it.
    pub actor: Actor,
}

/// The kinds of lines on a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimelineKind {
    /// The incident came to be.
    Created,
    /// A field changed.
    Changed,
    /// A note was added.
    Noted,
    /// It was joined to an external record.
    Linked,
    /// Something happened that maps to no field.
    Remarked,
}

impl TimelineKind {
    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Noted => "noted",
            Self::Linked => "linked",
            Self::Remarked => "remarked",
        }
    }
}

/// Whether an event had an effect, for the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It was taken into account.
    Applied,
    /// It concerns no incident that takes part; the reason says why.
    Ignored(&'static str),
    /// It was an edit that cannot be applied; its author was told.
    Refused,
}

/// Everything that follows from one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The next state; none where there is no incident.
    pub state: Option<State>,
    /// Whether the event had an effect.
    pub effect: Effect,
    /// Why fields got or kept their values.
    pub decisions: Vec<Decision>,
    /// What links' external sides should hold from now on.
    pub desired: Vec<Desired>,
    /// What is to be done once.
    pub acts: Vec<Act>,
    /// New notes.
    pub notes: Vec<NewNote>,
    /// New lines on the timeline.
    pub timeline: Vec<TimelineEntry>,
    /// What the outside is told.
    pub feed: Vec<PublicEvent>,
    /// The answer to an edit's author.
    pub reply: Option<Reply>,
}

impl Step {
    fn without_effect(state: Option<State>, effect: Effect) -> Self {
        Self {
            state,
            effect,
            decisions: Vec::new(),
            desired: Vec::new(),
            acts: Vec::new(),
            notes: Vec::new(),
            timeline: Vec::new(),
            feed: Vec::new(),
            reply: None,
        }
    }
}

/// Applies one event. `state` is that of the incident the event is about, where there is one.
pub fn reconcile(state: Option<State>, input: Input<'_>, configs: &Configs) -> Step {
    match input.event {
        Event::Observation(observation) => observe::apply(state, input, observation, configs),
        Event::Receipt(receipt) => receipt::apply(state, input, receipt, configs),
        Event::Edit(edit) => edit::apply(state, input, edit, configs),
    }
}

/// The id an incident gets that an event brings into being.
pub fn incident_of(input: Input<'_>) -> IncidentId {
    draft::mint(input).id()
}
