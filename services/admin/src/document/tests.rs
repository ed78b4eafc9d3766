use tandem_domain::id::IntegrationId;

use super::*;

fn id() -> IntegrationId {
    IntegrationId::from_uuid(uuid::Uuid::from_u128(7))
}

fn plain() -> v1::Configuration {
    v1::Configuration {
        handle: "prod-pd".to_owned(),
        name: "Production PagerDuty".to_owned(),
        r#type: "pagerduty".to_owned(),
        base_url: "https://api.pagerduty.com".to_owned(),
        enabled: true,
        ..Default::default()
    }
}

fn row(platform: &str, external: &str, fresh: bool) -> v1::MappingRow {
    v1::MappingRow { platform: platform.to_owned(), external: external.to_owned(), fresh }
}

fn field(field: &str) -> v1::FieldConfiguration {
    v1::FieldConfiguration { field: field.to_owned(), ..Default::default() }
}

fn made(from: v1::Configuration) -> Integration {
    read(from, "acme", None, id()).unwrap().0
}

fn paths(from: v1::Configuration) -> Vec<String> {
    match read(from, "acme", None, id()) {
        Err(Refusal::Invalid(all)) => all.into_iter().map(|one| one.field).collect(),
        other => panic!("{other:?}"),
    }
}

fn rich() -> v1::Configuration {
    let severity = v1::FieldConfiguration {
        rows: vec![
            row("SEV-1", "high", false),
            row("SEV-2", "high", true),
            row("SEV-3", "low", true),
            row("SEV-4", "low", false),
        ],
        owner: v1::Side::External.into(),
        priority: Some(7),
        ..field("severity")
    };
    let people = v1::FieldConfiguration {
        rows: vec![row("Dana Whitlock", "PD4N4QK", true)],
        enforced: Some(true),
        ..field("assigned_to")
    };
    let label = v1::FieldConfiguration {
        external_name: "region_cf".to_owned(),
        direction: v1::Direction::Inbound.into(),
        ..field("label.region")
    };
    let service = |service: &str, is_default| v1::MappedService {
        service: service.to_owned(),
        incident_type: "infrastructure".to_owned(),
        is_default,
    };
    v1::Configuration {
        paused: true,
        rate_limit: 300,
        scope: Some(v1::Scope { min_severity: "SEV-2".to_owned(), ..Default::default() }),
        fields: vec![severity, people, label],
        service_mappings: vec![service("P2", false), service("P1", true)],
        ..plain()
    }
}

#[test]
fn what_is_written_out_is_read_back_as_it_was() {
    for document in [plain(), rich()] {
        let integration = made(document);
        let written = of_integration(&integration);
        let again = read(written.clone(), "acme", Some(&integration), id()).unwrap().0;
        assert_eq!(of_integration(&again), written);
        let mut services = integration.services.clone();
        services.sort_by(|one, other| one.service.cmp(&other.service));
        assert_eq!(again, Integration { services, ..integration });
    }
}

#[test]
fn what_is_left_out_is_what_a_new_integration_begins_with() {
    let integration = made(plain());
    assert_eq!(
        Some(&integration.fields),
        tandem_connectors::default_fields(&integration.connector).as_ref()
    );
    assert_eq!((integration.rate_limit, integration.backoff_multiplier), (900, 2.0));
    let only = made(v1::Configuration { fields: vec![field("severity")], ..plain() });
    assert_eq!(only, integration);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_by_its_path() {
    let two = |is_default| v1::MappedService {
        service: "P1".to_owned(),
        incident_type: "infrastructure".to_owned(),
        is_default,
    };
    let bad = v1::Configuration {
        fields: vec![
            field("colour"),
            field("title"),
            field("title"),
            v1::FieldConfiguration { priority: Some(9_999), ..field("status") },
            v1::FieldConfiguration { rows: vec![row("SEV-1", "pink", true)], ..field("severity") },
        ],
        service_mappings: vec![two(true), two(true)],
        ..plain()
    };
    let root = "integrations.prod-pd";
    assert_eq!(
        paths(bad),
        [
            format!("{root}.fields.colour"),
            format!("{root}.fields.title"),
            format!("{root}.fields.status.priority"),
            format!("{root}.fields.severity.rows"),
            format!("{root}.service_mappings.P1"),
            format!("{root}.service_mappings.P1.is_default"),
        ]
    );
    let bad = v1::Configuration { rate_limit: 961, ..plain() };
    assert_eq!(paths(bad), [format!("{root}.rate_limit")]);
}
