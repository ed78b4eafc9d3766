//! A seat: of all copies of a service, one at a time may act for an integration.
//!
//! The broker decides who: each copy pulls from a consumer with the pinned-client policy
//! (nats-server 2.11, ADR-42), whose one message comes again and again to the copy that is pinned
//! and to nobody else. Each pull renews the pin, and each message proves that it was renewed; so
//! whoever holds the seat knows until when, on the monotonic clock, without asking. A copy that is
//! killed is followed by another once its pin has run out. A lost connection gives the seat up at
//! once, because a broker that was restarted knows of no pin.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::{Request, RequestErrorKind, StatusCode, header::NATS_PIN_ID};
use serde_json::json;
use tandem_domain::id::{Connector, IntegrationId};
use tokio::sync::watch;

use crate::{
    Bus, Unavailable, subjects,
    topology::{self, SEAT_GROUP, SEAT_TIMEOUT},
};

/// How long a pull waits for the message: well below the pin's time-out, since only pulls renew it.
const PULL: Duration = Duration::from_secs(PULL_S);
const PULL_S: u64 = 2;
/// The seat counts as lost so long before the broker may give it to somebody else: longer than it
/// takes to begin what was just permitted.
pub const RESERVE: Duration = Duration::from_millis(1_500);
/// How long to wait before sitting down is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// Whether this copy is the one that acts, as everybody concerned sees it.
#[derive(Debug, Clone)]
pub struct Seat {
    bus: Option<Bus>,
    held: Arc<Mutex<Option<Held>>>,
    /// Which term of this copy's it is, while it is the pinned one.
    term: watch::Receiver<Option<u64>>,
    name: String,
}

/// The task that takes a seat and keeps it; made by [`Bus::seat`].
#[derive(Debug)]
pub struct Sitting {
    bus: Bus,
    seat: Seat,
    term: watch::Sender<Option<u64>>,
    terms: AtomicU64,
    connector: Connector,
    integration: IntegrationId,
}

#[derive(Debug, Clone)]
struct Held {
    pin: String,
    until: Instant,
    /// The connection it is held over.
    connection: u64,
}

impl Bus {
    /// The seat of an integration, and the task that takes it as soon as it is free. The task runs
    /// until it is dropped; nobody else gets the seat then until [`Seat::leave`] or the time-out.
    pub fn seat(&self, connector: &Connector, integration: IntegrationId) -> (Seat, Sitting) {
        let (term, seen) = watch::channel(None);
        let seat = Seat {
            bus: Some(self.clone()),
            held: Arc::default(),
            term: seen,
            name: topology::seat_name(integration),
        };
        let (bus, connector) = (self.clone(), connector.clone());
        (
            seat.clone(),
            Sitting { bus, seat, term, terms: AtomicU64::new(0), connector, integration },
        )
    }
}

impl Seat {
    /// A seat that nobody disputes, for tests.
    pub fn kept() -> Self {
        let seat = Self::never();
        let far = Instant::now() + Duration::from_hours(1);
        *seat.held() = Some(Held { pin: String::new(), until: far, connection: 0 });
        seat
    }

    /// A seat that is never free, for tests.
    pub fn never() -> Self {
        Self { bus: None, held: Arc::default(), term: watch::channel(None).1, name: String::new() }
    }

    /// Whether it is certain that no other copy acts at `now`.
    pub fn is_held(&self, now: Instant) -> bool {
        let connection = self.bus.as_ref().map_or(Some(0), Bus::connection);
        let held = self.held();
        held.as_ref().is_some_and(|held| held.until > now && Some(held.connection) == connection)
    }

    /// Waits until this copy is the pinned one; gives the number of its term.
    pub async fn taken(&mut self) -> u64 {
        match self.term.wait_for(Option::is_some).await.map(|term| *term) {
            Ok(Some(term)) => term,
            _ => std::future::pending().await,
        }
    }

    /// Waits until a term is over, because another copy has had the seat or may have it. While the
    /// connection is lost that is not known: the seat is not held then, but the term goes on.
    pub async fn over(&mut self, term: u64) {
        // Without a sender, nobody keeps it.
        drop(self.term.wait_for(|now| *now != Some(term)).await);
    }

    /// Lets the next copy have it at once; for a copy that has stopped acting and pulling.
    pub async fn leave(&self) {
        if self.held().take().is_none() {
            return;
        }
        let Some(bus) = self.bus.as_ref().filter(|bus| bus.connected()) else { return };
        let subject = format!("$JS.API.CONSUMER.UNPIN.{}.{}", topology::SEATS, self.name);
        let group = json!({ "group": SEAT_GROUP }).to_string();
        if let Err(error) = bus.client.request(subject, group.into()).await {
            tracing::debug!(%error, "the seat was not given back; it runs out");
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sitting {
    /// Takes the seat whenever it is free, and keeps it. Runs until dropped.
    pub async fn run(self) {
        loop {
            if let Err(error) = self.sit().await {
                let cause = error.source.as_ref().map(ToString::to_string);
                tracing::debug!(%error, cause, "the seat is asked for again");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn sit(&self) -> Result<(), Unavailable> {
        let config = topology::seat(&self.connector, self.integration);
        self.bus
            .jetstream
            .create_consumer_on_stream(config, topology::SEATS)
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("creating a seat"))?;
        // The one message; it replaces the one that may be there.
        let subject = subjects::seat(&self.connector, self.integration);
        let stored = self.bus.jetstream.publish(subject, "".into()).await;
        match stored {
            Ok(ack) => ack.await.map(drop),
            Err(error) => Err(error),
        }
        .map_err(Box::from)
        .map_err(Unavailable::because("filling a seat"))?;
        loop {
            self.pull().await?;
        }
    }

    async fn pull(&self) -> Result<(), Unavailable> {
        let pin = self.seat.held().as_ref().map(|held| held.pin.clone());
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", topology::SEATS, self.seat.name);
        let mut pull =
            json!({ "batch": 1, "expires": PULL_S * 1_000_000_000, "group": SEAT_GROUP });
        if let (Some(pull), Some(pin)) = (pull.as_object_mut(), pin) {
            pull.insert("id".to_owned(), pin.into());
        }
        // A message keeps its own subject when it is delivered, so it finds its way by an inbox of
        // its own only.
        let request = Request::new()
            .inbox(self.bus.inbox())
            .payload(pull.to_string().into())
            .timeout(Some(PULL * 3 / 2));
        let (sent, connection) = (Instant::now(), self.bus.connection());
        let answer = match self.bus.client.send_request(subject, request).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == RequestErrorKind::TimedOut => return Ok(()),
            Err(error) => {
                return Err(Unavailable::because("pulling for a seat")(Box::new(error)));
            }
        };
        let pin = answer.headers.as_ref().and_then(|headers| headers.get(NATS_PIN_ID));
        match (answer.status, pin, connection) {
            (None | Some(StatusCode::OK), Some(pin), Some(connection)) => {
                let until = sent + SEAT_TIMEOUT.saturating_sub(RESERVE);
                self.keep(Held { pin: pin.as_str().to_owned(), until, connection });
                Ok(())
            }
            // It does not prove that the pin was renewed: the message would.
            (Some(StatusCode::TIMEOUT), ..) => Ok(()),
            (Some(StatusCode::PIN_ID_MISMATCH), ..) => {
                self.lose();
                Ok(())
            }
            (status, ..) => {
                let status = format!("unexpected answer {status:?}: {:?}", answer.description);
                Err(Unavailable::because("pulling for a seat")(status.into()))
            }
        }
    }

    fn keep(&self, new: Held) {
        let pin = new.pin.clone();
        let before = self.seat.held().replace(new);
        // The same pin: nobody else had it meanwhile, whatever became of the connection.
        if before.is_none_or(|before| before.pin != pin) {
            let term = self.terms.fetch_add(1, Ordering::Relaxed);
            self.term.send_replace(Some(term));
        }
    }

    fn lose(&self) {
        if self.seat.held().take().is_some() {
            tracing::info!(integration = %self.integration, "the seat is lost");
        }
        self.term.send_replace(None);
    }
}
