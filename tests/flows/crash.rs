//! kill -9 at awkward moments: same end, same calls but for repetitions, nothing doubled.

mod ledger;
mod play;
mod script;

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

fn titles(all: &[Value]) -> Vec<String> {
    let mut titles: Vec<_> =
        all.iter().map(|one| one["title"].as_str().unwrap_or_default().to_owned()).collect();
    titles.sort();
    titles
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reconciler_killed_in_the_middle_changes_nothing_in_the_end() {
    let mut stack = Stack::start().await;
    let mut expected = Vec::new();
    let mut records = Vec::new();
    for round in 0..6 {
        for of_round in 0..5 {
            let title = format!("incident {round}.{of_round}");
            let made = stack.act(json!({"action": "trigger", "title": title}));
            records.push(made["id"].clone());
            expected.push(title);
        }
        let title = format!("from here {round}");
        let words = ["incident", "create", "--title", &title, "--type", "infrastructure"];
        stack.im.json(&words).await.unwrap();
        expected.push(title);
        for record in &records {
            stack.pagerduty.act(json!({"action": "acknowledge", "incident": record})).ok();
            stack
                .pagerduty
                .act(json!({"action": "annotate", "incident": record,
                "content": format!("round {round}")}))
                .unwrap();
        }
        // Not a moment chosen with care: what matters is that work is in hand, and it is.
        tokio::task::block_in_place(|| {
            stack.reconciler.kill9()?;
            stack.reconciler.resume()
        })
        .unwrap();
    }
    expected.sort();
    eventually("every incident is there once", Duration::from_mins(1), || async {
        let all = titles(&stack.incidents().await);
        if all == expected { Ok(()) } else { Err(all) }
    })
    .await;
    eventually("every record is there once", Duration::from_mins(1), || async {
        let all = titles(&stack.pagerduty.incidents());
        if all == expected { Ok(()) } else { Err(all) }
    })
    .await;
    eventually("acknowledged ones are mitigated", Duration::from_mins(1), || async {
        let open: Vec<_> = stack.incidents().await;
        let open: Vec<_> = open.into_iter().filter(|one| one["status"] == "open").collect();
        let ours = |one: &Value| one["title"].as_str().is_some_and(|t| t.starts_with("from here"));
        if open.iter().all(ours) { Ok(()) } else { Err(open) }
    })
    .await;
    stack.at_rest().await;
    let notes = "select count(*) from timeline where kind = 'noted'";
    let annotated: i64 = (1..=6).map(|rounds| rounds * 5).sum();
    assert_eq!(stack.count(notes).await, annotated, "each note once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_egress_killed_while_writing_creates_and_notes_once() {
    let mut stack = Stack::start().await;
    for round in 0..4 {
        let title = format!("created {round}");
        let words = ["incident", "create", "--title", &title, "--type", "infrastructure"];
        let made = stack.im.json(&words).await.unwrap();
        let id = made["id"].as_str().unwrap();
        stack.im.json(&["note", "add", id, "one note"]).await.unwrap();
        tokio::task::block_in_place(|| {
            stack.egress.kill9()?;
            stack.egress.resume()
        })
        .unwrap();
    }
    eventually("all are created and noted", Duration::from_secs(90), || async {
        let all = stack.pagerduty.incidents();
        let noted = all.iter().filter(|one| one["notes"].as_array().is_some_and(|n| !n.is_empty()));
        if noted.count() == 4 { Ok(()) } else { Err(all) }
    })
    .await;
    stack.at_rest().await;
    let all = stack.pagerduty.incidents();
    assert_eq!(all.len(), 4, "created once each");
    for one in all {
        assert_eq!(one["notes"].as_array().map(Vec::len), Some(1), "noted once: {one}");
    }
}

/// Plays the same script calmly and with crashes, and tells all that differs at once.
async fn compare(seed: u64) {
    let calm = play::calmly(seed).await;
    let crashed = play::with_crashes(seed).await;
    let differences = crashed.differences(&calm);
    assert!(differences.is_empty(), "seed {seed}: {differences:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_service_killed_at_any_moment_changes_neither_the_end_nor_what_was_called() {
    compare(11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_play_with_other_moments_ends_and_calls_the_same_too() {
    compare(2026).await;
}
