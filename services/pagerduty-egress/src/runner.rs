//! One integration's loop: messages come in, work goes out, and what is held stays held.
//!
//! It turns only while this copy of the service has the integration's seat. Everything an
//! integration does runs in this one task, so its scheduler needs no lock. A message is acknowledged
//! only when its work is done or void; while it waits, the broker is told that it is being worked
//! on. Work is chosen when the permit for its first call is there, so it is always the newest.

use std::{
    collections::HashSet,
    pin::{Pin, pin},
    sync::Arc,
    time::Instant,
};

use futures_util::{
    Stream, StreamExt, future,
    stream::{self, FuturesUnordered},
};
use tandem_bus::{
    Unavailable,
    ask::{Asked, Due, Question},
    consume::Taken,
    seat::{Seat, Sitting},
    topology::{self, EGRESS_ACK_WAIT},
};
use tandem_domain::id::{IntegrationId, LinkId};
use tandem_runtime::{clock, trace};
use tokio::{
    sync::mpsc,
    time::{Duration, MissedTickBehavior, interval, sleep_until},
};
use tracing::Instrument;

use crate::{
    deliver::Delivery,
    gate::Permit,
    heal,
    inquire::Inquiries,
    lanes::Lane,
    meters::Meters,
    report,
    scheduler::{Again, Scheduler, Ticket},
    status::{self, status},
    work::Work,
};

/// How many links are worked on at the same time.
const LINKS_IN_HAND: usize = 4;
/// How many, when what comes next is about paging somebody or no longer doing so.
const URGENT_IN_HAND: usize = 8;
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
/// The longest that work is held because it is not to be begun yet.
const HELD_MAX: Duration = Duration::from_mins(5);
/// How long a message may be on its way in when it is time to stop.
const COMING_IN: Duration = Duration::from_millis(100);

/// Serves one integration, whenever this copy has its seat, until it is told to stop.
#[derive(Debug)]
pub struct Runner {
    id: IntegrationId,
    delivery: Arc<Delivery>,
    scheduler: Scheduler<Taken>,
    inquiries: Arc<Inquiries>,
    /// When the seat was taken.
    began: Instant,
}

/// What ended.
enum Ended {
    /// A piece of work, which may have to be done again.
    Work(LinkId, Option<Again>),
    /// A message that was no work was put away, or could not be.
    Unreadable(Box<Taken>, bool),
}

/// A question on its way to its answer.
type Inquiry = Pin<Box<dyn Future<Output = ()> + Send>>;
type InHand = FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send>>>;

impl Runner {
    /// A runner with nothing to do yet.
    pub fn new(id: IntegrationId, delivery: Arc<Delivery>) -> Self {
        let (scheduler, inquiries) = (Scheduler::default(), Arc::default());
        Self { id, delivery, scheduler, inquiries, began: Instant::now() }
    }

    /// Serves the integration while it has the seat, until it is time to stop; then finishes what
    /// is in hand and lets another copy have the rest at once.
    pub async fn run(mut self, sitting: Sitting) {
        let mut seat = self.delivery.gate.seat().clone();
        let leave = seat.clone();
        let stop = self.delivery.stop.clone();
        let serve = async {
            loop {
                let term = tokio::select! {
                    () = stop.cancelled() => return,
                    term = seat.taken() => term,
                };
                tracing::info!(integration = %self.id, "this copy acts");
                self.hold(&mut seat, term).await;
                tracing::info!(integration = %self.id, "this copy no longer acts");
            }
        };
        tokio::select! {
            () = serve => {}
            () = sitting.run() => {}
        }
        leave.leave().await;
    }

    /// Serves for one term.
    async fn hold(&mut self, seat: &mut Seat, term: u64) {
        // Another copy may have spent the budget until now, and done what was held here once.
        self.delivery.gate.take_over();
        self.scheduler = Scheduler::default();
        self.began = Instant::now();
        let (sender, mut inbox) = mpsc::channel(BATCH);
        let mut in_hand = InHand::new();
        let consume = consume(Arc::clone(&self.delivery), self.id, sender);
        let (delivery, id) = (Arc::clone(&self.delivery), self.id);
        let healing = Box::pin(heal::run(&delivery, id));
        let serve = async {
            tokio::select! {
                () = self.serve(&mut inbox, &mut in_hand) => {}
                () = seat.over(term) => {}
                () = healing => {}
            }
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
        let mut questions = pin!(questions(&delivery, self.id));
        let mut answers = FuturesUnordered::new();
        let (mut alive, mut metered) = (interval(SIGN_OF_LIFE), interval(METERED));
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        metered.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // A link that is to stop paging does not wait for a slow call about another one.
            let places = |lane| if lane < Lane::Fields { URGENT_IN_HAND } else { LINKS_IN_HAND };
            let ready = self.scheduler.ready(Instant::now());
            let ready = ready.filter(|lane| in_hand.len() < places(*lane));
            let due = self.scheduler.due();
            tokio::select! {
                () = delivery.stop.cancelled() => return,
                Some(taken) = inbox.recv() => acknowledge(self.take(taken, in_hand)).await,
                Some(ended) = in_hand.next(), if !in_hand.is_empty() => self.end(ended).await,
                permit = delivery.gate.pass(ready.unwrap_or(Lane::Reads)), if ready.is_some() => {
                    match permit {
                        Ok(permit) => self.begin(permit, in_hand),
                        Err(_) => return,
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {}
                Some(asked) = questions.next() => answers.extend(self.answer(asked).await),
                Some(()) = answers.next(), if !answers.is_empty() => {}
                _ = alive.tick() => self.say_alive().await,
                _ = metered.tick() => meters.read(&self.scheduler, &delivery),
            }
        }
    }

    /// Answers at once what is known here; gives what has to be asked of the account first.
    async fn answer(&self, mut asked: Asked) -> Option<Inquiry> {
        match asked.question.take() {
            Some(Question::Status) => {
                let of = (&self.delivery.gate, &self.delivery.shown);
                let status = status(&self.scheduler, of, Instant::now(), clock::now());
                self.delivery.bus.answer(asked, &status).await;
                None
            }
            Some(Question::Due { links }) => {
                let standing = self.delivery.gate.standing();
                let links: HashSet<LinkId> = links.into_iter().collect();
                let dues = status::dues(&self.scheduler, &standing, Instant::now());
                let asked_for: Vec<Due> = dues.filter(|due| links.contains(&due.link)).collect();
                self.delivery.bus.answer(asked, &asked_for).await;
                None
            }
            Some(question) => {
                let (inquiries, delivery) =
                    (Arc::clone(&self.inquiries), Arc::clone(&self.delivery));
                let id = self.id;
                Some(Box::pin(async move {
                    inquiries.answer((&delivery, id), asked, question).await;
                }))
            }
            None => {
                tracing::debug!(integration = %self.id, "a question nobody here understands");
                None
            }
        }
    }

    /// Takes a message in; gives those that became void by it.
    fn take(&mut self, taken: Taken, in_hand: &InHand) -> Vec<Ticket<Taken>> {
        let cause = match Work::read(&taken) {
            Ok(work) if work.integration() == self.id => return self.offer(work, taken),
            Ok(_) => "it is for another integration".to_owned(),
            Err(error) => error.to_string(),
        };
        self.put_away(taken, cause, in_hand);
        Vec::new()
    }

    fn offer(&mut self, work: Work, taken: Taken) -> Vec<Ticket<Taken>> {
        // An earlier delivery may have been worked on by a copy that is gone; what it sent last,
        // which was before this one took over, may take effect a little later still.
        let (now, attempted) = (Instant::now(), work.delivered_before || work.sent_again);
        let mut due = now;
        if attempted && work.creates() {
            due = due.max(self.began + self.delivery.settling);
        }
        if let Some(not_before) = work.not_before() {
            let wait = not_before.duration_since(clock::now());
            due = due.max(now + Duration::try_from(wait).unwrap_or_default().min(HELD_MAX));
        }
        let ticket = Ticket { sequence: taken.sequence, message: taken };
        self.scheduler.offer(Arc::new(work), ticket, due, attempted)
    }

    fn put_away(&self, taken: Taken, cause: String, in_hand: &InHand) {
        tracing::error!(integration = %self.id, sequence = taken.sequence, cause, "put away");
        let (delivery, id) = (Arc::clone(&self.delivery), self.id);
        in_hand.push(Box::pin(async move {
            let stored = delivery.tell(report::unreadable(&taken, id, &cause)).await;
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
    Tasks,
}

/// The questions that come in, through lost connections too.
fn questions(delivery: &Delivery, id: IntegrationId) -> impl Stream<Item = Asked> {
    stream::unfold(delivery, move |delivery| async move {
        loop {
            match delivery.bus.asked(&delivery.connector, id).await {
                Ok(questions) => return Some((questions, delivery)),
                Err(error) => tracing::debug!(integration = %id, %error, "nobody can ask yet"),
            }
            tokio::time::sleep(RECONSUME).await;
        }
    })
    .flatten()
}

/// Pulls all kinds of messages, through lost connections too. Runs until dropped.
async fn consume(delivery: Arc<Delivery>, id: IntegrationId, inbox: mpsc::Sender<Taken>) {
    let pull = async |kind| loop {
        if let Err(error) = pull(&delivery, id, kind, &inbox).await {
            let error = tandem_runtime::process::chain(&error);
            tracing::debug!(integration = %id, ?kind, error, "consuming starts over");
        }
        tokio::time::sleep(RECONSUME).await;
    };
    future::join3(pull(Kind::States), pull(Kind::Acts), pull(Kind::Tasks)).await;
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
        Kind::Tasks => topology::egress_tasks(&delivery.connector, id),
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
