//! Every event type decoded from bodies as PagerDuty sends them, odd bodies, and arbitrary bytes.

use std::fmt::Write as _;

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// One body per line: an incident's life, its side events, other incidents, services, a ping, and a
/// type nobody knows yet.
const DELIVERIES: &str = include_str!("../../../tests/fixtures/deliveries.jsonl");
const SECRET: &str = "kept between us";

fn decode(body: &[u8]) -> Result<Observation, NotADelivery> {
    decode_with(&[], body)
}

fn decode_with(extra: &[(&'static str, &str)], body: &[u8]) -> Result<Observation, NotADelivery> {
    let secrets = [SecretString::from(SECRET)];
    let mut headers = HeaderMap::new();
    headers.insert(signature::HEADER, signature::sign(&secrets, body));
    for (name, value) in extra {
        headers.insert(*name, value.parse().unwrap());
    }
    let arrival = Arrival {
        integration: "int_00000000000000000000000000000001".parse().unwrap(),
        at: "2026-03-02T12:00:00Z".parse().unwrap(),
    };
    let verified = Webhooks.verify(&headers, body, &secrets).unwrap();
    let mut observations = Webhooks.decode(&verified, &headers, arrival)?;
    assert_eq!(observations.len(), 1);
    Ok(observations.remove(0))
}

/// The body of the first fixture of a type, changed by hand.
fn changed(event_type: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut bodies = DELIVERIES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut body = bodies.find(|body| body["event"]["event_type"] == event_type).unwrap();
    change(&mut body["event"]);
    serde_json::to_vec(&body).unwrap()
}

#[test]
fn every_type_decodes_as_reviewed() {
    let mut seen = String::new();
    for line in DELIVERIES.lines() {
        let it = decode(line.as_bytes()).unwrap();
        let record = it.record.as_ref().map_or("-", RecordId::as_str);
        writeln!(seen, "{} {} by {:?}", it.event_type, record, it.actor.and_then(|who| who.name))
            .unwrap();
        writeln!(seen, "  title {:?} edited {:?}", it.record_title, it.edited).unwrap();
        for (field, foreign) in it.snapshot.iter().flat_map(|snapshot| &snapshot.fields) {
            writeln!(seen, "  {field} = {:?} {:?}", foreign.value, foreign.label).unwrap();
        }
        if let Some(note) = it.note {
            writeln!(seen, "  note {note:?}").unwrap();
        }
        if let Some(remark) = it.remark {
            writeln!(seen, "  remark {remark:?}").unwrap();
        }
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn the_fixtures_hold_every_known_type() {
    let types: Vec<_> = DELIVERIES
        .lines()
        .map(|line| EventType::of(&decode(line.as_bytes()).unwrap().event_type))
        .collect();
    for known in EventType::KNOWN {
        assert!(types.contains(known), "{}", known.name());
    }
    assert!(types.contains(&EventType::Other));
}

#[test]
fn a_snapshot_carries_what_identifies_the_record() {
    let it = decode(&changed("incident.triggered", |_| ())).unwrap();
    let snapshot = it.snapshot.unwrap();
    assert_eq!(snapshot.number, Some(4821));
    assert_eq!(snapshot.key.as_deref(), Some("tandem-7f3a91"));
    assert_eq!(
        snapshot.url.as_deref(),
        Some("https://harbour-pay.pagerduty.com/incidents/Q1T7M4Z0KD82WB")
    );
    assert_eq!(snapshot.created_at, Some("2026-03-02T09:14:07Z".parse().unwrap()));
    let service = snapshot.service.unwrap();
    assert_eq!(service.value.as_deref(), Some("PCHK0UT"));
    assert_eq!(service.label.as_deref(), Some("Payments gateway"));
    assert_eq!(it.occurred_at, "2026-03-02T09:14:07.412Z".parse().unwrap());
    assert_eq!(it.actor.unwrap().id.as_deref(), Some("PB0T5YN"));
}

#[test]
fn the_deliverys_id_comes_from_its_header_and_else_from_the_event() {
    let body = changed("incident.triggered", |_| ());
    let with = |value: &str| decode_with(&[(DELIVERY_HEADER, value)], &body).unwrap().delivery;
    let event = decode(&body).unwrap();
    assert_eq!(event.delivery, event.event);
    assert_eq!(with("3f1c-77"), "3f1c-77");
    assert_eq!(with(""), event.event);
    assert_eq!(with("é"), event.event);
    assert_eq!(with(&"x".repeat(500)).len(), "sha256-".len() + 64);
}

#[test]
fn an_emptied_list_of_assignees_is_seen_but_not_on_a_resolved_incident() {
    let emptied = |event_type| {
        let body = changed(event_type, |event| event["data"]["assignees"] = json!([]));
        let fields = decode(&body).unwrap().snapshot.unwrap().fields;
        fields.get(&Field::AssignedTo).cloned()
    };
    assert_eq!(emptied("incident.acknowledged"), Some(Foreign::empty()));
    assert_eq!(emptied("incident.resolved"), None);
    let absent = changed("incident.acknowledged", |event| {
        event["data"].as_object_mut().unwrap().remove("assignees");
    });
    assert!(!decode(&absent).unwrap().snapshot.unwrap().fields.contains_key(&Field::AssignedTo));
}

#[test]
fn optional_fields_may_be_null_or_missing() {
    let body = changed("incident.acknowledged", |event| {
        let data = event["data"].as_object_mut().unwrap();
        data.retain(|key, _| ["id", "type", "status"].contains(&key.as_str()));
        event["agent"] = Value::Null;
        event.as_object_mut().unwrap().remove("client");
    });
    let it = decode(&body).unwrap();
    assert_eq!(it.edited, Some(Field::Status));
    assert_eq!(it.actor, None);
    let snapshot = it.snapshot.unwrap();
    assert_eq!(snapshot.fields.into_keys().collect::<Vec<_>>(), [Field::Status]);
    assert_eq!((snapshot.number, snapshot.key, snapshot.created_at), (None, None, None));
}

#[test]
fn odd_data_costs_its_own_field_and_no_other() {
    let body = changed("incident.reassigned", |event| {
        event["agent"] = json!("somebody");
        event["data"]["title"] = json!(["a", {"b": 1}]);
        event["data"]["number"] = json!("12");
        event["data"]["assignees"] = json!([7]);
        event["data"]["service"] = json!([]);
        event["data"]["created_at"] = json!("yesterday");
    });
    let it = decode(&body).unwrap();
    assert_eq!((it.actor, it.record_title, it.edited), (None, None, None));
    let snapshot = it.snapshot.unwrap();
    assert_eq!((snapshot.number, snapshot.service, snapshot.created_at), (Some(12), None, None));
    let left = [Field::Severity, Field::Status, Field::EscalationPolicy];
    assert_eq!(snapshot.fields.into_keys().collect::<Vec<_>>(), left);
}

#[test]
fn an_event_that_names_no_incident_is_kept_with_a_remark() {
    for odd in [Value::Null, json!(3), json!([]), json!({"id": "a b", "type": "incident"})] {
        let it = decode(&changed("incident.resolved", |event| event["data"] = odd)).unwrap();
        assert_eq!((it.record, it.snapshot, it.edited), (None, None, None));
        assert_eq!(it.remark.as_deref(), Some("incident.resolved names no incident"));
    }
}

#[test]
fn only_a_body_without_the_essentials_is_not_a_delivery() {
    let lacking = |key: &str| {
        let body = changed("pagey.ping", |event| {
            event.as_object_mut().unwrap().remove(key);
        });
        decode(&body).unwrap_err().to_string()
    };
    assert_eq!(lacking("id"), "the body has no usable event id");
    assert_eq!(lacking("event_type"), "the body has no usable event type");
    assert_eq!(lacking("occurred_at"), "the body has no usable time of the event");
    assert!(decode(&changed("pagey.ping", |event| event["data"] = Value::Null)).is_ok());
    let twice = br#"{"event":{"id":"a","id":"b"}}"#;
    let deep = "[".repeat(200_000);
    for body in [b"".as_slice(), b"hello", b"{\"event\":{", b"\xff", twice, deep.as_bytes()] {
        assert!(matches!(decode(body), Err(NotADelivery::Json(_))));
    }
    for body in ["{}", "null", "[]", "7", r#"{"event":[]}"#, r#"{"messages":[{"event":"x"}]}"#] {
        assert!(matches!(decode(body.as_bytes()), Err(NotADelivery::Lacks { .. })), "{body}");
    }
}

#[test]
fn texts_come_out_storable() {
    let body = changed("incident.annotated", |event| {
        event["id"] = json!("a\0b");
        event["agent"]["summary"] = json!("A\0");
        event["data"]["content"] = json!("one\0two\nthree");
        event["data"]["incident"]["summary"] = json!("\0");
        event["data"]["trimmed"] = json!(true);
    });
    let it = decode(&body).unwrap();
    assert!(!serde_json::to_string(&it).unwrap().contains("\\u0000"));
    let note = it.note.unwrap();
    assert_eq!(note.text, "one\u{fffd}two\nthree");
    assert!(note.trimmed);
    assert_eq!(it.record_title.as_deref(), Some("\u{fffd}"));
    let title = changed("incident.triggered", |event| event["data"]["title"] = json!("a\0"));
    let snapshot = decode(&title).unwrap().snapshot.unwrap();
    assert_eq!(snapshot.fields[&Field::Title], Foreign::plain("a\u{fffd}"));
}

#[test]
fn a_remark_is_one_line_of_a_sane_length() {
    let message = format!("first\nsecond\0 {}", "long ".repeat(1000));
    let body = changed("incident.status_update_published", |event| {
        event["data"]["message"] = json!(message);
    });
    let remark = decode(&body).unwrap().remark.unwrap();
    assert!(remark.starts_with("status update: first second long"));
    assert_eq!(remark.chars().count(), 500);
    assert!(remark.ends_with('…'));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(decode(&body));
    }

    /// A real body with some bytes replaced: mostly JSON still, and odd in every place.
    #[test]
    fn no_damage_makes_it_panic_or_yield_a_nul(
        line in any::<prop::sample::Index>(),
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(b"{}[]\",:0n\\ ".to_vec())), 1..6),
    ) {
        let lines: Vec<_> = DELIVERIES.lines().collect();
        let mut body = lines[line.index(lines.len())].as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Ok(observation) = decode(&body) {
            prop_assert!(!serde_json::to_string(&observation).unwrap().contains("\\u0000"));
        }
    }
}
