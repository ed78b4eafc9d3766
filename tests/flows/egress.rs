//! The way out under a backlog: PagerDuty away for a while with many changes made meanwhile, and
//! what is urgent while that drains.

use std::time::Duration;

use serde_json::json;
use tandem_tests::{Stack, eventually};

const INCIDENTS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_ends_with_one_write_for_each_record_and_a_resolve_goes_before_the_backlog() {
    let stack = Stack::start().await;
    // Slow enough to see an order.
    let words = ["integration", "configure", "sim-pd", "--rate-limit", "240"];
    stack.im.json(&words).await.unwrap();
    let mut linked = Vec::new();
    for n in 0..INCIDENTS {
        let made = stack.act(json!({"action": "trigger", "title": format!("incident {n}")}));
        let record = made["id"].as_str().unwrap().to_owned();
        let incident = stack.incident_of(&record, "it arrives", |_| true).await;
        linked.push((record, incident["id"].as_str().unwrap().to_owned()));
    }
    stack.at_rest().await;

    stack.pagerduty.turn(|knobs| {
        let away = json!({"effect": {"kind": "error", "status": 503, "applied": false}});
        knobs.rest.push(serde_json::from_value(away).expect("a rule"));
    });
    let from = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);
    let (last_record, last) = linked.last().unwrap();
    for round in 1..=3 {
        for (_, incident) in &linked {
            let title = format!("renamed {round}");
            stack.im.json(&["incident", "update", incident, "--title", &title]).await.unwrap();
        }
    }
    stack.im.json(&["note", "add", last, "written while away"]).await.unwrap();
    stack.pagerduty.turn(|knobs| knobs.rest.clear());
    let written = || {
        let calls = stack.pagerduty.calls(from).into_iter();
        let calls = calls.filter(|call| call.method == "PUT" && call.status == 200);
        calls.collect::<Vec<_>>()
    };
    eventually("it drains", Duration::from_secs(30), || async {
        if written().len() >= 2 { Ok(()) } else { Err(written().len()) }
    })
    .await;

    // Issued in the middle of the drain, for the one whose change came in last.
    let answered = |call: &tandem_pagerduty_sim::Call| (200..300).contains(&call.status);
    let before = stack.pagerduty.calls(from).len();
    stack.im.json(&["incident", "update", last, "--status", "resolved"]).await.unwrap();
    stack.record(last_record, "it is resolved", |record| record["status"] == "resolved").await;
    let calls = stack.pagerduty.calls(from);
    let resolving = calls.iter().position(|call| {
        call.method == "PUT" && call.path.ends_with(last_record.as_str()) && answered(call)
    });
    // What `im` and the platform take lets a few more go, and a read comes before the write.
    assert!(resolving.is_some_and(|at| at <= before + 6), "{before}, then {resolving:?}");

    eventually("both sides are equal", Duration::from_secs(30), || async {
        let records = stack.pagerduty.incidents();
        let equal = records.iter().filter(|record| record["title"] == "renamed 3").count();
        if equal == INCIDENTS { Ok(()) } else { Err(equal) }
    })
    .await;
    stack.at_rest().await;
    for (record, _) in &linked {
        let writes = written().iter().filter(|call| call.path.ends_with(record.as_str())).count();
        // A resolve that came after its title had left is a second change, not a second write of
        // the same.
        let allowed = if record == last_record { 2 } else { 1 };
        assert!((1..=allowed).contains(&writes), "{record}: {writes}");
    }
    let noted = stack.pagerduty.incidents();
    let noted = noted.iter().find(|record| record["id"] == last_record.as_str()).unwrap();
    assert_eq!(noted["notes"].as_array().map(Vec::len), Some(1));
}
