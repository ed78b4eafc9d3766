//! Writing what a batch came to, set-wise, within its transaction.

use tandem_bus::subjects;
use tandem_domain::{
    id::{Connector, IntegrationId},
    reconcile::State,
};
use tandem_store::{
    PgConnection, StoreError, conflicts, decisions, desired, healing, incidents, links, notes,
    outbox, timeline, writes,
};

use crate::batch::Written;

/// Writes everything.
pub(crate) async fn write(
    conn: &mut PgConnection,
    written: &Written,
    connector_of: impl Fn(IntegrationId) -> Option<Connector>,
) -> Result<(), StoreError> {
    if written.changed.is_empty() {
        return Ok(());
    }
    if !written.missed.is_empty() {
        healing::missed(conn, &written.missed).await?;
    }
    let changed: Vec<&State> =
        written.changed.iter().filter_map(|id| written.states.get(id)).collect();
    let rows: Vec<_> = changed.iter().map(|state| &state.incident).collect();
    incidents::write(conn, &rows).await?;
    let rows: Vec<_> = changed.iter().flat_map(|state| &state.links).collect();
    links::write(conn, &rows).await?;
    let rows: Vec<_> = written.notes.iter().map(|(id, note)| (*id, note)).collect();
    if !rows.is_empty() {
        notes::add(conn, &rows).await?;
    }
    let rows: Vec<_> = changed.iter().flat_map(|state| &state.notes).collect();
    if !rows.is_empty() {
        notes::write_tracks(conn, &rows).await?;
    }
    if !written.refused.is_empty() {
        notes::refuse(conn, &written.refused).await?;
    }
    write_account(conn, written).await?;
    write_outbound(conn, written, connector_of).await
}

/// What explains afterwards how things came to be as they are.
async fn write_account(conn: &mut PgConnection, written: &Written) -> Result<(), StoreError> {
    let rows: Vec<_> = written.timeline.iter().map(|(id, entry)| (*id, entry)).collect();
    if !rows.is_empty() {
        timeline::add(conn, &rows).await?;
    }
    let rows: Vec<_> = written.decisions.iter().collect();
    if !rows.is_empty() {
        decisions::add(conn, &rows).await?;
    }
    let rows: Vec<_> = written.conflicts.values().collect();
    if !rows.is_empty() {
        conflicts::write(conn, &rows).await?;
    }
    let rows: Vec<_> = written.writes.iter().map(|(id, write)| (*id, write)).collect();
    if !rows.is_empty() {
        writes::add(conn, &rows).await?;
    }
    Ok(())
}

async fn write_outbound(
    conn: &mut PgConnection,
    written: &Written,
    connector_of: impl Fn(IntegrationId) -> Option<Connector>,
) -> Result<(), StoreError> {
    let states: Vec<_> = written
        .desired
        .iter()
        .filter_map(|state| {
            let connector = connector_of(state.value.integration)?;
            let subject = subjects::state(&connector, state.value.integration, state.value.link);
            let traceparent = state.traceparent.clone();
            Some(desired::Addressed { subject, desired: &state.value, traceparent })
        })
        .collect();
    if !states.is_empty() {
        desired::write(conn, &states).await?;
    }
    let json = |value| serde_json::to_value(value).map_err(StoreError::Json);
    let mut messages = Vec::with_capacity(written.acts.len() + written.feed.len());
    for act in &written.acts {
        let Some(connector) = connector_of(act.value.integration) else { continue };
        let (id, link) = (act.value.id(), act.value.link);
        messages.push(outbox::Message {
            subject: subjects::act(&connector, act.value.integration, link, &id),
            message_id: format!("{link}-{id}"),
            body: json(&act.value)?,
            traceparent: act.traceparent.clone(),
        });
    }
    for event in &written.feed {
        messages.push(outbox::Message {
            subject: subjects::feed(&event.value.org, event.value.incident, event.value.happening),
            message_id: event.value.id(),
            body: event.value.cloud_event(),
            traceparent: event.traceparent.clone(),
        });
    }
    if messages.is_empty() { Ok(()) } else { outbox::add(conn, &messages).await }
}
