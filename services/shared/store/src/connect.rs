//! The pool, the migrations, and the check that the schema is one this program can work with.

use std::{str::FromStr, time::Duration};

use sqlx::{
    PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::StoreError;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Connections to Postgres.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// Prepares connections to `url`; the first one is made when it is needed, so a database that
    /// is away at start is waited for like one that goes away later.
    pub fn connect(url: &str, name: &str, connections: u32) -> Result<Self, StoreError> {
        Ok(Self::with(options(url, name)?, connections))
    }

    /// The same for whoever works on batches by key: connections wait only so long for a lock that
    /// somebody else holds ([`StoreError::is_held`] then says so), and go by the index even while
    /// Postgres thinks that a table is small, which it does until it has counted a new one. What
    /// looks expensive for that reason alone is not worth compiling, which takes longer than a batch.
    pub fn connect_for_batches(
        url: &str,
        name: &str,
        connections: u32,
        lock_timeout: Duration,
    ) -> Result<Self, StoreError> {
        let timeout = lock_timeout.as_millis().to_string();
        let settings = [("lock_timeout", &*timeout), ("enable_seqscan", "off"), ("jit", "off")];
        Ok(Self::with(options(url, name)?.options(settings), connections))
    }

    fn with(options: PgConnectOptions, connections: u32) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(3))
            .connect_lazy_with(options);
        Self { pool }
    }

    /// A connection outside of any transaction.
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        self.pool.acquire().await.map_err(StoreError::doing("getting a connection"))
    }

    /// The pool itself.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.pool.begin().await.map_err(StoreError::doing("beginning a transaction"))
    }

    /// Makes a transaction's changes stand.
    pub async fn commit(transaction: Transaction<'static, Postgres>) -> Result<(), StoreError> {
        transaction.commit().await.map_err(StoreError::doing("committing"))
    }

    /// Whether Postgres answers and its schema is new enough.
    pub async fn is_ready(&self) -> bool {
        self.check_schema().await.is_ok()
    }

    /// Refuses a schema older than this program was built with; a newer one is accepted, because
    /// migrations only expand what older programs use.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let needed = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
        // Unchecked on purpose: the table is the migrator's and does not exist before its first run.
        let found: Result<i64, _> = sqlx::query_scalar(
            "select coalesce(max(version), 0) from _sqlx_migrations where success",
        )
        .fetch_one(&self.pool)
        .await;
        let found = match found {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => 0,
            found => found.map_err(StoreError::doing("reading the schema version"))?,
        };
        if found < needed { Err(StoreError::OldSchema { found, needed }) } else { Ok(()) }
    }
}

fn options(url: &str, name: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url);
    let options = options.map_err(StoreError::doing("reading the database url"))?;
    Ok(options.application_name(name))
}

/// Applies the migrations that are missing. Copies may run this at once: one waits for the other.
pub async fn migrate(store: &Store) -> Result<(), StoreError> {
    MIGRATIONS.run(store.pool()).await.map_err(StoreError::Migrate)
}
