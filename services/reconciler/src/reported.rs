//! Answers the egress whether a report of some work was taken in.

use tandem_bus::{Bus, reported::Question};
use tandem_runtime::{Stop, process::chain};
use tandem_store::{Store, StoreError, inbox};

use crate::hear::hear;

/// Answers until it is time to stop; through outages of NATS and Postgres.
pub async fn run(store: Store, bus: Bus, stop: Stop) {
    let (store, bus) = (&store, &bus);
    hear(&stop, || bus.asked_of_reports(), |question| answer(store, bus, question)).await;
}

async fn answer(store: &Store, bus: &Bus, question: Question) {
    match look(store, &question).await {
        Ok(reported) => bus.say_reported(question, reported).await,
        // Whoever asked goes on as if it had not been reported.
        Err(error) => tracing::debug!(error = chain(&error), "unanswered"),
    }
}

async fn look(store: &Store, question: &Question) -> Result<bool, StoreError> {
    let Question { integration, asked, .. } = question;
    let mut conn = store.acquire().await?;
    inbox::reported(&mut conn, *integration, &asked.work, asked.since).await
}
