//! The connection: it comes back by itself, and the topology with it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_nats::{
    ConnectOptions, Event, ServerAddr,
    connection::State,
    jetstream::{self, kv, stream},
};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;

use crate::{readers::Reader, topology};

/// NATS could not be asked, or did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("nats is not available: {doing}")]
pub struct Unavailable {
    /// What was being done.
    pub doing: &'static str,
    /// What the client says.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Unavailable {
    pub(crate) fn because(
        doing: &'static str,
    ) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Self {
        move |source| Self { doing, source: Some(source) }
    }
}

/// How long JetStream may take to say that a message is on disk.
const ACK_WITHIN: Duration = Duration::from_secs(3);

/// A connection to NATS with JetStream.
#[derive(Clone)]
pub struct Bus {
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
    connections: Arc<watch::Sender<u64>>,
    /// The connection over which the topology was last confirmed.
    confirmed: Arc<AtomicU64>,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("connected", &self.connected()).finish_non_exhaustive()
    }
}

/// The user and the password in an address, decoded.
fn credentials(address: &ServerAddr) -> Option<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (address.username()?, address.password().unwrap_or_default());
    Some((decoded(user), decoded(password)))
}

impl Bus {
    /// Connects in the background and keeps trying; `name` shows in the server's monitoring, and
    /// in the inbox: answers come where no other service may listen.
    ///
    /// The URL may carry credentials; they are taken by the client and shown nowhere.
    pub async fn connect(url: &str, name: &str) -> Result<Self, Unavailable> {
        let connections = Arc::new(watch::Sender::new(0));
        let seen = Arc::clone(&connections);
        let address: ServerAddr =
            url.parse().map_err(Box::from).map_err(Unavailable::because("reading its address"))?;
        // The client does not take them from the address by itself.
        let options = match credentials(&address) {
            Some((user, password)) => ConnectOptions::with_user_and_password(user, password),
            None => ConnectOptions::new(),
        };
        let client = options
            .name(name)
            .custom_inbox_prefix(format!("_INBOX.{name}"))
            .retry_on_initial_connect()
            .ping_interval(Duration::from_secs(5))
            .request_timeout(Some(ACK_WITHIN))
            .reconnect_delay_callback(|attempts| {
                Duration::from_millis(if attempts < 2 { 50 } else { 250 })
            })
            .event_callback(move |event| {
                let seen = Arc::clone(&seen);
                async move {
                    match event {
                        Event::Connected => seen.send_modify(|count| *count += 1),
                        other => tracing::debug!(event = %other, "nats connection"),
                    }
                }
            })
            .connect(address)
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("connecting"))?;
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(ACK_WITHIN);
        // No connection has this number.
        let confirmed = Arc::new(AtomicU64::new(u64::MAX));
        Ok(Self { client, jetstream, connections, confirmed })
    }

    /// Whether the connection stands at this moment.
    pub fn connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Whether the connection stands, and every stream was seen to be as it should over it: without
    /// them nothing can be kept, and who has another layout's streams must not seem well.
    pub fn is_ready(&self) -> bool {
        self.connection().is_some_and(|number| number == self.confirmed.load(Ordering::Relaxed))
    }

    /// Which connection stands at this moment: others that came before it had other numbers.
    pub(crate) fn connection(&self) -> Option<u64> {
        let number = *self.connections.borrow();
        self.connected().then_some(number)
    }

    /// Counts connections made; changes whenever a new one stands.
    pub fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// Makes sure that every stream and the bucket exist as [`topology`] says.
    pub async fn ensure_topology(&self) -> Result<(), Unavailable> {
        for config in topology::streams() {
            self.ensure_stream(config)
                .await
                .map_err(Unavailable::because("creating the streams"))?;
        }
        self.config_bucket().await?;
        Ok(())
    }

    /// Makes sure of one stream.
    ///
    /// One that is made anew counts on from the time, in microseconds, and so beyond every place that
    /// one before it has given: what is ordered by places stays in order over the loss of the broker's
    /// disk, and an acknowledgement that is late by as much is for no message that there is now.
    async fn ensure_stream(
        &self,
        config: stream::Config,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Ok(held) = self.jetstream.get_stream(&config.name).await {
            return self.keep_stream(&held, config).await;
        }
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
        let first_sequence = u64::try_from(since).ok();
        let new = stream::Config { first_sequence, ..config.clone() };
        if self.jetstream.create_stream(new).await.is_ok() {
            return Ok(());
        }
        // Somebody else may have made it meanwhile.
        let held = self.jetstream.get_stream(&config.name).await?;
        self.keep_stream(&held, config).await
    }

    async fn keep_stream(
        &self,
        held: &stream::Stream,
        config: stream::Config,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let first_sequence = held.cached_info().config.first_sequence;
        self.jetstream.update_stream(stream::Config { first_sequence, ..config }).await?;
        Ok(())
    }

    /// Keeps the topology in being: at once, and again after each reconnection. Runs until dropped.
    pub async fn keep_topology(self) {
        self.keep_topology_for(Vec::new()).await;
    }

    /// The same, with the consumers of those who read the public feed.
    pub async fn keep_topology_for(self, readers: Vec<Reader>) {
        let mut connections = self.connections();
        loop {
            let number = *connections.borrow_and_update();
            match self.ensure_for(&readers, number).await {
                Ok(()) => {
                    if connections.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "the topology is not confirmed yet");
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
            }
        }
    }

    async fn ensure_for(&self, readers: &[Reader], connection: u64) -> Result<(), Unavailable> {
        self.ensure_topology().await?;
        self.confirmed.store(connection, Ordering::Relaxed);
        for reader in readers {
            self.ensure_reader(reader).await?;
        }
        Ok(())
    }

    /// Sends what is buffered and closes; for the end of a process.
    pub async fn drain(&self) {
        // Draining alone returns before anything has left.
        if let Err(error) = self.client.flush().await {
            tracing::debug!(%error, "the last messages may not have left");
        }
        if let Err(error) = self.client.drain().await {
            tracing::debug!(%error, "nats was already closed");
        }
    }

    pub(crate) async fn config_bucket(&self) -> Result<kv::Store, Unavailable> {
        match self.jetstream.get_key_value(topology::CONFIG).await {
            Ok(bucket) => Ok(bucket),
            Err(_) => self
                .jetstream
                .create_key_value(topology::config_bucket())
                .await
                .map_err(Box::from)
                .map_err(Unavailable::because("creating the configuration bucket")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_carry_credentials() {
        let of = |url: &str| credentials(&url.parse().unwrap());
        let both = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(of("nats://ingress:p%40ss@127.0.0.1:4222"), both("ingress", "p@ss"));
        assert_eq!(of("nats://ingress@127.0.0.1"), both("ingress", ""));
        assert_eq!(of("nats://127.0.0.1:4222"), None);
    }
}
