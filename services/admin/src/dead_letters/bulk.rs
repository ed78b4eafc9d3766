//! Replays of many letters, one letter after the other, in the order in which they were given up.
//!
//! Each step is a transaction of its own that holds the replay's row: any number of copies share
//! the work, a copy that dies is replaced at the next step, and none goes faster than the pace.
//! The pace is half of what the integration may call, so that what people do meanwhile gets through.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tandem_domain::integration::Integration;
use tandem_runtime::{clock, process::chain};
use tandem_store::{
    PgConnection, Store,
    dead_letters::{self, Progress, Replay, Stored, Way},
    integrations,
};

use super::{
    AGAIN,
    replay::{self, Order, Replayed},
};
use crate::{Admin, refusal::Refusal};

/// How long until it is looked for replays again when nobody told of one.
const IDLE: Duration = Duration::from_secs(1);
/// Never faster than this, however much an integration may call.
const PACE: SignedDuration = SignedDuration::from_millis(20);

/// What comes after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Another one, at once.
    Step,
    /// Another one, when the pace allows.
    At(Timestamp),
    /// Nothing is to be done.
    Nothing,
}

/// Goes on with replays until dropped.
pub(super) async fn run(admin: &Admin) {
    let mut is_waiting = false;
    loop {
        let wait = match step(admin).await {
            Ok(next) => {
                is_waiting = false;
                match next {
                    Next::Step => continue,
                    Next::At(at) => until(at),
                    Next::Nothing => IDLE,
                }
            }
            Err(refusal) => {
                if !std::mem::replace(&mut is_waiting, true) {
                    tracing::warn!(error = chain(&refusal), "replays of dead letters wait");
                }
                AGAIN
            }
        };
        tokio::select! {
            () = admin.replays.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn until(at: Timestamp) -> Duration {
    let wait = Duration::try_from(at.duration_since(clock::now())).unwrap_or_default();
    wait.clamp(Duration::from_millis(1), IDLE)
}

/// Deals with one letter of one replay.
async fn step(admin: &Admin) -> Result<Next, Refusal> {
    let now = clock::now();
    let mut transaction = admin.store.begin().await?;
    let Some(replay) = dead_letters::due(&mut transaction, now).await? else {
        let wake_at = dead_letters::wake_at(&mut transaction).await?;
        return Ok(wake_at.map_or(Next::Nothing, Next::At));
    };
    let Some(stored) = dead_letters::next_letter(&mut transaction, replay.id).await? else {
        dead_letters::finish(&mut transaction, replay.id, now).await?;
        Store::commit(transaction).await?;
        tracing::info!(replay.id = %replay.id, "a replay of dead letters is finished");
        return Ok(Next::Step);
    };
    let pace = pace(&mut transaction, &stored).await?;
    match send(admin, &mut transaction, &replay, &stored, now).await {
        Ok(progress) => {
            let next_at = now.checked_add(pace).unwrap_or(now);
            dead_letters::advance(&mut transaction, replay.id, progress, next_at).await?;
            Store::commit(transaction).await?;
        }
        Err(refusal @ Refusal::Unavailable { .. }) => return Err(refusal),
        Err(refusal) => {
            // What was begun for the letter may have spoilt the transaction.
            drop(transaction);
            set_apart(admin, &replay, &stored, &refusal, now).await?;
        }
    }
    Ok(Next::Step)
}

async fn send(
    admin: &Admin,
    conn: &mut PgConnection,
    replay: &Replay,
    stored: &Stored,
    now: Timestamp,
) -> Result<Progress, Refusal> {
    let name = replay.id.to_string();
    let order = Order { edited: None, actor: &replay.actor, reason: Some(&name), now };
    let Progress { sent, superseded, .. } = replay.progress;
    Ok(match replay::one(admin, conn, stored.letter.id, order).await? {
        Replayed::Sent(_) => Progress { sent: sent + 1, ..replay.progress },
        Replayed::Superseded => Progress { superseded: superseded + 1, ..replay.progress },
    })
}

/// Leaves a letter open that cannot be sent as it is, with the reason, and goes on with the next.
async fn set_apart(
    admin: &Admin,
    replay: &Replay,
    stored: &Stored,
    refusal: &Refusal,
    now: Timestamp,
) -> Result<(), Refusal> {
    let reason = match refusal {
        Refusal::Invalid(violations) => violations
            .iter()
            .map(|violation| format!("{} {}", violation.field, violation.problem))
            .collect::<Vec<_>>()
            .join("; "),
        other => chain(other),
    };
    let mut transaction = admin.store.begin().await?;
    dead_letters::set_apart(&mut transaction, stored.letter.id, &reason, now).await?;
    let progress = Progress { failed: replay.progress.failed + 1, ..replay.progress };
    dead_letters::advance(&mut transaction, replay.id, progress, now).await?;
    Ok(Store::commit(transaction).await?)
}

/// How long the next letter of the replay waits after this one.
async fn pace(conn: &mut PgConnection, stored: &Stored) -> Result<SignedDuration, Refusal> {
    let integration = stored.letter.integration.filter(|_| stored.letter.way == Way::Out);
    let Some(id) = integration else { return Ok(PACE) };
    let found = integrations::get(conn, id, false).await?;
    Ok(found.map_or(PACE, |found| half(ours(&found.integration))))
}

/// How many calls a minute are not left to others.
const fn ours(integration: &Integration) -> u32 {
    integration.rate_limit.saturating_sub(integration.headroom)
}

/// The time between two letters at half of so many a minute.
fn half(rate_limit: u32) -> SignedDuration {
    let wait = SignedDuration::from_mins(2) / i32::try_from(rate_limit.max(1)).unwrap_or(i32::MAX);
    wait.max(PACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_takes_half_of_what_may_be_called() {
        assert_eq!(half(100), SignedDuration::from_millis(1200));
        assert_eq!(half(0), SignedDuration::from_mins(2));
        assert_eq!(half(u32::MAX), PACE);
    }
}
