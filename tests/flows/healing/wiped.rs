//! A broker that loses its disk while both sides change.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::eventually;

use super::{
    agree::{agree, records},
    healing,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_its_disk_under_load_is_made_good_on_both_sides() {
    let mut stack = healing().await;
    let known = records(&stack, "alarm", 4).await;
    let mut ours = Vec::new();
    for incident in stack.incidents().await {
        ours.push(incident["id"].as_str().unwrap().to_owned());
    }
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
        let words = ["incident", "update", &ours[1], "--title", "changed here meanwhile"];
        stack.im.json(&words).await.map_err(|error| error.to_string())
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
