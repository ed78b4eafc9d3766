//! What pages people: creating, reassigning, delegating, reopening, and raising the urgency of what
//! is open (support articles "Edit incidents" and "Reassign incidents").
//!
//! Acknowledging and resolving end that, and a title or a priority tells nobody.

use tandem_domain::{
    event::Snapshot,
    field::Field,
    incident::Side,
    lens::parts,
    plan::{Difference, Kind, Line},
};

use super::defaults::RESOLVED;
use crate::alert::Whom;

/// The urgency that is notified of at once.
const HIGH: &str = "high";

/// Whom a line of a plan pages; none where it pages nobody.
pub fn alerted(line: &Line) -> Option<Whom> {
    let to = |field| change(line, field).and_then(|change| change.after.clone());
    if let Some(user) = to(Field::AssignedTo) {
        return Some(Whom::Users(vec![user]));
    }
    if let Some(policy) = to(Field::EscalationPolicy) {
        return Some(Whom::Policy(policy));
    }
    if line.kind == Kind::CreateThere {
        return line.service.clone().map(Whom::Service);
    }
    let record = line.record.as_deref()?;
    let was_over = shown(record, Field::Status) == Some(RESOLVED);
    let status = to(Field::Status);
    let is_over = status.as_deref().map_or(was_over, |status| status == RESOLVED);
    if is_over {
        return None;
    }
    if was_over {
        return policy_of(record);
    }
    let raised = change(line, Field::Severity).is_some_and(|change| {
        let urgency = |value: &Option<String>| value.as_deref().map(|it| parts(it).0.to_owned());
        urgency(&change.before) != urgency(&change.after)
            && urgency(&change.after).as_deref() == Some(HIGH)
    });
    match raised {
        false => None,
        true if record.assignees.is_empty() => policy_of(record),
        true => Some(Whom::Users(record.assignees.clone())),
    }
}

fn change(line: &Line, field: Field) -> Option<&Difference> {
    line.changes.iter().find(|change| change.side == Side::External && change.field == field)
}

fn shown(record: &Snapshot, field: Field) -> Option<&str> {
    record.fields.get(&field)?.value.as_deref()
}

fn policy_of(record: &Snapshot) -> Option<Whom> {
    let policy = shown(record, Field::EscalationPolicy).map(|id| Whom::Policy(id.to_owned()));
    let service = || record.service.as_ref()?.value.clone().map(Whom::Service);
    policy.or_else(service)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// A line about a record that is acknowledged by somebody at low urgency.
    fn line(kind: &str, status: &str, changes: &[(&str, &str, &str)]) -> Line {
        let change = |(field, before, after): &(&str, &str, &str)| json!({"side": "external", "field": field, "before": before, "after": after});
        let changes: Vec<Json> = changes.iter().map(change).collect();
        let record = json!({
            "record": "Q1",
            "fields": {
                "status": {"value": status},
                "severity": {"value": "low"},
                "escalation_policy": {"value": "PEP"},
            },
            "assignees": if status == RESOLVED { vec![] } else { vec!["PADA"] },
            "service": {"value": "PSVC"},
        });
        let line = json!({
            "kind": kind, "title": "db down", "service": "PNEW", "changes": changes,
            "record": if kind == "create_there" { Json::Null } else { record },
        });
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn what_brings_somebody_in_says_whom() {
        let users = |id: &str| Some(Whom::Users(vec![id.to_owned()]));
        let policy = |id: &str| Some(Whom::Policy(id.to_owned()));
        let up = ("severity", "low", "high+P1");
        let reopened = ("status", "resolved", "triggered");
        let cases = [
            (line("create_there", "triggered", &[]), Some(Whom::Service("PNEW".to_owned()))),
            (line("create_there", "", &[("assigned_to", "", "PBOB")]), users("PBOB")),
            (line("update", "acknowledged", &[up]), users("PADA")),
            (line("update", "acknowledged", &[("assigned_to", "PADA", "PBOB")]), users("PBOB")),
            (line("update", "triggered", &[("escalation_policy", "PEP", "PEQ")]), policy("PEQ")),
            (line("update", "resolved", &[reopened]), policy("PEP")),
        ];
        for (line, whom) in cases {
            assert_eq!(alerted(&line), whom, "{line:?}");
        }
    }

    #[test]
    fn what_ends_it_or_only_tells_notifies_nobody() {
        let resolved = ("status", "triggered", "resolved");
        let acknowledged = ("status", "triggered", "acknowledged");
        for line in [
            line("update", "triggered", &[acknowledged]),
            line("update", "triggered", &[resolved, ("severity", "low", "high")]),
            line("update", "triggered", &[("title", "a", "b")]),
            line("update", "triggered", &[("severity", "low+P3", "low+P4")]),
            line("update", "resolved", &[("severity", "low", "high")]),
            line("create_here", "triggered", &[]),
        ] {
            assert_eq!(alerted(&line), None, "{line:?}");
        }
    }
}
