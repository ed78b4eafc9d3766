//! Loading what a batch is about: which incidents, locked, with all that belongs to them, and the
//! configuration as it is in this very transaction.
//!
//! Locks are taken in one order by everybody: records and incidents by name, sorted, then incidents
//! by id. So copies wait for each other, but never in a circle.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tandem_domain::{
    event::{Change, Event, Outcome},
    finding::Finding,
    id::{IncidentId, IntegrationId, LinkId, NoteId},
    incident::Incident,
    link::link_of_key,
    reconcile::State,
};
use tandem_store::{
    PgConnection, StoreError, clocks, conflicts, incidents, integrations,
    links::{self, Joint},
    notes,
};

use crate::batch::{Item, Loaded};

/// What to do about an incident that another transaction has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Wait for it, as long as Postgres lets us.
    Wait,
    /// Leave its events for later.
    Pass,
}

/// Loads and locks what the events are about.
pub(crate) async fn load(
    conn: &mut PgConnection,
    items: &[&Item],
    patience: Patience,
) -> Result<Loaded, StoreError> {
    let about: Vec<About<'_>> = items.iter().map(|item| About::of(&item.event)).collect();
    let taken = hold(conn, &about, patience).await?;
    let found = Found::new(find(conn, &about).await?);
    let mut all: BTreeSet<IncidentId> = found.joints.iter().map(|joint| joint.incident).collect();
    all.extend(about.iter().filter_map(|about| about.incident));
    let all: Vec<IncidentId> = all.into_iter().collect();
    let locked = match patience {
        Patience::Wait => incidents::lock(conn, &all).await?,
        Patience::Pass => incidents::lock_free(conn, &all).await?,
    };
    let held = match patience {
        Patience::Wait => BTreeSet::new(),
        Patience::Pass => missing(conn, &all, &locked).await?,
    };
    let is_busy = |about: &About<'_>| {
        about.keys().iter().any(|key| taken.contains(key))
            || about.incidents_among(&found).any(|id| held.contains(&id))
    };
    let busy = match patience {
        Patience::Wait => BTreeSet::new(),
        Patience::Pass => {
            let busy = items.iter().zip(&about).filter(|(_, about)| is_busy(about));
            busy.map(|(item, _)| item.sequence).collect()
        }
    };
    let states = states(conn, locked, &about, &found).await?;
    let named: BTreeSet<IntegrationId> = about.iter().filter_map(|it| it.integration).collect();
    let orgs: BTreeSet<String> = about.iter().filter_map(|it| it.org.clone()).collect();
    let named: Vec<IntegrationId> = named.into_iter().collect();
    let orgs: Vec<String> = orgs.into_iter().collect();
    let integrations = integrations::configs(conn, &named, &orgs).await?;
    let of: Vec<IntegrationId> = integrations.iter().map(|integration| integration.id).collect();
    let clocks = clocks::of(conn, &of).await?;
    let creating = creating(conn, &about, &found).await?;
    Ok(Loaded { states, integrations, clocks, creating, busy })
}

/// Holds every record and incident; gives what others hold, where that is not waited for.
async fn hold(
    conn: &mut PgConnection,
    about: &[About<'_>],
    patience: Patience,
) -> Result<BTreeSet<String>, StoreError> {
    let keys: BTreeSet<String> = about.iter().flat_map(About::keys).collect();
    let keys: Vec<String> = keys.into_iter().collect();
    match patience {
        Patience::Wait => links::hold(conn, &keys).await.map(|()| BTreeSet::new()),
        Patience::Pass => Ok(links::hold_free(conn, &keys).await?.into_iter().collect()),
    }
}

async fn find(conn: &mut PgConnection, about: &[About<'_>]) -> Result<Vec<Joint>, StoreError> {
    let records: BTreeSet<_> = about.iter().flat_map(|about| about.records.clone()).collect();
    let links: BTreeSet<_> = about.iter().flat_map(|about| about.links.clone()).collect();
    if records.is_empty() && links.is_empty() {
        return Ok(Vec::new());
    }
    let (records, links): (Vec<_>, Vec<_>) =
        (records.into_iter().collect(), links.into_iter().collect());
    links::find(conn, &records, &links).await
}

/// The incidents that are there and could not be locked.
async fn missing(
    conn: &mut PgConnection,
    all: &[IncidentId],
    locked: &[Incident],
) -> Result<BTreeSet<IncidentId>, StoreError> {
    let mut there: BTreeSet<_> = incidents::existing(conn, all).await?.into_iter().collect();
    for incident in locked {
        there.remove(&incident.id);
    }
    Ok(there)
}

async fn states(
    conn: &mut PgConnection,
    locked: Vec<Incident>,
    about: &[About<'_>],
    found: &Found,
) -> Result<BTreeMap<IncidentId, State>, StoreError> {
    let ids: Vec<IncidentId> = locked.iter().map(|incident| incident.id).collect();
    let bare = |incident: Incident| {
        let (links, notes, conflicts) = (Vec::new(), Vec::new(), Vec::new());
        (incident.id, State { incident, links, notes, conflicts })
    };
    let mut states: BTreeMap<IncidentId, State> = locked.into_iter().map(bare).collect();
    if ids.is_empty() {
        return Ok(states);
    }
    let mut joined = Vec::new();
    for stored in links::of_incidents(conn, &ids).await? {
        joined.push(stored.link.id);
        if let Some(state) = states.get_mut(&stored.link.incident) {
            state.links.push(stored.link);
        }
    }
    let (mut mentioned, mut foreign) = (Vec::new(), Vec::new());
    for about in about.iter().filter(|about| about.note.is_some() || !about.foreign.is_empty()) {
        let of = about.incidents_among(found).filter_map(|id| states.get(&id));
        for link in of.flat_map(|state| &state.links).map(|link| link.id) {
            mentioned.extend(about.note.map(|note| (link, note)));
            foreign.extend(about.foreign.iter().map(|note| (link, *note)));
        }
    }
    for (incident, track) in notes::tracks(conn, &joined, &mentioned, &foreign).await? {
        if let Some(state) = states.get_mut(&incident) {
            state.notes.push(track);
        }
    }
    for conflict in conflicts::open_of(conn, &ids).await? {
        if let Some(state) = states.get_mut(&conflict.incident) {
            state.conflicts.push(conflict);
        }
    }
    Ok(states)
}

/// The integrations in which a record is being created that an event may be about.
async fn creating(
    conn: &mut PgConnection,
    about: &[About<'_>],
    found: &Found,
) -> Result<BTreeSet<IntegrationId>, StoreError> {
    let unknown = |about: &&About<'_>| about.blind && about.incidents_among(found).next().is_none();
    let asked: BTreeSet<_> =
        about.iter().filter(unknown).filter_map(|about| about.integration).collect();
    if asked.is_empty() {
        return Ok(asked);
    }
    let asked: Vec<_> = asked.into_iter().collect();
    Ok(links::creating(conn, &asked).await?.into_iter().collect())
}

/// What one event is about.
#[derive(Default)]
struct About<'a> {
    records: Vec<(IntegrationId, &'a str)>,
    links: Vec<LinkId>,
    incident: Option<IncidentId>,
    integration: Option<IntegrationId>,
    org: Option<String>,
    note: Option<NoteId>,
    foreign: Vec<&'a str>,
    /// Whether it names a record of which it shows nothing.
    blind: bool,
}

impl<'a> About<'a> {
    fn of(event: &'a Event) -> Self {
        match event {
            Event::Observation(observation) => {
                let integration = observation.integration;
                let record = observation.record.as_ref();
                let snapshot = observation.snapshot.as_ref();
                let key = snapshot.and_then(|snapshot| snapshot.key.as_deref());
                Self {
                    records: record.map(|it| (integration, it.as_str())).into_iter().collect(),
                    links: key.and_then(link_of_key).into_iter().collect(),
                    integration: Some(integration),
                    foreign: observation.note.iter().map(|note| &*note.id).collect(),
                    blind: record.is_some() && snapshot.is_none(),
                    ..Self::default()
                }
            }
            Event::Receipt(receipt) => {
                let integration = receipt.integration;
                let shown = match &receipt.outcome {
                    Outcome::Settled { before, after, .. } => after.as_ref().or(before.as_ref()),
                    Outcome::Refused { before, .. } => before.as_ref(),
                    Outcome::Summoned { after, .. } => after.as_ref(),
                    Outcome::Noted { .. } => None,
                };
                let record = shown.map(|it| (integration, it.snapshot.record.as_str()));
                let (note, foreign) = match &receipt.outcome {
                    Outcome::Noted { note, foreign } => (Some(*note), Some(&**foreign)),
                    _ => (None, None),
                };
                let foreign = foreign.into_iter().collect();
                Self {
                    records: record.into_iter().collect(),
                    links: vec![receipt.link],
                    integration: Some(integration),
                    note,
                    foreign,
                    ..Self::default()
                }
            }
            Event::Finding(finding) => Self::of_finding(finding),
            Event::Edit(edit) => {
                let record = match &edit.change {
                    Change::Link { integration, record } => Some((*integration, record.as_str())),
                    _ => None,
                };
                Self {
                    records: record.into_iter().collect(),
                    incident: Some(edit.incident),
                    org: Some(edit.org.to_string()),
                    ..Self::default()
                }
            }
        }
    }

    fn of_finding(finding: &'a Finding) -> Self {
        let (integration, snapshot) = (finding.integration, &finding.reading.snapshot);
        let key = snapshot.key.as_deref();
        Self {
            records: vec![(integration, snapshot.record.as_str())],
            links: key.and_then(link_of_key).into_iter().collect(),
            integration: Some(integration),
            foreign: finding.notes.iter().map(|found| &*found.note.id).collect(),
            ..Self::default()
        }
    }

    /// What is held while it is decided whether a record or an incident is new.
    fn keys(&self) -> Vec<String> {
        let records = self.records.iter().map(|(id, record)| format!("record/{id}/{record}"));
        let incident = self.incident.map(|id| format!("incident/{id}"));
        records.chain(incident).collect()
    }

    /// The incidents it concerns, by what was found of records and links.
    fn incidents_among(&self, found: &Found) -> impl Iterator<Item = IncidentId> {
        let of_links = self.links.iter().filter_map(|link| found.links.get(link));
        let of_records = self
            .records
            .iter()
            .filter_map(|(integration, record)| found.records.get(integration)?.get(*record));
        let places = of_links.copied().chain(of_records.flatten().copied());
        let joined = places.filter_map(|place| Some(found.joints.get(place)?.incident));
        joined.chain(self.incident)
    }
}

/// The links that were found, by what they are looked for by.
struct Found {
    joints: Vec<Joint>,
    links: HashMap<LinkId, usize>,
    records: HashMap<IntegrationId, HashMap<String, Vec<usize>>>,
}

impl Found {
    fn new(joints: Vec<Joint>) -> Self {
        let mut records: HashMap<_, HashMap<_, Vec<_>>> = HashMap::new();
        for (place, joint) in joints.iter().enumerate() {
            let Some(record) = joint.record.clone() else { continue };
            records.entry(joint.integration).or_default().entry(record).or_default().push(place);
        }
        let links = joints.iter().enumerate().map(|(place, joint)| (joint.link, place)).collect();
        Self { joints, links, records }
    }
}
