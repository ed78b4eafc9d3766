//! A batch while it is worked on: the incidents it concerns, and everything that follows.
//!
//! Pure: what was loaded goes in, events are applied in order, what is to be written comes out.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use tandem_domain::{
    clock::Offset,
    conflict::Conflict,
    decision::Decision,
    event::{Change, Event, Outcome, Reply},
    feed::PublicEvent,
    finding::Missed,
    id::{ConflictId, IncidentId, IntegrationId, LinkId, NoteId, RecordId},
    integration::Integration,
    link::link_of_key,
    outbound::{Act, Desired},
    reconcile::{
        Configs, Effect, Input, NewNote, State, Step, TimelineEntry, Write, incident_of, reconcile,
    },
};

use crate::{index::Index, measure};

/// An event of a batch.
#[derive(Debug)]
pub struct Item {
    /// What happened.
    pub event: Event,
    /// Its place in the stream.
    pub sequence: u64,
    /// When the stream had it.
    pub at: jiff::Timestamp,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// Where its author waits for an answer.
    pub reply_to: Option<String>,
}

/// What the database knew when the batch began.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) states: BTreeMap<IncidentId, State>,
    pub(crate) integrations: Vec<Integration>,
    /// How far the integrations' clocks are from ours, as stored.
    pub(crate) clocks: BTreeMap<IntegrationId, Offset>,
    /// Where records are being created.
    pub(crate) creating: BTreeSet<IntegrationId>,
    /// Events, by their place in the stream, whose incident somebody else has in hand.
    pub(crate) busy: BTreeSet<u64>,
}

/// Something that follows from an event, with the trace it belongs to.
#[derive(Debug)]
pub(crate) struct Traced<T> {
    pub(crate) value: T,
    pub(crate) traceparent: Option<String>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) states: BTreeMap<IncidentId, State>,
    /// As they were, of incidents that were there and that an event was about.
    pub(crate) before: BTreeMap<IncidentId, State>,
    /// The incidents that the batch has made.
    made: BTreeSet<IncidentId>,
    index: Index,
    pub(crate) changed: BTreeSet<IncidentId>,
    /// What became of each event, by its place in the stream.
    pub(crate) effects: HashMap<u64, Cow<'static, str>>,
    /// Events, by their place in the stream, that have to wait.
    pub(crate) postponed: BTreeSet<u64>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) conflicts: BTreeMap<ConflictId, Conflict>,
    pub(crate) writes: Vec<(IncidentId, Write)>,
    pub(crate) notes: Vec<(IncidentId, NewNote)>,
    /// Notes that the external side refused.
    pub(crate) refused: Vec<(LinkId, NoteId)>,
    pub(crate) timeline: Vec<(IncidentId, TimelineEntry)>,
    pub(crate) desired: Vec<Traced<Desired>>,
    pub(crate) acts: Vec<Traced<Act>>,
    pub(crate) feed: Vec<Traced<PublicEvent>>,
    /// What should have been told and was found by looking.
    pub(crate) missed: Vec<Missed>,
    pub(crate) replies: Vec<(String, Reply)>,
    /// Clocks that were measured noticeably better than what is stored.
    pub(crate) clocks: Vec<(IntegrationId, Offset)>,
}

/// Applies the events in order.
pub(crate) fn work(items: &[&Item], mut loaded: Loaded, now: jiff::Timestamp) -> Written {
    let events = || items.iter().map(|item| &item.event);
    let clocks = measure::clocks(events(), &mut loaded.integrations, &loaded.clocks, now);
    let mut by_org: BTreeMap<String, Configs> = BTreeMap::new();
    let mut org_of: BTreeMap<IntegrationId, String> = BTreeMap::new();
    for integration in loaded.integrations {
        let org = integration.org.to_string();
        org_of.insert(integration.id, org.clone());
        by_org.entry(org).or_default().insert(integration.id, integration);
    }
    let none = Configs::new();
    let index = Index::of(loaded.states.values());
    let states = loaded.states;
    let mut written =
        Written { states, index, clocks, postponed: loaded.busy, ..Written::default() };
    for item in items {
        if written.postponed.contains(&item.sequence) {
            continue;
        }
        let org = match &item.event {
            Event::Observation(observation) => org_of.get(&observation.integration),
            Event::Receipt(receipt) => org_of.get(&receipt.integration),
            Event::Finding(finding) => org_of.get(&finding.integration),
            Event::Edit(edit) => Some(&edit.org.to_string()),
        };
        let configs = org.and_then(|org| by_org.get(org)).unwrap_or(&none);
        written.apply(item, configs, &loaded.creating);
    }
    written
}

impl Written {
    fn apply(&mut self, item: &Item, configs: &Configs, creating: &BTreeSet<IntegrationId>) {
        let (event, sequence, at) = (&item.event, item.sequence, item.at);
        let input = Input { event, sequence, at, elsewhere: self.elsewhere(event) };
        let about = self.about(event);
        if about.is_none() && may_be_of(event, creating) {
            self.postponed.insert(sequence);
            return;
        }
        let id = about.unwrap_or_else(|| incident_of(input));
        let state = self.states.remove(&id);
        if let Some(state) = state.as_ref().filter(|_| !self.made.contains(&id)) {
            self.before.entry(id).or_insert_with(|| state.clone());
        }
        // An edit in the name of another organisation is about nothing that is there.
        let (state, other) = match (state, event) {
            (Some(state), Event::Edit(edit)) if edit.org != state.incident.org => {
                (None, Some(state))
            }
            (state, _) => (state, None),
        };
        let (fresh, made) = (state.is_none(), state.is_none() && other.is_none());
        let mut step = reconcile(state, input, configs);
        // A refusal can have been decided, too.
        let decided = step.effect == Effect::Applied || !step.decisions.is_empty();
        match (step.state.take(), other) {
            (Some(state), _) if decided => {
                if made {
                    self.made.insert(id);
                }
                self.changed.insert(id);
                self.index.see(&state);
                self.states.insert(id, state);
            }
            // What has no effect leaves the state as it was.
            (Some(state), None) if !fresh => drop(self.states.insert(id, state)),
            (_, Some(other)) => drop(self.states.insert(id, other)),
            (_, None) => {}
        }
        self.take(item, id, step, decided);
    }

    /// The incident an event is about, among those loaded and those the batch has made.
    fn about(&self, event: &Event) -> Option<IncidentId> {
        match event {
            Event::Edit(edit) => Some(edit.incident),
            Event::Receipt(receipt) => self.index.of_link(receipt.link),
            Event::Observation(observation) => {
                let record = observation.record.as_ref()?;
                let snapshot = observation.snapshot.as_ref();
                let key = snapshot.and_then(|snapshot| snapshot.key.as_deref());
                self.of_record(observation.integration, record, key)
            }
            Event::Finding(finding) => {
                let snapshot = &finding.reading.snapshot;
                self.of_record(finding.integration, &snapshot.record, snapshot.key.as_deref())
            }
        }
    }

    /// The incident of a record, by the record or by the key that was given it by us.
    fn of_record(
        &self,
        integration: IntegrationId,
        record: &RecordId,
        key: Option<&str>,
    ) -> Option<IncidentId> {
        let keyed = || self.index.of_link(key.and_then(link_of_key)?);
        self.index
            .attached(integration, record)
            .or_else(keyed)
            .or_else(|| self.index.detached(integration, record))
    }

    /// Whether the record that an event names is joined to another incident than its own.
    fn elsewhere(&self, event: &Event) -> bool {
        let Event::Edit(edit) = event else { return false };
        let Change::Link { integration, record } = &edit.change else { return false };
        self.index.attached(*integration, record).is_some_and(|other| other != edit.incident)
    }

    /// Takes in everything that follows from an event but the state itself.
    fn take(&mut self, item: &Item, id: IncidentId, step: Step, decided: bool) {
        let effect = match &step.effect {
            Effect::Applied => Cow::Borrowed("applied"),
            Effect::Refused => Cow::Borrowed("refused"),
            Effect::Ignored(reason) => Cow::Owned(format!("ignored: {reason}")),
        };
        self.effects.insert(item.sequence, effect);
        if let (Some(to), Some(reply)) = (&item.reply_to, step.reply) {
            self.replies.push((to.clone(), reply));
        }
        if !decided {
            return;
        }
        let traced = || item.traceparent.clone();
        self.decisions.extend(step.decisions);
        let conflicts = step.conflicts.into_iter().map(|conflict| (conflict.id, conflict));
        self.conflicts.extend(conflicts);
        self.writes.extend(step.writes.into_iter().map(|write| (id, write)));
        self.notes.extend(step.notes.into_iter().map(|note| (id, note)));
        self.refused.extend(refused_note(&item.event));
        self.timeline.extend(step.timeline.into_iter().map(|entry| (id, entry)));
        self.desired.extend(with(step.desired, traced));
        self.acts.extend(with(step.acts, traced));
        self.feed.extend(with(step.feed, traced));
        self.missed.extend(step.missed);
    }
}

/// Whether an event of an unknown record may be about one that is just being created: it shows no
/// state, so nothing tells. To begin an incident with it would make two of one.
fn may_be_of(event: &Event, creating: &BTreeSet<IntegrationId>) -> bool {
    let Event::Observation(observation) = event else { return false };
    observation.record.is_some()
        && observation.snapshot.is_none()
        && creating.contains(&observation.integration)
}

/// The note that a receipt says was refused: such a receipt's id begins with the act's.
fn refused_note(event: &Event) -> Option<(LinkId, NoteId)> {
    let Event::Receipt(receipt) = event else { return None };
    let Outcome::Refused { version: None, .. } = &receipt.outcome else { return None };
    let act = receipt.id.split('-').next()?;
    Some((receipt.link, act.parse().ok()?))
}

fn with<T>(
    values: Vec<T>,
    traceparent: impl Fn() -> Option<String>,
) -> impl Iterator<Item = Traced<T>> {
    values.into_iter().map(move |value| Traced { value, traceparent: traceparent() })
}
