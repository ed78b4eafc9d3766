//! The account changes under us: a service rests, a user is gone, somebody else uses the key.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tandem_dev::http;
use tandem_domain::{
    event::Outcome,
    field::Field,
    id::EditId,
    incident::{Actor, Side},
    outbound::{Act, ActKind},
};
use tandem_pagerduty_sim::{ACCOUNT_TOKEN, BOT_EMAIL};

use crate::stage::{Stage, creation, eventually, link, note, snapshot, state};

/// Changes something of the account, as its administrator.
fn administer(stage: &Stage, what: &str, change: &Json) {
    let url = format!("{}/_sim/{what}", stage.pagerduty.url);
    let answer = http::request("PUT", &url, &[], &change.to_string()).unwrap();
    assert!(answer.is_success(), "{answer:?}");
}

fn page(id: u128, record: &tandem_domain::id::RecordId, users: &[&str]) -> Act {
    let request = EditId::from_uuid(uuid::Uuid::from_u128(id));
    let users = users.iter().map(|&user| user.to_owned()).collect();
    let message = format!("please join, {id}");
    let kind = ActKind::Respond { request, message, users, policies: Vec::new() };
    Act { kind, ..note(1, id, record, "") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_rests_takes_no_record_and_says_why_until_it_is_back() {
    let stage = Stage::ready().await;
    administer(&stage, "services/P123ABC", &json!({"state": "maintenance"}));
    stage.want(&creation(1, 1, "triggered")).await;
    let letter = stage.dead_letter().await;
    assert_eq!((letter.link, letter.request.unwrap().method), (Some(link(1)), "POST".to_owned()));
    assert!(letter.cause.starts_with("PagerDuty answered 400"), "{}", letter.cause);
    assert!(matches!(stage.told(1).await[0].receipt.outcome, Outcome::Refused { .. }));
    assert!(stage.pagerduty.incidents().is_empty());

    administer(&stage, "services/P123ABC", &json!({"state": "active"}));
    stage.want(&creation(1, 2, "triggered")).await;
    assert_eq!(stage.settled().await.version, 2);
    assert_eq!(stage.pagerduty.incidents().len(), 1);
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_neither_acts_nor_is_asked_and_nobody_else_suffers() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    administer(&stage, "users/PD4N4QK", &json!({"deleted": true}));
    let email = Some("dana.whitlock@example.com".to_owned());
    let dana = Actor { email, ..Actor::unnamed(Side::Platform) };
    stage.act(&Act { actor: dana, ..note(1, 1, &record, "in the bot's name, then") }).await;
    let told = stage.told(1).await.remove(0);
    assert!(matches!(told.receipt.outcome, Outcome::Noted { .. }), "{told:?}");
    let noted = stage.pagerduty.incidents()[0]["notes"][0].clone();
    assert_eq!(noted["content"], "in the bot's name, then");

    stage.act(&page(2, &record, &["PD4N4QK"])).await;
    let letter = stage.dead_letter().await;
    assert!(letter.group.starts_with("pagerduty 1007 "), "{}", letter.group);
    assert!(matches!(stage.told(1).await[0].receipt.outcome, Outcome::Refused { .. }));
    stage.act(&page(3, &record, &["PT0M4S1"])).await;
    let told = stage.told(1).await.remove(0);
    assert!(matches!(told.receipt.outcome, Outcome::Summoned { .. }), "{told:?}");
    assert!(told.receipt.id.ends_with("-summoned"), "{told:?}");
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_our_own_user_is_gone_everything_waits_until_another_one_is_named() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    administer(&stage, "users/PB0T5YN", &json!({"deleted": true}));
    stage.want(&state(1, 1, &record, &[(Field::Title, "Refunds fail", &["Payments fail"])])).await;
    eventually("it is paused", async || stage.metric("tandem_paused_integrations", "") > 0.5).await;
    assert_eq!(stage.outbound(), 1, "nothing is given up");
    let mut other = snapshot(2, &stage.pagerduty.url);
    assert_eq!(other.integration.from_email.as_deref(), Some(BOT_EMAIL));
    other.integration.from_email = Some("priya.raman@example.com".to_owned());
    stage.configure(other).await;
    assert_eq!(stage.settled().await.version, 1);
    assert_eq!(stage.pagerduty.incidents()[0]["title"], "Refunds fail");
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_already_cannot_be_escalated_and_is_not_tried_for_ever() {
    let stage = Stage::ready().await;
    let record = stage.record("Payments fail");
    stage.pagerduty.act(json!({"action": "resolve", "incident": record.as_str()})).unwrap();
    let request = EditId::from_uuid(uuid::Uuid::from_u128(9));
    let kind = ActKind::Escalate { request, level: 2 };
    stage.act(&Act { kind, ..note(1, 9, &record, "") }).await;
    let letter = stage.dead_letter().await;
    assert!(letter.group.starts_with("pagerduty 1001 "), "{}", letter.group);
    assert_eq!(stage.pagerduty.incidents()[0]["status"], "resolved");
    stage.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_else_uses_the_key_is_not_pushed_into_a_refusal_nor_are_we() {
    const LIMIT: u32 = 60;
    let stage = Stage::unready().await;
    stage.pagerduty.turn(|knobs| knobs.limits.calls_per_minute = LIMIT);
    let record = stage.record("Payments fail");
    // Somebody else has had most of this minute's calls.
    let token = format!("Token token={ACCOUNT_TOKEN}");
    let headers =
        [("authorization", &*token), ("accept", "application/vnd.pagerduty+json;version=2")];
    let url = format!("{}/incidents/{record}", stage.pagerduty.url);
    for _ in 0..LIMIT - 8 {
        assert!(http::request("GET", &url, &headers, "").unwrap().is_success());
    }
    let before = stage.calls().len();
    stage.configure(snapshot(1, &stage.pagerduty.url)).await;
    let mut stage = stage;
    stage.egress.resume().unwrap();
    for n in 1..=20 {
        stage.want(&state(n, 1, &record, &[])).await;
    }
    eventually("the rest of the minute is used with care", async || {
        stage.calls().len() >= before + 4
    })
    .await;
    // What is left is spread over what is left of the minute, so somebody else can still call.
    let calls = stage.pagerduty.calls(0);
    assert!(calls.iter().all(|call| call.status != 429), "nobody was refused");
    let ours: Vec<_> = calls[before..].iter().collect();
    let apart = crate::stage::between(ours[1], ours[3]);
    assert!(apart > Duration::from_secs(2), "{apart:?}");
    assert!(http::request("GET", &url, &headers, "").unwrap().is_success());
}
