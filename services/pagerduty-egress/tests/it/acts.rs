//! Asking for help and handing on, each done once.

use serde_json::json;
use tandem_domain::{
    id::{EditId, RecordId},
    incident::{Actor, Side},
    outbound::{Act, ActKind},
};
use tandem_pagerduty_sim::Effect;

use crate::stage::{Stage, eventually, note};

fn request(id: u128) -> EditId {
    EditId::from_uuid(uuid::Uuid::from_u128(id))
}

fn respond(id: u128, record: &RecordId, email: Option<&str>) -> Act {
    let actor = Actor { email: email.map(str::to_owned), ..Actor::unnamed(Side::Platform) };
    let kind = ActKind::Respond {
        request: request(id),
        message: format!("please join, {id}"),
        users: vec!["PT0M4S1".to_owned()],
        policies: vec!["PEPCHK1".to_owned()],
    };
    Act { actor, kind, ..note(1, id, record, "") }
}

fn escalate(id: u128, record: &RecordId, level: u32) -> Act {
    Act { kind: ActKind::Escalate { request: request(id), level }, ..note(1, id, record, "") }
}

async fn done(stage: &Stage) {
    eventually("it is done", async || stage.outbound() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_is_asked_for_in_the_name_of_whoever_wants_it_and_of_ours_where_unknown() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    for (id, email) in [(1, "dana.whitlock@example.com"), (2, "nobody@example.com")] {
        stage.act(&respond(id, &record, Some(email))).await;
        done(&stage).await;
    }
    // The second call in the unknown one's name was turned away and made again without.
    let bodies = stage.bodies("POST");
    let requesters: Vec<_> = bodies.iter().map(|body| body["requester_id"].clone()).collect();
    assert_eq!(requesters, ["PD4N4QK", "PB0T5YN", "PB0T5YN"]);
    assert_eq!(bodies[0]["message"], "please join, 1");
    let responders = stage.pagerduty.incidents()[0]["incidents_responders"].clone();
    assert!(responders.as_array().unwrap().len() >= 2, "{responders}");
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_help_whose_answer_was_lost_is_not_repeated() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.fault("POST", Some(1), Effect::Cut { applied: true });
    stage.act(&respond(1, &record, None)).await;
    done(&stage).await;
    assert_eq!(stage.bodies("POST").len(), 1);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_handed_on_and_one_that_cannot_be_is_a_dead_letter() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.act(&escalate(1, &record, 2)).await;
    done(&stage).await;
    assert_eq!(stage.bodies("PUT")[0]["incident"]["escalation_level"], 2);
    let low = json!({ "action": "set_urgency", "incident": record.as_str(), "urgency": "low" });
    stage.pagerduty.act(low).unwrap();
    stage.act(&escalate(2, &record, 3)).await;
    let letter = stage.dead_letter().await;
    assert!(letter.group.starts_with("pagerduty 1006 "), "{}", letter.group);
    assert_eq!(letter.record, Some(record));
    stage.at_rest().await;
}
