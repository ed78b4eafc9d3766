//! What Postgres can do at best: as many rows of as many bytes, in as many transactions, with nothing
//! looked up, locked, decided or indexed but by one number.

use std::collections::BTreeMap;

use sqlx::Row as _;
use tandem_store::Store;

use crate::clock::{Stopwatch, Took};

/// Rows written so far, by table.
pub(crate) type Rows = BTreeMap<String, u64>;

/// Counts the rows that were inserted and updated so far.
pub(crate) async fn rows(store: &Store) -> anyhow::Result<Rows> {
    sqlx::query("select pg_stat_force_next_flush()").execute(store.pool()).await?;
    let counted = sqlx::query(
        "select relname::text, n_tup_ins + n_tup_upd from pg_stat_user_tables
         where n_tup_ins + n_tup_upd > 0 and relname not like '\\_%' and relname <> 'bare'",
    )
    .fetch_all(store.pool())
    .await?;
    Ok(counted.iter().map(|row| (row.get(0), row.get::<i64, _>(1).unsigned_abs())).collect())
}

/// What was written between two counts.
pub(crate) fn difference(before: &Rows, after: &Rows) -> Rows {
    let written = after.iter().map(|(table, count)| {
        let earlier = before.get(table).copied().unwrap_or_default();
        (table.clone(), count.saturating_sub(earlier))
    });
    written.filter(|(_, count)| *count > 0).collect()
}

/// How many bytes the values of a table's rows have on average, as text, without any names.
pub(crate) async fn mean(store: &Store, table: &str) -> anyhow::Result<u64> {
    let sql = format!(
        "select coalesce(avg(octet_length(sample::text)), 0)::bigint
         from (select * from {table} limit 1000) as sample"
    );
    let mean: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(store.pool()).await?;
    Ok(mean.unsigned_abs())
}

/// Makes the table anew. What it holds is stored as it comes, neither packed nor moved elsewhere.
pub(crate) async fn prepare(store: &Store) -> anyhow::Result<()> {
    sqlx::raw_sql(
        "drop table if exists bare;
         create table bare (id bigint primary key, body text) with (toast_tuple_target = 8160);
         alter table bare alter column body set storage external",
    )
    .execute(store.pool())
    .await?;
    Ok(())
}

/// Inserts rows of the given sizes, numbered from `first`, in so many transactions.
pub(crate) async fn insert(
    store: &Store,
    first: usize,
    sizes: &[usize],
    transactions: usize,
    backends: &[i32],
) -> anyhow::Result<Took> {
    let per_batch = sizes.len().div_ceil(transactions).max(1);
    let mut took = Took::default();
    for (place, batch) in sizes.chunks(per_batch).enumerate() {
        let first = i64::try_from(first + place * per_batch)?;
        let ids: Vec<i64> = (first..).take(batch.len()).collect();
        let bodies: Vec<String> =
            ids.iter().zip(batch).map(|(id, size)| body(*id, *size)).collect();
        let watch = Stopwatch::start(backends);
        let mut transaction = store.begin().await?;
        sqlx::query("insert into bare select * from unnest($1::bigint[], $2::text[])")
            .bind(&ids)
            .bind(&bodies)
            .execute(&mut *transaction)
            .await?;
        Store::commit(transaction).await?;
        took = took.and(watch.stop());
    }
    Ok(took)
}

/// Something of so many bytes, no two alike.
fn body(id: i64, size: usize) -> String {
    let mut text = String::with_capacity(size + 20);
    let mut word = id.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
    while text.len() < size {
        text.push_str(&word.to_string());
        word = word.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    }
    text.truncate(size);
    text
}
