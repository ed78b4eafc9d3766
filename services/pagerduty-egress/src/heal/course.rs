//! What is to be done about the lines of a log, and how far that gets us.
//!
//! Pure bookkeeping. What always holds: the cursor moves only to a time before which every line was
//! reported, or stands for a record that is owed; a record that cannot be read is owed and holds up
//! nothing else; lines that are still young are left for the next round, since their webhooks may
//! be on their way.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use tandem_domain::{
    clock::Offset,
    finding::{Cursor, Owed},
    id::RecordId,
};

use super::walk::Dated;

/// How much of what was looked through is looked through again: a line may become visible only
/// after later ones have.
pub const OVERLAP: SignedDuration = SignedDuration::from_mins(2);
/// The most records that are owed; beyond it the cursor stays where it is.
pub const OWED_MAX: usize = 1_000;

/// A record with the lines that are to be reported of it, oldest first.
pub type Touched<T> = (RecordId, Vec<T>);

/// A part of what is to be done, after which it is known how far that gets us.
#[derive(Debug, PartialEq, Eq)]
pub struct Step<T> {
    /// The records to read and report.
    pub records: Vec<Touched<T>>,
    /// Every line before this is reported then.
    pub to: Timestamp,
}

/// The lines that were reported lately by this process, so that looking again reports nothing twice.
#[derive(Debug, Default)]
pub struct Reported {
    lines: HashMap<String, Timestamp>,
}

impl Reported {
    /// Whether a line was.
    pub fn has<T: Dated>(&self, line: &T) -> bool {
        self.lines.contains_key(line.id())
    }

    /// Keeps in mind that lines were.
    pub fn add<T: Dated>(&mut self, lines: &[T]) {
        self.lines.extend(lines.iter().map(|line| (line.id().to_owned(), line.at())));
    }

    /// Forgets what will not be looked at again.
    pub fn forget_before(&mut self, since: Timestamp) {
        self.lines.retain(|_, at| *at >= since);
    }
}

/// From when on a log is to be looked through, by whole seconds.
pub fn since(cursor: &Cursor) -> Timestamp {
    let since = earlier(cursor.reached, OVERLAP);
    Timestamp::from_second(since.as_second()).unwrap_or(since)
}

/// The earliest that a log can say of something that happened at an instant of our clock or later: by
/// the far side's clock, which tells whole seconds.
pub fn earliest_there(ours: Timestamp, clock: Offset) -> Timestamp {
    let there = ours.checked_add(SignedDuration::from_micros(clock.lo)).unwrap_or(ours);
    Timestamp::from_second(there.as_microsecond().div_euclid(1_000_000)).unwrap_or(there)
}

/// Up to when lines are old enough that their webhooks should have come, by the far side's clock.
pub fn horizon(now: Timestamp, ripe: SignedDuration) -> Timestamp {
    let horizon = earlier(now, ripe);
    // As fine as it is kept.
    Timestamp::from_microsecond(horizon.as_microsecond()).unwrap_or(horizon)
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Puts lines into steps of about `size` records.
///
/// Each record comes once, with all of its lines; lines that come after the horizon, or were reported, or happened before `began`, are left out. Both
/// ends are as the log tells time: see [`earliest_there`].
pub fn steps<T: Dated>(
    lines: Vec<T>,
    (began, horizon): (Timestamp, Timestamp),
    reported: &Reported,
    size: usize,
) -> Vec<Step<T>> {
    let mut order: Vec<RecordId> = Vec::new();
    let mut first: Vec<Timestamp> = Vec::new();
    let mut touched: HashMap<RecordId, Vec<T>> = HashMap::new();
    for line in lines {
        let young = line.at() >= horizon;
        if young || line.at() < began || reported.has(&line) {
            continue;
        }
        let lines = touched.entry(line.record().clone()).or_default();
        if lines.is_empty() {
            order.push(line.record().clone());
            first.push(line.at());
        }
        lines.push(line);
    }
    let mut steps: Vec<Step<T>> = Vec::new();
    for (place, record) in order.into_iter().enumerate() {
        let Some(lines) = touched.remove(&record) else { continue };
        match steps.last_mut() {
            Some(step) if step.records.len() < size.max(1) => step.records.push((record, lines)),
            _ => steps.push(Step { records: vec![(record, lines)], to: horizon }),
        }
        // Records come by their first lines, so whatever is left begins no earlier than this one.
        let begins = first.get(place).copied().unwrap_or(horizon);
        let whole = steps.len().checked_sub(2).and_then(|before| steps.get_mut(before));
        if let Some(before) = whole.filter(|before| before.to == horizon) {
            before.to = begins.min(horizon);
        }
    }
    if steps.is_empty() {
        steps.push(Step { records: Vec::new(), to: horizon });
    }
    steps
}

/// Where a cursor stands after a step: `paid` are records that were owed and are not any more,
/// `owed` those that could not be read.
pub fn advance(
    cursor: &Cursor,
    to: Timestamp,
    paid: &BTreeSet<RecordId>,
    owed: impl IntoIterator<Item = Owed>,
) -> Cursor {
    let mut all: HashMap<RecordId, Timestamp> = HashMap::new();
    let kept = cursor.owed.iter().filter(|owed| !paid.contains(&owed.record)).cloned();
    for Owed { record, since } in kept.chain(owed) {
        let held = all.entry(record).or_insert(since);
        *held = (*held).min(since);
    }
    let mut owed: Vec<Owed> =
        all.into_iter().map(|(record, since)| Owed { record, since }).collect();
    owed.sort();
    if owed.len() > OWED_MAX {
        return cursor.clone();
    }
    Cursor { reached: cursor.reached.max(to), owed }
}

#[cfg(test)]
mod tests;
