//! Making a plan: record by record, then the incidents that no record belongs to.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Ask, Belongs, Difference, Kind, Line, Place, Plan, Sides, event, incident_of_key, is_over,
    keyed, partners,
};
use crate::{
    event::{Event, Reading, Reply, Snapshot},
    field::{Field, Value},
    id::{IncidentId, LinkId, RecordId},
    incident::{Actor, Incident, Side},
    integration::Integration,
    link::Link,
    outbound::Desired,
    reconcile::{Effect, Input, State, Step, reconcile},
};

/// What is left out and why, in words for people.
const UNLINKED: &str = "unlinked by hand";
const TAKEN: &str = "its key names an incident that is linked to another record";
const UNREAD: &str = "the record cannot be read";

pub(super) struct Draft<'a> {
    sides: Sides<'a>,
    states: BTreeMap<IncidentId, State>,
    records: BTreeMap<RecordId, (IncidentId, Place)>,
    links: BTreeMap<LinkId, IncidentId>,
    /// Records that were parted from their incident.
    parted: BTreeSet<RecordId>,
    /// Incidents that a record belongs to.
    claimed: BTreeSet<IncidentId>,
    plan: Plan,
}

impl<'a> Draft<'a> {
    pub(super) fn new(mut sides: Sides<'a>) -> Self {
        let of = sides.integration.id;
        let (mut records, mut links, mut parted) =
            <(BTreeMap<_, _>, BTreeMap<_, _>, BTreeSet<_>)>::default();
        let mut states = BTreeMap::new();
        for state in std::mem::take(&mut sides.incidents) {
            let id = state.incident.id;
            for link in state.links.iter().filter(|link| link.integration == of) {
                links.insert(link.id, id);
                match &link.record {
                    Some(record) if link.detached => {
                        parted.insert(record.clone());
                    }
                    Some(record) => {
                        records.insert(record.clone(), (id, (link.id, Some(record.clone()))));
                    }
                    None => {}
                }
            }
            states.insert(id, state);
        }
        let (claimed, plan) = (BTreeSet::new(), Plan::default());
        Self { sides, states, records, links, parted, claimed, plan }
    }

    pub(super) fn finish(mut self) -> Plan {
        let mut readings = std::mem::take(&mut self.sides.records);
        readings.sort_by(|one, other| {
            let place =
                |reading: &Reading| (reading.snapshot.number, reading.snapshot.record.clone());
            place(one).cmp(&place(other))
        });
        for reading in &readings {
            self.record(reading);
        }
        for state in std::mem::take(&mut self.states).into_values() {
            if !self.claimed.contains(&state.incident.id) && !is_over(&state) {
                self.incident(state);
            }
        }
        self.plan.lines.sort_by_key(|line| {
            let place = Kind::ALL.iter().position(|kind| *kind == line.kind);
            (place, line.record.as_ref().and_then(|record| record.number), line.incident)
        });
        self.plan
    }

    fn record(&mut self, reading: &Reading) {
        let config = self.sides.integration;
        match self.belongs(&reading.snapshot) {
            Belongs::Out(reason) => self.leave(reason),
            Belongs::To(incident, (link, record)) => {
                self.claimed.insert(incident);
                let Some(state) = self.states.get(&incident).cloned() else { return };
                let kind = if record.is_some() { Kind::Update } else { Kind::Link };
                self.pair(state, reading, (kind, link));
            }
            Belongs::Named(incident) => {
                self.claimed.insert(incident);
                let Some(state) = self.states.get(&incident).cloned() else { return };
                self.join(state, reading);
            }
            Belongs::Nowhere => {
                let step = self.apply(None, &event(config.id, reading));
                match (step.state.as_ref(), step.effect.clone()) {
                    (Some(state), Effect::Applied) => {
                        partners::of_record(&mut self.plan.partners, config, reading);
                        let line = begun(state, &step, reading, config);
                        self.plan.lines.push(line);
                    }
                    (_, Effect::Ignored(reason)) => self.leave(reason),
                    (_, Effect::Applied | Effect::Refused) => {}
                }
            }
        }
    }

    fn belongs(&self, snapshot: &Snapshot) -> Belongs {
        if let Some((incident, place)) = self.records.get(&snapshot.record) {
            return Belongs::To(*incident, place.clone());
        }
        if self.parted.contains(&snapshot.record) {
            return Belongs::Out(UNLINKED);
        }
        let link_in = |id: IncidentId| self.states.get(&id).and_then(|state| self.link_of(state));
        if let Some((id, link)) =
            keyed(snapshot).and_then(|link| Some((*self.links.get(&link)?, link)))
        {
            return match link_in(id) {
                Some(found) if found.id != link || found.record.is_some() => Belongs::Out(TAKEN),
                Some(found) if found.detached => Belongs::Out(UNLINKED),
                _ => Belongs::To(id, (link, None)),
            };
        }
        let named = snapshot.key.as_deref().and_then(incident_of_key);
        match named.filter(|id| self.states.contains_key(id)) {
            None => Belongs::Nowhere,
            Some(id) if self.claimed.contains(&id) => Belongs::Out(TAKEN),
            Some(id) => match link_in(id) {
                None => Belongs::Named(id),
                Some(link) if link.detached => Belongs::Out(UNLINKED),
                Some(_) => Belongs::Out(TAKEN),
            },
        }
    }

    fn link_of<'s>(&self, state: &'s State) -> Option<&'s Link> {
        state.links.iter().find(|link| link.integration == self.sides.integration.id)
    }

    /// An incident and its record, which is there.
    fn pair(&mut self, state: State, reading: &Reading, (kind, joined): (Kind, LinkId)) {
        let config = self.sides.integration;
        partners::of_record(&mut self.plan.partners, config, reading);
        partners::of_incident(&mut self.plan.partners, config, &state.incident);
        let before = state.clone();
        let step = self.apply(Some(state), &event(config.id, reading));
        let line = Line { kind, ..settled(&before, &step, reading, config) };
        let moves = !line.changes.is_empty() || !line.conflicts.is_empty();
        if kind == Kind::Link || moves {
            self.plan.lines.push(line);
            return;
        }
        let waits = |link: &Link| {
            let open = || link.fields.values().any(|seen| !seen.open.is_empty());
            link.id == joined && (link.confirmed < link.version || open())
        };
        // What could not be put in order is read once more before anything is decided about it.
        let doubtful =
            |link: &Link| link.id == joined && link.fields.values().any(|seen| seen.held.is_some());
        let in_doubt = step.state.iter().flat_map(|after| &after.links).any(doubtful);
        if in_doubt || before.links.iter().any(waits) {
            self.plan.under_way += 1;
        } else {
            self.plan.in_step += 1;
        }
    }

    /// An incident and the record that names it: joined first, then settled like any pair.
    fn join(&mut self, state: State, reading: &Reading) {
        let config = self.sides.integration;
        let record = Some(Box::new(reading.snapshot.clone()));
        let (before, incident) = (state.clone(), Some(state.incident.id));
        let asked = Line { record, joins: true, ..empty(Kind::Link, incident, &state.incident) };
        let Some(edit) = asked.edit(config, &self.asks()) else { return };
        let step = self.apply(Some(state), &Event::Edit(edit));
        match (step.reply, step.state) {
            (Some(Reply::Refused { message, .. }), _) => self.leave(message),
            (_, Some(joined)) => {
                partners::of_record(&mut self.plan.partners, config, reading);
                partners::of_incident(&mut self.plan.partners, config, &joined.incident);
                let step = self.apply(Some(joined), &event(config.id, reading));
                let line = settled(&before, &step, reading, config);
                self.plan.lines.push(Line { kind: Kind::Link, joins: true, ..line });
            }
            (_, None) => {}
        }
    }

    /// An incident that is not over and that no record belongs to.
    fn incident(&mut self, state: State) {
        let config = self.sides.integration;
        match self.link_of(&state) {
            Some(link) if link.detached => return self.leave(UNLINKED),
            Some(Link { record: Some(_), .. }) => return self.leave(UNREAD),
            Some(Link { problem: Some(problem), .. }) => {
                let problem = problem.clone();
                partners::of_incident(&mut self.plan.partners, config, &state.incident);
                return self.leave(problem);
            }
            Some(_) => {
                self.plan.under_way += 1;
                return;
            }
            None => {}
        }
        let before = state.incident.clone();
        let asked = empty(Kind::CreateThere, Some(before.id), &before);
        let Some(edit) = asked.edit(config, &self.asks()) else { return };
        let step = self.apply(Some(state), &Event::Edit(edit));
        if config.sends() {
            partners::of_incident(&mut self.plan.partners, config, &before);
        }
        if let Some(Reply::Refused { message, .. }) = step.reply {
            return self.leave(message);
        }
        let wanted = step.desired.iter().find(|desired| desired.integration == config.id);
        let Some(Desired { create: Some(create), want, .. }) = wanted else { return };
        let own = |name: &Field| config.field_named(*name).unwrap_or(*name);
        let told =
            |field, after: Value| Difference { side: Side::External, field, before: None, after };
        let title = (!want.contains_key(&Field::Title)).then(|| Some(create.title.clone()));
        let description = create.description.clone().map(Some);
        let first = title.map(|title| told(Field::Title, title)).into_iter();
        let first = first.chain(description.map(|text| told(Field::Description, text)));
        let wants = want.iter().map(|(name, want)| told(own(name), want.value.clone()));
        let changes = first.chain(wants).collect();
        self.plan.lines.push(Line { service: Some(create.service.clone()), changes, ..asked });
    }

    fn asks(&self) -> Ask {
        let author = Actor::unnamed(Side::Platform);
        Ask { seed: "a plan".to_owned(), author, at: self.sides.at }
    }

    fn apply(&self, state: Option<State>, event: &Event) -> Step {
        let input = Input { event, sequence: u64::MAX, at: self.sides.at, elsewhere: false };
        reconcile(state, input, self.sides.configs)
    }

    fn leave(&mut self, reason: impl Into<String>) {
        *self.plan.left_out.entry(reason.into()).or_default() += 1;
    }
}

/// A line about an incident that changes nothing yet.
fn empty(kind: Kind, incident: Option<IncidentId>, of: &Incident) -> Line {
    Line {
        kind,
        incident,
        revision: incident.map(|_| of.revision),
        record: None,
        joins: false,
        title: of.value(Field::Title).unwrap_or_default().to_owned(),
        service: None,
        changes: Vec::new(),
        conflicts: Vec::new(),
    }
}

/// What comes of an incident and its record.
fn settled(before: &State, step: &Step, reading: &Reading, config: &Integration) -> Line {
    let was = &before.incident;
    let mut changes = Vec::new();
    if let Some(after) = &step.state {
        changes.extend(differences(Some(was), &after.incident));
    }
    changes.extend(written(step, reading, config));
    let is_new = |id| !before.conflicts.iter().any(|open| open.id == id);
    let opened = step.conflicts.iter().filter(|conflict| is_new(conflict.id));
    Line {
        record: Some(Box::new(reading.snapshot.clone())),
        changes,
        conflicts: opened.map(|conflict| conflict.field).collect(),
        ..empty(Kind::Update, Some(was.id), was)
    }
}

/// What comes of a record that an incident begins with.
fn begun(state: &State, step: &Step, reading: &Reading, config: &Integration) -> Line {
    let mut changes: Vec<_> = differences(None, &state.incident).collect();
    changes.extend(written(step, reading, config));
    let record = Some(Box::new(reading.snapshot.clone()));
    Line { record, changes, ..empty(Kind::CreateHere, None, &state.incident) }
}

/// What changes on the platform.
fn differences<'a>(
    before: Option<&'a Incident>,
    after: &'a Incident,
) -> impl Iterator<Item = Difference> + 'a {
    after.fields.iter().filter_map(move |(field, owned)| {
        let held = before.and_then(|before| before.value(*field)).map(str::to_owned);
        (held != owned.value).then(|| Difference {
            side: Side::Platform,
            field: *field,
            before: held,
            after: owned.value.clone(),
        })
    })
}

/// What changes on the external side.
fn written(step: &Step, reading: &Reading, config: &Integration) -> Vec<Difference> {
    let desired = step.desired.iter().filter(|desired| desired.integration == config.id);
    let wants = desired.flat_map(|desired| &desired.want);
    let differs = |(name, want): (&Field, &crate::outbound::Want)| {
        let shown = reading.snapshot.fields.get(name).map(|value| value.value.clone());
        let before = shown.or_else(|| want.expect.first().cloned()).flatten();
        (before != want.value).then(|| Difference {
            side: Side::External,
            field: config.field_named(*name).unwrap_or(*name),
            before,
            after: want.value.clone(),
        })
    };
    wants.filter_map(differs).collect()
}
