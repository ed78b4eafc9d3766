//! What can go wrong with stored values, named by what failed.

use uuid::Uuid;

/// A statement failed, or a stored value could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres is away, or refused.
    #[error("postgres did not answer as it should: {doing}")]
    Postgres {
        /// What was being done.
        doing: &'static str,
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// A migration failed.
    #[error("the schema could not be migrated")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The schema is older than this program needs.
    #[error(
        "the schema is at version {found}, this program needs {needed}: run `tandem-admin migrate`"
    )]
    OldSchema {
        /// The newest migration that was applied.
        found: i64,
        /// The newest one this program was built with.
        needed: i64,
    },
    /// A stored value is not what its column promises.
    #[error("{table} {row}: the stored {column} cannot be understood")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The row's id.
        row: Uuid,
        /// The column.
        column: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another copy has just taken in the same event: trying again finds that it is known.
    #[error("an event was taken in by another copy at the same time")]
    Raced,
    /// A value could not be written as JSON.
    #[error("a value could not be written as JSON")]
    Json(#[source] serde_json::Error),
}

impl StoreError {
    pub(crate) fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Postgres { doing, source }
    }

    /// Whether the fault lies with what was written, so that trying again cannot help. Everything
    /// else passes: a database that is away, read-only, full, not migrated, or not letting us in is
    /// nobody's data's fault.
    pub fn is_poison(&self) -> bool {
        match self {
            Self::Inconsistent { .. } | Self::Json(_) => true,
            Self::Migrate(_) | Self::OldSchema { .. } | Self::Raced => false,
            // Data exceptions and violated constraints: classes 22 and 23 of PostgreSQL's error
            // codes.
            Self::Postgres { source: sqlx::Error::Database(error), .. } => {
                let code = error.code().unwrap_or_default();
                code.starts_with("22") || code.starts_with("23")
            }
            Self::Postgres { source, .. } => matches!(
                source,
                sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }
            ),
        }
    }

    /// Whether somebody else has held what was to be locked for longer than is waited.
    pub fn is_held(&self) -> bool {
        let Self::Postgres { source: sqlx::Error::Database(error), .. } = self else {
            return false;
        };
        error.code().as_deref() == Some("55P03")
    }

    /// Whether a row that must be unique is there already.
    pub fn is_taken(&self) -> bool {
        let Self::Postgres { source: sqlx::Error::Database(error), .. } = self else {
            return false;
        };
        error.is_unique_violation()
    }
}
