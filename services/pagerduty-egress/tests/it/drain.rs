//! A backlog that drains: what is urgent overtakes it, what changed often leaves once, and how it
//! stands can be asked.

use std::time::Duration;

use tandem_domain::{field::Field, id::RecordId};
use tandem_pagerduty_sim::{Effect, ErrorBody};

use crate::stage::{
    Stage, connector, eventually, integration, link, note, snapshot, snapshot_with, state,
};

/// So few calls a minute that a test can see their order.
const SLOW: u32 = 240;

async fn slow() -> Stage {
    let mut stage = Stage::unready().await;
    let mut slow = snapshot(1, &stage.pagerduty.url);
    slow.integration.rate_limit = SLOW;
    stage.configure(slow).await;
    stage.egress.resume().unwrap();
    stage
}

async fn retitle(stage: &Stage, count: u128) -> Vec<RecordId> {
    let mut records = Vec::new();
    for n in 1..=count {
        let title = format!("Title {n}");
        let record = stage.record(&title);
        let want: (Field, &str, &[&str]) = (Field::Title, "Refunds fail", &[&title]);
        stage.want(&state(n, 1, &record, &[want])).await;
        records.push(record);
    }
    records
}

/// Where in the log a call stands.
fn at(stage: &Stage, method: &str, record: &RecordId) -> Option<usize> {
    let call = format!("{method} /incidents/{record}");
    stage.calls().iter().position(|it| *it == call)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolve_is_the_next_to_go_whatever_waits() {
    let stage = slow().await;
    let urgent = stage.record("Payments fail");
    let backlog = retitle(&stage, 40).await;
    for n in 1..=10 {
        stage.act(&note(n, n, &backlog[0], "a remark")).await;
    }
    eventually("it is under way", async || stage.calls().len() > 16).await;
    let resolved: (Field, &str, &[&str]) = (Field::Status, "resolved", &["triggered"]);
    let before = stage.calls().len();
    stage.want(&state(99, 1, &urgent, &[resolved])).await;
    eventually("it is resolved", async || at(&stage, "PUT", &urgent).is_some()).await;
    // One call may have been let go while the message was on its way.
    let read = at(&stage, "GET", &urgent).unwrap();
    assert!(read <= before + 1, "{before} calls, then {:?}", &stage.calls()[before..]);
    assert_eq!(at(&stage, "PUT", &urgent), Some(read + 1), "{:?}", &stage.calls()[before..]);
    assert!(stage.outbound() > 20, "the backlog waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolve_of_a_link_that_waits_for_a_lesser_change_takes_that_along() {
    let stage = slow().await;
    let backlog = retitle(&stage, 12).await;
    let last = backlog.last().unwrap();
    let changes: [(Field, &str, &[&str]); 2] = [
        (Field::Title, "Refunds fail", &["Title 12"]),
        (Field::Status, "resolved", &["triggered"]),
    ];
    stage.want(&state(12, 2, last, &changes)).await;
    assert_eq!(stage.told(12).await.len(), 12);
    let puts = stage.pagerduty.calls(0).into_iter().filter(|call| call.method == "PUT");
    let of_last: Vec<_> = puts.filter(|call| call.path.ends_with(last.as_str())).collect();
    let [only] = of_last.as_slice() else { panic!("{of_last:?}") };
    assert_eq!(only.body["incident"]["title"], "Refunds fail");
    assert_eq!(only.body["incident"]["status"], "resolved");
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_with_many_changes_ends_with_one_write_for_each_record() {
    const RECORDS: u128 = 25;
    const CHANGES: u64 = 8;
    let stage = Stage::ready().await;
    let records: Vec<_> = (1..=RECORDS).map(|n| stage.record(&format!("Title {n}"))).collect();
    let away = Effect::Error { status: 503, body: ErrorBody::Html, applied: false };
    stage.fault("GET", None, away.clone());
    stage.fault("PUT", None, away);
    for version in 1..=CHANGES {
        for (n, record) in (1_u128..).zip(&records) {
            let (was, title) = (format!("Title {n}"), format!("Title {n}.{version}"));
            let urgency = if version % 2 == 0 { "low" } else { "high" };
            let changes: [(Field, &str, &[&str]); 2] =
                [(Field::Title, &title, &[&was]), (Field::Severity, urgency, &["high", "low"])];
            stage.want(&state(n, version, record, &changes)).await;
        }
    }
    let failed = stage.calls().len();
    stage.heal();
    eventually("everything is done", async || stage.outbound() == 0).await;
    let calls = stage.pagerduty.calls(0);
    let written = calls.iter().filter(|call| call.method == "PUT" && call.status == 200).count();
    assert_eq!(written, records.len(), "after {failed} calls in vain");
    for (n, incident) in stage.pagerduty.incidents().iter().enumerate() {
        assert_eq!(incident["title"], format!("Title {}.{CHANGES}", n + 1));
        assert_eq!(incident["urgency"], "low");
    }
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_it_stands_can_be_asked() {
    let mut stage = Stage::unready().await;
    let url = stage.pagerduty.url.clone();
    stage.configure(snapshot(1, &url)).await;
    stage.egress.resume().unwrap();
    let record = stage.record("Payments fail");
    let away = Effect::Error { status: 503, body: ErrorBody::Html, applied: false };
    stage.fault("GET", None, away);
    stage.want(&state(1, 1, &record, &[(Field::Title, "Refunds fail", &["Payments fail"])])).await;
    let within = Duration::from_secs(2);
    let ask = async || stage.bus.ask_status(&connector(), integration(), within).await;
    let mut status = None;
    eventually("it is tried again and again", async || {
        status = ask().await.filter(|status| !status.retrying.is_empty());
        status.is_some()
    })
    .await;
    let status = status.unwrap();
    assert_eq!((status.version, status.per_minute, status.eta_s), (1, 900, None));
    let [retrying] = status.retrying.as_slice() else { panic!("{status:?}") };
    assert_eq!((retrying.link, retrying.lane.as_str()), (link(1), "fields"));
    assert_eq!(retrying.cause, "PagerDuty answered 503");
    assert!(retrying.failures > 0 && retrying.next > status.at, "{retrying:?}");
    assert_eq!(status.waiting["fields"] + status.in_hand, 1);

    stage.heal();
    stage.configure(snapshot_with(2, &url, "an-outdated-token-01")).await;
    let paused = async || ask().await.is_some_and(|status| status.paused.is_some());
    eventually("it is paused", paused).await;
    let status = ask().await.unwrap();
    let reason = status.paused.unwrap();
    assert!(reason.starts_with("PagerDuty answered 401"), "{reason}");
    assert_eq!((status.version, status.eta_s), (2, None));

    stage.configure(snapshot(3, &url)).await;
    eventually("it is done", async || stage.outbound() == 0).await;
    let status = ask().await.unwrap();
    assert_eq!((status.paused, status.eta_s), (None, Some(0)));
    assert!(status.waiting.values().all(|waiting| *waiting == 0));
    stage.at_rest().await;
}
