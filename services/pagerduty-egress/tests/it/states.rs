//! Desired states on a good day, and what a write must leave alone.

use serde_json::json;
use tandem_domain::{
    event::{Fate, Outcome},
    field::Field,
    lens::Foreign,
    link::record_key,
};
use tandem_pagerduty_sim::{BOT_EMAIL, Effect};

use crate::stage::{Stage, TRACE, creation, link, state};

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_looked_up_created_and_brought_to_its_status() {
    let stage = Stage::ready().await;
    stage.want(&creation(1, 1, "acknowledged")).await;
    let told = stage.told(1).await.remove(0);
    let incidents = stage.pagerduty.incidents();
    let [incident] = incidents.as_slice() else { panic!("{incidents:?}") };
    let id = incident["id"].as_str().unwrap();
    assert_eq!(
        stage.calls(),
        ["GET /incidents".to_owned(), "POST /incidents".to_owned(), format!("PUT /incidents/{id}"),]
    );
    assert_eq!(incident["title"], "Payments fail");
    assert_eq!(incident["status"], "acknowledged");
    assert_eq!(incident["incident_key"], record_key(link(1)));
    assert_eq!(incident["service"]["id"], "P123ABC");
    assert_eq!(incident["body"]["details"], "Since 9:14, in eu-west");

    assert!(told.subject.ends_with(&format!(".{id}")), "{}", told.subject);
    assert!(told.traceparent.unwrap().contains(TRACE));
    assert_eq!(told.receipt.link, link(1));
    let Outcome::Settled { version: 1, before: None, after: Some(after), fates, .. } =
        told.receipt.outcome
    else {
        panic!("{:?}", told.receipt)
    };
    assert!(fates.values().all(|fate| *fate == Fate::Sent), "{fates:?}");
    assert_eq!(after.snapshot.record.as_str(), id);
    assert_eq!(after.snapshot.fields[&Field::Status], Foreign::plain("acknowledged"));
    assert!(after.sent < after.received);

    for call in stage.pagerduty.calls(0) {
        assert!(call.traceparent.as_ref().is_some_and(|it| it.contains(TRACE)), "{call:?}");
        assert_eq!(call.from.as_deref(), Some(BOT_EMAIL));
    }
    assert!(stage.pagerduty.calls(0)[0].query.contains("date_range=all"));
    stage.at_rest().await;
    assert!((stage.metric("tandem_calls_total", "outcome=\"ok\"") - 3.0).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_write_carries_what_differs_and_leaves_what_nobody_expected() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage
        .want(&state(
            1,
            7,
            &record,
            &[
                (Field::Title, "Refunds fail", &["Payments fail"]),
                (Field::Severity, "high", &[]),
                (Field::Status, "resolved", &["acknowledged"]),
            ],
        ))
        .await;
    let settled = stage.settled().await;
    assert_eq!(settled.version, 7);
    assert_eq!(
        settled.fates,
        [
            (Field::Title, Fate::Sent),
            (Field::Severity, Fate::Equal),
            (Field::Status, Fate::Unexpected),
        ]
    );
    let (before, after) = (settled.before.unwrap(), settled.after.unwrap());
    assert_eq!(before.snapshot.fields[&Field::Title], Foreign::plain("Payments fail"));
    assert_eq!(after.snapshot.fields[&Field::Title], Foreign::plain("Refunds fail"));
    assert_eq!(after.snapshot.fields[&Field::Status], Foreign::plain("triggered"));
    assert!(before.received <= after.sent, "reads and writes of a link are ordered");
    let body = json!({ "incident": { "type": "incident", "title": "Refunds fail" } });
    assert_eq!(stage.bodies("PUT"), [body]);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_where_nothing_differs_or_nothing_is_wanted() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.want(&state(1, 1, &record, &[(Field::Title, "Payments fail", &[])])).await;
    let equal = stage.settled().await;
    assert_eq!(equal.fates, [(Field::Title, Fate::Equal)]);
    stage.want(&state(1, 2, &record, &[])).await;
    let read = stage.settled().await;
    assert!(read.fates.is_empty() && read.after.is_none());
    let fields = read.before.unwrap().snapshot.fields;
    assert_eq!(fields[&Field::AssignedTo].label.as_deref(), Some("Priya Raman"));
    assert_eq!(stage.calls(), vec![format!("GET /incidents/{record}"); 2]);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_there_under_its_key_is_not_created_again() {
    let stage = Stage::ready().await;
    let key = record_key(link(1));
    let action = json!({ "action": "trigger", "title": "Payments fail", "key": key });
    let left_behind = stage.pagerduty.act(action).unwrap();
    stage.want(&creation(1, 1, "resolved")).await;
    let settled = stage.settled().await;
    let before = settled.before.unwrap().snapshot;
    assert_eq!(before.record.as_str(), left_behind["id"]);
    assert!(settled.fates.contains(&(Field::Status, Fate::Sent)));
    assert_eq!(stage.pagerduty.incidents().len(), 1);
    assert_eq!(stage.pagerduty.incidents()[0]["status"], "resolved");
    assert!(stage.bodies("POST").is_empty());
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_holds_already_is_read_again_and_reported() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    let action = json!({ "action": "acknowledge", "incident": record.as_str() });
    stage.pagerduty.act(action).unwrap();
    stage.fault("GET", Some(1), Effect::Stale);
    let want: (Field, &str, &[&str]) = (Field::Status, "acknowledged", &["triggered"]);
    stage.want(&state(1, 1, &record, &[want])).await;
    let settled = stage.settled().await;
    assert_eq!(settled.fates, [(Field::Status, Fate::Equal)]);
    let before = settled.before.unwrap().snapshot;
    assert_eq!(before.fields[&Field::Status], Foreign::plain("acknowledged"));
    let path = format!("/incidents/{record}");
    assert_eq!(stage.calls(), ["GET", "PUT", "GET"].map(|method| format!("{method} {path}")));
    stage.at_rest().await;
}
