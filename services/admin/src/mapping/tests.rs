//! Mappings as people configure them, lawful and not.

use tandem_domain::id::IntegrationId;

use super::*;
use crate::configuration;

fn integration() -> Integration {
    let asked = v1::Integration {
        org: "acme-corp".to_owned(),
        name: "Production PagerDuty".to_owned(),
        r#type: "pagerduty".to_owned(),
        base_url: "https://api.pagerduty.com".to_owned(),
        ..Default::default()
    };
    let id = IntegrationId::from_uuid(uuid::Uuid::from_u128(7));
    configuration::creation(asked, id).unwrap().0
}

/// `SEV-1=high SEV-2=high!`
fn parsed(text: &str) -> Vec<v1::MappingRow> {
    let row = |word: &str| {
        let (platform, external) = word.split_once('=').unwrap();
        v1::MappingRow {
            platform: platform.to_owned(),
            external: external.trim_end_matches('!').to_owned(),
            fresh: external.ends_with('!'),
        }
    };
    text.split_whitespace().map(row).collect()
}

fn mapped(field: &str, rows: &str) -> Result<Integration, String> {
    let mut integration = integration();
    let from = v1::FieldMapping { rows: parsed(rows), ..Default::default() };
    let parts = Parts { rows: true, ..Parts::default() };
    match set(&mut integration, field.parse().unwrap(), from, parts) {
        Ok(()) => Ok(integration),
        Err(Refusal::Invalid(all)) => Err(all
            .into_iter()
            .map(|one| format!("{}: {}", one.field, one.problem))
            .collect::<Vec<_>>()
            .join("; ")),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn what_breaks_a_law_is_refused_with_the_value_named() {
    for (field, rows, told) in [
        ("severity", "SEV-1=high SEV-2=high", "\"high\""),
        ("severity", "SEV-1=high! SEV-2=high!", "\"high\""),
        ("severity", "SEV-1=high! SEV-1=low!", "\"SEV-1\" is mapped twice"),
        ("severity", "SEV-9=high!", "\"SEV-9\" is not one of"),
        ("severity", "SEV-1=urgent!", "\"urgent\" is not one of high, low"),
        ("status", "open=triggered! closed=done!", "\"done\" is not one of"),
        ("severity", "", "must not be empty"),
        ("title", "a=b!", "carries its text as it is"),
        ("assigned_to", "ada=PD1 bob=PD1", "\"PD1\" stands for two"),
    ] {
        let refused = mapped(field, rows).unwrap_err();
        assert!(refused.contains(told), "{field} {rows}: {refused}");
    }
}

#[test]
fn new_rows_leave_the_priorities_in_force_and_the_other_way_round() {
    let rows = "SEV-1=high! SEV-2=low! SEV-3=low SEV-4=low";
    let mut integration = mapped("severity", rows).unwrap();
    let rule = integration.fields.get(&Field::Severity).unwrap();
    let Lens::Ranked { rows, second } = &rule.lens else { panic!("{:?}", rule.lens) };
    assert_eq!((rows.len(), second.len()), (4, 4));

    let parts = Parts { priorities: true, ..Parts::default() };
    let none = v1::FieldMapping::default();
    set(&mut integration, Field::Severity, none, parts).unwrap();
    assert!(matches!(integration.fields.get(&Field::Severity).unwrap().lens, Lens::Table { .. }));
    let of_status = v1::FieldMapping { priorities: parsed("open=P1!"), ..Default::default() };
    assert!(set(&mut integration, Field::Status, of_status, parts).is_err());
}

#[test]
fn a_label_takes_part_under_a_name_nobody_else_has() {
    let mut integration = integration();
    let (region, zone) = ("label.region".parse().unwrap(), "label.zone".parse().unwrap());
    let named =
        |name: &str| v1::FieldMapping { external_name: name.to_owned(), ..Default::default() };
    let parts = Parts { external_name: true, ..Parts::default() };
    set(&mut integration, region, named("region_cf"), parts).unwrap();
    assert_eq!(integration.external_name(region).name(), "region_cf");
    assert!(set(&mut integration.clone(), zone, named("region_cf"), parts).is_err());
    assert!(set(&mut integration.clone(), zone, named("a b"), parts).is_err());
    assert!(set(&mut integration, Field::Title, named("x"), parts).is_err());
}

#[test]
fn values_without_a_partner_are_told() {
    let integration = mapped("severity", "SEV-1=high! SEV-2=high").unwrap();
    let rule = integration.fields.get(&Field::Severity).unwrap();
    let default = default(&integration, Field::Severity);
    let without = without_partner(Field::Severity, &rule.lens, default.as_ref());
    assert_eq!(without, ["SEV-3", "SEV-4", "low"]);
}
