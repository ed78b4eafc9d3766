//! The other direction: the edit on the platform that brings an event about over there, and the
//! one call it costs.

use serde_json::Value;
use tandem_tests::Stack;

use super::{
    row::{Call, Edit, Row, Told},
    scene::Seen,
    table::{GROUPS, TRIGGERED},
};

/// An incident and its record.
struct Hand<'a> {
    stack: &'a Stack,
    incident: String,
    record: String,
}

impl Hand<'_> {
    /// Makes every edit of a row.
    async fn play(&mut self, row: &Row) {
        for edit in row.edits {
            self.edit(row.told, edit).await;
        }
    }

    async fn edit(&mut self, told: Told, edit: &Edit) {
        let pagerduty = &self.stack.pagerduty;
        for act in edit.first {
            let mut act: Value = serde_json::from_str(act).expect("an act is JSON");
            act["incident"] = self.record.clone().into();
            pagerduty.act(act).expect("PagerDuty takes it");
        }
        self.stack.at_rest().await;
        let (called, delivered) = (pagerduty.calls(0).len(), pagerduty.deliveries(0).len());
        let before = Seen::of(self.stack, &self.record).await;

        let words = edit.words.iter().map(|word| word.replace("{id}", &self.incident));
        let words: Vec<_> = words.collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let answer = self.stack.im.json(&words).await.unwrap();
        self.stack.at_rest().await;
        let begins = self.record.is_empty();
        if begins {
            answer["id"].as_str().unwrap().clone_into(&mut self.incident);
            let incident = self.stack.im.json(&["incident", "get", &self.incident]).await.unwrap();
            incident["links"][0]["record"].as_str().unwrap().clone_into(&mut self.record);
        }

        let calls = pagerduty.calls(called as u64);
        let calls: Vec<_> = calls.iter().filter(|call| call.method != "GET").collect();
        let made: Vec<_> =
            calls.iter().map(|call| format!("{} {}", call.method, call.path)).collect();
        let wanted = edit.call.map(|call| call.request.replace("{id}", &self.record));
        assert_eq!(made, Vec::from_iter(wanted), "{words:?}");
        for (call, made) in edit.call.iter().zip(calls) {
            writes(call, &made.body);
        }
        let events = pagerduty.deliveries(delivered as u64).into_iter();
        let events = events.map(|attempt| attempt.event_type);
        let events: Vec<_> = events.filter(|event| !is_of_the_kept(event, edit)).collect();
        let wanted = match told {
            Told::As(event) | Told::AsUnknown(event) => edit.call.map(|_| event),
            Told::Later(_) => None,
        };
        assert_eq!(events, Vec::from_iter(wanted), "{words:?}");
        if !begins {
            let after = Seen::of(self.stack, &self.record).await;
            assert_eq!(after.revision(), before.revision() + 1, "the edit alone: {after:#?}");
        }
    }
}

/// Whether an event only says that those who have it were named again, so that they keep it.
fn is_of_the_kept(event: &str, edit: &Edit) -> bool {
    let writes = |name| edit.call.is_some_and(|it| it.writes.iter().any(|(it, _)| *it == name));
    event == "incident.reassigned" && writes("assignments")
}

/// Checks that a body writes what it should and nothing else.
fn writes(call: &Call, body: &Value) {
    let members = body.as_object().unwrap();
    // A request for help is the one body without a wrapper.
    let wrapped = members.values().next().filter(|_| members.len() == 1);
    let object = wrapped.unwrap_or(body);
    let written: Vec<_> = object.as_object().unwrap().keys().filter(|key| *key != "type").collect();
    let mut members: Vec<_> = call.writes.iter().map(|(name, _)| name).collect();
    members.sort();
    assert_eq!(written, members, "{body}");
    for (name, value) in call.writes.iter().filter(|(_, value)| !value.is_empty()) {
        assert_eq!(object[name], *value, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_on_the_platform_is_one_call_and_its_event_changes_nothing() {
    let stack = Stack::start().await;
    let carries = ["integration", "configure", "sim-pd", "--sync-escalations", "true"];
    stack.im.json(&carries).await.unwrap();
    let known = ["integration", "user-mapping", "set", "sim-pd", "Tomas Ilves", "PT0M4S1"];
    stack.im.json(&known).await.unwrap();
    let mut begun = 0;
    for group in GROUPS.into_iter().filter(|group| group.iter().any(|row| !row.edits.is_empty())) {
        let mut hand = Hand { stack: &stack, incident: String::new(), record: String::new() };
        for row in [&TRIGGERED].into_iter().chain(group) {
            hand.play(row).await;
        }
        begun += 1;
    }
    assert_eq!(stack.incidents().await.len(), begun, "what was told is not mirrored back");
    assert_eq!(stack.pagerduty.incidents().len(), begun);
}
