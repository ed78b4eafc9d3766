//! What keeps a plan from being applied, and what does not.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

use super::scene::{Counts, Scene, planned, said};

const APPLY: [&str; 4] = ["integration", "apply", "sim-pd", "--yes"];

/// Has it applied, which must be refused; gives what was said.
async fn refused(stack: &Stack, more: &[&str]) -> String {
    let output = stack.im.run(&[&APPLY[..], more].concat()).await.unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    said(&output)
}

#[tokio::test(flavor = "multi_thread")]
async fn more_notifications_than_allowed_and_a_side_that_moved_are_refused() {
    let stack = Stack::start().await;
    let counts = Counts { there: 3, here: 3, ..Counts::NONE };
    let scene = Scene::set(&stack, counts).await;
    planned(&stack).await;
    let before = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);
    let told = refused(&stack, &["--max-notifications", "2"]).await;
    let expected = "it would send 3 notifications to 1 person, and 2 are allowed: \
                    --max-notifications 3";
    assert!(told.contains(expected), "{told}");
    let told = refused(&stack, &[]).await;
    assert!(told.contains("and 0 are allowed"), "{told}");

    // Over there, which no webhook tells.
    let record = scene.there.first().unwrap();
    stack.act(json!({"action": "retitle", "incident": record, "title": "moved"}));
    let told = refused(&stack, &["--max-notifications", "3"]).await;
    let expected = format!("since the plan was made, these have moved: {record} (");
    assert!(told.contains(&expected) && told.contains("im integration plan sim-pd"), "{told}");
    assert!(!told.contains("more;"), "only what has moved is named: {told}");
    // It stays refused, however the sides stand.
    let again = refused(&stack, &["--max-notifications", "3"]).await;
    assert!(again.contains(&expected), "{again}");

    // Here.
    planned(&stack).await;
    let incident = scene.here.first().unwrap();
    let words = ["incident", "update", incident, "--title", "moved here"];
    stack.im.json(&words).await.unwrap();
    let told = refused(&stack, &["--max-notifications", "3"]).await;
    assert!(told.contains(&format!("these have moved: {incident} (")), "{told}");
    let calls = stack.pagerduty.calls(before);
    assert!(calls.iter().all(|call| call.method == "GET"), "nothing was written");
    assert_eq!(stack.incidents().await.len(), 3, "and nothing was created");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_goes_on_where_it_was_when_those_who_apply_it_die() {
    let mut stack = Stack::start().await;
    let counts = Counts { named: 5, renamed: 5, there: 40, here: 25, ..Counts::NONE };
    let scene = Scene::set(&stack, counts).await;
    let plan = planned(&stack).await;
    scene.is_right_in_every_line(&plan);
    let before = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);
    let words = [&APPLY[..], &["--max-notifications", "25", "--no-wait"]].concat();
    let begun = stack.im.json(&words).await.unwrap();
    assert_eq!(begun["state"], "applying");
    eventually("some of it is asked for", Duration::from_mins(1), || async {
        let asked = "select count(*) from plan_lines where state <> 'planned'";
        let asked = stack.count(asked).await;
        if asked >= 15 { Ok(()) } else { Err(asked) }
    })
    .await;
    tokio::task::block_in_place(|| {
        stack.admin.kill9().unwrap();
        stack.reconciler.kill9().unwrap();
        stack.admin.resume().unwrap();
        stack.reconciler.resume().unwrap();
    });
    let left = stack.count("select count(*) from plan_lines where state = 'planned'").await;
    assert!(left > 0, "it was in the middle");
    // Whoever applies it again waits for what is under way.
    let output = stack.im.run(&[&APPLY[..], &["--output", "json"]].concat()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).lines().any(|line| line.ends_with("/75")), "{output:?}");
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&done["state"], &done["progress"]["done"]), (&json!("applied"), &json!(75)));
    stack.at_rest().await;
    scene.is_applied_exactly(&stack, before).await;
    assert_eq!(planned(&stack).await["lines"], json!([]));
    let named = ["--plan", begun["id"].as_str().unwrap()];
    let again = stack.im.run(&[&APPLY[..], &named].concat()).await.unwrap();
    assert_eq!(again.status.code(), Some(4), "{again:?}");
    assert!(said(&again).contains("is applied already"), "{again:?}");
}
