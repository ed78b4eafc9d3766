//! Which incident goes with which record: while one is created, once it may be, and when it changes hands.

use std::time::Duration;

use serde_json::json;
use tandem_tests::{Stack, eventually};

use super::{alarm, publish, so_far};

async fn create(stack: &Stack, title: &str, kind: &str) -> String {
    let words = ["incident", "create", "--title", title, "--type", kind];
    let made = stack.im.json(&words).await.unwrap();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_on_a_record_that_is_just_being_created_begins_no_second_incident() {
    let stack = Stack::start().await;
    // The record is there, but nobody hears of it: the answer is cut off, the webhook is lost.
    stack.pagerduty.turn(|knobs| {
        knobs.webhooks.drop_next = 1;
        let cut = json!({"next": 1, "method": "POST", "effect": {"kind": "cut", "applied": true}});
        knobs.rest.push(serde_json::from_value(cut).expect("a fault"));
    });
    let incident = create(&stack, "half known", "infrastructure").await;
    let record = eventually("it is created there", Duration::from_secs(10), || async {
        let all = stack.pagerduty.incidents();
        all.first().map(|it| it["id"].as_str().unwrap().to_owned()).ok_or(all)
    })
    .await;
    let content = "who is on it?";
    stack.act(json!({"action": "annotate", "incident": record, "content": content}));
    let found = stack.incident_of(&record, "it is looked for and joined", |_| true).await;
    assert_eq!(found["id"], *incident);
    stack.at_rest().await;
    assert_eq!(stack.incidents().await.len(), 1, "one incident for one record");
    let noted = "select count(*) from timeline where kind = 'noted' and text = 'who is on it?'";
    assert_eq!(stack.count(noted).await, 1, "the note is there, once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_added_later_creates_what_waited_for_it() {
    let stack = Stack::start().await;
    for number in 0..3 {
        create(&stack, &format!("waits {number}"), "database").await;
    }
    stack.at_rest().await;
    assert_eq!(stack.pagerduty.incidents().len(), 0, "no service is known for the type");
    let words = ["integration", "service-mapping", "add", "sim-pd", "--pd-service", "PL3DG3R"];
    stack.im.json(&[&words[..], &["--incident-type", "database"]].concat()).await.unwrap();
    eventually("they are created", Duration::from_secs(20), || async {
        let all = stack.pagerduty.incidents();
        if all.len() == 3 { Ok(()) } else { Err(all.len()) }
    })
    .await;
    stack.at_rest().await;
    let behind = "select count(*) from links join integrations on integrations.id = integration
                  where levelled < integrations.version";
    assert_eq!(stack.count(behind).await, 0, "all were compared under the new configuration");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_lost_with_the_brokers_disk_is_sent_again_and_added_once() {
    let mut stack = Stack::start().await;
    let (record, incident) = alarm(&stack, "noted").await;
    stack.at_rest().await;
    tokio::task::block_in_place(|| stack.egress.stop()).unwrap();
    stack.im.json(&["note", "add", &incident, "only in Postgres"]).await.unwrap();
    eventually("it is published", Duration::from_secs(5), || async {
        match stack.count("select count(*) from outbox").await {
            0 => Ok(()),
            left => Err(left),
        }
    })
    .await;
    stack.wipe_nats();
    tokio::task::block_in_place(|| stack.egress.resume()).unwrap();
    let noted = |record: &serde_json::Value| record["notes"].as_array().map_or(0, Vec::len);
    stack.record(&record, "the note is added", |it| noted(it) == 1).await;
    stack.at_rest().await;
    let there = stack.record(&record, "it is there", |_| true).await;
    assert_eq!(noted(&there), 1, "added once: {there}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_changes_hands_only_after_it_was_let_go() {
    let stack = Stack::start().await;
    let (record, first) = alarm(&stack, "theirs").await;
    let second = create(&stack, "ours", "nothing mapped").await;
    // The incident has a link that waits for a service; it makes room.
    part(&stack, &second, 1).await;
    let link = json!({"change": "link", "integration": stack.integration, "record": record});
    let edit = so_far(&stack) + 1000;
    publish(&stack, &second, edit, &link).await;
    effect(&stack, edit, "refused").await;
    part(&stack, &first, 2).await;
    publish(&stack, &second, edit + 1, &link).await;
    effect(&stack, edit + 1, "applied").await;
    stack.at_rest().await;
    let attached: Vec<String> = sqlx::query_scalar(
        "select 'inc_' || replace(incident::text, '-', '') from links
         where record = $1 and not detached",
    )
    .bind(&record)
    .fetch_all(&stack.database)
    .await
    .unwrap();
    assert_eq!(attached, [second]);
    // What happens to it from now on is told there, and to nobody else.
    stack.act(json!({"action": "acknowledge", "incident": record}));
    eventually("the new incident hears of it", Duration::from_secs(10), || async {
        let all = stack.incidents().await;
        let status = |id: &str| all.iter().find(|it| it["id"] == id).map(|it| it["status"].clone());
        let told = (status(&attached[0]), status(&first));
        if told == (Some(json!("mitigated")), Some(json!("open"))) { Ok(()) } else { Err(told) }
    })
    .await;
    stack.at_rest().await;
}

/// Takes an incident's only link apart.
async fn part(stack: &Stack, incident: &str, edit: u64) {
    let link: String = sqlx::query_scalar(
        "select 'lnk_' || replace(id::text, '-', '') from links
         where 'inc_' || replace(incident::text, '-', '') = $1",
    )
    .bind(incident)
    .fetch_one(&stack.database)
    .await
    .unwrap();
    publish(stack, incident, edit, &json!({"change": "unlink", "link": link})).await;
    effect(stack, edit, "applied").await;
}

/// Waits until an edit has had an effect, which must be this one.
async fn effect(stack: &Stack, edit: u64, expected: &str) {
    let found: String = eventually("the edit is taken in", Duration::from_secs(10), || async {
        sqlx::query_scalar("select effect from inbox where delivery = $1")
            .bind(format!("edt_{edit:032x}"))
            .fetch_optional(&stack.database)
            .await
            .map_err(|error| error.to_string())?
            .ok_or_else(|| "not yet".to_owned())
    })
    .await;
    assert_eq!(found, expected);
}
