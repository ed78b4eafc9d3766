//! What goes wrong between us and PagerDuty, and what must come of it.

use std::time::Duration;

use tandem_domain::{
    event::{Fate, Outcome},
    field::Field,
    outbound::Desired,
};
use tandem_pagerduty_sim::{Applied, Effect, ErrorBody};

use crate::stage::{
    SETTLING, Stage, TRACE, at, between, creation, eventually, link, snapshot, snapshot_with, state,
};

const TITLE: (Field, &str, &[&str]) = (Field::Title, "Refunds fail", &["Payments fail"]);

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_whose_answer_was_lost_is_found_and_not_repeated() {
    for lost in [
        Effect::Cut { applied: true },
        Effect::Error { status: 502, body: ErrorBody::Html, applied: true },
        Effect::Slow { ms: 1_200, applied: Applied::First },
    ] {
        let stage = Stage::ready().await;
        stage.fault("POST", Some(1), lost.clone());
        stage.want(&creation(1, 1, "acknowledged")).await;
        let settled = stage.settled().await;
        assert!(settled.fates.contains(&(Field::Status, Fate::Sent)), "{lost:?}: {settled:?}");
        let incidents = stage.pagerduty.incidents();
        assert_eq!(incidents.len(), 1, "{lost:?}");
        assert_eq!(incidents[0]["status"], "acknowledged");
        assert_eq!(stage.bodies("POST").len(), 1, "{lost:?}");
        let calls = stage.pagerduty.calls(0);
        let looked_up =
            calls.iter().filter(|call| call.path == "/incidents" && call.method == "GET");
        let [first, second] = looked_up.collect::<Vec<_>>().try_into().unwrap();
        assert!(between(first, second) > SETTLING, "what is late may still land");
        stage.at_rest().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_read_before_it_is_repeated() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("PUT", Some(1), Effect::Cut { applied: true });
    stage.want(&state(1, 1, &record, &[TITLE])).await;
    let settled = stage.settled().await;
    assert_eq!(settled.fates, [(Field::Title, Fate::Equal)]);
    assert!(settled.uncertain, "the earlier attempt may be why");
    let methods: Vec<_> = stage.pagerduty.calls(0).into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["GET", "PUT", "GET"]);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_pagerduty_is_away_states_collapse_and_the_newest_goes_out_once() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    let failing = Effect::Error { status: 503, body: ErrorBody::Html, applied: false };
    stage.fault("GET", None, failing);
    for version in 1..=5 {
        let title = format!("Title {version}");
        let want: (Field, &str, &[&str]) = (Field::Title, &title, &["Payments fail"]);
        stage.want(&state(1, version, &record, &[want])).await;
        let calls = stage.calls().len();
        if version == 1 {
            eventually("it is tried", async || stage.calls().len() > calls).await;
        }
    }
    eventually("only one message is left", async || stage.outbound() == 1).await;
    stage.heal();
    let settled = stage.settled().await;
    assert_eq!((settled.version, settled.fates), (5, vec![(Field::Title, Fate::Sent)]));
    assert_eq!(stage.bodies("PUT").len(), 1);
    assert_eq!(stage.pagerduty.incidents()[0]["title"], "Title 5");
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_pagerduty_is_back_nothing_waits_out_its_backoff() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    let failing = Effect::Error { status: 503, body: ErrorBody::Empty, applied: false };
    stage.fault("GET", None, failing);
    for n in 1..=6 {
        stage.want(&state(n, 1, &record, &[])).await;
    }
    // By then each of the six has failed several times and waits for seconds.
    eventually("they have failed often", async || stage.calls().len() > 36).await;
    stage.heal();
    let first = stage.calls().len();
    assert_eq!(stage.told(6).await.len(), 6);
    let calls = stage.pagerduty.calls(0);
    let answered: Vec<_> = calls[first..].iter().filter(|call| call.status == 200).collect();
    assert_eq!(answered.len(), 6);
    assert!(between(answered[0], answered[5]) < Duration::from_secs(2), "{answered:?}");
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_a_429_is_read_again_after_it() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("PUT", Some(1), Effect::RateLimit { bare: false, reset_s: 1 });
    stage.want(&state(1, 1, &record, &[TITLE])).await;
    assert_eq!(stage.settled().await.fates, [(Field::Title, Fate::Sent)]);
    let methods: Vec<_> = stage.pagerduty.calls(0).into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["GET", "PUT", "GET", "PUT"]);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_stops_every_link_for_the_time_told() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("GET", Some(1), Effect::RateLimit { bare: false, reset_s: 2 });
    stage.want(&state(1, 1, &record, &[TITLE])).await;
    eventually("it is refused", async || stage.calls().len() == 1).await;
    for n in 2..5 {
        stage.want(&state(n, 1, &record, &[])).await;
    }
    assert_eq!(stage.told(4).await.len(), 4);
    let calls = stage.pagerduty.calls(0);
    let (refused, rest) = calls.split_first().unwrap();
    assert_eq!(refused.status, 429);
    for call in rest {
        assert!(between(refused, call) >= Duration::from_millis(1_950), "{call:?}");
    }
    assert!(rest.iter().all(|call| call.status == 200));
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_that_tells_nothing_is_waited_out_longer_each_time() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("GET", Some(3), Effect::RateLimit { bare: true, reset_s: 1 });
    stage.want(&state(1, 1, &record, &[TITLE])).await;
    assert_eq!(stage.settled().await.fates, [(Field::Title, Fate::Sent)]);
    let calls = stage.pagerduty.calls(0);
    let statuses: Vec<_> = calls.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [429, 429, 429, 200, 200]);
    // Half of 1 s, 1.5 s and 2.25 s at least: the jitter takes away up to the other half.
    for (pair, least) in calls.windows(2).zip([480, 730, 1_100]) {
        assert!(between(&pair[0], &pair[1]) >= Duration::from_millis(least), "{pair:?}");
    }
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_reported_and_put_among_the_dead_letters() {
    let stage = Stage::ready().await;
    let gone = "QG0NE00000000A".parse().unwrap();
    stage.want(&state(1, 3, &gone, &[TITLE])).await;
    let told = stage.told(1).await.remove(0);
    let Outcome::Refused { version: Some(3), before: None, reason, .. } = told.receipt.outcome
    else {
        panic!("{told:?}")
    };
    assert!(reason.starts_with("PagerDuty answered 404, code "), "{reason}");
    let letter = stage.dead_letter().await;
    assert!(!format!("{letter:?}").contains(tandem_pagerduty_sim::ACCOUNT_TOKEN));
    assert_eq!((&letter.cause, letter.attempts), (&reason, 1));
    assert!(letter.group.starts_with("pagerduty "), "{}", letter.group);
    assert_eq!((letter.link, letter.record), (Some(link(1)), Some(gone)));
    assert_eq!(letter.answer.unwrap().status, 404);
    assert_eq!(letter.request.unwrap().path, "/incidents/QG0NE00000000A");
    assert!(letter.traceparent.unwrap().contains(TRACE));
    let original: Desired = serde_json::from_str(&letter.original).unwrap();
    assert_eq!(original.version, 3);
    assert!(letter.subject.contains(&link(1).to_string()));

    let record = stage.record("Payments fail");
    stage.want(&state(2, 1, &record, &[(Field::Title, "", &["Payments fail"])])).await;
    let told = stage.told(1).await.remove(0);
    let Outcome::Refused { before: Some(before), .. } = told.receipt.outcome else {
        panic!("{told:?}")
    };
    assert_eq!(before.snapshot.record, record);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_turned_away_pauses_until_it_is_replaced() {
    let mut stage = Stage::unready().await;
    let url = stage.pagerduty.url.clone();
    stage.configure(snapshot_with(1, &url, "an-outdated-token-01")).await;
    stage.egress.resume().unwrap();
    let record = stage.record("Payments fail");
    stage.want(&state(1, 1, &record, &[TITLE])).await;
    eventually("it is paused", async || stage.metric("tandem_paused_integrations", "") > 0.5).await;
    stage.want(&state(2, 1, &record, &[])).await;
    eventually("it waits", async || stage.metric("tandem_waiting_messages", "") > 1.5).await;
    assert_eq!(stage.calls().len(), 1, "no call after the first was turned away");
    assert_eq!(stage.outbound(), 2);
    stage.configure(snapshot(2, &url)).await;
    assert_eq!(stage.told(2).await.len(), 2);
    assert_eq!(stage.pagerduty.incidents()[0]["title"], "Refunds fail");
    assert!(!stage.egress.log_tail().contains("an-outdated-token-01"));
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_is_kept_from_the_first_call_on() {
    let mut stage = Stage::unready().await;
    let mut slow = snapshot(1, &stage.pagerduty.url);
    slow.integration.rate_limit = 120;
    stage.configure(slow).await;
    stage.egress.resume().unwrap();
    let record = stage.record("Payments fail");
    for n in 1..=8 {
        stage.want(&state(n, 1, &record, &[])).await;
    }
    assert_eq!(stage.told(8).await.len(), 8);
    let calls = stage.pagerduty.calls(0);
    // A burst of 6, then one each 60 s / 114.
    let (first, last) = (calls.first().unwrap(), calls.last().unwrap());
    assert!(between(first, last) >= Duration::from_secs(1), "{:?}", [at(first), at(last)]);
    stage.at_rest().await;
}
