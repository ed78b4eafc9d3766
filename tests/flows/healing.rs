//! What nobody told: webhooks switched off, titles without a webhook, a broker without its disk, an
//! account that nothing is sent to.

pub(crate) mod agree;
mod inbound;
mod subscribed;
mod switched;
mod wiped;

use std::time::Duration;

use serde_json::{Value, json};
use tandem_pagerduty_sim::{Effect, ErrorBody, RestFault};
use tandem_tests::{Healing, Options, Stack, eventually};

use self::agree::{agree, announced, log, records, settled_in, split_seconds};

/// A stack whose healer is always at work.
async fn healing() -> Stack {
    Stack::start_with(Options { healing: Healing::ALWAYS, ..Options::default() }).await
}

/// Calls to paths that begin so fail, if they are of this method.
fn refuse(stack: &Stack, method: &str, path_prefix: &str, status: u16) {
    let effect = Effect::Error { status, body: ErrorBody::Json, applied: false };
    let (method, path_prefix) = (Some(method.to_owned()), Some(path_prefix.to_owned()));
    let fault = RestFault { next: None, probability: None, method, path_prefix, effect };
    stack.pagerduty.turn(|knobs| knobs.rest.push(fault));
}

/// Has the simulator's own door do something.
async fn stage(stack: &Stack, path: &str) -> Value {
    let url = format!("{}/_sim/{path}", stack.pagerduty.url);
    let answer = stack.http.post(url).send().await.unwrap().error_for_status().unwrap();
    answer.json().await.unwrap()
}

/// The one subscription, as PagerDuty shows it.
async fn subscription(stack: &Stack) -> Value {
    let url = format!("{}/_sim/subscriptions", stack.pagerduty.url);
    let answer: Value = stack.http.get(url).send().await.unwrap().json().await.unwrap();
    answer["subscriptions"][0]["subscription"].clone()
}

async fn status(stack: &Stack) -> Value {
    stack.im.json(&["integration", "sync-status", "sim-pd"]).await.unwrap()
}

/// Has PagerDuty switch the subscription off, as it does after three webhooks that are refused; it
/// cannot be switched on again until `knobs.rest` is cleared.
async fn switch_off(stack: &Stack) {
    refuse(stack, "POST", "/webhook_subscriptions", 503);
    let id = subscription(stack).await["id"].as_str().unwrap().to_owned();
    // Signed with a secret that nobody here holds.
    stage(stack, &format!("subscriptions/{id}/rotate")).await;
    stage(stack, &format!("subscriptions/{id}/retire")).await;
    for title in ["refused 1", "refused 2", "refused 3"] {
        stack.act(json!({"action": "trigger", "title": title, "urgency": "low"}));
    }
    eventually("it is switched off", Duration::from_secs(20), || async {
        let shown = subscription(stack).await;
        let off = shown["delivery_method"]["temporarily_disabled"] == true;
        if off { Ok(()) } else { Err(shown) }
    })
    .await;
    let secrets: Value = {
        let url = format!("{}/_sim/subscriptions", stack.pagerduty.url);
        stack.http.get(url).send().await.unwrap().json().await.unwrap()
    };
    let secret = secrets["subscriptions"][0]["secrets"][0].as_str().unwrap();
    let words = ["integration", "configure", "sim-pd", "--signing-secret-file", "-"];
    stack.im.json_fed(&words, secret).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_changes_while_webhooks_are_off_are_all_found_and_told() {
    let stack = healing().await;
    let known: Vec<_> = records(&stack, "known", 8).await;
    settled_in(&stack).await;
    switch_off(&stack).await;
    let changes = play(&stack, &known);
    assert!(changes >= 200, "{changes}");
    stack.pagerduty.turn(|knobs| knobs.rest.clear());
    eventually("it is switched on again", Duration::from_secs(30), || async {
        let shown = subscription(&stack).await;
        let off = shown["delivery_method"]["temporarily_disabled"] == true;
        if off { Err(shown) } else { Ok(()) }
    })
    .await;
    agree(&stack).await;
    let expected = announced(&stack, &known).await;
    let told = eventually("all of it is counted", Duration::from_secs(30), || async {
        let told = status(&stack).await;
        if told["never_told"]["count"] == expected { Ok(told) } else { Err((expected, told)) }
    })
    .await;
    assert!(split_seconds(&log(&stack).await) > 0, "pages end within a second");
    let table = stack.im.run(&["integration", "sync-status", "sim-pd"]).await.unwrap();
    let said = String::from_utf8_lossy(&table.stdout);
    assert!(said.contains(&format!("{expected} in 7 days, half made good within")), "{said}");
    let (median, worst) = (&told["never_told"]["median_s"], &told["never_told"]["worst_s"]);
    assert!(median.as_i64().unwrap() <= worst.as_i64().unwrap(), "{told}");
    assert!(worst.as_i64().unwrap() < 120, "{told}");
    let told = eventually("the subscription shows", Duration::from_secs(20), || async {
        let told = status(&stack).await;
        let on = told["subscription"]["sending"] == "on";
        if on && told["subscription"]["enabled_time"].is_string() { Ok(told) } else { Err(told) }
    })
    .await;
    assert_eq!(told["subscription"]["on"], 1);
    stack.at_rest().await;
    let doubled = "select count(*) from (
        select record from links where record is not null group by record having count(*) > 1
    ) as twice";
    assert_eq!(stack.count(doubled).await, 0);
}

/// Changes of all kinds, as fast as they can be made: many in one second, over several pages.
fn play(stack: &Stack, known: &[String]) -> usize {
    let mut changes = 0;
    let mut act = |action: Value| {
        stack.act(action);
        changes += 1;
    };
    for round in 0..3 {
        for record in known {
            act(json!({"action": "acknowledge", "incident": record}));
            act(json!({"action": "annotate", "incident": record, "content": format!("n{round}")}));
            act(json!({"action": "set_priority", "incident": record, "priority": "P1"}));
            act(json!({"action": "unacknowledge", "incident": record}));
            let users = ["dana.whitlock@example.com", "tomas.ilves@example.com"];
            let user = users[round % 2];
            act(json!({"action": "reassign", "incident": record, "assignees": [user]}));
            act(json!({"action": "set_priority", "incident": record, "priority": "P3"}));
            act(json!({"action": "resolve", "incident": record}));
            act(json!({"action": "reopen", "incident": record}));
            let title = format!("retitled {round}");
            act(json!({"action": "retitle", "incident": record, "title": title}));
        }
    }
    for record in known {
        act(json!({"action": "set_urgency", "incident": record, "urgency": "low"}));
    }
    for (number, last) in [None, Some("acknowledge"), Some("resolve")].iter().enumerate() {
        let title = format!("never told {number}");
        let record = stack.act(json!({"action": "trigger", "title": title}));
        if let Some(action) = last {
            act(json!({"action": action, "incident": record["id"]}));
        }
    }
    changes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_that_changes_only_over_there_arrives_and_costs_two_calls() {
    let stack = healing().await;
    let known = records(&stack, "alarm", 3).await;
    let all = stack.pagerduty.incidents();
    let made = all.iter().filter_map(|it| it["created_at"].as_str()).max().unwrap();
    eventually("all of it was looked through", Duration::from_secs(30), || async {
        let told = status(&stack).await;
        let healing = &told["healing"];
        let reached = healing["reach_time"].as_str().unwrap_or_default();
        let through = reached.get(..19) > made.get(..19);
        if through && healing["swept_time"].is_string() { Ok(()) } else { Err(told) }
    })
    .await;
    stack.at_rest().await;
    let from = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);
    let title = json!({"action": "retitle", "incident": known[1], "title": "only over there"});
    stack.act(title);
    let is_there = |it: &Value| it["title"] == "only over there";
    stack.incident_of(&known[1], "the title arrives", is_there).await;
    let calls = stack.pagerduty.calls(from);
    let read = format!("/incidents/{}", known[1]);
    let reads: Vec<_> = calls.iter().filter(|call| call.path.starts_with("/incidents/")).collect();
    assert!(reads.iter().all(|call| call.path == read), "{reads:#?}");
    assert_eq!(reads.len(), 1, "{reads:#?}");
    let told = status(&stack).await;
    assert_eq!(
        (&told["healing"]["open_records"], &told["healing"]["sweep_calls"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(told["never_told"]["count"], 0, "there is no webhook for a title");
    assert!(told["freshness"]["worst_s"].as_i64().unwrap() < 30, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_record_that_cannot_be_read_holds_up_no_other_and_is_not_forgotten() {
    let mut stack = healing().await;
    let known = records(&stack, "alarm", 3).await;
    stack.pagerduty.turn(|knobs| knobs.webhooks.drop = true);
    refuse(&stack, "GET", &format!("/incidents/{}", known[0]), 500);
    for record in &known {
        stack.act(json!({"action": "acknowledge", "incident": record}));
    }
    let mitigated = |it: &Value| it["status"] == "mitigated";
    stack.incident_of(&known[2], "the others arrive", mitigated).await;
    eventually("it is owed", Duration::from_secs(30), || async {
        match stack.count("select jsonb_array_length(owed)::bigint from healing").await {
            1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    // Whoever follows knows what is owed.
    tokio::task::block_in_place(|| {
        stack.egress.kill9().unwrap();
        stack.egress.resume().unwrap();
    });
    stack.pagerduty.turn(|knobs| knobs.rest.clear());
    eventually("it arrives, too", Duration::from_secs(40), || async {
        let all = stack.incidents().await;
        let open = all.iter().filter(|it| !mitigated(it)).count();
        if open == 0 { Ok(()) } else { Err(all) }
    })
    .await;
    eventually("nothing is owed", Duration::from_secs(30), || async {
        match stack.count("select jsonb_array_length(owed)::bigint from healing").await {
            0 => Ok(()),
            other => Err(other),
        }
    })
    .await;
}
