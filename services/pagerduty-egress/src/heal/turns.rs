//! One at a time for each record: what works on a record waits while the healer reads it, and the
//! healer while it is worked on. The longest wait is for the call in hand.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use tandem_domain::id::RecordId;
use tokio::sync::Notify;

/// The records that somebody has in hand.
#[derive(Debug, Default)]
pub struct Turns {
    taken: Mutex<HashSet<RecordId>>,
    given_back: Notify,
}

/// A record in hand; dropping this gives it back.
#[derive(Debug)]
pub struct Turn<'a> {
    turns: &'a Turns,
    record: RecordId,
}

impl Turns {
    /// Waits for a record, and takes it in hand.
    pub async fn take(&self, record: &RecordId) -> Turn<'_> {
        loop {
            // Listening begins before looking, so that nothing falls between the two.
            let given_back = self.given_back.notified();
            let free = {
                let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                taken.insert(record.clone())
            };
            if free {
                return Turn { turns: self, record: record.clone() };
            }
            given_back.await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut taken = self.turns.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.record);
        drop(taken);
        self.turns.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_record_is_in_one_hand_at_a_time() {
        let (turns, one, other) = (Turns::default(), "Q1".parse().unwrap(), "Q2".parse().unwrap());
        let first = turns.take(&one).await;
        drop(turns.take(&other).await);
        assert!(timeout(Duration::from_millis(20), turns.take(&one)).await.is_err());
        let (second, ()) = tokio::join!(turns.take(&one), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        drop(second);
    }
}
