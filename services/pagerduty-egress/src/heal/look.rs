//! Looking at one record, and reporting what was seen.
//!
//! All calls of one record go one at a time, the healer's included: see [`turns`](super::turns).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use serde_json::Value as Json;
use tandem_bus::{ask, publish::Outgoing, subjects};
use tandem_connectors::pagerduty::{
    history::{self, Line},
    record,
    refusal::Class,
    rest::{self, Request},
};
use tandem_domain::{
    event::{Event, Reading, Snapshot},
    field::Field,
    finding::{Finding, FoundNote},
    id::RecordId,
    plan::is_as_planned,
};
use tandem_runtime::clock;

use super::{Cut, Healer};
use crate::{
    call::{Answer, Caller, Trouble},
    lanes::Lane,
    report,
};

/// After so many records that fail one after the other it is asked whether anything is answered.
const OUTAGE: usize = 4;
/// The most text of notes that goes into one finding: escaped, it still fits a message.
const NOTES_MAX: usize = 128 * 1024;

/// What became of looking at a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// It was reported.
    Reported,
    /// It is not there, or not to be seen by this key; nothing will change that.
    Gone,
    /// It could not be read this time.
    Failed,
}

/// Why somebody who asked for a look at a record gets none.
#[derive(Debug)]
pub enum Unseen {
    /// It could not be read.
    Call(Trouble),
    /// It could not be reported.
    Broker,
}

/// The status of what is not there.
const NOT_FOUND: u16 = 404;

impl Healer<'_> {
    /// Makes one call in the last lane.
    pub(super) async fn call<T>(
        &self,
        request: Request,
        read: impl FnOnce(&Json) -> Option<T> + Send,
    ) -> Result<Answer<T>, Trouble> {
        let delivery = self.delivery;
        let permit = delivery.gate.pass(Lane::Healing).await?;
        let mut caller = Caller::asking(&delivery.http, &delivery.gate, permit, &delivery.stop);
        metrics::counter!("tandem_healing_calls_total").increment(1);
        caller.call(request, read).await
    }

    /// Reads a record, and its notes where lines say that some were added, and reports it with these
    /// lines, which were had at `heard`. `begins` says whether an incident may begin with it.
    pub(super) async fn look(
        &self,
        record: &RecordId,
        (lines, heard): (&[Line], Timestamp),
        begins: impl Fn(&Snapshot) -> bool + Send,
    ) -> Result<Looked, Cut> {
        match self.see(record, lines).await {
            Ok((Answer { sent, received, date, value: snapshot }, notes)) => {
                let begins = begins(&snapshot);
                let reading = Reading { sent, received, date, snapshot };
                self.report((lines, heard), &reading, notes, begins).await
            }
            Err(Trouble::CalledOff(_)) => Err(Cut::Away),
            Err(Trouble::Failed(failure)) => match failure.class {
                // Whatever it is, it is the whole account's.
                Class::Unreached | Class::Throttled => Err(Cut::Away),
                Class::Unwelcome | Class::Stranger if failure.status == Some(401) => Err(Cut::Away),
                Class::Unanswered | Class::Troubled => Ok(Looked::Failed),
                Class::Unwelcome
                | Class::Stranger
                | Class::AlreadySo
                | Class::Duplicate
                | Class::Refused => {
                    tracing::info!(
                        %record, status = failure.status, "a record is not to be seen; left out"
                    );
                    Ok(Looked::Gone)
                }
            },
        }
    }

    /// Takes a record that could not be read for that record's own trouble, unless `in_a_row` says
    /// that so many have failed that it may be everybody's: then only if something else is answered.
    pub(super) async fn bear(&self, in_a_row: &mut usize) -> Result<(), Cut> {
        *in_a_row += 1;
        if *in_a_row < OUTAGE {
            return Ok(());
        }
        *in_a_row = 0;
        // As good as nothing has happened since now, so this is the cheapest of lists.
        let asked = self.call(history::log(clock::now(), None, 0), history::read_log).await;
        asked.map(drop).map_err(|_| Cut::Away)
    }

    /// Looks at a record that a plan is about; reports it, with no history, where it is as planned.
    pub(super) async fn look_as_planned(&self, wanted: &ask::Look) -> Result<ask::Looked, Unseen> {
        let answer = match self.see(&wanted.record, &[]).await {
            Ok((answer, _)) => answer,
            Err(Trouble::Failed(failure))
                if failure.class == Class::Refused && failure.status == Some(NOT_FOUND) =>
            {
                return Ok(ask::Looked::Gone);
            }
            Err(trouble) => return Err(Unseen::Call(trouble)),
        };
        let Answer { sent, received, date, value: snapshot } = answer;
        let reading = Reading { sent, received, date, snapshot };
        let planned = wanted.planned.as_deref();
        if planned.is_some_and(|planned| !is_as_planned(planned, &reading.snapshot)) {
            return Ok(ask::Looked::Moved);
        }
        if !wanted.report {
            return Ok(ask::Looked::Seen { reading: Box::new(reading) });
        }
        let finding = name(&[], &reading);
        match self.report((&[], reading.sent), &reading, Vec::new(), true).await {
            Ok(_) => Ok(ask::Looked::Reported { finding }),
            Err(_) => Err(Unseen::Broker),
        }
    }

    async fn see(
        &self,
        record: &RecordId,
        lines: &[Line],
    ) -> Result<(Answer<Snapshot>, Vec<FoundNote>), Trouble> {
        let _turn = self.delivery.turns.take(record).await;
        let account = self.delivery.gate.account();
        let is_label = |field: &Field| matches!(field, Field::Label(_));
        let request = if account.integration.fields.keys().any(is_label) {
            rest::read_with_fields(record)
        } else {
            rest::read(record)
        };
        let read = self.call(request, record::incident).await?;
        let Some(first) = lines.iter().find(|line| line.annotates()) else {
            return Ok((read, Vec::new()));
        };
        let notes = self.call(rest::notes(record), record::notes).await?.value;
        Ok((read, history::found_notes(notes, first.at)))
    }

    async fn report(
        &self,
        (lines, heard): (&[Line], Timestamp),
        reading: &Reading,
        notes: Vec<FoundNote>,
        begins: bool,
    ) -> Result<Looked, Cut> {
        let record = &reading.snapshot.record;
        let name = name(lines, reading);
        let mut history = history::history(lines, reading.snapshot.created_at);
        let subject = subjects::observed(&self.delivery.connector, self.id, Some(record.as_str()));
        for (part, notes) in parts(notes).into_iter().enumerate() {
            let id = if part == 0 { name.clone() } else { format!("{name}-{part}") };
            let event = Event::Finding(Box::new(Finding {
                id: id.clone(),
                integration: self.id,
                heard,
                reading: reading.clone(),
                history: std::mem::take(&mut history),
                notes,
                begins,
            }));
            let message = Outgoing::json(subject.clone(), format!("{}-{id}", self.id), &event);
            let Ok(message) = message else { return Ok(Looked::Gone) };
            if !report::store(&self.delivery.bus, &self.delivery.stop, message).await {
                return Err(Cut::Broker);
            }
        }
        metrics::counter!("tandem_findings_total").increment(1);
        Ok(Looked::Reported)
    }
}

/// What a finding is known by: its lines, so that finding them again is no news; or, where there
/// are none, when it was made.
fn name(lines: &[Line], reading: &Reading) -> String {
    let record = &reading.snapshot.record;
    if lines.is_empty() {
        return format!("{record}-{}", reading.sent.as_microsecond());
    }
    let mut of = DefaultHasher::new();
    for line in lines {
        line.id.hash(&mut of);
    }
    format!("{record}-{:016x}", of.finish())
}

/// Notes in parts that fit a message each; at least one part, which may be empty.
fn parts(notes: Vec<FoundNote>) -> Vec<Vec<FoundNote>> {
    let mut parts = vec![Vec::new()];
    let mut size = 0;
    for note in notes {
        size += note.note.text.len();
        match parts.last_mut() {
            Some(part) if size <= NOTES_MAX || part.is_empty() => part.push(note),
            _ => {
                size = note.note.text.len();
                parts.push(vec![note]);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use tandem_domain::event::ForeignNote;

    use super::*;

    #[test]
    fn notes_go_in_parts_that_fit_a_message() {
        let note = |length: usize| FoundNote {
            note: ForeignNote { id: "N".to_owned(), text: "x".repeat(length), trimmed: false },
            at: Timestamp::UNIX_EPOCH,
            actor: None,
        };
        let sizes = |lengths: &[usize]| -> Vec<usize> {
            parts(lengths.iter().copied().map(note).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), [0]);
        assert_eq!(sizes(&[65_535, 65_535, 65_535]), [2, 1]);
        assert_eq!(sizes(&[200_000, 1]), [1, 1], "one that is too large alone goes alone");
    }
}
