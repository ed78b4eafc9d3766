//! Plans: one at a time is applied, one copy at a time goes on with it, and nothing is asked in vain.

use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_domain::{
    id::PlanId,
    incident::{Actor, Side},
    plan::{Kind, Line},
};
use tandem_store::{
    PgConnection,
    inbox::{self, Arrival},
    plans::{self, Asked, LineState, Progress, State, Stored},
};
use uuid::Uuid;

use crate::support::{at, incident_id, integrate, integration_id, joined, org, store};

fn plan(number: u128, made_at: Timestamp) -> Stored {
    Stored {
        id: PlanId::from_uuid(Uuid::from_u128(number)),
        integration: integration_id(),
        org: org(),
        state: State::Planned,
        actor: "ana".to_owned(),
        config_version: 1,
        told: serde_json::json!({}),
        problem: None,
        author: None,
        created_at: made_at,
        read_at: made_at,
        applied_at: None,
        finished_at: None,
        progress: Progress::default(),
    }
}

fn line(kind: Kind, incident: u128) -> Line {
    Line {
        kind,
        incident: Some(incident_id(incident)),
        revision: Some(1),
        record: None,
        joins: false,
        title: "db down".to_owned(),
        service: None,
        changes: Vec::new(),
        conflicts: Vec::new(),
    }
}

async fn begin(conn: &mut PgConnection, plan: &Stored, when: Timestamp) -> bool {
    plans::begin(conn, plan.id, &Actor::unnamed(Side::Platform), when).await.unwrap()
}

#[sqlx::test]
async fn one_plan_of_an_integration_is_applied_at_a_time_by_one_copy_at_a_time(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    integrate(&mut conn).await;
    let (first, second) = (plan(1, at(0)), plan(2, at(10)));
    for plan in [&first, &second] {
        plans::create(&mut conn, plan, &[]).await.unwrap();
    }
    assert_eq!(plans::newest(&mut conn, integration_id()).await.unwrap(), Some(second.id));
    assert_eq!(plans::claim(&mut conn, at(20), at(50)).await.unwrap(), None, "none is begun");
    assert!(begin(&mut conn, &first, at(20)).await);
    assert!(!begin(&mut conn, &first, at(20)).await, "once");
    assert!(!begin(&mut conn, &second, at(20)).await, "not beside another one");

    assert_eq!(plans::claim(&mut conn, at(20), at(50)).await.unwrap(), Some(first.id));
    assert_eq!(plans::claim(&mut conn, at(49), at(80)).await.unwrap(), None, "in other hands");
    assert_eq!(plans::claim(&mut conn, at(50), at(80)).await.unwrap(), Some(first.id), "left");
    plans::rest(&mut conn, first.id, at(51), Some("the account is away")).await.unwrap();
    let stored = plans::get(&mut conn, first.id).await.unwrap().unwrap();
    assert_eq!(stored.problem.as_deref(), Some("the account is away"));
    plans::finish(&mut conn, first.id, State::Applied, at(60)).await.unwrap();
    let stored = plans::get(&mut conn, first.id).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.problem), (State::Applied, None));
    assert_eq!(plans::claim(&mut conn, at(99), at(120)).await.unwrap(), None);

    plans::outdate(&mut conn, second.id, "moved").await.unwrap();
    assert!(!begin(&mut conn, &second, at(70)).await, "the sides have moved");
    assert_eq!(plans::forget(&mut conn, integration_id(), at(99)).await.unwrap(), 1);
    let kept = plans::get(&mut conn, first.id).await.unwrap();
    assert!(kept.is_some(), "what was applied is kept");
}

#[sqlx::test]
async fn a_line_that_nobody_heard_of_is_asked_for_again_and_one_that_was_dealt_with_is_not(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    integrate(&mut conn).await;
    let link = joined(&mut conn, 1, "Q1").await;
    let plan = plan(1, at(0));
    let lines = [line(Kind::CreateThere, 1), line(Kind::CreateThere, 2), line(Kind::Link, 3)];
    plans::create(&mut conn, &plan, &lines).await.unwrap();
    let unsent = plans::unsent(&mut conn, plan.id, 10).await.unwrap();
    let told: Vec<_> = unsent.iter().map(|line| (line.position, line.line.clone())).collect();
    assert_eq!(told, (1..).zip(lines).collect::<Vec<_>>(), "in their order, as they were");

    for (position, known) in [(1, "edt_1"), (2, "edt_2")] {
        plans::sent(&mut conn, plan.id, position, (known, at(10))).await.unwrap();
    }
    let text = |text: &str| text.to_owned();
    let (source, effect) = (format!("edits-{}", org()), text("applied"));
    let (delivery, event) = (text("edt_1"), text("edt_1"));
    let arrival = Arrival { source, delivery, event, kind: "edit", effect, at: at(11) };
    inbox::add(&mut conn, &[arrival]).await.unwrap();
    let standing = plans::standing(&mut conn, plan.id, 10).await.unwrap();
    let heard: Vec<_> =
        standing.iter().map(|it| (it.position, it.effect.as_deref(), it.settled)).collect();
    assert_eq!(heard, [(1, Some("applied"), true), (2, None, false)], "{:?}", link.record);

    let again = plans::forget_unheard(&mut conn, plan.id, at(10), &[2]).await.unwrap();
    assert_eq!(again, 0, "it may still be on its way");
    let again = plans::forget_unheard(&mut conn, plan.id, at(60), &[2]).await.unwrap();
    assert_eq!(again, 1);
    plans::settle(&mut conn, plan.id, 1, (LineState::Done, None)).await.unwrap();
    plans::settle(&mut conn, plan.id, 3, (LineState::Moved, Some("renamed"))).await.unwrap();
    plans::settle(&mut conn, plan.id, 3, (LineState::Done, None)).await.unwrap();
    let all =
        plans::list(&mut conn, plan.id, Asked { limit: 9, ..Asked::default() }).await.unwrap();
    let became: Vec<_> = all.iter().map(|line| (line.state, line.reason.as_deref())).collect();
    let moved = (LineState::Moved, Some("renamed"));
    assert_eq!(became, [(LineState::Done, None), (LineState::Planned, None), moved]);
    let progress = plans::get(&mut conn, plan.id).await.unwrap().unwrap().progress;
    assert_eq!(progress, Progress { total: 3, sent: 0, done: 1, moved: 1, failed: 0 });
}
