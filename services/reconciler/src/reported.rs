//! Answers the egress whether a report of some work was taken in.

use std::pin::pin;

use futures_util::StreamExt;
use tandem_bus::{Bus, reported::Question};
use tandem_runtime::{Stop, process::chain};
use tandem_store::{Store, StoreError, inbox};
use tokio::time::{Duration, sleep};

/// How long to wait before listening again.
const AGAIN: Duration = Duration::from_millis(250);

/// Answers until it is time to stop; through outages of NATS and Postgres.
pub async fn run(store: Store, bus: Bus, stop: Stop) {
    while !stop.is_asked() {
        match bus.asked_of_reports().await {
            Ok(questions) => {
                let mut questions = pin!(questions);
                loop {
                    let question = tokio::select! {
                        question = questions.next() => question,
                        () = stop.asked() => return,
                    };
                    let Some(question) = question else { break };
                    match look(&store, &question).await {
                        Ok(reported) => bus.say_reported(question, reported).await,
                        // Whoever asked goes on as if it had not been reported.
                        Err(error) => tracing::debug!(error = chain(&error), "unanswered"),
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "questions are not heard yet"),
        }
        tokio::select! {
            () = sleep(AGAIN) => {}
            () = stop.asked() => {}
        }
    }
}

async fn look(store: &Store, question: &Question) -> Result<bool, StoreError> {
    let Question { integration, asked, .. } = question;
    let mut conn = store.acquire().await?;
    inbox::reported(&mut conn, *integration, &asked.work, asked.since).await
}
