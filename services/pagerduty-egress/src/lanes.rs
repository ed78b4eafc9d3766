//! Which work goes first: the order in which calls are made while there are more than may be.
//!
//! The order is by what people wait for: an incident that is resolved stops paging for good, one that
//! is acknowledged for now, an assignment pages somebody else, somebody who asked looks at a screen, a title can wait, a note
//! can wait longer, and what only reads waits for all of them. A backlog in one lane never holds up a
//! better one.

use std::collections::BTreeMap;

use tandem_connectors::pagerduty::defaults::{ACKNOWLEDGED, RESOLVED};
use tandem_domain::{
    field::Field,
    outbound::{ActKind, Want},
};

use crate::work::Task;

/// A lane; the better one is the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Resolving.
    Resolve,
    /// Acknowledging.
    Acknowledge,
    /// Whom it pages: creation, reopening, assignment, escalation, asking for help.
    People,
    /// What somebody asked and waits for. It comes in by itself and not as work from the broker.
    Questions,
    /// Every other field.
    Fields,
    /// Notes.
    Notes,
    /// What changes nothing over there.
    Reads,
    /// Looking for what nobody told. It comes in by itself, too.
    Healing,
}

impl Lane {
    /// Every lane that work waits in, the best first.
    pub const ALL: [Self; 6] =
        [Self::Resolve, Self::Acknowledge, Self::People, Self::Fields, Self::Notes, Self::Reads];

    /// Its name in metrics and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Acknowledge => "acknowledge",
            Self::People => "people",
            Self::Questions => "questions",
            Self::Fields => "fields",
            Self::Notes => "notes",
            Self::Reads => "reads",
            Self::Healing => "healing",
        }
    }

    /// The lane a task belongs into.
    pub fn of(task: &Task) -> Self {
        match task {
            Task::State(desired) if desired.record.is_none() => Self::People,
            Task::State(desired) => Self::of_changes(&desired.want),
            Task::Act(act) => match act.kind {
                ActKind::Note { .. } => Self::Notes,
                ActKind::Respond { .. } | ActKind::Escalate { .. } => Self::People,
            },
        }
    }

    fn of_changes(want: &BTreeMap<Field, Want>) -> Self {
        let changed = want.iter().filter(|(_, want)| may_differ(want));
        let lanes = changed.map(|(field, want)| match (field, want.value.as_deref()) {
            (Field::Status, Some(RESOLVED)) => Self::Resolve,
            (Field::Status, Some(ACKNOWLEDGED)) => Self::Acknowledge,
            (Field::Status | Field::AssignedTo | Field::EscalationPolicy, _) => Self::People,
            _ => Self::Fields,
        });
        lanes.min().unwrap_or(Self::Reads)
    }
}

/// Whether the record may hold something else: what is expected says what it was last seen with.
fn may_differ(want: &Want) -> bool {
    want.expect.is_empty() || want.expect.iter().any(|expected| *expected != want.value)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn lane(record: Option<&str>, want: &Json) -> Lane {
        let desired = json!({
            "link": "lnk_00000000000000000000000000000001",
            "incident": "inc_00000000000000000000000000000002",
            "integration": "int_00000000000000000000000000000003",
            "version": 7, "record": record, "want": want,
        });
        Lane::of(&Task::State(serde_json::from_value(desired).unwrap()))
    }

    #[test]
    fn the_most_urgent_change_decides() {
        let to = |value: &str, from: &str| json!({ "value": value, "expect": [from] });
        let title = to("B", "A");
        let q1 = Some("Q1");
        for (status, expected) in [("resolved", Lane::Resolve), ("acknowledged", Lane::Acknowledge)]
        {
            let want = json!({ "title": title, "status": to(status, "triggered") });
            assert_eq!(lane(q1, &want), expected);
        }
        let reopened = json!({ "title": title, "status": to("triggered", "resolved") });
        assert_eq!(lane(q1, &reopened), Lane::People);
        assert_eq!(lane(q1, &json!({ "assigned_to": to("PB", "PA") })), Lane::People);
        assert_eq!(lane(None, &json!({ "title": title })), Lane::People);
        assert_eq!(lane(q1, &json!({ "title": title })), Lane::Fields);
        assert_eq!(lane(q1, &json!({})), Lane::Reads);
    }

    #[test]
    fn who_asks_goes_after_what_pages_and_before_what_may_be_a_long_backlog() {
        assert!(Lane::Resolve < Lane::Acknowledge);
        assert!(Lane::Acknowledge < Lane::People && Lane::People < Lane::Questions);
        assert!(Lane::ALL.iter().skip(3).all(|lane| Lane::Questions < *lane));
    }

    #[test]
    fn what_holds_already_hurries_nobody() {
        let resolved = json!({ "value": "resolved", "expect": ["resolved"] });
        assert_eq!(lane(Some("Q1"), &json!({ "status": resolved })), Lane::Reads);
        let uncertain = json!({ "value": "resolved", "expect": ["resolved", "triggered"] });
        assert_eq!(lane(Some("Q1"), &json!({ "status": uncertain })), Lane::Resolve);
    }
}
