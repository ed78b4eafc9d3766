//! Findings: what the healer read of a record, taken in as if it had been told.
//!
//! First the history, oldest first: each line that changed a field is an announced edit (rules 10
//! and 28). Then the reading, which is newer than all of it and shows what has no history. All of
//! it is one transition, so that nothing is sent out on the strength of a step that is long past.

use std::collections::BTreeMap;

use super::{
    Configs, Input, State, Step, draft::Draft, echo::is_known, observe, receipt::Call, sight::Sight,
};
use crate::{
    event::{Observation, Snapshot},
    field::Field,
    finding::{Entry, Finding, GRAIN, Missed},
    id::LinkId,
    incident::{Actor, Side},
    lens::Foreign,
    link::Stamp,
};

pub(super) fn apply(
    state: Option<State>,
    input: Input<'_>,
    finding: &Finding,
    configs: &Configs,
) -> Step {
    if state.is_none() && !finding.begins {
        return Step::ignored(None, "the record is not linked");
    }
    let observation = as_told(finding);
    match observe::open(state, input, &observation, configs) {
        Ok((mut draft, link)) => {
            draft.recall(link, finding);
            draft.finish(false)
        }
        Err(step) => *step,
    }
}

/// The webhook that would have told of the record as it was found.
fn as_told(finding: &Finding) -> Observation {
    let snapshot = &finding.reading.snapshot;
    let first = finding.history.iter().find(|entry| entry.begins);
    let began = first.map(|entry| entry.at).or(snapshot.created_at);
    Observation {
        integration: finding.integration,
        delivery: finding.id.clone(),
        event: finding.id.clone(),
        event_type: String::new(),
        occurred_at: began.unwrap_or(finding.heard),
        arrived: finding.heard,
        actor: first.and_then(|entry| entry.actor.clone()),
        record: Some(snapshot.record.clone()),
        record_title: None,
        snapshot: Some(snapshot.clone()),
        edited: None,
        begins: false,
        summons: None,
        note: None,
        remark: None,
    }
}

impl Draft<'_> {
    /// Takes in everything that was found of a link's record.
    fn recall(&mut self, link: LinkId, finding: &Finding) {
        let fresh = self.fresh;
        self.join(link, &finding.reading.snapshot, finding.reading.received);
        for (place, entry) in finding.history.iter().enumerate() {
            let later = finding.history.get(place + 1..).unwrap_or_default();
            self.relive(link, finding, entry, later);
            if fresh && (entry.begins || entry.announced) {
                self.miss(finding, &entry.id, entry.at);
            }
        }
        let call = Call { wrote: true, lags: true, made: false, previous: &[] };
        self.read(link, Some(&finding.reading), 0, call);
        for found in &finding.notes {
            let known = self.notes.len();
            let actor = found.actor.clone().unwrap_or_else(|| Actor::unnamed(Side::External));
            self.note_seen(link, &found.note, found.at, actor);
            if self.notes.len() > known {
                self.miss(finding, &format!("note {}", found.note.id), found.at);
            }
        }
    }

    /// Judges one line of the history, unless it was judged before: then its webhook has come.
    fn relive(&mut self, link: LinkId, finding: &Finding, entry: &Entry, later: &[Entry]) {
        let Some(name) = entry.edited else { return };
        let config = self.link(link).and_then(|link| self.config(link.integration));
        let Some(field) = config.and_then(|config| config.field_named(name)) else { return };
        let sequence = self.input.sequence;
        let stamp = Stamp::Told { occurred_at: entry.at, arrived: finding.heard, sequence };
        if self.has_come(link, field, entry) {
            return;
        }
        if self.fresh {
            // An incident that begins now begins with what was read, to which all of this has led.
            if let Some(seen) = self.seen_mut(link, field) {
                seen.judged = Some((entry.at, sequence));
            }
            return;
        }
        if entry.announced {
            self.miss(finding, &entry.id, entry.at);
        }
        // What a line does not tell is shown by the reading, if nothing came after it.
        let last = later.iter().all(|other| other.edited != entry.edited);
        let shown = finding.reading.snapshot.fields.get(&name).filter(|_| last);
        let Some(value) = entry.value.as_ref().or(shown).cloned() else {
            if let Some(seen) = self.seen_mut(link, field) {
                seen.judged = Some((entry.at, sequence));
            }
            return;
        };
        let snapshot = only(finding, name, value);
        let actor = entry.actor.clone().unwrap_or_else(|| Actor::unnamed(Side::External));
        self.see(&Sight {
            link,
            snapshot: &snapshot,
            stamp,
            edited: Some(field),
            actor,
            answers: 0,
            attempted: true,
            previous: &[],
            lags: false,
            begins: false,
            grain: GRAIN,
        });
    }

    /// Whether the webhook of a line has come, or one of something later: as an edit that was judged,
    /// or as the echo of a write of ours. By the second alone: what is read again has another place in
    /// our stream every time.
    fn has_come(&self, link: LinkId, field: Field, entry: &Entry) -> bool {
        let Some(link) = self.link(link) else { return false };
        let Some(seen) = link.fields.get(&field) else { return false };
        if seen.judged.is_some_and(|(judged, _)| entry.at <= judged) {
            return true;
        }
        let of_us = entry.actor.as_ref().is_some_and(|actor| is_known(link, actor));
        seen.echoed.is_some_and(|(echoed, _)| {
            let same = echoed.duration_since(entry.at) < GRAIN;
            entry.at <= echoed && (of_us || same)
        })
    }

    fn miss(&mut self, finding: &Finding, entry: &str, occurred_at: jiff::Timestamp) {
        self.missed.push(Missed {
            integration: finding.integration,
            entry: entry.to_owned(),
            occurred_at,
            found_at: finding.reading.received,
        });
    }
}

/// The record as far as one line shows it.
fn only(finding: &Finding, name: Field, value: Foreign) -> Snapshot {
    let fields = BTreeMap::from([(name, value)]);
    Snapshot { fields, ..finding.reading.snapshot.clone() }
}
