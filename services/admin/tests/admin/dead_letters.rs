//! Dead letters: taken in once, listed, grouped, and refusals that name what is wrong.

mod replaying;
mod scene;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_bus::{consume::Taken, topology};
use tandem_domain::id::LinkId;
use tandem_proto::v1::{self, dead_letter_service_client::DeadLetterServiceClient};
use tonic::Code;

use self::scene::Scene;
use crate::{Running, refused, rest::call, support::eventually};

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_letter_is_taken_in_once_and_then_no_longer_in_its_stream(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    let letter = scene.outward(LinkId::from_uuid(uuid::Uuid::from_u128(9)), 3);
    scene.bury(&letter, "once").await;
    scene.bury(&letter, "once").await;
    scene.bury(&scene.inward(1), "other").await;
    let all = scene.open(2).await;
    assert_eq!(all[1].direction(), v1::DeadLetterDirection::Out, "newest first");
    assert_eq!((&*all[1].integration_handle, &*all[1].original), ("prod-pd", ""));

    let id = all[1].id.clone();
    assert!(id.starts_with("dlt_"), "{id}");
    let request = v1::GetDeadLetterRequest { dead_letter: id };
    let whole = scene.letters().get_dead_letter(request).await.unwrap().into_inner();
    assert_eq!((whole.kind(), whole.attempts), (v1::DeadLetterKind::State, 1));
    assert_eq!(whole.answer.as_ref().unwrap().status, 404);
    assert_eq!((whole.original, whole.cause), (letter.original, letter.cause));

    eventually("the stream lets go of them", || async {
        match left_in_stream(&scene).await {
            None => Some(()),
            Some(_) => None,
        }
    })
    .await;
}

/// What a newcomer would still find among the dead letters, within a moment.
async fn left_in_stream(scene: &Scene) -> Option<Taken> {
    let mut config = topology::dead_letters();
    config.durable_name = None;
    let left = scene.admin.bus.consume(topology::DLQ, config, 10).await.unwrap();
    let moment = std::time::Duration::from_millis(300);
    let mut left = Box::pin(left);
    tokio::time::timeout(moment, left.next()).await.ok()?.and_then(Result::ok)
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn letters_are_found_by_what_they_are_and_grouped_by_root_cause(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    for number in 1..=3 {
        scene.bury(&scene.inward(number), &format!("in-{number}")).await;
    }
    scene.bury(&scene.outward(LinkId::from_uuid(uuid::Uuid::from_u128(9)), 3), "out").await;
    scene.open(4).await;

    let prod = v1::ListDeadLettersRequest {
        integration: "prod-pd".to_owned(),
        direction: v1::DeadLetterDirection::In.into(),
        group: "it did not fit".to_owned(),
        page_size: 2,
        ..Default::default()
    };
    let page = scene.letters().list_dead_letters(prod.clone()).await.unwrap().into_inner();
    let records = |page: &[v1::DeadLetter]| -> Vec<String> {
        page.iter().map(|letter| letter.record.clone()).collect()
    };
    assert_eq!(records(&page.dead_letters), ["Q3", "Q2"]);
    let rest = v1::ListDeadLettersRequest { page_token: page.next_page_token, ..prod };
    assert_eq!(records(&scene.list(rest).await), ["Q1"]);

    let request = v1::ListDeadLetterGroupsRequest::default();
    let groups = scene.letters().list_dead_letter_groups(request).await.unwrap().into_inner();
    let counts: Vec<(&str, i64)> =
        groups.groups.iter().map(|group| (&*group.group, group.count)).collect();
    assert_eq!(counts, [("it did not fit", 3), ("pagerduty 404", 1)]);
    assert_eq!(groups.groups[0].cause, "it did not fit: 3");
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn what_is_unknown_or_wrong_is_told_by_its_field(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let mut letters = DeadLetterServiceClient::new(admin.channel.clone());
    let nobody = "dlt_00000000000000000000000000000001".to_owned();
    let get = v1::GetDeadLetterRequest { dead_letter: nobody.clone() };
    assert_eq!(letters.get_dead_letter(get).await.unwrap_err().code(), Code::NotFound);
    let get = v1::GetDeadLetterRequest::default();
    assert_eq!(refused(&letters.get_dead_letter(get).await.unwrap_err()), ["dead_letter"]);
    let replay = v1::ReplayDeadLetterRequest { dead_letter: nobody.clone(), ..Default::default() };
    assert_eq!(letters.replay_dead_letter(replay).await.unwrap_err().code(), Code::NotFound);
    let discard =
        v1::DiscardDeadLetterRequest { dead_letter: nobody.clone(), reason: " ".to_owned() };
    assert_eq!(refused(&letters.discard_dead_letter(discard).await.unwrap_err()), ["reason"]);
    let discard = v1::DiscardDeadLetterRequest { dead_letter: nobody, reason: "x".to_owned() };
    assert_eq!(letters.discard_dead_letter(discard).await.unwrap_err().code(), Code::NotFound);
    let many = v1::ReplayDeadLettersRequest::default();
    assert_eq!(refused(&letters.replay_dead_letters(many).await.unwrap_err()), ["integration"]);
    let replay = v1::GetReplayRequest { replay: "rpl_1".to_owned() };
    assert_eq!(letters.get_replay(replay).await.unwrap_err().code(), Code::NotFound);
    let list = |integration: &str, page_token: &str| v1::ListDeadLettersRequest {
        integration: integration.to_owned(),
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let none = letters.list_dead_letters(list("none", "")).await.unwrap_err();
    assert_eq!(none.code(), Code::NotFound);
    let token = letters.list_dead_letters(list("", "zz")).await.unwrap_err();
    assert_eq!(refused(&token), ["page_token"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn the_same_is_there_as_json(_: PgPoolOptions, database: PgConnectOptions) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    for number in 1..=2 {
        scene.bury(&scene.inward(number), &format!("in-{number}")).await;
    }
    scene.open(2).await;
    let (rest, root) = (scene.admin.rest, "/api/v1/dead-letters");
    let ask = async |method, path: String, body: Value| {
        call(rest, method, &path, &body.to_string()).await
    };
    let listed = format!("{root}?integration=prod-pd&state=open&page_size=1");
    let (status, page) = ask("GET", listed, Value::Null).await;
    assert_eq!((status, &page["dead_letters"][0]["record"]), (200, &json!("Q2")));
    assert!(page["next_page_token"].as_str().is_some_and(|token| !token.is_empty()));
    let id = page["dead_letters"][0]["id"].as_str().unwrap();
    let (_, whole) = ask("GET", format!("{root}/{id}"), Value::Null).await;
    assert_eq!(whole["original"]["event"], "e2");
    let (_, groups) = ask("GET", format!("{root}/groups?direction=in"), Value::Null).await;
    assert_eq!(groups["groups"][0]["count"], 2);

    let mut edited = whole["original"].clone();
    edited["event"] = json!("another");
    let body = json!({ "edited": edited, "validate_only": true });
    let (status, problem) = ask("POST", format!("{root}/{id}/replay"), body).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("edited.event")));
    let (status, sent) = ask("POST", format!("{root}/{id}/replay"), json!({})).await;
    assert_eq!((status, &sent["dead_letter"]["state"]), (200, &json!("replayed")));
    let reason = json!({ "reason": "a test" });
    let (status, _) = ask("POST", format!("{root}/{id}/discard"), reason).await;
    assert_eq!(status, 409, "it was replayed");

    let many = json!({ "integration": "prod-pd", "direction": "in" });
    let (status, begun) = ask("POST", format!("{root}/replay"), many).await;
    assert_eq!((status, &begun["total"]), (202, &json!(1)));
    let path = format!("/api/v1/replays/{}", begun["id"].as_str().unwrap());
    eventually("it is finished", || async {
        let (_, now) = ask("GET", path.clone(), Value::Null).await;
        (now["sent"] == 1 && now["finish_time"].is_string()).then_some(())
    })
    .await;
    let bad = ask("GET", format!("{root}?state=lost"), Value::Null).await;
    assert_eq!((bad.0, &bad.1["errors"][0]["field"]), (422, &json!("state")));
    assert_eq!(ask("GET", format!("{root}/dlt_1"), Value::Null).await.0, 404);
}
