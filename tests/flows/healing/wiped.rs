//! A broker that loses its disk while both sides change.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

use super::{
    agree::{agree, records},
    healing,
};

async fn ids(stack: &Stack) -> Vec<String> {
    let all = stack.incidents().await.into_iter();
    all.map(|incident| incident["id"].as_str().unwrap().to_owned()).collect()
}

async fn update(stack: &Stack, incident: &str, title: &str) -> Result<Value, String> {
    let words = ["incident", "update", incident, "--title", title];
    stack.im.json(&words).await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_its_disk_under_load_is_made_good_on_both_sides() {
    let mut stack = healing().await;
    let known = records(&stack, "alarm", 4).await;
    let ours = ids(&stack).await;
    // Edits are ordered by their places in the stream, and that of this one is lost.
    update(&stack, &ours[1], "changed here before").await.unwrap();
    stack.at_rest().await;
    // Nothing takes events in, so what PagerDuty was told 202 for lies in the stream only.
    tokio::task::block_in_place(|| stack.reconciler.stop()).unwrap();
    for (number, record) in known.iter().enumerate() {
        stack.act(
            json!({"action": "annotate", "incident": record, "content": format!("n{number}")}),
        );
        stack.act(json!({"action": "acknowledge", "incident": record}));
    }
    stack.act(json!({"action": "trigger", "title": "told and lost"}));
    stack.act(json!({"action": "resolve", "incident": known[0]}));
    eventually("all of it was accepted", Duration::from_secs(20), || async {
        match stack.pagerduty.pending() {
            0 => Ok(()),
            pending => Err(pending),
        }
    })
    .await;
    stack.wipe_nats();
    tokio::task::block_in_place(|| stack.reconciler.resume()).unwrap();
    eventually("edits are taken again", Duration::from_secs(30), || async {
        update(&stack, &ours[1], "changed here meanwhile").await
    })
    .await;
    agree(&stack).await;
    stack.at_rest().await;
    agree(&stack).await;
    let told = |title: &str| {
        let all = stack.pagerduty.incidents();
        all.iter().filter(|record| record["title"] == title).count()
    };
    assert_eq!((told("told and lost"), told("changed here meanwhile")), (1, 1));
    let all = stack.incidents().await;
    let once = |incident: &&Value| incident["title"] == "told and lost";
    assert_eq!(all.iter().filter(once).count(), 1, "{all:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_its_way_out_when_the_disk_was_lost_goes_out_once() {
    let mut stack = healing().await;
    let known = records(&stack, "alarm", 3).await;
    let ours = ids(&stack).await;
    // Nobody carries anything out, so what was decided lies in the stream only.
    tokio::task::block_in_place(|| stack.egress.stop()).unwrap();
    for incident in &ours {
        update(&stack, incident, &format!("sent and lost {incident}")).await.unwrap();
        stack.im.json(&["note", "add", incident, "written and lost"]).await.unwrap();
    }
    eventually("all of it was sent", Duration::from_secs(20), || async {
        let unsent = "select (select count(*) from outbox)
            + (select count(*) from desired where published < version)";
        match stack.count(unsent).await {
            0 => Ok(()),
            unsent => Err(unsent),
        }
    })
    .await;
    stack.wipe_nats();
    tokio::task::block_in_place(|| stack.egress.resume()).unwrap();
    agree(&stack).await;
    stack.at_rest().await;
    agree(&stack).await;
    let all = stack.pagerduty.incidents();
    assert_eq!(all.len(), known.len(), "{all:#?}");
    let lost = |record: &&Value| record["title"].as_str().unwrap().starts_with("sent and lost");
    assert_eq!(all.iter().filter(lost).count(), known.len(), "{all:#?}");
    for record in &all {
        let notes = record["notes"].as_array().unwrap();
        assert_eq!(notes.len(), 1, "{record:#?}");
    }
}
