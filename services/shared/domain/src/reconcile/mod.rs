//! The heart: state, event and configuration in; next state and what follows from it out.
//!
//! [`reconcile`] is pure and total. What arrives is judged field by field ([`observe`]), edits set
//! ours ([`edit`]), receipts bring what a call saw and confirm writes ([`receipt`]), notes pass
//! once ([`note`]), and so does asking for people ([`summon`]). What was found by looking is taken in
//! as if it had been told ([`find`]). At the end of *every* transition [`level`] compares ours with theirs and says
//! what the external side should hold: no edge is ever relied upon.

mod command;
mod dispute;
mod draft;
mod echo;
mod edit;
mod find;
mod judge;
mod level;
mod note;
mod observe;
mod past;
mod receipt;
mod sight;
mod summon;
mod tell;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    conflict::Conflict,
    decision::Decision,
    event::{Event, Reply},
    feed::PublicEvent,
    field::{Field, Value},
    finding::Missed,
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
    /// Its open conflicts.
    pub conflicts: Vec<Conflict>,
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
    /// Whether the record it names is joined to another incident.
    pub elsewhere: bool,
}

/// What became of one field of a desired state, for people who ask what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The link.
    pub link: LinkId,
    /// The version of the desired state.
    pub version: u64,
    /// The field.
    pub field: Field,
    /// The value, in the external side's words.
    pub value: Value,
    /// What became of it.
    pub state: WriteState,
    /// When, on our clock.
    pub at: Timestamp,
}

/// What became of a field that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteState {
    /// It was asked for.
    Asked,
    /// It was written, and the external side confirmed it.
    Sent,
    /// It held the value already.
    Equal,
    /// It held something nobody expected, and was left alone.
    Unexpected,
    /// The external side refused it.
    Refused,
}

impl WriteState {
    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Sent => "sent",
            Self::Equal => "equal",
            Self::Unexpected => "unexpected",
            Self::Refused => "refused",
        }
    }
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
    /// It was parted from an external record.
    Unlinked,
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
            Self::Unlinked => "unlinked",
            Self::Remarked => "remarked",
        }
    }
}

/// Whether an event had an effect, for the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It was taken into account.
    Applied,
    /// It concerns no incident that takes part; the reason says why.
    Ignored(String),
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
    /// What became of writes.
    pub writes: Vec<Write>,
    /// Conflicts that were opened, changed or closed.
    pub conflicts: Vec<Conflict>,
    /// New notes.
    pub notes: Vec<NewNote>,
    /// New lines on the timeline.
    pub timeline: Vec<TimelineEntry>,
    /// What the outside is told.
    pub feed: Vec<PublicEvent>,
    /// What should have been told and was found by looking.
    pub missed: Vec<Missed>,
    /// The answer to an edit's author.
    pub reply: Option<Reply>,
}

impl Step {
    fn ignored(state: Option<State>, reason: impl Into<String>) -> Self {
        Self::without_effect(state, Effect::Ignored(reason.into()))
    }

    fn without_effect(state: Option<State>, effect: Effect) -> Self {
        Self {
            state,
            effect,
            decisions: Vec::new(),
            desired: Vec::new(),
            acts: Vec::new(),
            writes: Vec::new(),
            conflicts: Vec::new(),
            notes: Vec::new(),
            timeline: Vec::new(),
            feed: Vec::new(),
            missed: Vec::new(),
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
        Event::Finding(finding) => find::apply(state, input, finding, configs),
    }
}

/// The id an incident gets that an event brings into being.
pub fn incident_of(input: Input<'_>) -> IncidentId {
    draft::mint(input).id()
}
