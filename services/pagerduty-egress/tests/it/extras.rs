//! What an account has of its own: priorities, custom fields.

use serde_json::{Value as Json, json};
use tandem_bus::config::Snapshot;
use tandem_domain::{
    event::Fate,
    field::Field,
    integration::{Direction, FieldRule},
    lens::{Foreign, Lens},
    outbound::Want,
};
use tandem_pagerduty_sim::{Effect, ErrorBody, RestFault};

use crate::stage::{Stage, creation, snapshot, state};

fn wanting(n: u128, severity: &str) -> tandem_domain::outbound::Desired {
    let mut desired = creation(n, 1, "triggered");
    let want = Want { value: Some(severity.to_owned()), expect: Vec::new() };
    desired.want.insert(Field::Severity, want);
    desired
}

fn priority(incident: &Json) -> Option<&str> {
    incident["priority"]["summary"].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_carries_its_priority_and_the_list_is_read_once() {
    let stage = Stage::ready().await;
    for n in 1..=2 {
        stage.want(&wanting(n, "high+P1")).await;
        let settled = stage.settled().await;
        assert!(settled.fates.contains(&(Field::Severity, Fate::Sent)), "{settled:?}");
        let after = settled.after.unwrap();
        assert_eq!(after.snapshot.fields[&Field::Severity], Foreign::plain("high+P1"));
        assert!(after.date.is_some());
    }
    let incidents = stage.pagerduty.incidents();
    assert_eq!(incidents.iter().filter_map(priority).collect::<Vec<_>>(), ["P1", "P1"]);
    let lists = stage.calls().into_iter().filter(|call| call == "GET /priorities").count();
    assert_eq!((lists, stage.bodies("PUT").len()), (1, 0));
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_priorities_is_told_the_urgency_alone() {
    let stage = Stage::ready().await;
    let lacks = RestFault {
        next: None,
        probability: None,
        method: Some("GET".to_owned()),
        path_prefix: Some("/priorities".to_owned()),
        effect: Effect::Error { status: 402, body: ErrorBody::Json, applied: false },
    };
    stage.pagerduty.turn(|knobs| knobs.rest.push(lacks));
    stage.want(&wanting(1, "low+P4")).await;
    let settled = stage.settled().await;
    assert!(settled.fates.contains(&(Field::Severity, Fate::Sent)), "{settled:?}");
    let incident = stage.pagerduty.incidents().remove(0);
    assert_eq!((incident["urgency"].as_str(), priority(&incident)), (Some("low"), None));
    assert!(stage.bodies("PUT").is_empty());
    stage.at_rest().await;
}

fn label(name: &str) -> Field {
    Field::Label(name.parse().unwrap())
}

/// A configuration in which labels take part.
fn labelled(stage: &Stage) -> Snapshot {
    let mut labelled = snapshot(1, &stage.pagerduty.url);
    let rule = json!({
        "lens": Lens::Same, "direction": Direction::Bidirectional, "owner": "platform",
        "priority": 0,
    });
    let rule: FieldRule = serde_json::from_value(rule).unwrap();
    for name in ["affected_users", "tags"] {
        labelled.integration.fields.insert(label(name), rule.clone());
    }
    labelled
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_written_by_their_types_and_only_where_they_differ() {
    let mut stage = Stage::unready().await;
    stage.configure(labelled(&stage)).await;
    stage.egress.resume().unwrap();
    let record = stage.record("Payments fail");
    let mut desired = state(1, 1, &record, &[(Field::Title, "Refunds fail", &["Payments fail"])]);
    for (name, value) in [("affected_users", "12"), ("tags", "eu, cards"), ("no_such", "x")] {
        let want = Want { value: Some(value.to_owned()), expect: vec![None] };
        desired.want.insert(label(name), want);
    }
    stage.want(&desired).await;
    let settled = stage.settled().await;
    let fate =
        |name: &str| settled.fates.iter().find(|(field, _)| *field == label(name)).unwrap().1;
    assert_eq!((fate("affected_users"), fate("tags")), (Fate::Sent, Fate::Sent));
    assert_eq!(fate("no_such"), Fate::Unexpected, "the account has no such field");
    let before = settled.before.unwrap().snapshot.fields;
    assert_eq!(before[&label("tags")], Foreign::empty());
    let after = settled.after.unwrap().snapshot.fields;
    assert_eq!(after[&label("tags")], Foreign::plain("eu, cards"));
    assert_eq!(after[&Field::Title], Foreign::plain("Refunds fail"));
    let [title, labels] = stage.bodies("PUT").try_into().unwrap();
    assert_eq!(title["incident"]["title"], "Refunds fail");
    let expected = json!({ "custom_fields": [
        { "name": "affected_users", "value": 12 }, { "name": "tags", "value": ["eu", "cards"] },
    ] });
    assert_eq!(labels, expected);

    stage.want(&tandem_domain::outbound::Desired { version: 2, ..desired }).await;
    let settled = stage.settled().await;
    assert!(settled.fates.contains(&(label("tags"), Fate::Equal)), "{settled:?}");
    assert_eq!(stage.bodies("PUT").len(), 2);
    stage.at_rest().await;
}
