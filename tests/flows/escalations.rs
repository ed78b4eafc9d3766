//! Bringing people in, both ways: asked for here, told there, and said once.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

/// A stack that carries escalations, with an incident that is linked: its id, and its record's.
async fn carrying() -> (Stack, String, String) {
    let stack = Stack::start().await;
    let words = ["integration", "configure", "sim-pd", "--sync-escalations", "true"];
    stack.im.json(&words).await.unwrap();
    for (mapping, name, id) in [
        ("user-mapping", "Tomas Ilves", "PT0M4S1"),
        ("policy-mapping", "Platform on-call", "PEPPLT2"),
    ] {
        stack.im.json(&["integration", mapping, "set", "sim-pd", name, id]).await.unwrap();
    }
    let made = stack.act(json!({"action": "trigger", "title": "first", "urgency": "high"}));
    let record = made["id"].as_str().unwrap().to_owned();
    let incident = stack.incident_of(&record, "it arrives", |_| true).await;
    stack.at_rest().await;
    (stack, incident["id"].as_str().unwrap().to_owned(), record)
}

/// The lines of the timeline that hold a word.
async fn lines(stack: &Stack, incident: &str, word: &str) -> Vec<String> {
    let timeline = stack.im.json(&["incident", "timeline", incident]).await.unwrap();
    let lines = timeline.as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap());
    lines.filter(|line| line.contains(word)).map(str::to_owned).collect()
}

/// The bodies of the calls with a method whose path ends so.
fn bodies(stack: &Stack, method: &str, path: &str) -> Vec<Value> {
    let calls = stack.pagerduty.calls(0).into_iter();
    let calls = calls.filter(|call| call.method == method && call.path.ends_with(path));
    calls.map(|call| call.body).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escalation_from_here_is_one_call_and_one_line_and_shows_who_has_it_then() {
    let (stack, incident, record) = carrying().await;
    let mut feed = feed(&stack).await;
    let asked = ["incident", "escalate", &incident, "--level", "3", "--as", "ada@acme.test"];
    stack.im.json(&asked).await.unwrap();
    stack.incident_of(&record, "it is handed on", |it| it["assigned_to"] == "Noor Haddad").await;
    stack.at_rest().await;
    let puts = bodies(&stack, "PUT", &record);
    assert_eq!(puts, [json!({"incident": {"type": "incident", "escalation_level": 3}})]);
    let events = stack.pagerduty.deliveries(0).into_iter().map(|attempt| attempt.event_type);
    assert_eq!(events.filter(|event| event == "incident.escalated").count(), 1, "it told so");
    let said = lines(&stack, &incident, "escalated").await;
    assert_eq!(said, ["escalated to level 3 in sim-pd"], "once");
    let explained = stack.im.json(&["explain", &incident, "assigned_to"]).await.unwrap();
    assert!(explained.to_string().contains("ada@acme.test"), "whoever asked did it: {explained}");
    let told = escalations(&mut feed).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["integration"], "sim-pd");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_is_asked_for_once_by_names_and_the_replies_are_seen() {
    let (stack, incident, record) = carrying().await;
    let page = ["incident", "page", &incident, "--message", "please join"];
    let unknown = stack.im.run(&[&page[..], &["--user", "Nobody"]].concat()).await.unwrap();
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(told.contains("user-mapping set sim-pd"), "{told}");
    let both = ["--user", "Tomas Ilves", "--policy", "Platform on-call"];
    stack.im.json(&[&page[..], &both].concat()).await.unwrap();
    stack.at_rest().await;
    let requests = bodies(&stack, "POST", "/responder_requests");
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(
        (&request["requester_id"], &request["message"]),
        (&json!("PB0T5YN"), &json!("please join"))
    );
    let targets = request["responder_request_targets"].as_array().unwrap();
    let ids: Vec<_> = targets.iter().map(|it| &it["responder_request_target"]["id"]).collect();
    assert_eq!(ids, ["PT0M4S1", "PEPPLT2"]);
    let said = lines(&stack, &incident, "asked to respond").await;
    assert_eq!(said, ["Tomas Ilves, Platform on-call were asked to respond: please join"]);

    stack.act(json!({"action": "join", "incident": record, "user": "PT0M4S1"}));
    eventually("the reply is seen", Duration::from_secs(10), || async {
        let said = lines(&stack, &incident, "replied").await;
        if said.len() == 1 { Ok(()) } else { Err(said) }
    })
    .await;
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escalation_from_there_is_a_line_and_is_carried_over_to_the_feed() {
    let (stack, incident, record) = carrying().await;
    let mut feed = feed(&stack).await;
    stack.act(json!({"action": "escalate", "incident": record, "level": 3}));
    stack.incident_of(&record, "it is handed on", |it| it["assigned_to"] == "Noor Haddad").await;
    stack.at_rest().await;
    assert_eq!(lines(&stack, &incident, "escalated").await, ["escalated to Noor Haddad"]);
    assert_eq!(escalations(&mut feed).await.len(), 1);
    assert_eq!(bodies(&stack, "PUT", &record), Vec::<Value>::new(), "nothing is sent back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_escalated_is_told_on_the_timeline_and_among_the_dead_letters() {
    let (stack, incident, record) = carrying().await;
    let off = ["integration", "configure", "sim-pd", "--sync-escalations", "false"];
    stack.im.json(&off).await.unwrap();
    let escalate = ["incident", "escalate", &incident, "--level", "2"];
    let refused = stack.im.run(&escalate).await.unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("--sync-escalations true"), "{told}");

    let on = ["integration", "configure", "sim-pd", "--sync-escalations", "true"];
    stack.im.json(&on).await.unwrap();
    stack.act(json!({"action": "set_urgency", "incident": record, "urgency": "low"}));
    stack.im.json(&escalate).await.unwrap();
    let letter = eventually("it is a dead letter", Duration::from_secs(15), || async {
        let all = stack.im.json(&["integration", "dlq", "sim-pd"]).await.unwrap();
        all.as_array().and_then(|all| all.first().cloned()).ok_or(all)
    })
    .await;
    assert!(letter["group"].as_str().unwrap().starts_with("pagerduty 1006"), "{letter}");
    eventually("the timeline says so", Duration::from_secs(10), || async {
        let said = lines(&stack, &incident, "escalation failed in sim-pd").await;
        if said.len() == 1 { Ok(()) } else { Err(said) }
    })
    .await;
    let id = letter["id"].as_str().unwrap();
    stack.act(json!({"action": "set_urgency", "incident": record, "urgency": "high"}));
    stack.im.json(&["dlq", "replay", id]).await.unwrap();
    let tomorrow = |record: &Value| !record["assignments"].to_string().contains("PRY4M2A");
    stack.record(&record, "it is handed on after all", tomorrow).await;
    stack.at_rest().await;
}

type Feed = std::pin::Pin<Box<dyn futures_util::Stream<Item = Value> + Send>>;

async fn feed(stack: &Stack) -> Feed {
    let client = async_nats::connect(stack.nats.url()).await.unwrap();
    let events = client.subscribe("incidents.v1.demo.*.escalated").await.unwrap();
    client.flush().await.unwrap();
    // The client lives as long as its subscription.
    let events = events.map(move |message| {
        let _alive = &client;
        serde_json::from_slice(&message.payload).unwrap()
    });
    Box::pin(events)
}

/// What the feed has told so far.
async fn escalations(feed: &mut Feed) -> Vec<Value> {
    let mut told = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(500), feed.next()).await
    {
        told.push(event);
    }
    told
}
