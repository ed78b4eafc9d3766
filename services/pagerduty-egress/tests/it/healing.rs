//! Looking for what nobody told, without anybody but the healer at work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tandem_bus::{
    heal::{Known, Swept},
    topology,
};
use tandem_domain::{
    event::Event,
    finding::{Cursor, Finding},
};
use tandem_pagerduty_sim::{Effect, ErrorBody, RestFault};

use crate::stage::{Stage, at, eventually, snapshot};

/// What the reconciler would keep and take in.
#[derive(Clone)]
struct Kept {
    known: Arc<Mutex<Known>>,
    swept: Arc<Mutex<Vec<Swept>>>,
    findings: Arc<Mutex<Vec<Finding>>>,
}

impl Kept {
    /// Answers the healer and takes in what it finds, as if everything before `since` was known.
    async fn with(stage: &Stage, since: Timestamp) -> Self {
        let cursor = Cursor { reached: since, owed: Vec::new() };
        let known = Known { began: since, cursor, swept: Some(since) };
        let known = Arc::new(Mutex::new(known));
        let kept = Self { known, swept: Arc::default(), findings: Arc::default() };
        let mut healers = stage.bus.healers().await.unwrap();
        let (bus, answering) = (stage.bus.clone(), kept.clone());
        #[expect(clippy::disallowed_methods, reason = "a test ends with what it started")]
        tokio::spawn(async move {
            while let Some(telling) = healers.next().await {
                let known = {
                    let mut known = answering.known.lock().unwrap();
                    if let Some(step) = telling.progress.step.clone() {
                        known.cursor = step.to;
                    }
                    if let Some(swept) = telling.progress.swept {
                        answering.swept.lock().unwrap().push(swept);
                    }
                    known.clone()
                };
                bus.heal_on(telling, &known).await;
            }
        });
        let (bus, taking) = (stage.bus.clone(), kept.clone());
        #[expect(clippy::disallowed_methods, reason = "a test ends with what it started")]
        tokio::spawn(async move {
            let taken = bus.consume(topology::IN, topology::reconciler(), 100).await.unwrap();
            let mut taken = std::pin::pin!(taken);
            while let Some(message) = taken.next().await {
                let Ok(message) = message else { return };
                if let Ok(Event::Finding(finding)) = message.json() {
                    taking.findings.lock().unwrap().push(*finding);
                }
                message.ack().await;
            }
        });
        kept
    }
}

#[tokio::test]
async fn five_thousand_open_records_are_swept_within_a_tenth_of_the_budget() {
    const OPEN: u64 = 5_000;
    let mut stage = Stage::unready().await;
    stage.pagerduty.turn(|knobs| knobs.limits.calls_per_minute = 0);
    let records: Vec<_> = (0..OPEN).map(|n| stage.record(&format!("open {n}"))).collect();
    let later = stage_time().checked_add(SignedDuration::from_hours(1)).unwrap();
    let kept = Kept::with(&stage, later).await;
    let mut configured = snapshot(1, &stage.pagerduty.url);
    configured.integration.rate_limit = 3_000;
    stage.configure(configured).await;
    stage.start_healing(["86400", "1", "1", "86400"]);
    eventually("a sweep came to its end", async || !kept.swept.lock().unwrap().is_empty()).await;
    let first = kept.swept.lock().unwrap()[0];
    assert_eq!((first.records, first.calls), (OPEN, 50));
    assert!(kept.findings.lock().unwrap().is_empty(), "nothing has changed");

    let title = json!({"action": "retitle", "incident": records[4_321].as_str(), "title": "new"});
    stage.pagerduty.act(title).unwrap();
    eventually("the change is found", async || !kept.findings.lock().unwrap().is_empty()).await;
    eventually("the sweep ends", async || kept.swept.lock().unwrap().len() > 1).await;
    let found = kept.findings.lock().unwrap().clone();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].reading.snapshot.record, records[4_321]);
    assert!(!found[0].begins && found[0].history.is_empty());
    let calls = stage.pagerduty.calls(0);
    let reads = calls.iter().filter(|call| call.path.starts_with("/incidents/")).count();
    let lists: Vec<_> = calls.iter().filter(|call| call.path == "/incidents").collect();
    assert_eq!((reads, lists.len()), (1, 100), "51 calls for a sweep that finds one change");
    // 50 calls at a tenth of 3,000 a minute.
    let apart = at(lists[50]).duration_since(at(lists[0]));
    assert!(apart >= SignedDuration::from_secs(10), "{apart:?}");
    assert!(stage.pagerduty.violations().is_empty());
}

/// The time, once.
#[expect(clippy::disallowed_methods, reason = "what a test calls now is now")]
fn stage_time() -> Timestamp {
    Timestamp::now()
}

#[tokio::test]
async fn what_the_log_tells_is_reported_once_with_who_did_it_and_when() {
    let mut stage = Stage::unready().await;
    let since = stage_time().checked_sub(SignedDuration::from_secs(5)).unwrap();
    let kept = Kept::with(&stage, since).await;
    let record = stage.record("alarm");
    let act = |action: serde_json::Value| stage.pagerduty.act(action).unwrap();
    act(json!({"action": "acknowledge", "incident": record.as_str()}));
    act(json!({"action": "annotate", "incident": record.as_str(), "content": "on it"}));
    stage.configure(snapshot(1, &stage.pagerduty.url)).await;
    stage.start_healing(["1", "1", "86400", "86400"]);
    eventually("it is found", async || !kept.findings.lock().unwrap().is_empty()).await;
    let reached = kept.known.lock().unwrap().cursor.reached;
    eventually("it goes on", async || kept.known.lock().unwrap().cursor.reached > reached).await;
    let found = kept.findings.lock().unwrap().clone();
    assert_eq!(found.len(), 1, "{found:#?}");
    let finding = &found[0];
    let edited: Vec<_> = finding.history.iter().filter_map(|it| it.edited).collect();
    assert_eq!(edited, [tandem_domain::field::Field::Status]);
    assert!(finding.begins && finding.history[0].begins);
    let acknowledged = finding.history.iter().find(|it| it.edited.is_some()).unwrap();
    assert_eq!(acknowledged.actor.as_ref().unwrap().name.as_deref(), Some("Priya Raman"));
    let notes: Vec<_> = finding.notes.iter().map(|it| it.note.text.as_str()).collect();
    assert_eq!(notes, ["on it"]);
    assert!(finding.reading.sent >= finding.heard);
}

#[tokio::test]
async fn what_happens_in_the_very_second_in_which_it_is_begun_to_look_is_found() {
    let mut stage = Stage::unready().await;
    let record = stage.record("alarm");
    let shown = stage.pagerduty.incidents().remove(0);
    let second: Timestamp = shown["created_at"].as_str().unwrap().parse().unwrap();
    // The log tells whole seconds, so to it the record came to be before anybody looked.
    let began = second.checked_add(SignedDuration::from_millis(999)).unwrap();
    let kept = Kept::with(&stage, began).await;
    stage.configure(snapshot(1, &stage.pagerduty.url)).await;
    stage.start_healing(["1", "1", "86400", "86400"]);
    eventually("it is found", async || !kept.findings.lock().unwrap().is_empty()).await;
    let finding = kept.findings.lock().unwrap()[0].clone();
    assert_eq!(finding.reading.snapshot.record, record);
    assert!(finding.begins && finding.history[0].begins);
}

#[tokio::test]
async fn any_number_of_records_that_cannot_be_read_are_owed_and_hold_up_no_other() {
    const FAILING: usize = 9;
    let mut stage = Stage::unready().await;
    let since = stage_time().checked_sub(SignedDuration::from_secs(5)).unwrap();
    let kept = Kept::with(&stage, since).await;
    let mut failing: Vec<_> = (0..FAILING).map(|n| stage.record(&format!("bad {n}"))).collect();
    let good = stage.record("good");
    for record in &failing {
        let effect = Effect::Error { status: 500, body: ErrorBody::Json, applied: false };
        let (method, path) = (Some("GET".to_owned()), Some(format!("/incidents/{record}")));
        let fault = RestFault { next: None, probability: None, method, path_prefix: path, effect };
        stage.pagerduty.turn(|knobs| knobs.rest.push(fault));
    }
    stage.configure(snapshot(1, &stage.pagerduty.url)).await;
    stage.start_healing(["1", "1", "86400", "86400"]);
    failing.sort();
    eventually("they are owed", async || {
        let owed = kept.known.lock().unwrap().cursor.owed.clone();
        owed.into_iter().map(|owed| owed.record).collect::<Vec<_>>() == failing
    })
    .await;
    let found = kept.findings.lock().unwrap().clone();
    assert!(found.iter().all(|finding| finding.reading.snapshot.record == good), "{found:#?}");
    assert_eq!(found.len(), 1);
    stage.pagerduty.turn(|knobs| knobs.rest.clear());
    eventually("nothing is owed", async || {
        let paid = kept.known.lock().unwrap().cursor.owed.is_empty();
        paid && kept.findings.lock().unwrap().len() == FAILING + 1
    })
    .await;
    let found = kept.findings.lock().unwrap().clone();
    assert!(found.iter().all(|finding| finding.begins && finding.history[0].begins));
}
