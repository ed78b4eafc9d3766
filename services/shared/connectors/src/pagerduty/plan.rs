//! What to write: the wanted fields against what the record holds just now.
//!
//! A field that already holds what is wanted is not written; one that holds what nobody expected is
//! somebody's edit that has not been seen yet, and is left alone and reported.

use std::collections::BTreeMap;

use tandem_domain::{
    event::{Fate, Snapshot},
    field::{Field, Value},
    outbound::Want,
};

use super::{defaults::INITIAL_STATUS, rest};

/// How the record came to be known, which decides what it may be found holding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was linked before: only what each field expects.
    Linked,
    /// It was found under its key, left by a creation nobody saw the end of: a status that is
    /// still the first one is as expected.
    Found,
    /// It was created a moment ago by the caller: whatever it holds is as expected.
    Created,
}

/// What is to be written, and what becomes of each wanted field by that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The fields to write, all in one call; none means no call.
    pub changes: BTreeMap<Field, Value>,
    /// The fate of each wanted field once they are written.
    pub fates: BTreeMap<Field, Fate>,
}

/// Compares what is wanted with what the record holds.
pub fn plan(want: &BTreeMap<Field, Want>, held: &Snapshot, origin: Origin) -> Plan {
    let mut plan = Plan::default();
    for (&field, want) in want {
        let fate = fate(field, want, held, origin);
        plan.fates.insert(field, fate);
        let written = origin == Origin::Created && rest::AT_CREATION.contains(&field);
        if fate == Fate::Sent {
            plan.changes.insert(field, want.value.clone());
        } else if fate == Fate::Equal && written {
            plan.fates.insert(field, Fate::Sent);
        }
    }
    plan
}

fn fate(field: Field, want: &Want, held: &Snapshot, origin: Origin) -> Fate {
    // What the record does not show can be neither compared nor judged.
    let Some(held) = held.fields.get(&field) else { return Fate::Unexpected };
    if held.value == want.value {
        return Fate::Equal;
    }
    let expected = match origin {
        Origin::Linked => want.expect.contains(&held.value),
        Origin::Found => {
            let first = field == Field::Status && held.value.as_deref() == Some(INITIAL_STATUS);
            first || want.expect.contains(&held.value)
        }
        Origin::Created => true,
    };
    if expected && rest::writable(field) { Fate::Sent } else { Fate::Unexpected }
}

#[cfg(test)]
mod tests {
    use tandem_domain::lens::Foreign;

    use super::*;

    fn want(value: &str, expect: &[&str]) -> Want {
        let expect = expect.iter().map(|value| Some((*value).to_owned())).collect();
        Want { value: Some(value.to_owned()), expect }
    }

    fn holding(fields: &[(Field, &str)]) -> Snapshot {
        Snapshot {
            record: "Q1".parse().unwrap(),
            fields: fields.iter().map(|&(f, value)| (f, Foreign::plain(value))).collect(),
            assignees: Vec::new(),
            number: None,
            url: None,
            key: None,
            service: None,
            teams: Vec::new(),
            changed_by: None,
            created_at: None,
        }
    }

    fn wanted() -> BTreeMap<Field, Want> {
        BTreeMap::from([
            (Field::Title, want("B", &["A"])),
            (Field::Severity, want("high", &["low"])),
            (Field::Status, want("acknowledged", &[])),
        ])
    }

    fn fates(plan: &Plan) -> Vec<Fate> {
        plan.fates.values().copied().collect()
    }

    #[test]
    fn only_what_differs_and_was_expected_is_written() {
        let held =
            holding(&[(Field::Title, "A"), (Field::Severity, "high"), (Field::Status, "resolved")]);
        let plan = plan(&wanted(), &held, Origin::Linked);
        assert_eq!(plan.changes, BTreeMap::from([(Field::Title, Some("B".to_owned()))]));
        assert_eq!(fates(&plan), [Fate::Sent, Fate::Equal, Fate::Unexpected]);
    }

    #[test]
    fn a_field_the_record_does_not_show_is_left_alone() {
        let plan = plan(&wanted(), &holding(&[]), Origin::Created);
        assert!(plan.changes.is_empty());
        assert_eq!(fates(&plan), [Fate::Unexpected; 3]);
    }

    #[test]
    fn a_field_that_cannot_be_written_is_left_alone() {
        let wanted = BTreeMap::from([(Field::Description, want("B", &["A"]))]);
        let plan = plan(&wanted, &holding(&[(Field::Description, "A")]), Origin::Linked);
        assert!(plan.changes.is_empty());
        assert_eq!(fates(&plan), [Fate::Unexpected]);
    }

    #[test]
    fn a_record_left_by_an_unfinished_creation_is_brought_to_its_status() {
        let held = holding(&[
            (Field::Title, "C"),
            (Field::Severity, "high"),
            (Field::Status, "triggered"),
        ]);
        let found = plan(&wanted(), &held, Origin::Found);
        assert_eq!(fates(&found), [Fate::Unexpected, Fate::Equal, Fate::Sent]);
        let linked = plan(&wanted(), &held, Origin::Linked);
        assert_eq!(fates(&linked), [Fate::Unexpected, Fate::Equal, Fate::Unexpected]);
    }

    #[test]
    fn what_a_creation_wrote_was_sent_and_the_rest_follows() {
        let held =
            holding(&[(Field::Title, "B"), (Field::Severity, "low"), (Field::Status, "triggered")]);
        let plan = plan(&wanted(), &held, Origin::Created);
        assert_eq!(fates(&plan), [Fate::Sent; 3]);
        let changed: Vec<_> = plan.changes.into_keys().collect();
        assert_eq!(changed, [Field::Severity, Field::Status]);
    }

    #[test]
    fn nothing_wanted_is_a_mere_read() {
        let held = holding(&[(Field::Title, "A")]);
        assert_eq!(plan(&BTreeMap::new(), &held, Origin::Linked), Plan::default());
    }
}
