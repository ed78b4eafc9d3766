//! The platform's side of a plan, out of Postgres.

use std::collections::{BTreeMap, BTreeSet};

use tandem_domain::{
    event::Reading,
    id::{IncidentId, LinkId, RecordId},
    incident::Incident,
    integration::Integration,
    link::link_of_key,
    plan::incident_of_key,
    reconcile::{Configs, State},
};
use tandem_runtime::clock;
use tandem_store::{PgConnection, StoreError, clocks, conflicts, incidents, integrations, links};

use crate::Admin;

/// How many incidents are read at a time.
const BATCH: u32 = 1_000;

/// The platform's side.
#[derive(Debug)]
pub(super) struct Near {
    /// All integrations of the organisation.
    pub(super) configs: Configs,
    /// What is not over, and what records belong to or name.
    pub(super) incidents: Vec<State>,
    /// The records of incidents that are not over.
    linked: BTreeSet<RecordId>,
}

impl Near {
    /// The linked records of what is not over that are not among those read.
    pub(super) fn unlisted(&self, records: &[Reading]) -> Vec<RecordId> {
        let listed: BTreeSet<&RecordId> =
            records.iter().map(|reading| &reading.snapshot.record).collect();
        self.linked.iter().filter(|record| !listed.contains(record)).cloned().collect()
    }
}

/// Loads it, with whatever the records belong to or name.
pub(super) async fn load(
    admin: &Admin,
    integration: &Integration,
    records: &[Reading],
) -> Result<Near, StoreError> {
    let mut transaction = admin.store.begin().await?;
    let conn = &mut *transaction;
    let configs = configs(conn, integration).await?;
    let mut open: Vec<Incident> = Vec::new();
    loop {
        let after = open.last().map(|incident| incident.id);
        let batch = incidents::open(conn, &integration.org, after, BATCH).await?;
        let last = batch.len() < BATCH as usize;
        open.extend(batch);
        if last {
            break;
        }
    }
    let known: BTreeSet<IncidentId> = open.iter().map(|incident| incident.id).collect();
    let others = belonging(conn, integration, records).await?;
    let others: Vec<IncidentId> = others.into_iter().filter(|id| !known.contains(id)).collect();
    let others = incidents::read(conn, &others).await?;
    let of_org = others.into_iter().filter(|incident| incident.org == integration.org);
    let mut all = open;
    all.extend(of_org);
    let states = states(conn, all).await?;
    let is_open = |state: &&State| known.contains(&state.incident.id);
    let linked = states.iter().filter(is_open).flat_map(|state| &state.links);
    let linked = linked
        .filter(|link| link.integration == integration.id && !link.detached)
        .filter_map(|link| link.record.clone())
        .collect();
    Ok(Near { configs, incidents: states, linked })
}

/// The state of the incident that a record belongs to or names, where there is one.
pub(super) async fn around(
    admin: &Admin,
    integration: &Integration,
    reading: &Reading,
) -> Result<(Configs, Vec<State>), StoreError> {
    let mut transaction = admin.store.begin().await?;
    let conn = &mut *transaction;
    let configs = configs(conn, integration).await?;
    let ids = belonging(conn, integration, std::slice::from_ref(reading)).await?;
    let ids: Vec<IncidentId> = ids.into_iter().collect();
    let mut found = incidents::read(conn, &ids).await?;
    found.retain(|incident| incident.org == integration.org);
    Ok((configs, states(conn, found).await?))
}

async fn configs(
    conn: &mut PgConnection,
    integration: &Integration,
) -> Result<Configs, StoreError> {
    let org = [integration.org.to_string()];
    let mut all = integrations::configs(conn, &[integration.id], &org).await?;
    let ids: Vec<_> = all.iter().map(|config| config.id).collect();
    let measured = clocks::of(conn, &ids).await?;
    for config in &mut all {
        if let Some(offset) = measured.get(&config.id) {
            config.clock = offset.aged(clock::now());
        }
    }
    Ok(all.into_iter().map(|config| (config.id, config)).collect())
}

/// The incidents that records belong to or name.
async fn belonging(
    conn: &mut PgConnection,
    integration: &Integration,
    records: &[Reading],
) -> Result<BTreeSet<IncidentId>, StoreError> {
    let snapshots = || records.iter().map(|reading| &reading.snapshot);
    let keys = || snapshots().filter_map(|snapshot| snapshot.key.as_deref());
    let wanted: Vec<_> =
        snapshots().map(|snapshot| (integration.id, snapshot.record.as_str())).collect();
    let keyed: Vec<LinkId> = keys().filter_map(link_of_key).collect();
    let joints = links::find(conn, &wanted, &keyed).await?;
    let mut ids: BTreeSet<IncidentId> = joints.iter().map(|joint| joint.incident).collect();
    ids.extend(keys().filter_map(incident_of_key));
    Ok(ids)
}

async fn states(conn: &mut PgConnection, found: Vec<Incident>) -> Result<Vec<State>, StoreError> {
    let ids: Vec<IncidentId> = found.iter().map(|incident| incident.id).collect();
    let bare = |incident: Incident| {
        let (links, notes, conflicts) = (Vec::new(), Vec::new(), Vec::new());
        (incident.id, State { incident, links, notes, conflicts })
    };
    let mut states: BTreeMap<IncidentId, State> = found.into_iter().map(bare).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    for stored in links::of_incidents(conn, &ids).await? {
        if let Some(state) = states.get_mut(&stored.link.incident) {
            state.links.push(stored.link);
        }
    }
    for conflict in conflicts::open_of(conn, &ids).await? {
        if let Some(state) = states.get_mut(&conflict.incident) {
            state.conflicts.push(conflict);
        }
    }
    Ok(states.into_values().collect())
}
