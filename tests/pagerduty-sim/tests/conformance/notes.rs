//! Notes: §3.5, and what their event looks like, §1.4.

use serde_json::{Value, json};

use crate::harness::{BOT, Pd, Receiver, id};

fn path(incident: &Value) -> String {
    format!("/incidents/{}/notes", id(incident))
}

fn note(content: &str) -> Value {
    json!({ "note": { "content": content } })
}

/// §3.5: 200 and the note; §6 (c): its id equals `data.id` of the event.
#[tokio::test]
async fn a_note_is_answered_and_told_under_one_id() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    let incident = pd.create("t").await;
    let reply = pd.call("POST", &path(&incident), note("Impact: 12% of EU cards")).await;
    assert_eq!(reply.status, 200);
    let made = &reply.body["note"];
    assert_eq!((&made["content"], id(&made["user"])), (&json!("Impact: 12% of EU cards"), BOT));
    receiver.wait(2).await;
    let event = &receiver.events()[1];
    assert_eq!(event["event_type"], "incident.annotated");
    assert_eq!(event["data"]["id"], made["id"]);
    assert_eq!(event["data"]["incident"]["id"], incident["id"]);
    assert_eq!(event["data"]["trimmed"], false);
}

/// §3.5: the list is not paged.
#[tokio::test]
async fn all_notes_come_in_one_list() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    for number in 0..30 {
        pd.call("POST", &path(&incident), note(&format!("n{number}"))).await;
    }
    let reply = pd.get(&path(&incident)).await;
    assert_eq!(reply.body["notes"].as_array().expect("a list").len(), 30);
    assert!(reply.body.get("more").is_none());
}

/// §3.2: the text for an empty note.
#[tokio::test]
async fn an_empty_note_is_refused_with_2001() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let reply = pd.call("POST", &path(&incident), note("")).await;
    assert_eq!((reply.status, reply.code()), (400, 2001));
    assert_eq!(reply.errors(), r#"["Content cannot be empty."]"#);
}

/// §3.5 [KB-edit-incidents]: 65,535 bytes and no more.
#[tokio::test]
async fn an_overlong_note_is_refused() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let longest = pd.call("POST", &path(&incident), note(&"x".repeat(65_535))).await;
    let longer = pd.call("POST", &path(&incident), note(&"x".repeat(65_536))).await;
    assert_eq!((longest.status, longer.status), (200, 400));
}

/// §1.4, §2.3: a body stays within 55 KB; `trimmed` says that content was cut; REST has all of it.
#[tokio::test]
async fn a_long_note_is_trimmed_in_the_event_only() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    let incident = pd.create("t").await;
    receiver.wait(1).await;
    for content in ["x".repeat(60_000), "✅\"\n".repeat(12_000)] {
        receiver.clear();
        pd.call("POST", &path(&incident), note(&content)).await;
        let hooks = receiver.wait(1).await;
        let hook = hooks.last().expect("a webhook");
        assert_eq!(hook.event_type(), "incident.annotated");
        assert!(hook.bytes.len() <= 56_320 && hook.bytes.len() > 50_000, "{}", hook.bytes.len());
        let data = hook.event()["data"].clone();
        assert_eq!(data["trimmed"], true);
        assert!(content.starts_with(data["content"].as_str().expect("text")));
        let notes = pd.get(&path(&incident)).await;
        assert_eq!(notes.body["notes"][0]["content"], content);
    }
}

/// §3.5 (since 2025-11) and §1.2: editing 200 and deleting 204, without an event.
#[tokio::test]
async fn notes_are_edited_and_deleted_silently() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    let incident = pd.create("t").await;
    let made = pd.call("POST", &path(&incident), note("first")).await;
    let one = format!("{}/{}", path(&incident), id(&made.body["note"]));
    let edited = pd.call("PUT", &one, note("second")).await;
    assert_eq!((edited.status, &edited.body["note"]["content"]), (200, &json!("second")));
    assert_eq!(pd.call("DELETE", &one, Value::Null).await.status, 204);
    assert_eq!(pd.call("DELETE", &one, Value::Null).await.status, 404);
    pd.settled().await;
    assert_eq!(receiver.types(), ["incident.triggered", "incident.annotated"]);
}

/// §1.7 [C-ALD]: a resolution note of the web app follows as a note with a prefix.
#[tokio::test]
async fn resolving_with_a_note_in_the_app_annotates_with_a_prefix() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    let incident = pd.create("t").await;
    let act = json!({ "action": "resolve", "incident": id(&incident), "content": "rolled back" });
    pd.sim.act(act).expect("done");
    receiver.wait(3).await;
    assert_eq!(receiver.types()[1..], ["incident.resolved", "incident.annotated"]);
    assert_eq!(receiver.events()[2]["data"]["content"], "Resolution Note: rolled back");
}

/// §1.7 (UNVERIFIED): REST `resolution` lands on the log entry, and becomes a note only by knob.
#[tokio::test]
async fn a_rest_resolution_is_a_log_note_unless_told() {
    for annotates in [false, true] {
        let pd = Pd::start().await;
        pd.knobs(json!({ "behaviour": { "resolution_annotates": annotates } })).await;
        let incident = pd.create("t").await;
        let members = json!({ "status": "resolved", "resolution": "rolled back" });
        pd.update(id(&incident), members).await.incident();
        let notes = pd.get(&path(&incident)).await.body["notes"].as_array().expect("a list").len();
        let log = pd.get(&format!("/incidents/{}/log_entries", id(&incident))).await;
        let entries = log.body["log_entries"].as_array().expect("a list");
        let resolve =
            entries.iter().find(|it| it["type"] == "resolve_log_entry").expect("an entry");
        assert_eq!((notes, resolve["note"] == "rolled back"), (usize::from(annotates), !annotates));
    }
}
