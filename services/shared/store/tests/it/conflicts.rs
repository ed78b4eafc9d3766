//! Conflicts are read as they were written, listed by what is asked, and open once at a time.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_domain::{
    conflict::{Candidate, Choice, Conflict, Ending, Reason, Standing},
    field::Field,
    id::ConflictId,
    incident::{Actor, Side},
    lens::Foreign,
};
use tandem_store::conflicts::{self, Filter};
use uuid::Uuid;

use crate::support::{at, incident_id, integrate, integration_id, joined, link_id, org, store};

fn conflict(number: u128, incident: u128, field: Field) -> Conflict {
    let candidate = |side, value: Option<&str>| Candidate {
        value: value.map(str::to_owned),
        external: Foreign { value: value.map(str::to_owned), label: Some("L".to_owned()) },
        by: Actor::unnamed(side),
        at: at(1),
    };
    Conflict {
        id: ConflictId::from_uuid(Uuid::from_u128(number)),
        incident: incident_id(incident),
        link: link_id(incident),
        integration: integration_id(),
        field,
        reason: Reason::BothMoved,
        standing: Standing::Open,
        platform: candidate(Side::Platform, Some("ours")),
        external: candidate(Side::External, None),
        base: Some(None),
        opened_at: at(i64::try_from(number).unwrap()),
        ending: None,
    }
}

fn ended(conflict: &Conflict) -> Conflict {
    let ending = Ending {
        choice: Some(Choice::Value { value: Some("third".to_owned()) }),
        value: Some("third".to_owned()),
        by: Actor::unnamed(Side::Platform),
        at: at(99),
    };
    Conflict { standing: Standing::Resolved, ending: Some(ending), ..conflict.clone() }
}

#[sqlx::test]
async fn a_conflict_is_read_as_it_was_written(_: PgPoolOptions, database: PgConnectOptions) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    integrate(&mut conn).await;
    joined(&mut conn, 1, "Q1").await;
    let agreed_on_empty = conflict(1, 1, Field::Title);
    let never_agreed = Conflict { base: None, ..conflict(2, 1, Field::Status) };
    conflicts::write(&mut conn, &[&agreed_on_empty, &never_agreed]).await.unwrap();
    let open = conflicts::open_of(&mut conn, &[incident_id(1)]).await.unwrap();
    assert_eq!(open, [agreed_on_empty.clone(), never_agreed]);

    let ended = ended(&agreed_on_empty);
    conflicts::write(&mut conn, &[&ended]).await.unwrap();
    let found = conflicts::get(&mut conn, &org(), ended.id).await.unwrap();
    assert_eq!(found, Some(ended.clone()));
    let elsewhere = "another-org".parse().unwrap();
    assert_eq!(conflicts::get(&mut conn, &elsewhere, ended.id).await.unwrap(), None);
    assert_eq!(conflicts::count_open(&mut conn, integration_id()).await.unwrap(), 1);
}

#[sqlx::test]
async fn one_that_ends_makes_room_for_the_next_in_the_same_batch(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    integrate(&mut conn).await;
    joined(&mut conn, 1, "Q1").await;
    let first = conflict(7, 1, Field::Title);
    conflicts::write(&mut conn, &[&first]).await.unwrap();
    // The new one sorts before the old one by id.
    let next = conflict(3, 1, Field::Title);
    conflicts::write(&mut conn, &[&next, &ended(&first)]).await.unwrap();
    let open = conflicts::open_of(&mut conn, &[incident_id(1)]).await.unwrap();
    assert_eq!(open, [next]);
    let twice = conflicts::write(&mut conn, &[&conflict(8, 1, Field::Title)]).await;
    assert!(twice.unwrap_err().is_taken(), "a field is disputed once at a time");
}

#[sqlx::test]
async fn lists_are_filtered_and_paged(_: PgPoolOptions, database: PgConnectOptions) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    integrate(&mut conn).await;
    let mut all = Vec::new();
    for incident in 1..=4_u128 {
        joined(&mut conn, incident, &format!("Q{incident}")).await;
        all.push(conflict(2 * incident, incident, Field::Title));
        all.push(ended(&conflict(2 * incident + 1, incident, Field::Status)));
    }
    conflicts::write(&mut conn, &all.iter().collect::<Vec<_>>()).await.unwrap();
    all.reverse();
    let mut listed = Vec::new();
    loop {
        let after = listed.last().map(|last: &Conflict| (last.opened_at, last.id));
        let filter = Filter { after, limit: 3, ..Filter::default() };
        let page = conflicts::list(&mut conn, &org(), &filter).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, all);
    let any = Filter { limit: 100, ..Filter::default() };
    for (filter, fits) in [
        (Filter { standing: Some(Standing::Open), ..any.clone() }, 4),
        (Filter { field: Some(Field::Status), ..any.clone() }, 4),
        (Filter { incident: Some(incident_id(2)), ..any.clone() }, 2),
        (Filter { integration: Some(integration_id()), ..any.clone() }, 8),
        (Filter { reason: Some(Reason::Flapping), ..any.clone() }, 0),
    ] {
        let found = conflicts::list(&mut conn, &org(), &filter).await.unwrap();
        assert_eq!(found.len(), fits, "{filter:?}");
    }
}
