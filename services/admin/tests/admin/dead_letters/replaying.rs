//! Letters sent again: one, edited, many, and those that need not be any more.

use futures_util::StreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_bus::{dead_letter::DeadLetter, subjects, topology};
use tandem_domain::{
    event::{Change, Event},
    id::NoteId,
};
use tandem_proto::v1;
use tonic::Code;

use super::scene::{Scene, connector, state};
use crate::{refused, support::eventually};

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
async fn a_note_that_has_got_there_is_not_sent_again(_: PgPoolOptions, database: PgConnectOptions) {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::start(&database, dir.path()).await;
    let link = scene.linked(3, 3).await;
    let note = NoteId::from_uuid(uuid::Uuid::from_u128(7));
    scene.bury(&scene.note(link, note), "note").await;
    let letter = scene.open(1).await.remove(0);
    assert_eq!(letter.kind(), v1::DeadLetterKind::Act);
    let shown = scene.edit(&letter.id, "", true).await.unwrap().preview.unwrap();
    assert_eq!(shown.calls[0].path, "/incidents/Q1/notes");

    let pool = scene.admin.store.pool();
    let stored = "insert into notes (id, incident, text, author, at)
                  select $1, incident, 'hello', '{}', now() from links";
    sqlx::query(stored).bind(note.uuid()).execute(pool).await.unwrap();
    let there =
        "insert into note_links (note, link, foreign_id, issued) values ($1, $2, 'P1', true)";
    sqlx::query(there).bind(note.uuid()).bind(link.uuid()).execute(pool).await.unwrap();
    eventually("it is superseded", || async {
        let request = v1::GetDeadLetterRequest { dead_letter: letter.id.clone() };
        let letter = scene.letters().get_dead_letter(request).await.unwrap().into_inner();
        (letter.state() == v1::DeadLetterState::Superseded).then_some(())
    })
    .await;
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
