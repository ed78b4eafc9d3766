//! What both sides changed under manual review: kept on both until somebody decides, or until the
//! sides agree by themselves. A title is changed over there without a webhook, so it is found by
//! the read before our write: no clock decides what happens here.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

/// Who decides.
const ADA: &str = "ada@acme.test";

/// An incident whose title was changed on both sides since they agreed.
struct Dispute {
    incident: String,
    record: String,
    conflict: String,
}

async fn reviewing() -> Stack {
    let stack = Stack::start().await;
    let words = ["integration", "configure", "sim-pd", "--conflict-strategy", "manual-review"];
    let changed = stack.im.json(&words).await.unwrap();
    assert_eq!(changed["conflict_strategy"], "manual-review");
    stack
}

/// Has somebody change the title over there, and then somebody here.
async fn dispute(stack: &Stack, ours: &str, theirs: &str) -> Dispute {
    let made = stack.act(json!({"action": "trigger", "title": "A", "service": "P123ABC"}));
    let record = made["id"].as_str().unwrap().to_owned();
    let incident = stack.incident_of(&record, "it arrives", |_| true).await;
    let incident = incident["id"].as_str().unwrap().to_owned();
    stack.at_rest().await;
    stack.act(json!({"action": "retitle", "incident": record, "title": theirs}));
    let words = ["incident", "update", &incident, "--title", ours, "--as", ADA];
    stack.im.json(&words).await.unwrap();
    let conflict = eventually("a conflict opens", Duration::from_secs(10), || async {
        let open = open(stack).await;
        let of_incident = open.iter().find(|conflict| conflict["incident"] == incident.as_str());
        of_incident.cloned().ok_or(open)
    })
    .await;
    let conflict = conflict["id"].as_str().unwrap().to_owned();
    Dispute { incident, record, conflict }
}

/// The open conflicts, as the product page lists them.
async fn open(stack: &Stack) -> Vec<Value> {
    match stack.im.json(&["conflict", "list", "--integration", "sim-pd"]).await {
        Ok(list) => list.as_array().cloned().unwrap_or_default(),
        Err(error) => vec![Value::String(error.to_string())],
    }
}

/// What `im` prints for people.
async fn printed(stack: &Stack, words: &[&str]) -> String {
    let output = stack.im.run(words).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "im {words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until both sides have this title, and everything is at rest.
async fn both_hold(stack: &Stack, dispute: &Dispute, title: &str) {
    stack.record(&dispute.record, "over there", |record| record["title"] == title).await;
    stack.incident_of(&dispute.record, "over here", |incident| incident["title"] == title).await;
    stack.at_rest().await;
    assert!(open(stack).await.is_empty(), "nothing is left to decide");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_shown_explained_and_decided_each_way() {
    let stack = reviewing().await;
    for (choice, title) in [
        (&["--take", "platform"][..], "ours"),
        (&["--take", "external"], "theirs"),
        (&["--value", "neither"], "neither"),
    ] {
        let dispute = dispute(&stack, "ours", "theirs").await;
        let conflict = dispute.conflict.as_str();
        stays_as_it_is(&stack, &dispute).await;
        let words = [&["conflict", "resolve", conflict, "--as", ADA], choice].concat();
        let decided = stack.im.json(&words).await.unwrap();
        assert_eq!(decided["standing"], "resolved", "{decided}");
        assert_eq!(
            (&decided["ending"]["author"], &decided["ending"]["value"]),
            (&json!(ADA), &json!(title))
        );
        both_hold(&stack, &dispute, title).await;

        let again = stack.im.run(&words).await.unwrap();
        assert_eq!(again.status.code(), Some(4), "it is decided once");
        let story = printed(&stack, &["explain", &dispute.incident, "title"]).await;
        assert!(
            story.contains("decided the conflict") && story.contains("which agrees"),
            "{story}"
        );
    }
    let ended = stack.im.json(&["conflict", "list", "--integration", "sim-pd", "--all"]).await;
    assert_eq!(ended.unwrap().as_array().map(Vec::len), Some(3));
}

/// While nobody has decided: both values stand, and every view says so.
async fn stays_as_it_is(stack: &Stack, dispute: &Dispute) {
    stack.at_rest().await;
    let shown = stack.im.json(&["conflict", "show", &dispute.conflict]).await.unwrap();
    assert_eq!((&shown["field"], &shown["base"]), (&json!("title"), &json!("A")), "{shown}");
    assert_eq!(
        (&shown["platform"]["value"], &shown["platform"]["author"]),
        (&json!("ours"), &json!(ADA))
    );
    assert_eq!(shown["external"]["value"], "theirs");
    let effects: Vec<_> =
        shown["choices"].as_array().unwrap().iter().map(|it| &it["effect"]).collect();
    assert_eq!(effects[0], "the platform keeps \"ours\"; sim-pd becomes \"ours\"");
    assert_eq!(effects[1], "the platform becomes \"theirs\"; sim-pd keeps \"theirs\"");
    let text = printed(stack, &["conflict", "show", &dispute.conflict]).await;
    assert!(text.contains("--take platform") && text.contains("agreed on \"A\""), "{text}");

    let story = printed(stack, &["explain", &dispute.incident, "title"]).await;
    for told in
        ["somebody has to decide", "rule 30", "frozen until somebody decides", &dispute.conflict]
    {
        assert!(story.contains(told), "{told}: {story}");
    }
    let links = stack.im.json(&["integration", "links", "sim-pd"]).await.unwrap();
    let links = links.as_array().unwrap();
    let link = links.iter().find(|link| link["incident"] == dispute.incident.as_str()).unwrap();
    assert_eq!(
        (&link["state"], &link["conflicts"][0]),
        (&json!("conflict"), &json!(dispute.conflict))
    );
    stack.record(&dispute.record, "theirs stays", |record| record["title"] == "theirs").await;
    stack.incident_of(&dispute.record, "ours stays", |incident| incident["title"] == "ours").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_closes_by_itself_when_the_sides_come_to_agree() {
    let stack = reviewing().await;
    let here = dispute(&stack, "ours", "theirs").await;
    stack.im.json(&["incident", "update", &here.incident, "--title", "theirs"]).await.unwrap();
    both_hold(&stack, &here, "theirs").await;

    let there = dispute(&stack, "ours", "theirs").await;
    stack.act(json!({"action": "retitle", "incident": there.record, "title": "ours"}));
    // A webhook shows the title that has none of its own.
    stack.act(json!({"action": "acknowledge", "incident": there.record}));
    both_hold(&stack, &there, "ours").await;
    for dispute in [&here, &there] {
        let shown = stack.im.json(&["conflict", "show", &dispute.conflict]).await.unwrap();
        assert_eq!(
            (&shown["standing"], &shown["ending"]["take"]),
            (&json!("agreed"), &Value::Null)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_conflicts_are_decided_in_one_line() {
    let stack = reviewing().await;
    let mut disputes = Vec::new();
    for _ in 0..3 {
        disputes.push(dispute(&stack, "ours", "theirs").await);
    }
    let other = ["conflict", "resolve", "--integration", "sim-pd", "--field", "status", "--all"];
    let none = stack.im.json(&[&other[..], &["--take", "platform", "--yes"]].concat()).await;
    assert_eq!(none.unwrap(), json!([]));
    let all = ["conflict", "resolve", "--integration", "sim-pd", "--field", "title", "--all"];
    let done = stack.im.json(&[&all[..], &["--take", "external", "--yes"]].concat()).await.unwrap();
    let done = done.as_array().unwrap();
    assert!(done.len() == 3 && done.iter().all(|one| one["problem"].is_null()), "{done:?}");
    for dispute in &disputes {
        both_hold(&stack, dispute, "theirs").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_field_is_put_back_and_what_cannot_converge_is_refused() {
    let stack = Stack::start().await;
    let own = ["integration", "field-ownership", "set", "sim-pd"];
    let words = [&own[..], &["title", "--owner", "platform", "--priority", "10", "--enforced"]];
    let set = stack.im.json(&words.concat()).await.unwrap();
    assert_eq!((&set["enforced"], &set["priority"]), (&json!(true), &json!(10)));
    let words = [&own[..], &["title", "--owner", "platform", "--direction", "inbound"]];
    let refused = stack.im.run(&words.concat()).await.unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(64), "{said}");
    assert!(said.contains("title: only the platform may change it"), "{said}");

    let made = stack.act(json!({"action": "trigger", "title": "A", "service": "P123ABC"}));
    let record = made["id"].as_str().unwrap();
    let incident = stack.incident_of(record, "it arrives", |_| true).await;
    stack.at_rest().await;
    stack.act(json!({"action": "retitle", "incident": record, "title": "B"}));
    stack.act(json!({"action": "acknowledge", "incident": record}));
    stack.incident_of(record, "the acknowledge passes", |it| it["status"] == "mitigated").await;
    stack.record(record, "the title is put back", |record| record["title"] == "A").await;
    stack.at_rest().await;
    let id = incident["id"].as_str().unwrap();
    let story = printed(&stack, &["incident", "explain", id, "title"]).await;
    assert!(story.contains("the field is enforced") && story.contains("was sent \"A\""), "{story}");
}
