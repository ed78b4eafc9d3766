//! Writing what a batch came to, set-wise, within its transaction.

use serde::Serialize;
use serde_json::value::RawValue;
use tandem_bus::subjects;
use tandem_domain::{
    id::{Connector, IntegrationId},
    incident::Incident,
    link::Link,
    reconcile::{NoteTrack, State},
};
use tandem_store::{
    PgConnection, StoreError, conflicts, decisions, desired, healing, incidents, links, notes,
    outbox, timeline, writes,
};

use crate::batch::Written;

/// The rows of the changed states that are not there as they are.
#[derive(Default)]
struct Rows<'a> {
    made: Vec<&'a Incident>,
    changed: Vec<&'a Incident>,
    made_links: Vec<&'a Link>,
    changed_links: Vec<&'a Link>,
    tracks: Vec<&'a NoteTrack>,
}

impl<'a> Rows<'a> {
    fn of(written: &'a Written) -> Self {
        let mut rows = Self::default();
        let changed = written.changed.iter();
        for (id, state) in changed.filter_map(|id| Some((id, written.states.get(id)?))) {
            rows.add(state, written.before.get(id));
        }
        rows
    }

    fn add(&mut self, state: &'a State, before: Option<&State>) {
        match before {
            None => self.made.push(&state.incident),
            Some(before) if before.incident != state.incident => {
                self.changed.push(&state.incident);
            }
            Some(_) => {}
        }
        let (links, tracks) = before.map_or((&[][..], &[][..]), |it| (&it.links, &it.notes));
        for link in &state.links {
            match links.iter().find(|before| before.id == link.id) {
                None => self.made_links.push(link),
                Some(before) if before != link => self.changed_links.push(link),
                Some(_) => {}
            }
        }
        self.tracks.extend(state.notes.iter().filter(|track| !tracks.contains(track)));
    }
}

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
    let rows = Rows::of(written);
    if !rows.made.is_empty() {
        incidents::write(conn, &rows.made).await?;
    }
    if !rows.changed.is_empty() {
        incidents::change(conn, &rows.changed).await?;
    }
    // What is parted lets its record go before somebody else is joined to it.
    links::change(conn, &rows.changed_links).await?;
    if !rows.made_links.is_empty() {
        links::write(conn, &rows.made_links).await?;
    }
    if !written.notes.is_empty() {
        let rows: Vec<_> = written.notes.iter().map(|(id, note)| (*id, note)).collect();
        notes::add(conn, &rows).await?;
    }
    if !rows.tracks.is_empty() {
        notes::write_tracks(conn, &rows.tracks).await?;
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

fn json<T: Serialize>(value: &T) -> Result<Box<RawValue>, StoreError> {
    serde_json::value::to_raw_value(value).map_err(StoreError::Json)
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
            body: json(&event.value.cloud_event())?,
            traceparent: event.traceparent.clone(),
        });
    }
    if messages.is_empty() { Ok(()) } else { outbox::add(conn, &messages).await }
}
