//! Notes: each once, whatever becomes of an answer or of a copy of the egress.

use serde_json::Value as Json;
use tandem_bus::{publish::Outgoing, subjects};
use tandem_domain::{
    event::Outcome,
    incident::{Actor, Side},
    outbound::Act,
};
use tandem_pagerduty_sim::{Applied, BOT_EMAIL, Effect};

use crate::stage::{SETTLING, Stage, between, connector, eventually, note, note_id};

fn notes(stage: &Stage) -> Vec<Json> {
    stage.pagerduty.incidents()[0]["notes"].as_array().unwrap().clone()
}

async fn noted(stage: &Stage) -> (String, String) {
    let told = stage.told(1).await.remove(0);
    let Outcome::Noted { note, foreign } = told.receipt.outcome else { panic!("{told:?}") };
    assert!(told.receipt.id.starts_with(&note.to_string()));
    (note.to_string(), foreign)
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_added_in_order_and_told_with_their_ids() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    for (id, text) in [(11, "first"), (12, "second"), (13, "third")] {
        stage.act(&note(1, id, &record, text)).await;
    }
    for (index, id) in [11, 12, 13].into_iter().enumerate() {
        let (told, foreign) = noted(&stage).await;
        assert_eq!(told, note_id(id).to_string());
        assert_eq!(notes(&stage)[index]["id"], foreign);
    }
    let texts: Vec<_> = notes(&stage).iter().map(|note| note["content"].clone()).collect();
    assert_eq!(texts, ["first", "second", "third"]);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_whose_answer_was_lost_is_found_and_not_added_again() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("POST", Some(1), Effect::Cut { applied: true });
    stage.act(&note(1, 11, &record, "Rolled back\n")).await;
    let (_, foreign) = noted(&stage).await;
    let [only] = notes(&stage).try_into().unwrap();
    assert_eq!(only["id"], foreign);
    let path = format!("/incidents/{record}/notes");
    assert_eq!(stage.calls(), [format!("POST {path}"), format!("GET {path}")]);
    let calls = stage.pagerduty.calls(0);
    assert!(between(&calls[0], &calls[1]) > SETTLING, "what is late may still land");
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_never_arrived_is_looked_for_and_added() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("POST", Some(1), Effect::Cut { applied: false });
    stage.act(&note(1, 11, &record, "Rolled back")).await;
    let (_, foreign) = noted(&stage).await;
    let [only] = notes(&stage).try_into().unwrap();
    assert_eq!(only["id"], foreign);
    let methods: Vec<_> = stage.pagerduty.calls(0).into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["POST", "GET", "POST"]);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_is_sent_again_because_nothing_was_heard_of_it_is_looked_for() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.act(&note(1, 11, &record, "Rolled back")).await;
    let (_, first) = noted(&stage).await;
    let act = note(1, 11, &record, "Rolled back");
    let subject = subjects::act(&connector(), act.integration, act.link, &act.id());
    let mut again = serde_json::to_value(&act).unwrap();
    again["again_since"] = stage.pagerduty.calls(0)[0].time.clone().into();
    stage.publish(Outgoing::json(subject, "again".to_owned(), &again).unwrap()).await;
    eventually("it was looked for", async || {
        stage.calls().last().is_some_and(|call| call.starts_with("GET "))
    })
    .await;
    assert_eq!(notes(&stage).len(), 1);
    assert_eq!(notes(&stage)[0]["id"], first);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_killed_while_adding_a_note_leaves_one() {
    let mut stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("POST", Some(1), Effect::Slow { ms: 600, applied: Applied::First });
    stage.act(&note(1, 11, &record, "Rolled back")).await;
    eventually("the note is there", async || notes(&stage).len() == 1).await;
    stage.egress.kill9().unwrap();
    stage.egress.resume().unwrap();
    let (_, foreign) = noted(&stage).await;
    let [only] = notes(&stage).try_into().unwrap();
    assert_eq!(only["id"], foreign);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_added_in_its_authors_name_where_that_is_known_over_there() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    for (id, email) in [(11, "dana.whitlock@example.com"), (12, "nobody@example.com")] {
        let by = Actor { email: Some(email.to_owned()), ..Actor::unnamed(Side::Platform) };
        stage.act(&Act { actor: by, ..note(1, id, &record, email) }).await;
        noted(&stage).await;
    }
    let from: Vec<_> = stage.pagerduty.calls(0).into_iter().filter_map(|call| call.from).collect();
    assert_eq!(from, ["dana.whitlock@example.com", "nobody@example.com", BOT_EMAIL]);
    assert_eq!(notes(&stage).len(), 2);
    stage.at_rest().await;
}
