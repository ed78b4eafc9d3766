//! What Postgres can do at best: as many rows, of the same mean size, in as many transactions.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use sqlx::Row as _;
use tandem_store::Store;

/// Rows written so far and their mean size in bytes, by table.
pub(crate) type Rows = BTreeMap<String, (u64, u64)>;

/// Counts the rows that were inserted and updated so far.
pub(crate) async fn rows(store: &Store) -> anyhow::Result<Rows> {
    // Counts leave a session at most once a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let counted = sqlx::query(
        "select relname::text, n_tup_ins + n_tup_upd from pg_stat_user_tables
         where n_tup_ins + n_tup_upd > 0 and relname not like '\\_%' and relname <> 'bare'",
    )
    .fetch_all(store.pool())
    .await?;
    let mut rows = Rows::new();
    for row in counted {
        let (table, count): (String, i64) = (row.get(0), row.get(1));
        let sql = format!(
            "select coalesce(avg(length(row_to_json(sample)::text)), 0)::bigint
             from (select * from {table} limit 100) as sample"
        );
        let mean: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(store.pool()).await?;
        rows.insert(table, (count.unsigned_abs(), mean.unsigned_abs()));
    }
    Ok(rows)
}

/// What was written between two counts.
pub(crate) fn difference(before: &Rows, after: &Rows) -> Rows {
    let written = after.iter().map(|(table, (count, mean))| {
        let earlier = before.get(table).map_or(0, |(count, _)| *count);
        (table.clone(), (count - earlier, *mean))
    });
    written.filter(|(_, (count, _))| *count > 0).collect()
}

/// Inserts rows of some bytes in so many transactions; gives the seconds it took.
pub(crate) async fn insert(
    store: &Store,
    rows: u64,
    bytes: u64,
    transactions: usize,
) -> anyhow::Result<f64> {
    sqlx::raw_sql(
        "drop table if exists bare; create table bare (id bigint primary key, body text)",
    )
    .execute(store.pool())
    .await?;
    let ids: Vec<i64> = (0..i64::try_from(rows)?).collect();
    let body = |id: &i64| {
        // Not so regular that it would be stored in less.
        let mut text = String::new();
        let mut word = id.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        while text.len() < usize::try_from(bytes).unwrap_or(0) {
            text.push_str(&word.to_string());
            word = word.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        }
        text
    };
    let per_batch = ids.len().div_ceil(transactions).max(1);
    let mut seconds = 0.0;
    for batch in ids.chunks(per_batch) {
        let bodies: Vec<String> = batch.iter().map(body).collect();
        let start = Instant::now();
        let mut transaction = store.begin().await?;
        sqlx::query("insert into bare select * from unnest($1::bigint[], $2::text[])")
            .bind(batch)
            .bind(&bodies)
            .execute(&mut *transaction)
            .await?;
        Store::commit(transaction).await?;
        seconds += start.elapsed().as_secs_f64();
    }
    Ok(seconds)
}
