//! Decisions lie in the partition of their month, whenever that is made.

use jiff::Timestamp;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tandem_store::{decisions, incidents, verify::verify};

use crate::support::{chain, incident, store};

/// How many decisions lie in a table.
async fn rows(pool: &PgPool, table: &'static str) -> i64 {
    let sql = format!("select count(*) from {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(pool).await.unwrap()
}

#[sqlx::test]
async fn a_partition_made_late_takes_over_what_lies_in_its_month(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let store = store(&database);
    let mut conn = store.acquire().await.unwrap();
    let mut incident = incident(1);
    let mut decisions = chain(&mut incident, 3);
    let months: [Timestamp; 3] = [
        "2031-01-31T23:59:59.999999Z".parse().unwrap(),
        "2031-02-01T00:00:00Z".parse().unwrap(),
        "2031-02-28T23:59:59.999999Z".parse().unwrap(),
    ];
    let mut previous = String::new();
    for (decision, month) in decisions.iter_mut().zip(months) {
        decision.at = month;
        decision.previous = previous;
        previous = decision.hash();
    }
    incident.chain.hash = previous;
    incidents::write(&mut conn, &[&incident]).await.unwrap();
    decisions::add(&mut conn, &decisions.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(rows(store.pool(), "decisions_default").await, 3);

    let february = "2031-02-14T12:00:00Z".parse().unwrap();
    assert!(decisions::make_partition(&mut conn, february).await.unwrap());
    assert!(!decisions::make_partition(&mut conn, february).await.unwrap(), "it is there");
    assert_eq!(rows(store.pool(), "decisions_2031_02").await, 2);
    assert_eq!(rows(store.pool(), "decisions_default").await, 1);
    let december = "2031-12-14T12:00:00Z".parse().unwrap();
    assert!(decisions::make_partition(&mut conn, december).await.unwrap());

    assert_eq!(decisions::chain(&mut conn, incident.id, None).await.unwrap(), decisions);
    assert_eq!(verify(&store, None).await.unwrap().breaks, []);
    for table in ["decisions_default", "decisions_2031_02"] {
        let change = format!("update {table} set after = 'else'");
        let refused = sqlx::query(sqlx::AssertSqlSafe(change)).execute(store.pool()).await;
        assert!(refused.unwrap_err().to_string().contains("append-only"), "{table}");
    }
}

#[sqlx::test]
async fn the_present_and_the_next_month_have_partitions_from_the_start(pool: PgPool) {
    let made: i64 = sqlx::query_scalar(
        "select count(*) from pg_class where relkind = 'r' and relname like 'decisions\\_2%'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(made, 2);
}
