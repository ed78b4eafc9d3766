//! The end of what sends to an integration: when it is deleted, its subscriptions are, too.
//!
//! Best effort, and said plainly: an account that cannot be called must not keep anybody from deleting
//! an integration, and whoever deletes it is the last to hear of what is left over there.

use std::time::{Duration, Instant};

use tandem_domain::id::IntegrationId;
use tandem_runtime::process::chain;
use tandem_store::{
    Postgres, StoreError, Transaction,
    integrations::{self, Stored},
};
use tokio::time::sleep;

use super::{Plan, plan};
use crate::{Admin, ask};

/// How long somebody who sees to the same subscriptions is waited for: as long as making one takes.
const FREE_WITHIN: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(100);

/// What became of the subscriptions of an integration that is to be deleted. While it is held, nobody
/// makes new ones.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// Those that are left over there.
    pub(crate) left: Vec<String>,
    /// Why, and what to do about it; empty where nothing is known to be left.
    pub(crate) problem: String,
    _held: Option<Transaction<'static, Postgres>>,
}

/// Has everything unsubscribed that sends to an integration and is managed.
pub(crate) async fn end(admin: &Admin, id: IntegrationId) -> Result<Ending, StoreError> {
    let mut transaction = admin.store.begin().await?;
    let until = Instant::now() + FREE_WITHIN;
    let mut free = integrations::begin_tending(&mut transaction, id).await?;
    while !free && Instant::now() < until {
        sleep(AGAIN).await;
        free = integrations::begin_tending(&mut transaction, id).await?;
    }
    let stored = integrations::get(&mut transaction, id, false).await?;
    let Some(stored) = stored.filter(|stored| !stored.deleted) else {
        return Ok(Ending::default());
    };
    let (left, why) = if free {
        unsubscribe(admin, &stored).await
    } else {
        (managed(&stored), Some("they are being seen to at this moment".to_owned()))
    };
    let problem = why.map(|why| told(&left, &why)).unwrap_or_default();
    if !problem.is_empty() {
        tracing::warn!(integration = %id, problem, "subscriptions outlive their integration");
    }
    Ok(Ending { left, problem, _held: Some(transaction) })
}

/// Gives what is left, and why.
async fn unsubscribe(admin: &Admin, stored: &Stored) -> (Vec<String>, Option<String>) {
    let held = managed(stored);
    if held.is_empty() && stored.integration.public_url.is_none() {
        return (held, None);
    }
    if let Some(silence) = ask::silence(stored) {
        let why = silence.message(&stored.integration);
        // One that never had a token never had any made.
        return if held.is_empty() { (held, None) } else { (held, Some(why)) };
    }
    let Plan { mut wanted, .. } = plan(stored);
    wanted.services.clear();
    wanted.known.clear();
    wanted.keep.clear();
    wanted.drop.clone_from(&held);
    match ask::subscriptions(admin, &stored.integration, wanted).await {
        Ok(tended) => {
            let gone = |id: &String| tended.dropped.contains(id);
            (held.into_iter().filter(|id| !gone(id)).collect(), tended.problem)
        }
        Err(refusal) => (held, Some(chain(&refusal))),
    }
}

fn managed(stored: &Stored) -> Vec<String> {
    stored.subscriptions.iter().map(|held| held.id.clone()).collect()
}

fn told(left: &[String], why: &str) -> String {
    let what = if left.is_empty() {
        "webhook subscriptions may be left in its account".to_owned()
    } else {
        format!("webhook subscriptions are left in its account: {}", left.join(", "))
    };
    format!("{what} ({why}); delete them there, since what they send is refused from now on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_named_with_the_reason_and_the_way_out() {
        let left = ["PWH1".to_owned(), "PWH2".to_owned()];
        let told_of = told(&left, "nobody answers");
        assert!(told_of.contains(": PWH1, PWH2 (nobody answers); delete them there"), "{told_of}");
        assert!(told(&[], "nobody answers").starts_with("webhook subscriptions may be left"));
    }
}
