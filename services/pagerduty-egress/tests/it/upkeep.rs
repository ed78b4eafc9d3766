//! Life of the service itself: configuration that changes, messages that are none, NATS away.

use std::time::Duration;

use tandem_bus::{publish::Outgoing, subjects};
use tandem_domain::{
    event::{Fate, Outcome},
    field::Field,
    integration::Direction,
    outbound::Desired,
};
use tandem_pagerduty_sim::{Applied, Effect};

use crate::stage::{
    Stage, connector, creation, eventually, integration, link, note, snapshot, state,
};

const TITLE: (Field, &str, &[&str]) = (Field::Title, "Refunds fail", &["Payments fail"]);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_disabled_is_not_called_until_it_is_enabled() {
    let mut stage = Stage::unready().await;
    let mut disabled = snapshot(1, &stage.pagerduty.url);
    disabled.integration.enabled = false;
    stage.configure(disabled).await;
    stage.egress.resume().unwrap();
    let record = stage.record("Payments fail");
    stage.want(&state(1, 1, &record, &[TITLE])).await;
    stage.configure(snapshot(2, &stage.pagerduty.url)).await;
    assert_eq!(stage.settled().await.fates, [(Field::Title, Fate::Sent)]);

    let mut deleted = snapshot(3, &stage.pagerduty.url);
    deleted.deleted = true;
    stage.configure(deleted).await;
    let log = || stage.egress.log_tail();
    eventually("it is no longer served", async || log().contains("no longer served")).await;
    let calls = stage.calls().len();
    stage.want(&state(1, 2, &record, &[])).await;
    stage.configure(snapshot(4, &stage.pagerduty.url)).await;
    assert_eq!(stage.settled().await.version, 2);
    assert_eq!(stage.calls().len(), calls + 1);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_inbound_only_is_read_and_nothing_is_sent_to_it() {
    let mut stage = Stage::unready().await;
    let mut inbound = snapshot(1, &stage.pagerduty.url);
    inbound.integration.direction = Direction::Inbound;
    stage.configure(inbound).await;
    stage.egress.resume().unwrap();
    let record = stage.record("Payments fail");
    // Decided while it was bidirectional.
    stage.want(&state(1, 1, &record, &[TITLE])).await;
    let settled = stage.settled().await;
    assert_eq!(settled.fates, [(Field::Title, Fate::Unexpected)]);
    assert!(settled.before.is_some() && settled.after.is_none());
    stage.want(&creation(2, 1, "triggered")).await;
    stage.act(&note(1, 1, &record, "on it")).await;
    for told in stage.told(2).await {
        let Outcome::Refused { reason, .. } = told.receipt.outcome else { panic!("{told:?}") };
        assert!(reason.contains("inbound only"), "{reason}");
    }
    for _ in 0..2 {
        assert!(stage.dead_letter().await.cause.contains("inbound only"));
    }
    assert_eq!(stage.calls(), [format!("GET /incidents/{record}")]);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_none_is_put_among_the_dead_letters() {
    let stage = Stage::ready().await;
    let subject = subjects::state(&connector(), integration(), link(1));
    let nonsense = Outgoing::json(subject.clone(), "nonsense".to_owned(), &"{").unwrap();
    stage.publish(nonsense).await;
    let letter = stage.dead_letter().await;
    assert_eq!(letter.subject, subject);
    assert_eq!(letter.original, "\"{\"");
    let mut without = creation(2, 1, "triggered");
    without.create = None;
    stage.want(&without).await;
    let told = stage.told(1).await.remove(0);
    assert!(matches!(told.receipt.outcome, Outcome::Refused { version: Some(1), .. }), "{told:?}");
    assert!(told.subject.ends_with(".-"));
    let original: Desired = serde_json::from_str(&stage.dead_letter().await.original).unwrap();
    assert_eq!(original.version, 1);
    let subject = subjects::task(&connector(), integration(), link(3), "sweep");
    stage.publish(Outgoing::json(subject, "unknown".to_owned(), &"{}").unwrap()).await;
    assert_eq!(stage.dead_letter().await.cause, "nothing here knows this kind of task");
    assert!(stage.calls().is_empty());
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_survives_an_outage_of_nats() {
    let mut stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("PUT", Some(1), Effect::Slow { ms: 400, applied: Applied::First });
    stage.want(&state(1, 1, &record, &[TITLE])).await;
    let landed = async || stage.pagerduty.incidents()[0]["title"] == "Refunds fail";
    eventually("the write has landed", landed).await;
    stage.nats.kill9().unwrap();
    eventually("the answer is in", async || stage.calls().len() == 2).await;
    stage.nats.resume().unwrap();
    let settled = stage.settled().await;
    assert_eq!(settled.fates, [(Field::Title, Fate::Sent)]);
    assert_eq!(stage.bodies("PUT").len(), 1);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_told_to_stop_finishes_what_is_in_hand_and_hands_back_the_rest() {
    let mut stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("PUT", Some(1), Effect::Slow { ms: 400, applied: Applied::First });
    stage.want(&state(1, 1, &record, &[TITLE])).await;
    let landed = async || stage.pagerduty.incidents()[0]["title"] == "Refunds fail";
    eventually("the write has landed", landed).await;
    let want: (Field, &str, &[&str]) = (Field::Status, "resolved", &["triggered"]);
    stage.want(&state(1, 2, &record, &[want])).await;
    stage.egress.stop().unwrap();
    let first = stage.settled().await;
    assert_eq!((first.version, first.fates), (1, vec![(Field::Title, Fate::Sent)]));
    let handed_back = std::time::Instant::now();
    stage.egress.resume().unwrap();
    assert_eq!(stage.settled().await.version, 2);
    assert!(handed_back.elapsed() < Duration::from_secs(15), "it waited for no time-out");
    assert_eq!(stage.bodies("PUT").len(), 2);
    stage.at_rest().await;
}
