//! One integration's loop: messages come in, work goes out, and what is held stays held.
//!
//! Everything an integration does runs in this one task, so its scheduler needs no lock. A message
//! is acknowledged only when its work is done or void; while it waits, the broker is told that it
//! is being worked on. Work is chosen when the permit for its first call is there, so it is always
//! the newest.

use std::{pin::Pin, sync::Arc, time::Instant};

use futures_util::{StreamExt, future, stream::FuturesUnordered};
use tandem_bus::{
    Unavailable,
    consume::Taken,
    topology::{self, EGRESS_ACK_WAIT},
};
use tandem_domain::id::{IntegrationId, LinkId};
use tandem_runtime::trace;
use tokio::{
    sync::mpsc,
    time::{Duration, MissedTickBehavior, interval, sleep_until},
};
use tracing::Instrument;

use crate::{
    deliver::Delivery,
    gate::Permit,
    meters::Gauge,
    report,
    scheduler::{Again, Scheduler, Ticket},
    work::Work,
};

/// How many links are worked on at the same time.
const LINKS_IN_HAND: usize = 4;
/// How many messages are asked for at a time.
const BATCH: usize = 200;
/// How often the broker is told that what is held is being worked on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(EGRESS_ACK_WAIT.as_secs() / 3);
/// How often the meters are read.
const METERED: Duration = Duration::from_secs(1);
/// How long to wait before consuming starts over.
const RECONSUME: Duration = Duration::from_millis(250);
/// How long what is in hand may take when it is time to stop.
const FINISH: Duration = Duration::from_secs(8);
/// When what is handed back may come again: not while our own last request can still receive it.
const HAND_BACK: Duration = Duration::from_millis(250);
/// How long a message may be on its way in when it is time to stop.
const COMING_IN: Duration = Duration::from_millis(100);

/// Serves one integration until it is told to stop.
#[derive(Debug)]
pub struct Runner {
    id: IntegrationId,
    delivery: Arc<Delivery>,
    scheduler: Scheduler<Taken>,
}

/// What ended.
enum Ended {
    /// A piece of work, which may have to be done again.
    Work(LinkId, Option<Again>),
    /// A message that was no work was put away, or could not be.
    Unreadable(Box<Taken>, bool),
}

type InHand = FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send>>>;

impl Runner {
    /// A runner with nothing to do yet.
    pub fn new(id: IntegrationId, delivery: Arc<Delivery>) -> Self {
        Self { id, delivery, scheduler: Scheduler::default() }
    }

    /// Serves the integration until it is time to stop; then finishes what is in hand and lets
    /// another copy have the rest at once.
    pub async fn run(mut self) {
        let (sender, mut inbox) = mpsc::channel(BATCH);
        let mut in_hand = InHand::new();
        let consume = consume(Arc::clone(&self.delivery), self.id, sender);
        let serve = async {
            self.serve(&mut inbox, &mut in_hand).await;
            self.finish(&mut inbox, &mut in_hand).await;
        };
        // Consuming goes on to the end: what was asked for and is dropped on its way in would come
        // back only after the broker's patience.
        tokio::select! {
            () = serve => {}
            () = consume => {}
        }
        while let Ok(taken) = inbox.try_recv() {
            acknowledge(self.take(taken, &in_hand)).await;
        }
        self.hand_back().await;
    }

    async fn serve(&mut self, inbox: &mut mpsc::Receiver<Taken>, in_hand: &mut InHand) {
        let delivery = Arc::clone(&self.delivery);
        let mut meters = Meters::new();
        let (mut alive, mut metered) = (interval(SIGN_OF_LIFE), interval(METERED));
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        metered.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.scheduler.due().filter(|_| in_hand.len() < LINKS_IN_HAND);
            let ready = due.is_some_and(|due| due <= Instant::now());
            tokio::select! {
                () = delivery.stop.cancelled() => return,
                Some(taken) = inbox.recv() => acknowledge(self.take(taken, in_hand)).await,
                Some(ended) = in_hand.next(), if !in_hand.is_empty() => self.end(ended).await,
                permit = delivery.gate.pass(), if ready => match permit {
                    Ok(permit) => self.begin(permit, in_hand),
                    Err(_) => return,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now).into()),
                    if due.is_some() && !ready => {}
                _ = alive.tick() => self.say_alive().await,
                _ = metered.tick() => meters.read(&self.scheduler, &delivery),
            }
        }
    }

    /// Takes a message in; gives those that became void by it.
    fn take(&mut self, taken: Taken, in_hand: &InHand) -> Vec<Ticket<Taken>> {
        let cause = match Work::read(&taken) {
            Ok(work) if work.integration() == self.id => return self.offer(work, taken),
            Ok(_) => "it is for another integration",
            // The reason might quote the message; its kind is enough.
            Err(_) => "the message cannot be read",
        };
        self.put_away(taken, cause, in_hand);
        Vec::new()
    }

    fn offer(&mut self, work: Work, taken: Taken) -> Vec<Ticket<Taken>> {
        // An earlier delivery may have been worked on by a copy that is gone; what it sent last
        // may take effect a little later still.
        let uncertain = taken.deliveries > 1 && work.creates();
        let wait = if uncertain { self.delivery.settling } else { Duration::ZERO };
        let ticket = Ticket { sequence: taken.sequence, message: taken };
        self.scheduler.offer(Arc::new(work), ticket, Instant::now() + wait, uncertain)
    }

    fn put_away(&self, taken: Taken, cause: &'static str, in_hand: &InHand) {
        tracing::error!(integration = %self.id, sequence = taken.sequence, cause, "put away");
        let (delivery, id) = (Arc::clone(&self.delivery), self.id);
        in_hand.push(Box::pin(async move {
            let stored = delivery.tell(report::unreadable(&taken, id, cause)).await;
            Ended::Unreadable(Box::new(taken), stored)
        }));
    }

    fn begin(&mut self, permit: Permit, in_hand: &InHand) {
        let Some(job) = self.scheduler.next(Instant::now()) else { return };
        let (link, delivery) = (job.work.link(), Arc::clone(&self.delivery));
        let span = tracing::info_span!("deliver", integration = %self.id, work = job.work.id());
        trace::adopt(&span, job.work.traceparent.as_deref());
        let work = async move { Ended::Work(link, delivery.run(permit, &job).await) };
        in_hand.push(Box::pin(work.instrument(span)));
    }

    async fn end(&mut self, ended: Ended) {
        if self.delivery.gate.take_recovered() {
            self.scheduler.hurry(Instant::now());
        }
        match ended {
            Ended::Work(link, None) => acknowledge(self.scheduler.done(link)).await,
            Ended::Work(link, Some(again)) => {
                acknowledge(self.scheduler.again(link, again)).await;
            }
            Ended::Unreadable(taken, true) => taken.ack().await,
            Ended::Unreadable(taken, false) => taken.later(HAND_BACK).await,
        }
    }

    async fn say_alive(&self) {
        // Without a connection these would only fill the client's buffer.
        if self.delivery.bus.connected() {
            for taken in self.scheduler.held() {
                taken.working().await;
            }
        }
    }

    /// Ends what is in hand, and takes in what is still coming.
    async fn finish(&mut self, inbox: &mut mpsc::Receiver<Taken>, in_hand: &mut InHand) {
        let deadline = tokio::time::Instant::now() + FINISH;
        let mut until = deadline;
        loop {
            if in_hand.is_empty() {
                until = until.min(tokio::time::Instant::now() + COMING_IN);
            }
            tokio::select! {
                Some(taken) = inbox.recv() => acknowledge(self.take(taken, in_hand)).await,
                Some(ended) = in_hand.next(), if !in_hand.is_empty() => self.end(ended).await,
                () = sleep_until(until) => break,
            }
        }
        if !in_hand.is_empty() {
            tracing::warn!(integration = %self.id, "work in hand was cut off");
        }
    }

    async fn hand_back(&self) {
        if self.delivery.bus.connected() {
            for taken in self.scheduler.held() {
                taken.later(HAND_BACK).await;
            }
            // A round trip: all that was said has left the process before its answer comes.
            if let Err(error) = self.delivery.bus.snapshot(self.id).await {
                tracing::debug!(%error, "what was handed back last may not have left");
            }
        }
    }
}

async fn acknowledge(tickets: Vec<Ticket<Taken>>) {
    for ticket in tickets {
        ticket.message.ack().await;
    }
}

/// What a consumer is for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    States,
    Acts,
}

/// Pulls both kinds of messages, through lost connections too. Runs until dropped.
async fn consume(delivery: Arc<Delivery>, id: IntegrationId, inbox: mpsc::Sender<Taken>) {
    let pull = async |kind| loop {
        if let Err(error) = pull(&delivery, id, kind, &inbox).await {
            let error = tandem_runtime::process::chain(&error);
            tracing::debug!(integration = %id, ?kind, error, "consuming starts over");
        }
        tokio::time::sleep(RECONSUME).await;
    };
    future::join(pull(Kind::States), pull(Kind::Acts)).await;
}

async fn pull(
    delivery: &Delivery,
    id: IntegrationId,
    kind: Kind,
    inbox: &mpsc::Sender<Taken>,
) -> Result<(), Unavailable> {
    let config = match kind {
        Kind::States => topology::egress_states(&delivery.connector, id),
        Kind::Acts => topology::egress_acts(&delivery.connector, id),
    };
    let messages = delivery.bus.consume(topology::OUT, config, BATCH).await?;
    let mut messages = std::pin::pin!(messages);
    while let Some(taken) = messages.next().await {
        // The inbox is only gone when it is time to stop.
        if inbox.send(taken?).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// What the meters show of one integration.
struct Meters {
    waiting: Gauge,
    paused: Gauge,
}

impl Meters {
    const fn new() -> Self {
        Self {
            waiting: Gauge::new("tandem_waiting_messages"),
            paused: Gauge::new("tandem_paused_integrations"),
        }
    }

    fn read<T>(&mut self, scheduler: &Scheduler<T>, delivery: &Delivery) {
        let waiting = u32::try_from(scheduler.waiting()).unwrap_or(u32::MAX);
        self.waiting.set(f64::from(waiting));
        self.paused.set(f64::from(u8::from(delivery.gate.is_shut())));
    }
}
