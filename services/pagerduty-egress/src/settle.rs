//! Carrying out work by calls: a record is brought to a desired state, a note is added.
//!
//! A write reads first and carries only what differs and was expected. Nothing whose outcome is
//! unknown is sent again before looking: a state always begins with a read or a look-up, and an
//! uncertain note is looked for by its text.

use jiff::{SignedDuration, Timestamp};
use tandem_connectors::pagerduty::{
    plan::{self, Origin},
    record,
    refusal::Class,
    rest,
};
use tandem_domain::{
    event::{Outcome, Reading, Snapshot},
    id::RecordId,
    outbound::{Act, ActKind, Create, Desired},
};

use crate::call::{Answer, Caller, Failure, Trouble};

/// How often a call is repeated at once because the record has moved under it.
const ROUNDS: usize = 3;
/// How far back a note may lie that is taken for one whose outcome is unknown: the two clocks may
/// differ, and an older note of the same text is somebody else's or an earlier one.
const NOTE_EARLIER: SignedDuration = SignedDuration::from_mins(1);

/// Why a desired state was not brought about.
#[derive(Debug)]
pub struct Setback {
    /// What the record held before, where it could be read.
    pub before: Option<Box<Reading>>,
    /// What stood in the way.
    pub trouble: Trouble,
}

impl From<Trouble> for Setback {
    fn from(trouble: Trouble) -> Self {
        Self { before: None, trouble }
    }
}

/// Brings a record to its desired state, creating it where there is none.
pub async fn state(caller: &mut Caller<'_>, desired: &Desired) -> Result<Outcome, Setback> {
    match (&desired.record, &desired.create) {
        (Some(record), _) => {
            let before = read(caller, record).await?;
            bring(caller, desired, before, Origin::Linked).await
        }
        (None, Some(create)) => make(caller, desired, create).await,
        (None, None) => Ok(Outcome::Refused {
            version: Some(desired.version),
            before: None,
            reason: "there is no record yet, and nothing says how to create it".to_owned(),
        }),
    }
}

/// Creates the record, unless it is there already.
async fn make(
    caller: &mut Caller<'_>,
    desired: &Desired,
    create: &Create,
) -> Result<Outcome, Setback> {
    let mut duplicate = None;
    for _ in 0..ROUNDS {
        let found = caller
            .call(rest::find(&create.key), |answer| record::under_key(answer, &create.key))
            .await?;
        if let Some(found) = sole(found) {
            return bring(caller, desired, found, Origin::Found).await;
        }
        match caller.call(rest::create(create, &desired.want), record::incident).await {
            Ok(created) => return finish(caller, desired, reading(created)).await,
            Err(Trouble::Failed(failure)) if failure.class == Class::Duplicate => {
                duplicate = Some(failure);
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
    Err(later(duplicate, None))
}

/// Writes what could not be given at creation.
async fn finish(
    caller: &mut Caller<'_>,
    desired: &Desired,
    created: Reading,
) -> Result<Outcome, Setback> {
    let plan = plan::plan(&desired.want, &created.snapshot, Origin::Created);
    if plan.changes.is_empty() {
        return Ok(settled(desired, None, Some(created), plan));
    }
    let change = rest::change(&created.snapshot, &plan.changes);
    match caller.call(change, record::incident).await {
        Ok(after) => Ok(settled(desired, None, Some(reading(after)), plan)),
        // Somebody was faster: it is a record like any other now.
        Err(Trouble::Failed(failure)) if failure.class == Class::AlreadySo => {
            let before = read(caller, &created.snapshot.record).await?;
            bring(caller, desired, before, Origin::Found).await
        }
        Err(trouble) => Err(Setback { before: Some(Box::new(created)), trouble }),
    }
}

/// Brings a record that exists, and was read just now, to its desired state.
async fn bring(
    caller: &mut Caller<'_>,
    desired: &Desired,
    mut before: Reading,
    origin: Origin,
) -> Result<Outcome, Setback> {
    let mut already = None;
    for _ in 0..ROUNDS {
        let plan = plan::plan(&desired.want, &before.snapshot, origin);
        if plan.changes.is_empty() {
            return Ok(settled(desired, Some(before), None, plan));
        }
        let record = before.snapshot.record.clone();
        match caller.call(rest::change(&before.snapshot, &plan.changes), record::incident).await {
            Ok(after) => return Ok(settled(desired, Some(before), Some(reading(after)), plan)),
            Err(Trouble::Failed(failure)) if failure.class == Class::AlreadySo => {
                already = Some(failure);
                before = read(caller, &record).await?;
            }
            Err(trouble) => return Err(Setback { before: Some(Box::new(before)), trouble }),
        }
    }
    Err(later(already, Some(before)))
}

/// The record keeps contradicting itself, as stale reads can; it will not for long.
fn later(failure: Option<Box<Failure>>, before: Option<Reading>) -> Setback {
    let trouble = failure.map_or(Trouble::CalledOff(crate::gate::CalledOff), Trouble::Failed);
    Setback { before: before.map(Box::new), trouble }
}

async fn read(caller: &mut Caller<'_>, record: &RecordId) -> Result<Reading, Trouble> {
    Ok(reading(caller.call(rest::read(record), record::incident).await?))
}

fn reading(answer: Answer<Snapshot>) -> Reading {
    let Answer { sent, received, date, value } = answer;
    Reading { sent, received, date, snapshot: value }
}

fn sole(answer: Answer<Option<Snapshot>>) -> Option<Reading> {
    let Answer { sent, received, date, value } = answer;
    value.map(|snapshot| Reading { sent, received, date, snapshot })
}

fn settled(
    desired: &Desired,
    before: Option<Reading>,
    after: Option<Reading>,
    plan: plan::Plan,
) -> Outcome {
    Outcome::Settled {
        version: desired.version,
        before: before.map(Box::new),
        after: after.map(Box::new),
        fates: plan.fates,
        uncertain: false,
    }
}

/// Does an act once; where it may have been done already, that is found out first.
pub async fn act(
    caller: &mut Caller<'_>,
    act: &Act,
    stored_at: Timestamp,
    uncertain: bool,
) -> Result<Outcome, Setback> {
    let ActKind::Note { note, text } = &act.kind;
    let noted = |foreign: String| Outcome::Noted { note: *note, foreign };
    if uncertain {
        let there = caller.call(rest::notes(&act.record), record::notes).await?.value;
        let earliest = stored_at.saturating_sub(NOTE_EARLIER).unwrap_or(stored_at);
        let ours = there.into_iter().find(|note| is_ours(note, text, earliest));
        if let Some(ours) = ours {
            return Ok(noted(ours.id));
        }
    }
    let added = caller.call(rest::add_note(&act.record, text), record::note).await?;
    Ok(noted(added.value.id))
}

fn is_ours(note: &record::Note, text: &str, earliest: Timestamp) -> bool {
    // White space at the ends and the form of line ends may not survive the journey.
    let same = note.content.trim().lines().eq(text.trim().lines());
    same && note.created_at.is_none_or(|at| at >= earliest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_ours_by_its_text_unless_it_is_older_than_its_message() {
        let earliest: Timestamp = "2026-03-02T09:14:00Z".parse().unwrap();
        let note = |content: &str, at: &str| record::Note {
            id: "PN1".to_owned(),
            content: content.to_owned(),
            created_at: at.parse().ok(),
        };
        assert!(is_ours(&note("a\r\nb\n", "2026-03-02T09:14:00Z"), "a\nb", earliest));
        assert!(is_ours(&note("a", "unknown"), "a", earliest));
        assert!(!is_ours(&note("a", "2026-03-02T09:13:59Z"), "a", earliest));
        assert!(!is_ours(&note("b", "2026-03-02T09:14:00Z"), "a", earliest));
    }
}
