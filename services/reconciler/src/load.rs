//! Loading what a batch is about: which incidents, locked, with their links and notes, and the
//! configuration as it is in this very transaction.

use std::collections::{BTreeMap, BTreeSet};

use tandem_domain::{
    event::Event,
    id::{IncidentId, IntegrationId, LinkId},
    link::link_of_key,
    reconcile::State,
};
use tandem_store::{PgConnection, StoreError, incidents, integrations, links, notes};

use crate::batch::{Item, Loaded, about_notes};

/// Loads and locks what the events are about. Locks are taken in one order by everybody: records
/// first, sorted, then incidents by id.
pub(crate) async fn load(conn: &mut PgConnection, items: &[&Item]) -> Result<Loaded, StoreError> {
    let about = About::of(items);
    links::hold_records(conn, &about.keys()).await?;
    let records: Vec<_> = about.records.iter().map(|(id, record)| (*id, *record)).collect();
    let found =
        links::find(conn, &records, &about.links.iter().copied().collect::<Vec<_>>()).await?;
    let mut ids: BTreeSet<IncidentId> = found.iter().map(|joint| joint.incident).collect();
    ids.extend(&about.incidents);
    let ids: Vec<_> = ids.into_iter().collect();

    let mut states: BTreeMap<IncidentId, State> = incidents::lock(conn, &ids)
        .await?
        .into_iter()
        .map(|incident| (incident.id, State { incident, links: Vec::new(), notes: Vec::new(), conflicts: Vec::new() }))
        .collect();
    for stored in links::of_incidents(conn, &ids).await? {
        if let Some(state) = states.get_mut(&stored.link.incident) {
            state.links.push(stored.link);
        }
    }
    if items.iter().any(|item| about_notes(&item.event)) {
        for (incident, track) in notes::tracks(conn, &ids).await? {
            if let Some(state) = states.get_mut(&incident) {
                state.notes.push(track);
            }
        }
    }
    let named: Vec<IntegrationId> = about.integrations.into_iter().collect();
    let orgs: Vec<String> = about.orgs.into_iter().collect();
    let integrations = integrations::configs(conn, &named, &orgs).await?;
    Ok(Loaded { states, integrations })
}

#[derive(Default)]
struct About<'a> {
    records: BTreeSet<(IntegrationId, &'a str)>,
    links: BTreeSet<LinkId>,
    incidents: BTreeSet<IncidentId>,
    integrations: BTreeSet<IntegrationId>,
    orgs: BTreeSet<String>,
}

impl<'a> About<'a> {
    fn of(items: &[&'a Item]) -> Self {
        let mut about = Self::default();
        for item in items {
            match &item.event {
                Event::Observation(observation) => {
                    about.integrations.insert(observation.integration);
                    let record = observation.record.as_ref();
                    about.records.extend(record.map(|r| (observation.integration, r.as_str())));
                    let snapshot = observation.snapshot.as_ref();
                    let key = snapshot.and_then(|snapshot| snapshot.key.as_deref());
                    about.links.extend(key.and_then(link_of_key));
                }
                Event::Receipt(receipt) => {
                    about.integrations.insert(receipt.integration);
                    about.links.insert(receipt.link);
                }
                Event::Edit(edit) => {
                    about.incidents.insert(edit.incident);
                    about.orgs.insert(edit.org.to_string());
                }
            }
        }
        about
    }

    /// What is held while it is decided whether a record is new; in a fixed order.
    fn keys(&self) -> Vec<String> {
        let records = self.records.iter().map(|(id, record)| format!("record/{id}/{record}"));
        let incidents = self.incidents.iter().map(|id| format!("incident/{id}"));
        let mut keys: Vec<_> = records.chain(incidents).collect();
        keys.sort();
        keys
    }
}
