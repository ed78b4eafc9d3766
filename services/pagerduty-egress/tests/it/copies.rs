//! Several copies of the service: one acts, another follows it, and the limit holds over both.

use std::time::{Duration, Instant};

use tandem_domain::field::Field;
use tandem_pagerduty_sim::Call;

use crate::{
    chance::setting,
    stage::{Copy, Stage, at, eventually, snapshot, state},
};

/// The limit of these tests, in calls a minute, how many links wait and how often the acting copy is
/// killed meanwhile, unless `TANDEM_LIMIT`, `TANDEM_BACKLOG` and `TANDEM_KILLS` say otherwise.
const LIMIT: u64 = 1_200;
const BACKLOG: u64 = 120;
const KILLS: u64 = 1;
/// How long another copy may take to go on.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(10);

fn limit() -> u32 {
    u32::try_from(setting("TANDEM_LIMIT", LIMIT)).unwrap()
}

/// Three copies and no other, under a limit that a test can wait for.
pub(crate) async fn three() -> (Stage, Vec<Copy>) {
    let stage = Stage::unready().await;
    stage.pagerduty.turn(|knobs| knobs.limits.calls_per_minute = 0);
    let mut limited = snapshot(1, &stage.pagerduty.url);
    limited.integration.rate_limit = limit();
    stage.configure(limited).await;
    let copies = stage.copies(3);
    (stage, copies)
}

pub(crate) async fn acting(copies: &[Copy]) -> usize {
    let mut acting = None;
    eventually("one copy acts", async || {
        acting = copies.iter().position(Copy::acts);
        acting.is_some()
    })
    .await;
    acting.unwrap()
}

/// No two calls with more between them than the burst and what the time between them allows; so no
/// window of any length, a minute included, has more than the limit. Gives the most of any minute.
pub(crate) fn within_the_limit(calls: &[Call]) -> usize {
    let (limit, mut most) = (f64::from(limit()), 0);
    // A twentieth may go at once, and the rest is spread over the minute.
    let burst = (limit / 20.0).floor().max(1.0);
    let per_second = (limit - burst) / 60.0;
    let times: Vec<_> = calls.iter().map(at).collect();
    for (from, first) in times.iter().enumerate() {
        for (count, last) in times[from..].iter().enumerate() {
            let apart = last.duration_since(*first).as_secs_f64();
            let allowed = per_second.mul_add(apart, burst) + 1.0;
            let so_many = f64::from(u32::try_from(count + 1).unwrap());
            assert!(so_many <= allowed, "{so_many} calls from {first} to {last}");
            if apart < 60.0 {
                most = most.max(count + 1);
            }
        }
    }
    assert!(u32::try_from(most).unwrap() <= self::limit(), "{most} in a minute");
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_carried_on_by_another_copy_and_no_window_exceeds_the_limit() {
    let (backlog, kills) = (setting("TANDEM_BACKLOG", BACKLOG), setting("TANDEM_KILLS", KILLS));
    let (stage, mut copies) = three().await;
    let began = Instant::now();
    let records: Vec<_> = (0..backlog).map(|n| stage.record(&format!("Title {n}"))).collect();
    for (n, record) in (1_u128..).zip(&records) {
        let title = format!("Title {}", n - 1);
        let want: (Field, &str, &[&str]) = (Field::Title, "Refunds fail", &[&title]);
        stage.want(&state(n, 1, record, &[want])).await;
    }
    let mut told = 0;
    let share = records.len() / usize::try_from(kills + 1).unwrap();
    for _ in 0..kills {
        // Each write is a read and a write.
        told += stage.told(share.min(records.len() / 3)).await.len();
        let first = acting(&copies).await;
        assert_eq!(copies.iter().filter(|copy| copy.acts()).count(), 1, "one at a time");
        copies[first].service.kill9().unwrap();
        let (killed, before) = (Instant::now(), stage.calls().len());
        eventually("another copy goes on", async || stage.calls().len() > before).await;
        assert!(killed.elapsed() < FOLLOWS_WITHIN, "{:?}", killed.elapsed());
        eprintln!("killed with {told} told; another copy went on after {:?}", killed.elapsed());
        copies[first].service.resume().unwrap();
    }
    let left = records.len() - told;
    assert_eq!(stage.told(left).await.len(), left);
    assert!(stage.pagerduty.incidents().iter().all(|it| it["title"] == "Refunds fail"));
    let calls = stage.pagerduty.calls(0);
    let most = within_the_limit(&calls);
    stage.at_rest().await;
    eprintln!(
        "{backlog} links under a limit of {} a minute: {} calls in {:?}, at most {most} in any 60 s",
        limit(),
        calls.len(),
        began.elapsed(),
    );
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
