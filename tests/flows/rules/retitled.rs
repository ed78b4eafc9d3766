//! A title changed several times in a row while webhooks that show the old ones are still on the way.

use serde_json::json;
use tandem_tests::Stack;

use super::{alarm, rules, so_far, writes};

/// Retitles an incident in quick succession while what PagerDuty tells comes late, and checks the
/// end and the number of writes.
async fn retitle(titles: &[&str]) {
    let stack = Stack::start().await;
    let (record, incident) = alarm(&stack, "A").await;
    stack.at_rest().await;
    let from = so_far(&stack);
    stack.pagerduty.turn(|knobs| knobs.webhooks.delay_ms = 700);
    for (turn, title) in titles.iter().enumerate() {
        // Each of these sends a webhook that shows the title of its moment.
        let action = if turn % 2 == 0 { "acknowledge" } else { "unacknowledge" };
        stack.act(json!({"action": action, "incident": record}));
        stack.im.json(&["incident", "update", &incident, "--title", title]).await.unwrap();
    }
    stack.pagerduty.turn(|knobs| knobs.webhooks.delay_ms = 0);
    let last = *titles.last().unwrap();
    stack.record(&record, "the last title", |it| it["title"] == last).await;
    stack.at_rest().await;
    let there = stack.record(&record, "it is there", |_| true).await;
    let here = stack.incident_of(&record, "it is there", |_| true).await;
    assert_eq!((&there["title"], &here["title"]), (&json!(last), &json!(last)));
    let written = writes(&stack, from);
    assert!(written <= titles.len(), "{written} writes for {} edits", titles.len());
    let settled = rules(&stack, &incident, "title").await;
    let edits = settled.iter().filter(|rule| *rule == "edited").count();
    assert_eq!((edits, settled.len()), (titles.len(), titles.len() + 1), "{settled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_to_b_to_c_ends_at_c_without_going_back() {
    retitle(&["B", "C"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_to_b_to_a_ends_at_a() {
    retitle(&["B", "A"]).await;
}
