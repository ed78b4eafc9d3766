//! Whoever changes what was decided is found out, whichever way they go about it.

use sqlx::{
    Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tandem_domain::{decision::Decision, id::DecisionId};
use tandem_store::{
    PgConnection, Store, decisions, seals,
    verify::{Break, Report, verify},
};
use uuid::Uuid;

use crate::support::{at, decide, incident_id, org, store};

/// Three incidents with four decisions each, sealed once in the middle and once at the end.
async fn sealed(database: &PgConnectOptions) -> Store {
    let store = store(database);
    let mut conn = store.acquire().await.unwrap();
    decide(&mut conn, 2, 4).await;
    seal(&mut conn, 60).await;
    let mut third = crate::support::incident(3);
    let decisions = crate::support::chain(&mut third, 4);
    tandem_store::incidents::write(&mut conn, &[&third]).await.unwrap();
    decisions::add(&mut conn, &decisions.iter().collect::<Vec<_>>()).await.unwrap();
    seal(&mut conn, 120).await;
    store
}

async fn seal(conn: &mut PgConnection, second: i64) {
    let sealed = seals::seal(conn, at(second)).await.unwrap();
    assert!(sealed.is_some(), "there was something to seal");
}

/// Does something as somebody who may switch the triggers off.
async fn tamper(store: &Store, statements: &[String]) {
    let mut transaction = store.begin().await.unwrap();
    sqlx::query("set local session_replication_role = replica")
        .execute(&mut *transaction)
        .await
        .unwrap();
    for statement in statements {
        let done = sqlx::query(sqlx::AssertSqlSafe(statement.clone()))
            .execute(&mut *transaction)
            .await
            .unwrap();
        assert!(done.rows_affected() > 0, "it changed something: {statement}");
    }
    Store::commit(transaction).await.unwrap();
}

fn decision_id(incident: u128, position: u128) -> DecisionId {
    DecisionId::from_uuid(Uuid::from_u128((incident << 32) | position))
}

fn row(incident: u128, position: u128) -> String {
    format!("incident = '{}' and position = {position}", incident_id(incident).uuid())
}

async fn breaks(store: &Store) -> Vec<Break> {
    verify(store, None).await.unwrap().breaks
}

#[sqlx::test]
async fn what_nobody_touched_holds(_: PgPoolOptions, database: PgConnectOptions) {
    let store = sealed(&database).await;
    let report = verify(&store, None).await.unwrap();
    let last = seals::last(&mut store.acquire().await.unwrap()).await.unwrap().unwrap();
    let expected = Report {
        incidents: 3,
        decisions: 12,
        seals: 2,
        last_seal: Some(last.hash),
        breaks: Vec::new(),
    };
    assert_eq!(report, expected);
    let one = verify(&store, Some(incident_id(2))).await.unwrap();
    assert_eq!((one.incidents, one.decisions, one.breaks), (1, 4, Vec::new()));
}

#[sqlx::test]
async fn a_decision_is_read_as_it_was_written(_: PgPoolOptions, database: PgConnectOptions) {
    let store = sealed(&database).await;
    let mut conn = store.acquire().await.unwrap();
    let mut incident = crate::support::incident(1);
    let written = crate::support::chain(&mut incident, 4);
    assert_eq!(decisions::chain(&mut conn, incident_id(1), None).await.unwrap(), written);
    let filter = decisions::Filter { limit: 3, ..decisions::Filter::default() };
    let mut listed: Vec<Decision> = Vec::new();
    let mut after = None;
    loop {
        let filter = decisions::Filter { after, ..filter.clone() };
        let page = decisions::list(&mut conn, &org(), &filter).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.at, last.id));
        listed.extend(page);
    }
    assert_eq!(listed.len(), 12, "every page once");
    let key = |decision: &Decision| (decision.at, decision.id);
    assert!(listed.is_sorted_by(|a, b| key(a) > key(b)), "newest first");
}

#[sqlx::test]
async fn nobody_changes_decisions_or_seals_by_the_way(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = sealed(&database).await;
    for statement in [
        "update decisions set after = 'else'",
        "delete from decisions",
        "truncate decisions",
        "update seals set tree = ''",
        "delete from seal_leaves",
    ] {
        let refused = sqlx::query(statement).execute(store.pool()).await;
        assert!(refused.unwrap_err().to_string().contains("append-only"), "{statement}");
    }
    assert_eq!(breaks(&store).await, []);
}

#[sqlx::test]
async fn a_changed_decision_is_named(_: PgPoolOptions, database: PgConnectOptions) {
    let store = sealed(&database).await;
    tamper(&store, &[format!("update decisions set after = 'else' where {}", row(2, 3))]).await;
    let found =
        Break::Changed { incident: incident_id(2), position: 3, decision: decision_id(2, 3) };
    assert_eq!(breaks(&store).await, std::slice::from_ref(&found));
    assert_eq!(verify(&store, Some(incident_id(2))).await.unwrap().breaks, [found]);
    assert_eq!(verify(&store, Some(incident_id(1))).await.unwrap().breaks, []);
}

#[sqlx::test]
async fn a_decision_that_cannot_be_read_any_more_was_changed(
    _: PgPoolOptions,
    db: PgConnectOptions,
) {
    let store = sealed(&db).await;
    tamper(&store, &[format!("update decisions set rule = 'whim' where {}", row(1, 1))]).await;
    let found = breaks(&store).await;
    assert!(matches!(found[..], [Break::Changed { position: 1, .. }]), "{found:?}");
}

#[sqlx::test]
async fn a_decision_changed_together_with_its_hash_is_followed_by_a_break(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = sealed(&database).await;
    let mut conn = store.acquire().await.unwrap();
    let mut second = decisions::chain(&mut conn, incident_id(1), None).await.unwrap().remove(1);
    second.after = Some("else".to_owned());
    let change = format!(
        "update decisions set after = 'else', hash = '{}' where {}",
        second.hash(),
        row(1, 2)
    );
    tamper(&store, &[change]).await;
    let found =
        Break::Unchained { incident: incident_id(1), position: 3, decision: decision_id(1, 3) };
    assert_eq!(breaks(&store).await, [found]);
}

#[sqlx::test]
async fn a_decision_taken_out_is_missed_wherever_it_was(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = sealed(&database).await;
    let out =
        |incident, position| format!("delete from decisions where {}", row(incident, position));
    tamper(&store, &[out(1, 1), out(2, 2), out(3, 4)]).await;
    let missing = |incident, expected| Break::Missing {
        incident: incident_id(incident),
        expected,
        found: expected + 1,
    };
    let cut = Break::End { incident: incident_id(3), expected: 4, found: 3 };
    assert_eq!(breaks(&store).await, [missing(1, 1), missing(2, 2), cut]);
}

#[sqlx::test]
async fn an_incident_gone_with_or_without_its_decisions_shows(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = sealed(&database).await;
    let (first, second) = (incident_id(1).uuid(), incident_id(2).uuid());
    let statements = [
        format!("delete from incidents where id in ('{first}', '{second}')"),
        format!("delete from decisions where incident = '{second}'"),
    ];
    tamper(&store, &statements).await;
    let gone = Break::Gone { incident: incident_id(1) };
    let unsealed = Break::Unsealed { incident: incident_id(2), seal: 1, position: 4 };
    assert_eq!(breaks(&store).await, [gone, unsealed]);
}

#[sqlx::test]
async fn a_chain_written_anew_from_end_to_end_is_not_what_was_sealed(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = sealed(&database).await;
    let mut conn = store.acquire().await.unwrap();
    let mut statements = Vec::new();
    let mut previous = String::new();
    for mut decision in decisions::chain(&mut conn, incident_id(3), None).await.unwrap() {
        decision.previous.clone_from(&previous);
        if decision.position == 4 {
            decision.after = Some("else".to_owned());
        }
        previous = decision.hash();
        statements.push(format!(
            "update decisions set after = '{}', previous = '{}', hash = '{previous}' where {}",
            decision.after.as_deref().unwrap(),
            decision.previous,
            row(3, u128::from(decision.position))
        ));
    }
    let id = incident_id(3).uuid();
    statements.push(format!("update incidents set chain_hash = '{previous}' where id = '{id}'"));
    tamper(&store, &statements).await;
    let found = Break::Unsealed { incident: incident_id(3), seal: 2, position: 4 };
    assert_eq!(breaks(&store).await, [found]);
}

#[sqlx::test]
async fn seals_changed_taken_out_or_made_anew_are_named(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = sealed(&database).await;
    let mut conn = store.acquire().await.unwrap();
    decide_more(&mut conn).await;
    let hash = |seal: &seals::Seal| seal.expected_hash();
    let all = seals::list(&mut conn, 0, 10).await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|seal| hash(seal) == seal.hash));

    tamper(&store, &["update seal_leaves set head = 'aa' where seal = 1".to_owned()]).await;
    let found = breaks(&store).await;
    assert!(found.contains(&Break::Seal { seal: 1 }), "{found:?}");

    // Made anew so that it holds by itself: the next one does not follow any more.
    let leaves = seals::leaves(&mut conn, 1).await.unwrap();
    let mut first = all[0].clone();
    first.tree = seals::tree(&leaves);
    first.hash = first.expected_hash();
    let (tree, hash) = (&first.tree, &first.hash);
    let anew = format!("update seals set tree = '{tree}', hash = '{hash}' where number = 1");
    tamper(&store, &[anew]).await;
    let found = breaks(&store).await;
    assert!(found.contains(&Break::SealUnchained { seal: 2 }), "{found:?}");
    assert!(!found.contains(&Break::Seal { seal: 1 }), "{found:?}");

    tamper(&store, &["delete from seals where number = 2".to_owned()]).await;
    let found = breaks(&store).await;
    assert!(found.contains(&Break::NoSeal { seal: 2 }), "{found:?}");
}

async fn decide_more(conn: &mut PgConnection) {
    let mut fourth = crate::support::incident(4);
    let decisions = crate::support::chain(&mut fourth, 2);
    tandem_store::incidents::write(conn, &[&fourth]).await.unwrap();
    decisions::add(conn, &decisions.iter().collect::<Vec<_>>()).await.unwrap();
    seal(conn, 180).await;
}

#[sqlx::test]
async fn what_did_not_grow_is_not_sealed_again(_: PgPoolOptions, database: PgConnectOptions) {
    let store = sealed(&database).await;
    let mut conn = store.acquire().await.unwrap();
    assert_eq!(seals::seal(&mut conn, at(300)).await.unwrap(), None);
    decide_more(&mut conn).await;
    let last = seals::last(&mut conn).await.unwrap().unwrap();
    assert_eq!((last.number, last.leaves), (3, 1));
    let left = sqlx::query("select count(*) from unsealed").fetch_one(store.pool()).await.unwrap();
    assert_eq!(left.get::<i64, _>(0), 0);
}
