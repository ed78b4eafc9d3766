//! Bringing a record to its desired state by calls.
//!
//! A write reads first and carries only what differs and was expected. Nothing whose outcome is
//! unknown is sent again before looking: it always begins with a read or a look-up.

use std::collections::BTreeMap;

use tandem_connectors::pagerduty::{
    custom_fields::custom_fields,
    plan::{self, Origin},
    priority::Priorities,
    record,
    refusal::Class,
    rest,
};
use tandem_domain::{
    event::{Fate, Outcome, Reading, Snapshot},
    field::{Field, Value},
    id::RecordId,
    outbound::{Create, Desired},
};

use crate::{
    call::{Answer, Caller, Failure, Trouble},
    catalog::Catalog,
};

/// How often a call is repeated at once because the record has moved under it.
const ROUNDS: usize = 3;

/// Why a desired state was not brought about.
#[derive(Debug)]
pub struct Setback {
    /// What the record held before, where it could be read.
    pub before: Option<Box<Reading>>,
    /// What stood in the way.
    pub trouble: Trouble,
}

impl Setback {
    /// Whether a write may have taken effect all the same.
    pub fn landed(&self) -> bool {
        matches!(&self.trouble, Trouble::Failed(failure) if failure.may_have_landed())
    }
}

impl From<Trouble> for Setback {
    fn from(trouble: Trouble) -> Self {
        Self { before: None, trouble }
    }
}

/// Brings a record to its desired state, creating it where there is none.
pub async fn state(
    caller: &mut Caller<'_>,
    catalog: &Catalog,
    desired: &Desired,
) -> Result<Outcome, Setback> {
    match (&desired.record, &desired.create) {
        (Some(record), _) => {
            let before = read(caller, record).await?;
            bring(caller, desired, before, Origin::Linked).await
        }
        (None, Some(create)) => {
            // An account may lack what a severity is to be told by.
            let priorities = catalog.priorities_for(caller, &desired.want).await?;
            let desired = Desired { want: priorities.fit(&desired.want), ..desired.clone() };
            make(caller, &desired, create, &priorities).await
        }
        (None, None) => {
            let reason = "there is no record yet, and nothing says how to create it".to_owned();
            Ok(Outcome::refused(Some(desired.version), reason))
        }
    }
}

/// Creates the record, unless it is there already.
async fn make(
    caller: &mut Caller<'_>,
    desired: &Desired,
    create: &Create,
    priorities: &Priorities,
) -> Result<Outcome, Setback> {
    let mut duplicate = None;
    for _ in 0..ROUNDS {
        let found = caller
            .call(rest::find(&create.key), |answer| record::under_key(answer, &create.key))
            .await?;
        if let Some(found) = sole(found) {
            let found = with_fields(caller, found).await?;
            return bring(caller, desired, found, Origin::Found).await;
        }
        let created = rest::create(create, &desired.want, priorities);
        match caller.call(created, record::incident).await {
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
    let created = with_fields(caller, created).await?;
    let plan = plan::plan(&desired.want, &created.snapshot, Origin::Created);
    match write(caller, &created.snapshot, &plan.changes).await {
        Ok(after) => {
            let first = after.is_none() && !caller.has_labels();
            let mut outcome = settled(desired, None, after.or(Some(created)), plan);
            if let Outcome::Settled { made, .. } = &mut outcome {
                *made = first;
            }
            Ok(outcome)
        }
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
        let record = before.snapshot.record.clone();
        match write(caller, &before.snapshot, &plan.changes).await {
            Ok(after) => return Ok(settled(desired, Some(before), after, plan)),
            Err(Trouble::Failed(failure)) if failure.class == Class::AlreadySo => {
                already = Some(failure);
                before = read(caller, &record).await?;
            }
            Err(trouble) => return Err(Setback { before: Some(Box::new(before)), trouble }),
        }
    }
    Err(later(already, Some(before)))
}

/// Reads a record whose integration nothing is to be sent to any more, or never was: some states are
/// sent only to have it read.
pub async fn look(caller: &mut Caller<'_>, desired: &Desired) -> Result<Outcome, Setback> {
    let Some(record) = &desired.record else { return Ok(withheld(Some(desired.version))) };
    let before = read(caller, record).await?;
    Ok(only_read(desired, before))
}

/// That something was not sent because nothing is to be.
pub fn withheld(version: Option<u64>) -> Outcome {
    let reason = "the integration is inbound only, so nothing is sent to its account; once its \
                  direction is bidirectional, this can be sent again";
    Outcome::refused(version, reason.to_owned())
}

/// Reports what a record holds, and writes nothing.
pub fn only_read(desired: &Desired, before: Reading) -> Outcome {
    let mut plan = plan::plan(&desired.want, &before.snapshot, Origin::Linked);
    for fate in plan.fates.values_mut().filter(|fate| **fate == Fate::Sent) {
        *fate = Fate::Unexpected;
    }
    settled(desired, Some(before), None, plan)
}

/// The record keeps contradicting itself, as stale reads can; it will not for long.
fn later(failure: Option<Box<Failure>>, before: Option<Reading>) -> Setback {
    let trouble = failure.map_or(Trouble::CalledOff(crate::gate::CalledOff), Trouble::Failed);
    Setback { before: before.map(Box::new), trouble }
}

/// Writes what is to change, the record's own members in one call; gives what it holds after that.
async fn write(
    caller: &mut Caller<'_>,
    held: &Snapshot,
    changes: &BTreeMap<Field, Value>,
) -> Result<Option<Reading>, Trouble> {
    let is_label = |field: &&Field| matches!(field, Field::Label(_));
    let labels = changes.keys().filter(is_label).count();
    let mut after = None;
    let reopened = match rest::reopening(held, changes) {
        Some(reopening) => Some(caller.call(reopening, record::incident).await?.value),
        None => None,
    };
    let held = reopened.as_ref().unwrap_or(held);
    if changes.len() > labels {
        after = Some(reading(caller.call(rest::change(held, changes), record::incident).await?));
    }
    if labels > 0 {
        // Their types are not kept: whoever defined them may change them.
        let known = caller.call(rest::custom_fields(&held.record), custom_fields).await?.value;
        let set = rest::set_custom_fields(&held.record, changes, &known);
        let set = caller.call(set, custom_fields).await?;
        let shown = set.value.iter().map(|(name, it)| (Field::Label(*name), it.value.clone()));
        let both = after.get_or_insert_with(|| Reading {
            sent: set.sent,
            received: set.received,
            date: set.date,
            snapshot: Snapshot { fields: BTreeMap::new(), ..held.clone() },
        });
        both.snapshot.fields.extend(shown);
        both.received = set.received;
    }
    Ok(after)
}

async fn read(caller: &mut Caller<'_>, record: &RecordId) -> Result<Reading, Trouble> {
    let request =
        if caller.has_labels() { rest::read_with_fields(record) } else { rest::read(record) };
    Ok(reading(caller.call(request, record::incident).await?))
}

/// The same record with its custom fields, where they matter: look-ups and creations do not show
/// them.
async fn with_fields(caller: &mut Caller<'_>, seen: Reading) -> Result<Reading, Trouble> {
    if caller.has_labels() { read(caller, &seen.snapshot.record).await } else { Ok(seen) }
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
        made: false,
        fates: plan.fates,
        uncertain: false,
        previous: Vec::new(),
    }
}
