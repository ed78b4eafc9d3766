//! Listening on plain subjects: answers to edits, and the live end of the public feed.
//!
//! Nothing is kept for whoever is away, so nothing may rely on it: a lost answer is a time-out, and
//! a watch breaks off when the connection does.

use std::sync::Arc;

use async_nats::{ConnectOptions, Event};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::watch;

use crate::refusal::Refusal;

/// A connection that only listens.
#[derive(Clone)]
pub struct Listener {
    client: async_nats::Client,
    connections: Arc<watch::Sender<u64>>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

impl Listener {
    /// Connects in the background and keeps trying.
    pub async fn connect(url: &str, name: &str) -> Result<Self, async_nats::ConnectError> {
        let connections = Arc::new(watch::Sender::new(0));
        let seen = Arc::clone(&connections);
        let client = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .event_callback(move |event| {
                let seen = Arc::clone(&seen);
                async move {
                    if matches!(event, Event::Connected | Event::Disconnected) {
                        seen.send_modify(|count| *count += 1);
                    }
                }
            })
            .connect(url)
            .await?;
        Ok(Self { client, connections })
    }

    /// Changes whenever the connection is lost or stands again.
    pub fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// A subject that nobody else knows, for answers.
    pub fn inbox(&self) -> String {
        self.client.new_inbox()
    }

    /// The bodies of messages on `subject` from now on: the server has the subscription before
    /// this returns.
    pub async fn listen(
        &self,
        subject: String,
    ) -> Result<impl Stream<Item = Bytes> + Send + Unpin + use<>, Refusal> {
        let subscriber = self.client.subscribe(subject).await.map_err(unavailable)?;
        self.client.flush().await.map_err(unavailable)?;
        Ok(subscriber.map(|message| message.payload))
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Refusal {
    Refusal::Unavailable { what: "nats", source: Box::new(error) }
}
