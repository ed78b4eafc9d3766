//! What a call carries: only what differs and was expected, in the external side's terms.

use std::collections::BTreeMap;

use super::{far::Patch, label};
use crate::{
    event::{Fate, Snapshot},
    field::{Field, Value},
    lens::parts,
    outbound::Want,
};

/// How the record came to be known; decides what it may be found holding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Linked,
    Found,
    Created,
}

/// What is asked of the external side.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Read { lag: i64 },
    Find { key: String },
    Create { key: String, patch: Patch, version: u64 },
    Change { patch: Patch, version: u64 },
}

/// What becomes of each wanted field, and what is to be written; nothing means no call.
pub(super) fn plan(
    want: &BTreeMap<Field, Want>,
    held: &Snapshot,
    origin: Origin,
) -> (BTreeMap<Field, Fate>, Option<Patch>) {
    let (mut fates, mut patch, mut writes) = (BTreeMap::new(), Patch::default(), false);
    for (field, want) in want {
        let fate = match held.fields.get(field) {
            None => Fate::Unexpected,
            Some(held) if held.value == want.value => {
                let at_creation = matches!(field, Field::Title | Field::Severity);
                if origin == Origin::Created && at_creation { Fate::Sent } else { Fate::Equal }
            }
            Some(held) => {
                let first = held.value.as_deref() == Some("triggered") && *field == Field::Status;
                let expected = match origin {
                    Origin::Linked => want.expect.contains(&held.value),
                    Origin::Found => first || want.expect.contains(&held.value),
                    Origin::Created => true,
                };
                if expected {
                    writes = true;
                    put(&mut patch, *field, &want.value, held.value.as_deref());
                    Fate::Sent
                } else {
                    Fate::Unexpected
                }
            }
        };
        fates.insert(*field, fate);
    }
    patch.keeps = patch.status.as_deref() == Some("acknowledged") && !held.assignees.is_empty();
    (fates, writes.then_some(patch))
}

fn put(patch: &mut Patch, field: Field, value: &Value, held: Option<&str>) {
    match field {
        Field::Title => patch.title.clone_from(value),
        Field::Status => patch.status.clone_from(value),
        Field::Severity => {
            let wanted = value.clone().unwrap_or_default();
            let ((urgency, priority), held) = (parts(&wanted), parts(held.unwrap_or_default()));
            patch.urgency = Some(urgency.to_owned()).filter(|urgency| urgency != held.0);
            patch.priority = priority.filter(|_| priority != held.1).map(str::to_owned);
            patch.severity = Some(wanted);
        }
        field if field == label() => patch.label = Some(value.clone()),
        _ => {}
    }
}

pub(super) fn spell(request: &Request) -> String {
    match request {
        Request::Read { lag: 0 } => "GET".to_owned(),
        Request::Read { lag } => format!("GET, {lag} ms behind"),
        Request::Find { .. } => "GET by key".to_owned(),
        Request::Create { version, patch, .. } => format!("v{version} POST {}", patch.spell()),
        Request::Change { version, patch } => format!("v{version} PUT {}", patch.spell()),
    }
}
