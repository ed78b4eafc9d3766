//! Why things are as they are, and that nobody changed the record of it; what was left out; pairs
//! that are joined and parted by hand.

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

use std::time::Duration;

/// An incident that came from over there and was changed here.
async fn changed(stack: &Stack) -> (String, String) {
    let made = stack.act(json!({"action": "trigger", "title": "A", "service": "P123ABC"}));
    let record = made["id"].as_str().unwrap().to_owned();
    let incident = stack.incident_of(&record, "it arrives", |_| true).await;
    let id = incident["id"].as_str().unwrap().to_owned();
    stack.im.json(&["incident", "update", &id, "--title", "B"]).await.unwrap();
    stack.record(&record, "the new title", |record| record["title"] == "B").await;
    stack.at_rest().await;
    (id, record)
}

/// The link of an incident.
async fn link_of(stack: &Stack, incident: &str) -> Value {
    let links = stack.im.json(&["integration", "links", "sim-pd"]).await.unwrap();
    let links = links.as_array().cloned().unwrap_or_default();
    links.into_iter().find(|link| link["incident"] == incident).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_tells_its_story_and_the_record_of_it_is_proven() {
    let stack = Stack::start().await;
    let (id, record) = changed(&stack).await;
    let told = stack.im.json(&["explain", &id, "title"]).await.unwrap();
    let story = &told["fields"][0];
    let steps: Vec<&str> = story["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["what"].as_str().unwrap())
        .collect();
    let [begun, edited, target, written] = steps.as_slice() else { panic!("{steps:?}") };
    assert!(begun.contains("sim-pd") && begun.ends_with("began it with \"A\""), "{begun}");
    assert!(edited.contains("on the platform set it to \"B\", from \"A\""), "{edited}");
    assert!(target.starts_with("sim-pd is to hold \"B\""), "{target}");
    assert!(written.starts_with("sim-pd was sent \"B\" and confirmed it"), "{written}");
    assert_eq!(story["steps"][1]["decision"]["rule_number"], 18);
    let side = &story["sides"][0];
    assert_eq!((&side["record"], &side["agrees"]), (&json!(record), &json!(true)), "{side}");
    let whole = stack.im.json(&["incident", "explain", &id]).await.unwrap();
    let fields: Vec<_> =
        whole["fields"].as_array().unwrap().iter().map(|it| &it["field"]).collect();
    assert!(fields.len() >= 4 && fields.contains(&&json!("status")), "{fields:?}");

    let listed = stack.im.json(&["audit", "list", "--incident", &id, "--rule", "edited"]).await;
    assert_eq!(listed.unwrap()[0]["after"], "B");
    for words in [&["audit", "verify"][..], &["audit", "verify", &id]] {
        let proven = stack.im.json(words).await.unwrap();
        assert_eq!(proven["intact"], true, "{proven}");
        assert!(proven["decisions"].as_i64() > Some(3), "{proven}");
    }
    forge(&stack, &id).await;
    let found = stack.im.run(&["audit", "verify"]).await.unwrap();
    let shown = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(1), "{shown}");
    assert!(shown.contains(&id) && shown.contains("was changed"), "{shown}");
}

/// Changes what was decided, as somebody with the right to take the guard away could.
async fn forge(stack: &Stack, incident: &str) {
    let id = incident.trim_start_matches("inc_");
    for sql in [
        "alter table decisions disable trigger decisions_append_only".to_owned(),
        format!("update decisions set after = 'C' where incident = '{id}' and after = 'B'"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&stack.database).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_outside_the_scope_is_left_out_and_listed() {
    let stack = Stack::start().await;
    let scope = ["integration", "scope", "set", "sim-pd"];
    let set = stack.im.json(&[&scope[..], &["--min-severity", "SEV-2"]].concat()).await.unwrap();
    assert_eq!(set["min_severity"], "SEV-2");
    let bad = stack.im.run(&[&scope[..], &["--expression", "severity =="]].concat()).await.unwrap();
    assert!(String::from_utf8_lossy(&bad.stderr).contains("scope.expression"));
    stack.act(
        json!({"action": "trigger", "title": "minor", "service": "P123ABC", "urgency": "low"}),
    );
    let left_out = eventually("it is left out", Duration::from_secs(10), || async {
        let found = stack.im.json(&["integration", "ignored", "sim-pd"]).await;
        let found = found.map_err(|error| error.to_string())?;
        let reasons = found.as_array().cloned().unwrap_or_default();
        let outside = |one: &&Value| one["reason"].as_str().is_some_and(|it| it.contains("scope"));
        reasons.iter().find(outside).cloned().ok_or_else(|| found.to_string())
    })
    .await;
    assert_eq!(
        (&left_out["count"], left_out["examples"].as_array().map(Vec::len)),
        (&json!(1), Some(1))
    );
    assert!(left_out["reason"].as_str().unwrap().contains("severity SEV-3 is below SEV-2"));

    stack.im.json(&["integration", "scope", "clear", "sim-pd"]).await.unwrap();
    let made = stack.act(
        json!({"action": "trigger", "title": "minor too", "service": "P123ABC", "urgency": "low"}),
    );
    stack.incident_of(made["id"].as_str().unwrap(), "it takes part", |_| true).await;
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_is_parted_and_joined_by_hand() {
    let stack = Stack::start().await;
    let (id, record) = changed(&stack).await;
    let link = link_of(&stack, &id).await;
    assert_eq!(link["state"], "in-step", "{link}");
    let link = link["id"].as_str().unwrap();
    let parted = stack.im.json(&["links", "unlink", link]).await.unwrap();
    assert_eq!(parted["link"]["state"], "unlinked");
    stack.im.json(&["incident", "update", &id, "--title", "C"]).await.unwrap();
    stack.act(json!({"action": "acknowledge", "incident": record}));
    stack.at_rest().await;
    stack.record(&record, "it follows no more", |record| record["title"] == "B").await;
    let here = stack.im.json(&["incident", "get", &id]).await.unwrap();
    assert_eq!(here["status"], "open", "neither way");

    let join = ["links", "link", &id, "--integration", "sim-pd", "--record", &record];
    let joined = stack.im.json(&join).await.unwrap();
    assert_eq!(joined["link"]["record"], record.as_str());
    eventually("both sides agree again", Duration::from_secs(10), || async {
        let link = link_of(&stack, &id).await;
        if link["state"] == "in-step" { Ok(()) } else { Err(link) }
    })
    .await;
    let there = stack.record(&record, "as it is", |_| true).await;
    let here = stack.im.json(&["incident", "get", &id]).await.unwrap();
    assert_eq!(here["title"], there["title"]);
    let again = stack.im.json(&["links", "resync", link, "--read"]).await.unwrap();
    assert_eq!(again["pending"], false);
    stack.at_rest().await;
    let taken = stack.im.run(&join).await.unwrap();
    assert!(
        matches!(taken.status.code(), Some(0 | 4)),
        "{}",
        String::from_utf8_lossy(&taken.stderr)
    );
    let nobody = stack.im.run(&["links", "unlink", "lnk_1"]).await.unwrap();
    assert_eq!(nobody.status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_acts_is_the_author_on_both_sides() {
    const DANA: &str = "dana.whitlock@example.com";
    let stack = Stack::start().await;
    let (id, record) = changed(&stack).await;
    let before = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);
    let words = ["incident", "update", &id, "--status", "mitigated", "--as", DANA];
    stack.im.json(&[&words[..], &["--label", "team=pay"]].concat()).await.unwrap();
    stack.record(&record, "acknowledged", |record| record["status"] == "acknowledged").await;
    stack.at_rest().await;
    let calls = stack.pagerduty.calls(before);
    let put = calls.iter().find(|call| call.method == "PUT").unwrap();
    assert_eq!(put.from.as_deref(), Some(DANA));
    let told = stack.im.json(&["explain", &id, "label.team"]).await.unwrap();
    let story = &told["fields"][0];
    assert_eq!((&story["value"], &story["author"]), (&json!("pay"), &json!(DANA)), "{story}");
    let removed = ["incident", "update", &id, "--remove-label", "team"];
    assert_eq!(stack.im.json(&removed).await.unwrap()["labels"], json!({}));
    let refused = stack.im.run(&["incident", "update", &id, "--title", "x", "--as", "dana"]).await;
    let said = String::from_utf8_lossy(&refused.unwrap().stderr).into_owned();
    assert!(said.contains("x-actor: must be an email address"), "{said}");
}
