//! Several copies of the service: one acts, another follows it, and the limit holds over both.

use std::time::{Duration, Instant};

use tandem_domain::field::Field;
use tandem_pagerduty_sim::{Applied, Call, Effect};

use crate::stage::{Copy, Stage, between, creation, eventually, note, snapshot, state};

/// The limit of these tests, in calls a minute.
const LIMIT: u32 = 1_200;
/// What may go at once under that limit, and how many each second besides.
const BURST: f64 = 60.0;
const PER_SECOND: f64 = 19.0;
/// How long another copy may take to go on.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(10);
/// How long an outcome may stay unknown.
const SETTLES_WITHIN: Duration = Duration::from_secs(20);

/// Three copies and no other, under a limit that a test can wait for.
async fn three() -> (Stage, Vec<Copy>) {
    let stage = Stage::unready().await;
    stage.pagerduty.turn(|knobs| knobs.limits.calls_per_minute = 0);
    let mut limited = snapshot(1, &stage.pagerduty.url);
    limited.integration.rate_limit = LIMIT;
    stage.configure(limited).await;
    let copies = stage.copies(3);
    (stage, copies)
}

async fn acting(copies: &[Copy]) -> usize {
    let mut acting = None;
    eventually("one copy acts", async || {
        acting = copies.iter().position(Copy::acts);
        acting.is_some()
    })
    .await;
    acting.unwrap()
}

/// No two calls with more between them than the burst and what the time between them allows; so no
/// window of any length, a minute included, has more than the limit.
fn within_the_limit(calls: &[Call]) {
    for (from, first) in calls.iter().enumerate() {
        for (count, last) in calls[from..].iter().enumerate() {
            let allowed = PER_SECOND.mul_add(between(first, last).as_secs_f64(), BURST) + 1.0;
            let count = f64::from(u32::try_from(count + 1).unwrap());
            assert!(count <= allowed, "{count} calls from {} to {}", first.time, last.time);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_carried_on_by_another_copy_and_no_window_exceeds_the_limit() {
    let (stage, mut copies) = three().await;
    let records: Vec<_> = (0..120).map(|n| stage.record(&format!("Title {n}"))).collect();
    for (n, record) in (1_u128..).zip(&records) {
        let title = format!("Title {}", n - 1);
        let want: (Field, &str, &[&str]) = (Field::Title, "Refunds fail", &[&title]);
        stage.want(&state(n, 1, record, &[want])).await;
    }
    let first = acting(&copies).await;
    eventually("it is under way", async || stage.calls().len() > 40).await;
    assert_eq!(copies.iter().filter(|copy| copy.acts()).count(), 1, "one at a time");
    copies[first].service.kill9().unwrap();
    let (killed, before) = (Instant::now(), stage.calls().len());
    eventually("another copy goes on", async || stage.calls().len() > before).await;
    assert!(killed.elapsed() < FOLLOWS_WITHIN, "{:?}", killed.elapsed());
    assert_eq!(stage.told(records.len()).await.len(), records.len());
    assert!(stage.pagerduty.incidents().iter().all(|it| it["title"] == "Refunds fail"));
    within_the_limit(&stage.pagerduty.calls(0));
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_copy_had_under_way_is_found_by_the_next_and_never_doubled() {
    let (stage, mut copies) = three().await;
    let record = stage.record("Payments fail");
    for trial in 1..=3_u128 {
        let active = acting(&copies).await;
        let before = stage.bodies("POST").len();
        // Applied at once, and answered when nobody is there any more.
        stage.fault("POST", Some(2), Effect::Slow { ms: 600, applied: Applied::First });
        stage.want(&creation(100 + trial, 1, "triggered")).await;
        stage.act(&note(1, trial, &record, &format!("trial {trial}"))).await;
        eventually("both are sent", async || stage.bodies("POST").len() == before + 2).await;
        copies[active].service.kill9().unwrap();
        let killed = Instant::now();
        assert_eq!(stage.told(2).await.len(), 2);
        assert!(killed.elapsed() < SETTLES_WITHIN, "{:?}", killed.elapsed());
        assert_eq!(stage.bodies("POST").len(), before + 2, "none is sent again");
        copies[active].service.resume().unwrap();
    }
    let incidents = stage.pagerduty.incidents();
    assert_eq!(incidents.len(), 4);
    let noted = incidents.iter().find(|it| it["id"] == record.as_str()).unwrap();
    assert_eq!(noted["notes"].as_array().unwrap().len(), 3);
    within_the_limit(&stage.pagerduty.calls(0));
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_stops_gives_its_seat_to_the_next_at_once() {
    let (stage, mut copies) = three().await;
    let record = stage.record("Payments fail");
    let first = acting(&copies).await;
    copies[first].service.stop().unwrap();
    let stopped = Instant::now();
    stage.want(&state(1, 1, &record, &[])).await;
    assert_eq!(stage.told(1).await.len(), 1);
    assert!(stopped.elapsed() < Duration::from_secs(4), "{:?}", stopped.elapsed());
    stage.at_rest().await;
}
