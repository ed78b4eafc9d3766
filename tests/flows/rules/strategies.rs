//! Two people edit the title on both sides before either side has heard of the other.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually, stays};

use super::{alarm, publish, rules, so_far, writes};

/// An incident whose title was changed on both sides; gives the ids, and the last call before.
async fn both_moved(stack: &Stack) -> (String, String, u64) {
    let (record, incident) = alarm(stack, "as it was").await;
    stack.at_rest().await;
    let from = so_far(stack);
    // No webhook tells of a title; the one of the acknowledgement shows it, and is held back.
    stack.pagerduty.turn(|knobs| knobs.webhooks.delay_ms = 1000);
    stack.act(json!({"action": "retitle", "incident": record, "title": "by them"}));
    stack.act(json!({"action": "acknowledge", "incident": record}));
    stack.im.json(&["incident", "update", &incident, "--title", "by us"]).await.unwrap();
    stack.pagerduty.turn(|knobs| knobs.webhooks.delay_ms = 0);
    (record, incident, from)
}

async fn strategy(stack: &Stack, strategy: &str) {
    let words = ["integration", "configure", "sim-pd", "--conflict-strategy", strategy];
    stack.im.json(&words).await.unwrap();
}

async fn owner(stack: &Stack, owner: &str) {
    let words = ["integration", "field-ownership", "set", "sim-pd", "title", "--owner", owner];
    stack.im.json(&[&words[..], &["--priority", "1"]].concat()).await.unwrap();
}

/// Both sides hold a title in the end, after so many writes.
async fn ends(stack: &Stack, both: &(String, String, u64), title: &str, written: usize) {
    let (record, incident, from) = both;
    stack.record(record, "the title there", |it| it["title"] == title).await;
    stack.incident_of(record, "the title here", |it| it["title"] == title).await;
    stack.at_rest().await;
    let here = stack.incident_of(record, "it stayed", |_| true).await;
    assert_eq!(here["title"], title);
    assert_eq!(here["status"], "mitigated", "the held back webhook was heard");
    assert_eq!(writes(stack, *from), written, "writes");
    assert!(!rules(stack, incident, "title").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_wins_a_title_that_both_sides_changed() {
    let stack = Stack::start().await;
    strategy(&stack, "ownership-priority").await;
    let both = both_moved(&stack).await;
    ends(&stack, &both, "by us", 1).await;
    assert!(rules(&stack, &both.1, "title").await.contains(&"owner_wins".to_owned()));

    owner(&stack, "external").await;
    let both = both_moved(&stack).await;
    ends(&stack, &both, "by them", 0).await;
    assert!(rules(&stack, &both.1, "title").await.contains(&"owner_wins".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_tell_who_was_later_the_owner_wins() {
    let stack = Stack::start().await;
    strategy(&stack, "last-write-wins").await;
    // Nothing tells when a title was changed over there, only that it was, by now.
    let both = both_moved(&stack).await;
    ends(&stack, &both, "by us", 1).await;
    owner(&stack, "external").await;
    let both = both_moved(&stack).await;
    ends(&stack, &both, "by them", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_review_both_titles_stay_until_somebody_decides() {
    let stack = Stack::start().await;
    strategy(&stack, "manual-review").await;
    for (choice, ending) in [
        (json!({"choice": "platform"}), "by us"),
        (json!({"choice": "external"}), "by them"),
        (json!({"choice": "value", "value": "by both"}), "by both"),
    ] {
        let (record, incident, from) = both_moved(&stack).await;
        let conflict = open_conflict(&stack, &incident).await;
        stack.at_rest().await;
        let titles = || async {
            let here = stack.incident_of(&record, "it is there", |_| true).await;
            let there = stack.record(&record, "it is there", |_| true).await;
            (here["title"].clone(), there["title"].clone())
        };
        assert_eq!(titles().await, (json!("by us"), json!("by them")));
        stays("both titles", Duration::from_millis(500), titles).await;
        assert_eq!(writes(&stack, from), 0, "nothing is written while it is open");

        let mut change = json!({"change": "resolve", "conflict": conflict});
        for (name, value) in choice.as_object().unwrap() {
            change[name] = value.clone();
        }
        publish(&stack, &incident, so_far(&stack) + 1, &change).await;
        let wanted = usize::from(ending != "by them");
        ends(&stack, &(record, incident.clone(), from), ending, wanted).await;
        let open = "select count(*) from conflicts where standing = 'open'";
        assert_eq!(stack.count(open).await, 0, "it is decided");
        let settled = rules(&stack, &incident, "title").await;
        assert_eq!(settled.last().map(String::as_str), Some("resolved"), "{settled:?}");
    }
}

async fn open_conflict(stack: &Stack, incident: &str) -> Value {
    eventually("a conflict is open", Duration::from_secs(10), || async {
        let found: Option<String> = sqlx::query_scalar(
            "select 'cfl_' || replace(id::text, '-', '') from conflicts
             where standing = 'open' and 'inc_' || replace(incident::text, '-', '') = $1",
        )
        .bind(incident)
        .fetch_optional(&stack.database)
        .await
        .map_err(|error| error.to_string())?;
        found.map(Value::String).ok_or_else(|| "none".to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn sev_1_stays_sev_1_through_any_number_of_high_urgency_webhooks() {
    let stack = Stack::start().await;
    let words = ["incident", "create", "--title", "All down", "--severity", "SEV-1"];
    let made = stack.im.json(&[&words[..], &["--type", "infrastructure"]].concat()).await.unwrap();
    let id = made["id"].as_str().unwrap();
    let record = eventually("it is created there", Duration::from_secs(10), || async {
        let all = stack.pagerduty.incidents();
        all.first().map(|it| it["id"].as_str().unwrap().to_owned()).ok_or(all)
    })
    .await;
    stack.at_rest().await;
    let from = so_far(&stack);
    for _ in 0..5 {
        for action in ["acknowledge", "unacknowledge"] {
            stack.act(json!({"action": action, "incident": record}));
        }
        stack.act(json!({"action": "set_urgency", "incident": record, "urgency": "high"}));
    }
    stack.act(json!({"action": "acknowledge", "incident": record}));
    stack.incident_of(&record, "the last is heard", |it| it["status"] == "mitigated").await;
    stack.at_rest().await;
    let here = stack.incident_of(&record, "it is there", |_| true).await;
    assert_eq!(here["severity"], "SEV-1");
    assert_eq!(rules(&stack, id, "severity").await, ["created"], "nobody touched it");
    assert_eq!(writes(&stack, from), 0, "nothing was written back");
}
