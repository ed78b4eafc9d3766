//! What a new PagerDuty integration starts with: owners, directions and lenses of each field.
//!
//! PagerDuty tells urgency as `high` or `low` and status as `triggered`, `acknowledged` or
//! `resolved` (webhooks v3 overview); who is assigned and which policy pages them is its own
//! business, so those two travel inbound and show by name.

use std::collections::BTreeMap;

use tandem_domain::{
    field::Field,
    incident::Side,
    integration::{Direction, FieldRule},
    lens::{Lens, Row},
};

/// The rules of a new integration. The description becomes the incident's body, which webhooks do
/// not show and which cannot be changed after creation.
pub fn fields() -> BTreeMap<Field, FieldRule> {
    let rule = |lens, direction, owner| FieldRule { lens, direction, owner, priority: 0 };
    BTreeMap::from([
        (Field::Title, rule(Lens::Same, Direction::Bidirectional, Side::Platform)),
        (Field::Description, rule(Lens::Once, Direction::Outbound, Side::Platform)),
        (Field::Severity, rule(urgency(), Direction::Bidirectional, Side::Platform)),
        (Field::Status, rule(status(), Direction::Bidirectional, Side::Platform)),
        (Field::AssignedTo, rule(Lens::Reference, Direction::Inbound, Side::External)),
        (Field::EscalationPolicy, rule(Lens::Reference, Direction::Inbound, Side::External)),
    ])
}

fn urgency() -> Lens {
    table(&[
        ("SEV-1", "high", false),
        ("SEV-2", "high", true),
        ("SEV-3", "low", true),
        ("SEV-4", "low", false),
    ])
}

fn status() -> Lens {
    table(&[
        ("open", "triggered", true),
        ("mitigated", "acknowledged", true),
        ("resolved", "resolved", true),
        ("closed", "resolved", false),
    ])
}

fn table(rows: &[(&str, &str, bool)]) -> Lens {
    let row = |&(platform, external, fresh): &(&str, &str, bool)| Row {
        platform: platform.to_owned(),
        external: external.to_owned(),
        fresh,
    };
    Lens::Table { rows: rows.iter().map(row).collect() }
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
