//! Everything that knows Postgres, so that nothing else has to.
//!
//! One module per noun, one function per statement, all of them on a connection the caller opened:
//! transactions belong to whoever decides what must happen together. Batches go in as one JSON
//! parameter and are spread by Postgres, so a statement costs one round trip whatever their size.

pub mod audit;
pub mod clocks;
pub mod conflicts;
mod connect;
pub mod dead_letters;
pub mod decisions;
pub mod desired;
pub mod error;
pub mod healing;
pub mod history;
pub mod inbox;
pub mod incidents;
pub mod integrations;
pub mod links;
pub mod notes;
pub mod outbox;
pub mod plans;
mod rows;
pub mod seals;
pub mod standing;
pub mod timeline;
pub mod tokens;
pub mod verify;
pub mod writes;

pub use connect::{Store, migrate};
pub use error::StoreError;
pub use sqlx::{PgConnection, PgPool, Postgres, Transaction};
