//! The call log tells what each call changed: a product of the simulator, so there is no fact behind it.

use serde_json::{Value, json};
use tandem_pagerduty_sim::Call;

use crate::harness::{DANA, Pd, assign, id};

/// What the latest call changed, without the ids.
fn latest(pd: &Pd) -> Vec<(String, Value)> {
    let call: Call = pd.sim.calls(0).pop().expect("a call");
    call.changed.into_iter().map(|it| (it.field, it.value)).collect()
}

fn change(field: &str, value: Value) -> (String, Value) {
    (field.to_owned(), value)
}

#[tokio::test]
async fn a_call_is_recorded_with_what_it_changed() {
    let pd = Pd::start().await;
    let incident = pd.create_with("t", json!({ "urgency": "low" })).await;
    let [(field, value)] = &latest(&pd)[..] else { panic!("{:?}", latest(&pd)) };
    assert_eq!(
        (field.as_str(), &value["title"], &value["urgency"]),
        ("incident", &json!("t"), &json!("low"))
    );
    pd.update(id(&incident), json!({ "title": "u", "assignments": assign(&[DANA]) })).await;
    assert_eq!(latest(&pd), [change("title", json!("u")), change("assignees", json!([DANA]))]);
    let path = format!("/incidents/{}/notes", id(&incident));
    pd.call("POST", &path, json!({ "note": { "content": "once" } })).await;
    assert_eq!(latest(&pd), [change("note", json!("once"))]);
    let fields = json!({ "custom_fields": [{ "id": "PFLDCNT", "value": 7 }] });
    let path = format!("/incidents/{}/custom_fields/values", id(&incident));
    pd.call("PUT", &path, fields).await;
    assert_eq!(latest(&pd), [change("custom_field", json!({ "id": "PFLDCNT", "value": 7 }))]);
}

/// A raised urgency un-acknowledges, and that is the call's doing too.
#[tokio::test]
async fn side_effects_are_told_as_changes() {
    let pd = Pd::start().await;
    let incident = pd.create_with("t", json!({ "urgency": "low" })).await;
    pd.status(id(&incident), "acknowledged").await.incident();
    pd.update(id(&incident), json!({ "urgency": "high" })).await.incident();
    let expected = [change("status", json!("triggered")), change("urgency", json!("high"))];
    assert_eq!(latest(&pd), expected);
}

#[tokio::test]
async fn a_read_a_refusal_and_a_repetition_change_nothing() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    pd.get(&format!("/incidents/{}", id(&incident))).await.incident();
    assert_eq!(latest(&pd), []);
    pd.update(id(&incident), json!({ "title": "" })).await;
    assert_eq!(latest(&pd), []);
    pd.update(id(&incident), json!({ "title": "t" })).await.incident();
    assert_eq!(latest(&pd), []);
}

/// A call whose answer is lost has changed what it has changed.
#[tokio::test]
async fn a_write_behind_a_lost_answer_is_told() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let fault = json!({ "next": 1, "effect": { "kind": "error", "applied": true } });
    pd.knobs(json!({ "rest": [fault] })).await;
    assert_eq!(pd.update(id(&incident), json!({ "title": "u" })).await.status, 503);
    assert_eq!(latest(&pd), [change("title", json!("u"))]);
}
