//! What could not be handled: listed with its cause, sent again once that is mended, edited, many at a time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

use crate::size::{busiest_minute, setting};

/// Longer than the simulator takes it here, shorter than the platform's limit.
const LONG: &str = "a title that is longer than the other side is willing to take";

/// The open letters, once there are so many.
async fn open(stack: &Stack, count: usize) -> Vec<Value> {
    // Each was called for in its turn.
    let within =
        Duration::from_secs(15) + Duration::from_millis(200) * u32::try_from(count).unwrap();
    eventually("the letters are listed", within, || async {
        let listed = stack.im.json(&["integration", "dlq", "sim-pd", "--limit", "2000"]).await;
        let listed = listed.map_err(|error| vec![json!(error.to_string())])?;
        let all = listed.as_array().cloned().unwrap_or_default();
        if all.len() == count { Ok(all) } else { Err(all.into_iter().take(20).collect::<Vec<_>>()) }
    })
    .await
}

/// One letter, whole.
async fn letter(stack: &Stack, id: &Value) -> Value {
    stack.im.json(&["dlq", "show", id.as_str().unwrap()]).await.unwrap()
}

/// A record that is linked; gives its id and that of its incident.
async fn linked(stack: &Stack) -> (String, String) {
    let made = stack.act(json!({"action": "trigger", "title": "first"}));
    let record = made["id"].as_str().unwrap().to_owned();
    let incident = stack.incident_of(&record, "it arrives", |_| true).await;
    stack.at_rest().await;
    (record, incident["id"].as_str().unwrap().to_owned())
}

/// A record whose title was refused for good; gives its id and that of its incident.
async fn refused(stack: &Stack) -> (String, String) {
    let (record, incident) = linked(stack).await;
    stack.pagerduty.turn(|knobs| knobs.behaviour.max_title = 20);
    stack.im.json(&["incident", "update", &incident, "--title", LONG]).await.unwrap();
    (record, incident)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_is_listed_with_its_cause_and_gone_once_it_is_mended_and_replayed() {
    let stack = Stack::start().await;
    let (record, _) = refused(&stack).await;
    let first = open(&stack, 1).await.remove(0);
    assert_eq!((&first["direction"], &first["state"]), (&json!("out"), &json!("open")));
    assert!(first["cause"].as_str().unwrap().contains("400"), "{first}");
    assert!(first["group"].as_str().unwrap().starts_with("pagerduty "), "{first}");
    let whole = letter(&stack, &first["id"]).await;
    assert_eq!(whole["original"]["want"]["title"]["value"], LONG);
    assert_eq!(
        (&whole["request"]["method"], &whole["answer"]["status"]),
        (&json!("PUT"), &json!(400))
    );
    assert!(!whole.to_string().contains("Token"), "no credentials: {whole}");
    let table = stack.im.run(&["integration", "dlq", "sim-pd"]).await.unwrap();
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    for word in ["CAUSE", "GROUP", "LINK", "STATE", first["id"].as_str().unwrap()] {
        assert!(table.contains(word), "{word} in {table}");
    }

    // Sent again while nothing is mended, it comes back.
    let id = first["id"].as_str().unwrap();
    stack.im.json(&["dlq", "replay", id]).await.unwrap();
    let second = eventually("it comes back", Duration::from_secs(10), || async {
        let all = open(&stack, 1).await;
        if all[0]["id"] == first["id"] { Err(all) } else { Ok(all[0].clone()) }
    })
    .await;
    assert_eq!(letter(&stack, &second["id"]).await["follows"], first["id"]);

    stack.pagerduty.turn(|knobs| knobs.behaviour.max_title = 1024);
    let replayed = stack.im.json(&["dlq", "replay", second["id"].as_str().unwrap()]).await.unwrap();
    assert_eq!(replayed["dead_letter"]["state"], "replayed");
    stack.record(&record, "the title is there", |record| record["title"] == LONG).await;
    open(&stack, 0).await;
    stack.at_rest().await;
    let done = "select count(*) from admin_audit where action = 'dead_letter.replay'";
    assert_eq!(stack.count(done).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_change_that_gets_through_supersedes_the_letter_by_itself() {
    let stack = Stack::start().await;
    let (record, incident) = refused(&stack).await;
    let first = open(&stack, 1).await.remove(0);
    stack.im.json(&["incident", "update", &incident, "--title", "short"]).await.unwrap();
    stack.record(&record, "the new title", |record| record["title"] == "short").await;
    open(&stack, 0).await;
    assert_eq!(letter(&stack, &first["id"]).await["state"], "superseded");
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_change_is_checked_shown_and_sent_and_both_sides_agree_on_it() {
    let stack = Stack::start().await;
    let (record, _) = refused(&stack).await;
    let id = open(&stack, 1).await.remove(0)["id"].as_str().unwrap().to_owned();
    let wrong = stack.im.run(&["dlq", "edit", &id, "--set", "version=99"]).await.unwrap();
    assert_eq!(wrong.status.code(), Some(64));
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(told.contains("edited.version: must stay"), "{told}");

    let edit = ["dlq", "edit", &id, "--set", "want.title.value=shorter"];
    let shown = stack.im.json(&[&edit[..], &["--dry-run"]].concat()).await.unwrap();
    let calls = shown["preview"]["calls"].as_array().unwrap();
    let put = calls.iter().find(|call| call["method"] == "PUT").expect("a write");
    assert_eq!(put["body"]["incident"]["title"], "shorter");
    assert_eq!(shown["dead_letter"]["state"], "open");

    stack.im.json(&edit).await.unwrap();
    stack.record(&record, "the edited title", |record| record["title"] == "shorter").await;
    stack.incident_of(&record, "ours too", |incident| incident["title"] == "shorter").await;
    open(&stack, 0).await;
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_event_is_set_aside_edited_and_then_applied_once() {
    let stack = Stack::start().await;
    stack.pagerduty.turn(|knobs| knobs.webhooks.drop_next = 1);
    let made = stack.act(json!({"action": "trigger", "title": "unheard of", "service": "P123ABC"}));
    let record = made["id"].as_str().unwrap();
    let event = json!({
        "kind": "observation", "integration": stack.integration, "delivery": "poison",
        "event": "poison", "event_type": "incident.triggered",
        "occurred_at": made["created_at"], "arrived": made["created_at"], "record": record,
        "snapshot": {
            "record": record, "created_at": made["created_at"],
            "service": { "value": "P123ABC" },
            "fields": {
                "title": { "value": "unheard\u{0}of" }, "status": { "value": "triggered" },
                "severity": { "value": "high" },
            },
        },
    });
    let client = async_nats::connect(stack.nats.url()).await.unwrap();
    let subject = format!("tandem.in.pagerduty.{}.{record}", stack.integration);
    client.publish(subject, event.to_string().into()).await.unwrap();
    client.flush().await.unwrap();

    let letter = open(&stack, 1).await.remove(0);
    assert_eq!((&letter["direction"], &letter["kind"]), (&json!("in"), &json!("event")));
    let id = letter["id"].as_str().unwrap();
    let bad = stack.im.run(&["dlq", "edit", id, "--set", "remark=1"]).await.unwrap();
    let told = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(told.contains("edited.remark"), "{told}");

    let title = "snapshot.fields.title.value=unheard of";
    stack.im.json(&["dlq", "edit", id, "--set", title]).await.unwrap();
    stack.incident_of(record, "it is applied", |found| found["title"] == "unheard of").await;
    open(&stack, 0).await;
    stack.at_rest().await;
    let taken = "select count(*) from inbox where delivery = 'poison' and effect = 'applied'";
    assert_eq!(stack.count(taken).await, 1);
    assert_eq!(stack.count("select count(*) from incidents").await, 1);
}

/// How many are replayed unless `TANDEM_LETTERS` says otherwise.
const LETTERS: u64 = 15;

#[tokio::test(flavor = "multi_thread")]
async fn many_are_replayed_in_order_with_progress_to_see() {
    let letters = setting("TANDEM_LETTERS", LETTERS);
    let stack = Stack::start().await;
    let (record, incident) = linked(&stack).await;
    let path = format!("/incidents/{record}/notes");
    stack.pagerduty.turn(|knobs| {
        let effect = json!({"kind": "error", "status": 400, "applied": false});
        let fault = json!({"method": "POST", "path_prefix": path, "effect": effect});
        knobs.rest.push(serde_json::from_value(fault).expect("a rule"));
    });
    for number in 0..letters {
        stack.im.json(&["note", "add", &incident, &format!("note {number}")]).await.unwrap();
    }
    let all = open(&stack, letters).await;
    let causes = stack.im.json(&["dlq", "causes", "--integration", "sim-pd"]).await.unwrap();
    assert_eq!((causes.as_array().unwrap().len(), &causes[0]["count"]), (1, &json!(letters)));

    // One that is refused again within moments is a letter again.
    let oldest = all.last().unwrap()["id"].as_str().unwrap();
    stack.im.json(&["dlq", "replay", oldest]).await.unwrap();
    eventually("it comes back", Duration::from_mins(1), || async {
        let all = open(&stack, letters).await;
        if letter(&stack, &all[0]["id"]).await["follows"] == oldest { Ok(()) } else { Err(all) }
    })
    .await;

    stack.pagerduty.turn(|knobs| knobs.rest.clear());
    let from = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);
    let many = ["dlq", "replay", "--integration", "sim-pd", "--direction", "out", "--no-wait"];
    let begun = stack.im.json(&many).await.unwrap();
    assert_eq!(begun["total"], letters);
    let id = begun["id"].as_str().unwrap();
    let seen = watch(&stack, id, letters).await;
    let done = stack.im.json(&["dlq", "progress", id]).await.unwrap();
    assert_eq!((&done["sent"], &done["failed"]), (&json!(letters), &json!(0)));
    // Half of the 900 calls a minute that the integration may make, and a moment's grace.
    let rate = done["rate_per_minute"].as_f64().unwrap();
    assert!(rate > 0.0 && rate < 500.0, "{done}");
    let posted = eventually("all are there", Duration::from_mins(1), || async {
        let calls = stack.pagerduty.calls(from);
        let posts = calls.iter().filter(|call| call.method == "POST" && call.path == path);
        let posts: Vec<Value> = posts.map(|call| call.body["note"]["content"].clone()).collect();
        if posts.len() == letters { Ok(posts) } else { Err(posts.len()) }
    })
    .await;
    // The first one failed once more, and so came last.
    let expected = (1..letters).chain([0]).map(|number| json!(format!("note {number}")));
    assert_eq!(posted, expected.collect::<Vec<_>>());
    let busiest = busiest_minute(&stack.pagerduty.calls(0));
    eprintln!(
        "{letters} letters replayed at {rate} a minute, seen at {} different numbers on the way; \
         at most {busiest} calls in any 60 s",
        seen.len()
    );
    assert!(busiest <= 900, "{busiest} in a minute");
    open(&stack, 0).await;
    stack.at_rest().await;
}

/// Watches a replay to its end; gives the numbers it was seen at before.
async fn watch(stack: &Stack, replay: &str, letters: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    let within =
        Duration::from_secs(20) + Duration::from_millis(300) * u32::try_from(letters).unwrap();
    let deadline = Instant::now() + within;
    loop {
        let now = stack.im.json(&["dlq", "progress", replay]).await.unwrap();
        if !now["finish_time"].is_null() {
            break;
        }
        let done = now["done"].as_u64().unwrap();
        if done > 0 && seen.last() != Some(&done) {
            seen.push(done);
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {now}");
    }
    assert!(!seen.is_empty() && seen.is_sorted(), "it is seen under way: {seen:?}");
    seen
}
