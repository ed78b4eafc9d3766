//! What results look like.

use insta::assert_snapshot;
use tandem_proto::{json, v1};

use super::*;

mod stories;

fn at(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: 1_767_225_600 + seconds, nanos: 0 }
}

fn incident() -> json::Incident {
    json::Incident::from(v1::Incident {
        id: "inc_019b76da8c007000800000000000002a".to_owned(),
        org: "acme-corp".to_owned(),
        title: "Checkout\x1b[31m fails".to_owned(),
        description: "502 since the deploy\nrolled back".to_owned(),
        severity: v1::Severity::Sev2.into(),
        status: v1::Status::Mitigated.into(),
        assigned_to: "ada@acme.test".to_owned(),
        incident_type: "infrastructure".to_owned(),
        labels: [("team".to_owned(), "pay".to_owned())].into(),
        links: vec![v1::RecordRef {
            integration: "prod-pd".to_owned(),
            record: "Q1PD".to_owned(),
            number: 42,
            url: "https://acme.test/incidents/Q1PD".to_owned(),
        }],
        etag: "7".to_owned(),
        create_time: Some(at(0)),
        update_time: Some(at(60)),
        ..Default::default()
    })
}

fn integration() -> json::Integration {
    json::Integration::from(v1::Integration {
        id: "int_019b76da8c0070008000000000000001".to_owned(),
        org: "acme-corp".to_owned(),
        handle: "prod-pd".to_owned(),
        name: "Production PagerDuty".to_owned(),
        r#type: "pagerduty".to_owned(),
        base_url: "https://api.pagerduty.com".to_owned(),
        direction: v1::Direction::Bidirectional.into(),
        enabled: true,
        paused: false,
        conflict_strategy: v1::ConflictStrategy::LastWriteWins.into(),
        rate_limit: 900,
        headroom: 0,
        backoff_multiplier: 2.0,
        has_token: true,
        webhook_path: "/api/v1/webhooks/int_019b76da8c0070008000000000000001".to_owned(),
        config_version: 1,
        etag: "1".to_owned(),
        create_time: Some(at(0)),
        update_time: Some(at(0)),
        ..Default::default()
    })
}

fn show(output: Output) -> Show {
    Show { output, is_terminal: false }
}

#[test]
fn an_incident_in_detail() {
    assert_snapshot!(show(Output::Table).details(&incident()));
}

#[test]
fn incidents_in_a_list() {
    assert_snapshot!(show(Output::Table).table(&[incident()]));
}

#[test]
fn integrations_in_a_list() {
    assert_snapshot!(show(Output::Table).table(&[integration()]));
}

#[test]
fn an_integration_in_detail() {
    assert_snapshot!(show(Output::Table).details(&integration()));
}

#[test]
fn an_incident_as_json() {
    let answered = Answered { incident: incident(), pending: false };
    assert_snapshot!(show(Output::Json).value(&answered).unwrap());
}

#[test]
fn incidents_as_yaml() {
    assert_snapshot!(show(Output::Yaml).value(&[incident()]).unwrap());
}

#[test]
fn an_integration_as_json() {
    assert_snapshot!(show(Output::Json).value(&integration()).unwrap());
}

#[test]
fn an_empty_list_is_an_empty_array() {
    let none: [json::Incident; 0] = [];
    assert_eq!(show(Output::Json).value(&none).unwrap(), "[]\n");
    assert_eq!(show(Output::Yaml).value(&none).unwrap(), "[]\n");
}

#[test]
fn a_list_has_every_column_it_promises() {
    fn columns_are_rows<T: Rows>(item: &T) {
        let rows = item.rows();
        for column in T::COLUMNS {
            assert!(rows.iter().any(|(name, _)| name == column), "no row {column}");
        }
    }
    columns_are_rows(&incident());
    columns_are_rows(&integration());
    columns_are_rows(&Watched { event: String::new(), sequence: 1, incident: incident() });
    columns_are_rows(&json::Link::from(v1::Link::default()));
    columns_are_rows(&json::ServiceMapping::from(v1::ServiceMapping::default()));
    columns_are_rows(&json::FieldOwnership::from(v1::FieldOwnership::default()));
    columns_are_rows(&json::FieldMapping::from(v1::FieldMapping::default()));
    columns_are_rows(&json::Scope::from(v1::Scope::default()));
    columns_are_rows(&json::IgnoredEvents::from(v1::IgnoredEvents::default()));
    columns_are_rows(&json::Conflict::from(v1::Conflict::default()));
    columns_are_rows(&json::ConflictResolution::from(v1::ConflictResolution::default()));
    columns_are_rows(&json::Decision::from(v1::Decision::default()));
    columns_are_rows(&json::Verification::from(v1::VerifyAuditResponse::default()));
    columns_are_rows(&Counterpart { platform: String::new(), external: String::new() });
    columns_are_rows(&json::TimelineEntry::from(v1::TimelineEntry::default()));
}

#[test]
fn instants_are_all_as_wide() {
    for (given, shown) in [
        ("2026-01-01T00:00:00Z", "2026-01-01 00:00:00.000Z"),
        ("2026-01-01T00:00:00.5Z", "2026-01-01 00:00:00.500Z"),
        ("2026-01-01T00:00:00.123456Z", "2026-01-01 00:00:00.123Z"),
        ("soon", "soon"),
    ] {
        assert_eq!(when(given), shown);
    }
}
