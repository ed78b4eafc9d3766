//! A batch while it is worked on: the incidents it concerns, and everything that follows.
//!
//! Pure: what was loaded goes in, events are applied in order, what is to be written comes out.

use std::collections::{BTreeMap, BTreeSet};

use tandem_domain::{
    decision::Decision,
    event::{Change, Event, Reply},
    feed::PublicEvent,
    id::{IncidentId, IntegrationId, LinkId},
    integration::Integration,
    link::link_of_key,
    outbound::{Act, Desired},
    reconcile::{
        Configs, Effect, Input, NewNote, State, Step, TimelineEntry, incident_of, reconcile,
    },
};

/// An event of the batch.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) event: Event,
    pub(crate) sequence: u64,
    pub(crate) at: jiff::Timestamp,
    pub(crate) traceparent: Option<String>,
    pub(crate) reply_to: Option<String>,
}

/// What the database knew when the batch began.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) states: BTreeMap<IncidentId, State>,
    pub(crate) integrations: Vec<Integration>,
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
    pub(crate) changed: BTreeSet<IncidentId>,
    pub(crate) effects: Vec<(String, String, String)>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) notes: Vec<(IncidentId, NewNote)>,
    pub(crate) timeline: Vec<(IncidentId, TimelineEntry)>,
    pub(crate) desired: Vec<Traced<Desired>>,
    pub(crate) acts: Vec<Traced<Act>>,
    pub(crate) feed: Vec<Traced<PublicEvent>>,
    pub(crate) replies: Vec<(String, Reply)>,
}

/// Applies the events in order.
pub(crate) fn work(items: &[&Item], loaded: Loaded) -> Written {
    let mut by_org: BTreeMap<String, Configs> = BTreeMap::new();
    let mut org_of: BTreeMap<IntegrationId, String> = BTreeMap::new();
    for integration in loaded.integrations {
        let org = integration.org.to_string();
        org_of.insert(integration.id, org.clone());
        by_org.entry(org).or_default().insert(integration.id, integration);
    }
    let none = Configs::new();
    let mut written = Written { states: loaded.states, ..Written::default() };
    for item in items {
        let org = match &item.event {
            Event::Observation(observation) => org_of.get(&observation.integration).cloned(),
            Event::Receipt(receipt) => org_of.get(&receipt.integration).cloned(),
            Event::Edit(edit) => Some(edit.org.to_string()),
        };
        let configs = org.and_then(|org| by_org.get(&org)).unwrap_or(&none);
        let (event, sequence, at) = (&item.event, item.sequence, item.at);
        let input = Input { event, sequence, at, elsewhere: false };
        let about = written.about(input);
        let state = about.and_then(|id| written.states.get(&id).cloned());
        let step = reconcile(state, input, configs);
        written.take(item, step);
    }
    written
}

impl Written {
    /// The incident an event is about, among those loaded and those the batch has made.
    fn about(&self, input: Input<'_>) -> Option<IncidentId> {
        match input.event {
            Event::Edit(edit) => Some(edit.incident),
            Event::Receipt(receipt) => self.of_link(receipt.link),
            Event::Observation(observation) => {
                let record = observation.record.as_ref()?;
                let linked = self.states.values().find(|state| {
                    state.links.iter().any(|link| {
                        link.integration == observation.integration
                            && link.record.as_ref() == Some(record)
                    })
                });
                let key =
                    observation.snapshot.as_ref().and_then(|snapshot| snapshot.key.as_deref());
                let keyed = || key.and_then(link_of_key).and_then(|link| self.of_link(link));
                linked
                    .map(|state| state.incident.id)
                    .or_else(keyed)
                    .or_else(|| Some(incident_of(input)))
            }
        }
    }

    fn of_link(&self, link: LinkId) -> Option<IncidentId> {
        let has = |state: &&State| state.links.iter().any(|other| other.id == link);
        self.states.values().find(has).map(|state| state.incident.id)
    }

    fn take(&mut self, item: &Item, step: Step) {
        let effect = match step.effect {
            Effect::Applied => "applied".to_owned(),
            Effect::Refused => "refused".to_owned(),
            Effect::Ignored(reason) => format!("ignored: {reason}"),
        };
        self.effects.push((item.event.source(), item.event.delivery(), effect));
        if let (Some(to), Some(reply)) = (&item.reply_to, step.reply) {
            self.replies.push((to.clone(), reply));
        }
        let (Some(state), Effect::Applied) = (step.state, step.effect) else { return };
        let id = state.incident.id;
        let traced = || item.traceparent.clone();
        self.changed.insert(id);
        self.states.insert(id, state);
        self.decisions.extend(step.decisions);
        self.notes.extend(step.notes.into_iter().map(|note| (id, note)));
        self.timeline.extend(step.timeline.into_iter().map(|entry| (id, entry)));
        self.desired.extend(with(step.desired, traced));
        self.acts.extend(with(step.acts, traced));
        self.feed.extend(with(step.feed, traced));
    }
}

fn with<T>(
    values: Vec<T>,
    traceparent: impl Fn() -> Option<String>,
) -> impl Iterator<Item = Traced<T>> {
    values.into_iter().map(move |value| Traced { value, traceparent: traceparent() })
}

/// Whether an event needs to know which notes are where.
pub(crate) fn about_notes(event: &Event) -> bool {
    match event {
        Event::Observation(observation) => {
            // A record that becomes known releases the notes that waited for it.
            observation.note.is_some() || observation.snapshot.is_some()
        }
        Event::Receipt(_) => true,
        Event::Edit(edit) => matches!(edit.change, Change::Note { .. }),
    }
}
