//! Dead letters: taken in once, sent again in order, edited, superseded, given up, and all of it audited.

use std::path::Path;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_bus::{
    consume::Taken,
    dead_letter::{Answer, DeadLetter, Direction, Request},
    subjects, topology,
};
use tandem_dev::Nats;
use tandem_domain::{
    event::{Change, Event},
    id::{IntegrationId, LinkId},
    link::Link,
};
use tandem_proto::v1::{self, dead_letter_service_client::DeadLetterServiceClient};
use tandem_store::{Store, incidents, links};
use tonic::{Code, transport::Channel};

use crate::{
    Running, integration, refused,
    support::{eventually, nats},
    without_reconciler::stored,
};

/// Admin with a broker and one integration.
struct Scene {
    admin: Running,
    integration: IntegrationId,
    _nats: Nats,
}

impl Scene {
    async fn start(database: &PgConnectOptions, dir: &Path) -> Self {
        let nats = nats(dir);
        let admin = Running::start(database, &nats.url()).await;
        let created = admin.create(integration()).await;
        eventually("nats is there", || async { admin.bus.ensure_topology().await.ok() }).await;
        Self { admin, integration: created.id.parse().unwrap(), _nats: nats }
    }

    fn letters(&self) -> DeadLetterServiceClient<Channel> {
        DeadLetterServiceClient::new(self.admin.channel.clone())
    }

    async fn list(&self, request: v1::ListDeadLettersRequest) -> Vec<v1::DeadLetter> {
        self.letters().list_dead_letters(request).await.unwrap().into_inner().dead_letters
    }

    /// The open letters, once there are so many.
    async fn open(&self, count: usize) -> Vec<v1::DeadLetter> {
        eventually("the letters are taken in", || async {
            let state = v1::DeadLetterState::Open.into();
            let all = self.list(v1::ListDeadLettersRequest { state, ..Default::default() }).await;
            (all.len() == count).then_some(all)
        })
        .await
    }

    async fn bury(&self, letter: &DeadLetter, id: &str) {
        self.admin.bus.publish(letter.message(id.to_owned()).unwrap()).await.unwrap();
    }

    /// An observation that was given up; its text is as it would have been found.
    fn inward(&self, number: u32) -> DeadLetter {
        let (integration, record) = (self.integration, format!("Q{number}"));
        let original = serde_json::json!({
            "kind": "observation", "integration": integration, "delivery": format!("d{number}"),
            "event": format!("e{number}"), "event_type": "incident.triggered",
            "occurred_at": "2026-03-02T09:14:00Z", "arrived": "2026-03-02T09:14:01Z",
            "record": record,
        });
        DeadLetter {
            direction: Direction::In,
            integration: Some(integration),
            link: None,
            record: record.parse().ok(),
            cause: format!("it did not fit: {number}"),
            group: "it did not fit".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            traceparent: None,
            subject: subjects::observed(&connector(), integration, Some(&record)),
            original: original.to_string(),
            request: None,
            answer: None,
            attempts: 1,
        }
    }

    /// A desired state that was refused.
    fn outward(&self, link: LinkId, version: u64) -> DeadLetter {
        let original = serde_json::json!({
            "link": link, "incident": stored(1).id, "integration": self.integration,
            "version": version, "record": "Q1",
            "want": { "title": { "value": "db down", "expect": ["db"] } },
        });
        let path = "/incidents/Q1".to_owned();
        DeadLetter {
            direction: Direction::Out,
            link: Some(link),
            group: "pagerduty 404".to_owned(),
            subject: subjects::state(&connector(), self.integration, link),
            original: original.to_string(),
            request: Some(Request { method: "GET".to_owned(), path, body: None }),
            answer: Some(Answer { status: 404, body: "gone".to_owned() }),
            ..self.inward(1)
        }
    }

    /// Stores a link as the reconciler would have.
    async fn linked(&self, version: u64, confirmed: u64) -> LinkId {
        let id = LinkId::from_uuid(uuid::Uuid::from_u128(5));
        let incident = stored(1);
        let mut link = Link::new(id, incident.id, self.integration);
        (link.version, link.confirmed, link.record) = (version, confirmed, "Q1".parse().ok());
        let mut transaction = self.admin.store.begin().await.unwrap();
        incidents::write(&mut transaction, &[&incident]).await.unwrap();
        links::write(&mut transaction, &[&link]).await.unwrap();
        Store::commit(transaction).await.unwrap();
        id
    }

    async fn replay(&self, id: &str) -> Result<v1::ReplayDeadLetterResponse, tonic::Status> {
        self.edit(id, "", false).await
    }

    async fn edit(
        &self,
        id: &str,
        edited: &str,
        validate_only: bool,
    ) -> Result<v1::ReplayDeadLetterResponse, tonic::Status> {
        let (dead_letter, edited) = (id.to_owned(), edited.to_owned());
        let request = v1::ReplayDeadLetterRequest { dead_letter, edited, validate_only };
        Ok(self.letters().replay_dead_letter(request).await?.into_inner())
    }

    /// The next messages to the reconciler.
    async fn arrived(&self, count: usize) -> Vec<Taken> {
        let consumer = topology::reconciler();
        let messages = self.admin.bus.consume(topology::IN, consumer, 100).await.unwrap();
        let taken = messages.map(|message| message.unwrap()).take(count).collect::<Vec<_>>();
        let taken = tokio::time::timeout(std::time::Duration::from_secs(20), taken).await.unwrap();
        for message in &taken {
            message.ack().await;
        }
        taken
    }

    /// What the audit says was done to something, oldest first.
    async fn audited(&self, target: &str) -> Vec<String> {
        let sql = "select action from admin_audit where target = $1 order by position";
        sqlx::query_scalar(sql).bind(target).fetch_all(self.admin.store.pool()).await.unwrap()
    }
}

fn connector() -> tandem_domain::id::Connector {
    "pagerduty".parse().unwrap()
}

fn state(letter: &v1::DeadLetter) -> v1::DeadLetterState {
    letter.state()
}

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
async fn a_replay_sends_the_original_where_it_was_found_and_only_once(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    let letter = scene.inward(1);
    scene.bury(&letter, "in-1").await;
    let id = scene.open(1).await.remove(0).id;

    let shown = scene.edit(&id, "", true).await.unwrap();
    assert_eq!(state(&shown.dead_letter.unwrap()), v1::DeadLetterState::Open);
    assert_eq!(shown.preview.unwrap().message, letter.original);

    let replayed = scene.replay(&id).await.unwrap();
    assert_eq!(state(&replayed.dead_letter.unwrap()), v1::DeadLetterState::Replayed);
    let sent = scene.arrived(1).await.remove(0);
    assert_eq!((sent.subject(), &sent.body()[..]), (&*letter.subject, letter.original.as_bytes()));
    let again = scene.replay(&id).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
    assert_eq!(again.message(), format!("dead letter {id:?} is replayed already"));
    assert_eq!(scene.audited(&id).await, ["dead_letter.replay"]);

    // It fails in its turn, and says whom it follows.
    scene.bury(&letter, "in-2").await;
    assert_eq!(scene.open(1).await.remove(0).follows, id);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_event_that_was_taken_in_by_another_delivery_is_superseded(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    scene.bury(&scene.inward(1), "in-1").await;
    let id = scene.open(1).await.remove(0).id;
    let sql = "insert into inbox (source, delivery, event, kind, effect, at)
               values ($1, 'another', 'e1', 'observation', 'applied', now())";
    let source = scene.integration.to_string();
    sqlx::query(sql).bind(source).execute(scene.admin.store.pool()).await.unwrap();
    match scene.replay(&id).await {
        Ok(replayed) => assert!(replayed.preview.is_none(), "it was sent"),
        // It was found by itself a moment before.
        Err(status) => assert_eq!(status.code(), Code::FailedPrecondition),
    }
    let request = v1::GetDeadLetterRequest { dead_letter: id.clone() };
    let letter = scene.letters().get_dead_letter(request).await.unwrap().into_inner();
    assert_eq!(state(&letter), v1::DeadLetterState::Superseded);
    assert!(letter.reason.ends_with("applied"), "{}", letter.reason);
    assert_eq!(scene.audited(&id).await, ["dead_letter.supersede"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_old_state_is_not_sent_again_but_its_link_compared(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    let link = scene.linked(3, 3).await;
    scene.bury(&scene.outward(link, 3), "out-3").await;
    let id = scene.open(1).await.remove(0).id;
    let replayed = scene.replay(&id).await.unwrap();
    assert_eq!(state(&replayed.dead_letter.unwrap()), v1::DeadLetterState::Replayed);
    let sent = scene.arrived(1).await.remove(0);
    let Event::Edit(edit) = sent.json().unwrap() else { panic!("no edit") };
    assert_eq!(edit.change, Change::Resync { link, read: true });
    assert_eq!(sent.subject(), subjects::edited(&edit.org, edit.incident));
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_state_is_superseded_once_a_newer_one_was_answered_or_given_up(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    let link = scene.linked(3, 2).await;
    scene.bury(&scene.outward(link, 2), "out-2").await;
    let first = scene.open(1).await.remove(0).id;
    scene.bury(&scene.outward(link, 3), "out-3").await;
    let second = eventually("the first is superseded", || async {
        let all = scene.list(v1::ListDeadLettersRequest::default()).await;
        let is = |id: &str, state: v1::DeadLetterState| {
            all.iter().any(|letter| letter.id == id && letter.state() == state)
        };
        let newest = all.first()?.id.clone();
        let done = is(&first, v1::DeadLetterState::Superseded);
        (done && is(&newest, v1::DeadLetterState::Open)).then_some(newest)
    })
    .await;
    let answered = "update links set version = 4, confirmed = 4 where id = $1";
    sqlx::query(answered).bind(link.uuid()).execute(scene.admin.store.pool()).await.unwrap();
    eventually("the second is superseded", || async {
        let request = v1::GetDeadLetterRequest { dead_letter: second.clone() };
        let letter = scene.letters().get_dead_letter(request).await.unwrap().into_inner();
        (letter.state() == v1::DeadLetterState::Superseded).then_some(())
    })
    .await;
    assert_eq!(scene.audited(&second).await, ["dead_letter.supersede"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_edited_message_is_checked_shown_and_sent(_: PgPoolOptions, database: PgConnectOptions) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    let link = scene.linked(3, 3).await;
    let state_letter = scene.outward(link, 3);
    scene.bury(&state_letter, "out-3").await;
    let id = scene.open(1).await.remove(0).id;

    let wrong = state_letter.original.replace("\"version\":3", "\"version\":4");
    assert_eq!(refused(&scene.edit(&id, &wrong, false).await.unwrap_err()), ["edited.version"]);
    let wrong = state_letter.original.replace("\"value\"", "\"valeu\"");
    let told = scene.edit(&id, &wrong, false).await.unwrap_err();
    assert_eq!(refused(&told), ["edited.want.title.valeu"]);

    let right = state_letter.original.replace("db down", "db up");
    let shown = scene.edit(&id, &right, true).await.unwrap().preview.unwrap();
    let calls: Vec<&str> = shown.calls.iter().map(|call| &*call.method).collect();
    assert_eq!((calls, &*shown.subject), (vec!["GET"], &*state_letter.subject));

    scene.edit(&id, &right, false).await.unwrap();
    let config = topology::egress_states(&connector(), scene.integration);
    let mut out = Box::pin(scene.admin.bus.consume(topology::OUT, config, 1).await.unwrap());
    let sent = out.next().await.unwrap().unwrap();
    assert_eq!(&sent.body()[..], right.as_bytes());
    let request = v1::GetDeadLetterRequest { dead_letter: id };
    let letter = scene.letters().get_dead_letter(request).await.unwrap().into_inner();
    assert_eq!((letter.edited, letter.original), (right, state_letter.original));
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn many_are_sent_in_order_with_progress_and_what_cannot_be_sent_stays(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    for number in 1..=20 {
        scene.bury(&scene.inward(number), &format!("in-{number}")).await;
    }
    let broken = DeadLetter { original: "}".to_owned(), ..scene.inward(21) };
    scene.bury(&broken, "in-21").await;
    scene.open(21).await;
    let request =
        v1::ReplayDeadLettersRequest { integration: "prod-pd".to_owned(), ..Default::default() };
    let begun = scene.letters().replay_dead_letters(request).await.unwrap().into_inner();
    assert_eq!((begun.total, begun.done), (21, 0));
    let done = eventually("it is finished", || async {
        let request = v1::GetReplayRequest { replay: begun.id.clone() };
        let now = scene.letters().get_replay(request).await.unwrap().into_inner();
        now.finish_time.is_some().then_some(now)
    })
    .await;
    assert_eq!((done.sent, done.failed, done.superseded, done.done), (20, 1, 0, 21));
    assert!(done.rate_per_minute > 0.0 && done.rate_per_minute <= 3_300.0, "{done:?}");
    let records: Vec<String> = scene
        .arrived(20)
        .await
        .iter()
        .map(|message| message.subject().rsplit('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(records, (1..=20).map(|number| format!("Q{number}")).collect::<Vec<_>>());
    let left = scene.open(1).await.remove(0);
    assert!(left.reason.starts_with("original "), "{}", left.reason);
    assert_eq!(scene.audited(&begun.id).await, ["dead_letters.replay"]);

    let named = v1::ReplayDeadLettersRequest {
        dead_letters: vec![done.id.replace("rpl_", "dlt_")],
        ..Default::default()
    };
    let nothing = scene.letters().replay_dead_letters(named).await.unwrap().into_inner();
    assert_eq!(nothing.total, 0);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn what_is_given_up_says_why_and_stays_so(_: PgPoolOptions, database: PgConnectOptions) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    scene.bury(&scene.inward(1), "in-1").await;
    let id = scene.open(1).await.remove(0).id;
    let request =
        v1::DiscardDeadLetterRequest { dead_letter: id.clone(), reason: "a test".to_owned() };
    let letter = scene.letters().discard_dead_letter(request).await.unwrap().into_inner();
    assert_eq!((state(&letter), &*letter.reason), (v1::DeadLetterState::Discarded, "a test"));
    assert_eq!(scene.replay(&id).await.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(scene.audited(&id).await, ["dead_letter.discard"]);
}
