//! What a new PagerDuty integration starts with: owners, directions and lenses of each field.
//!
//! PagerDuty tells urgency as `high` or `low` and status as `triggered`, `acknowledged` or
//! `resolved` (webhooks v3 overview). Priorities are the account's own: where one is called P1 to
//! P4 it decides the severity before urgency does, and is written back only where there is one,
//! since an account may not have the feature. Who is assigned and which policy pages them is
//! PagerDuty's own business, so those two travel inbound and show by name.

use std::collections::BTreeMap;

use tandem_domain::{
    field::Field,
    incident::Side,
    integration::{Direction, Disturbance, FieldRule},
    lens::{Lens, Row},
};

/// The rules of a new integration. The description becomes the incident's body, which webhooks do
/// not show and which cannot be changed after creation.
pub fn fields() -> BTreeMap<Field, FieldRule> {
    let rule = |lens, direction, owner| FieldRule {
        lens,
        direction,
        owner,
        initial: None,
        disturbs: Vec::new(),
        priority: 0,
        enforced: false,
        external: None,
    };
    // Raising the urgency of an acknowledged incident un-acknowledges it (Edit incidents, support
    // article), and pages somebody who is at work on it.
    let unacknowledges = Disturbance {
        by: "high".to_owned(),
        field: Field::Status,
        from: "acknowledged".to_owned(),
        to: INITIAL_STATUS.to_owned(),
    };
    let severity = FieldRule {
        disturbs: vec![unacknowledges],
        ..rule(severity(), Direction::Bidirectional, Side::Platform)
    };
    // An incident that is acknowledged after it was resolved is triggered in between, so that it has
    // somebody to be acknowledged by other than the caller.
    let reopens = Disturbance {
        by: "acknowledged".to_owned(),
        field: Field::Status,
        from: "resolved".to_owned(),
        to: INITIAL_STATUS.to_owned(),
    };
    let status = FieldRule {
        initial: Some(INITIAL_STATUS.to_owned()),
        disturbs: vec![reopens],
        ..rule(status(), Direction::Bidirectional, Side::Platform)
    };
    BTreeMap::from([
        (Field::Title, rule(Lens::Same, Direction::Bidirectional, Side::Platform)),
        (Field::Description, rule(Lens::Once, Direction::Outbound, Side::Platform)),
        (Field::Severity, severity),
        (Field::Status, status),
        (Field::AssignedTo, rule(named(), Direction::Inbound, Side::External)),
        (Field::EscalationPolicy, rule(named(), Direction::Inbound, Side::External)),
    ])
}

/// What an incident's status is when it is created.
pub const INITIAL_STATUS: &str = "triggered";
/// Somebody works on it.
pub const ACKNOWLEDGED: &str = "acknowledged";
/// It is over.
pub const RESOLVED: &str = "resolved";

/// People and policies show by name; who stands for whom is configured.
const fn named() -> Lens {
    Lens::Reference { rows: Vec::new(), by_email: Vec::new() }
}

fn severity() -> Lens {
    let urgencies = [
        ("SEV-1", "high", false),
        ("SEV-2", "high", true),
        ("SEV-3", "low", true),
        ("SEV-4", "low", false),
    ];
    let priorities = [
        ("SEV-1", "P1", true),
        ("SEV-2", "P2", true),
        ("SEV-3", "P3", true),
        ("SEV-4", "P4", true),
    ];
    Lens::Ranked { rows: rows(&urgencies), second: rows(&priorities) }
}

fn status() -> Lens {
    let statuses = [
        ("open", "triggered", true),
        ("mitigated", "acknowledged", true),
        ("resolved", "resolved", true),
        ("closed", "resolved", false),
    ];
    Lens::Table { rows: rows(&statuses) }
}

fn rows(rows: &[(&str, &str, bool)]) -> Vec<Row> {
    let row = |&(platform, external, fresh): &(&str, &str, bool)| Row {
        platform: platform.to_owned(),
        external: external.to_owned(),
        fresh,
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_obey_the_laws() {
        for (field, rule) in fields() {
            assert_eq!(rule.lens.check(field), Ok(()), "{field}");
        }
    }

    #[test]
    fn every_field_has_an_owner_and_people_belong_to_pagerduty() {
        let fields = fields();
        for field in Field::ALL {
            let theirs = matches!(field, Field::AssignedTo | Field::EscalationPolicy);
            assert_eq!(fields[&field].owner == Side::External, theirs, "{field}");
        }
    }
}
