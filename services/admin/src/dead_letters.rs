//! Dead letters: taken from the stream into Postgres, looked after, and sent again.
//!
//! [`run`] does three things for as long as the process lives: it takes letters in (each once, and
//! acknowledged only after the commit), finds the open ones that have become pointless by
//! themselves, and goes on with replays of many. What a person asks for comes in by
//! [`crate::api::dead_letter`] and uses [`replay`].

pub(crate) mod bulk;
pub(crate) mod edit;
pub(crate) mod message;
pub(crate) mod preview;
pub(crate) mod replay;
mod take;

use std::time::Duration;

use tandem_runtime::{clock, process::chain};
use tandem_store::{Store, StoreError, audit, dead_letters};

use crate::Admin;

/// How often it is looked what has become of open letters.
const ROUND: Duration = Duration::from_secs(2);
/// How long until another try when something was away.
const AGAIN: Duration = Duration::from_millis(500);
/// Who did what happens by itself.
const BY_ITSELF: &str = "tandem";

/// Looks after dead letters until dropped.
pub async fn run(admin: Admin) {
    tokio::join!(take::run(&admin), supersede(&admin), bulk::run(&admin));
}

/// Finds letters that have become pointless, again and again.
async fn supersede(admin: &Admin) {
    loop {
        match round(admin).await {
            Ok(0) => {}
            Ok(found) => tracing::info!(found, "dead letters were superseded"),
            Err(error) => {
                tracing::debug!(error = chain(&error), "dead letters cannot be looked through");
            }
        }
        tokio::time::sleep(ROUND).await;
    }
}

async fn round(admin: &Admin) -> Result<usize, StoreError> {
    let mut transaction = admin.store.begin().await?;
    let now = clock::now();
    let found = dead_letters::supersede(&mut transaction, None, now).await?;
    for id in &found {
        let org = dead_letters::get(&mut transaction, *id).await?.and_then(|one| one.letter.org);
        let entry = audit::Entry {
            at: now,
            actor: BY_ITSELF,
            org: org.as_deref(),
            action: "dead_letter.supersede",
            target: &id.to_string(),
            reason: None,
            before: Some(state(dead_letters::State::Open)),
            after: Some(state(dead_letters::State::Superseded)),
        };
        audit::add(&mut transaction, entry).await?;
    }
    Store::commit(transaction).await?;
    Ok(found.len())
}

/// A letter's state as the audit shows it.
pub(crate) fn state(state: dead_letters::State) -> serde_json::Value {
    serde_json::json!({ "state": state.name() })
}
