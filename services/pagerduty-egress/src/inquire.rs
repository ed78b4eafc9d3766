//! Questions about the account, answered by calls within its budget, or from what was read lately.
//!
//! What was read is good for a while, and when it cannot be read anew it is told all the same, with
//! its age and the reason: who is on call matters most when little works. Each list is read by one
//! at a time, so that many who ask at once cost as much as one. What takes longer than anybody
//! waits is read to its end for the next who asks.

mod checkup;
mod look;
mod read;
mod subscribe;

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use tandem_bus::ask::{
    Answer, Asked, Failed, Listed, Obstacle, PART, Part, Question, RECORDS_PART,
};
use tandem_domain::id::IntegrationId;
use tandem_runtime::clock;
use tokio::time::timeout;

use crate::{deliver::Delivery, gate::Standing, lanes::Lane};

/// How long somebody who asks is kept waiting.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a list is read after nobody waits for it any more.
const READ_WITHIN: Duration = Duration::from_mins(2);
/// How many lists are remembered: a handful, and one for each schedule that is asked for.
const LISTS_MAX: usize = 200;

/// A list that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum List {
    OnCall(Option<String>),
    Schedules,
    Users,
    Services,
    EscalationPolicies,
    Priorities,
    Records,
}

impl List {
    /// How many items one answer holds.
    const fn part(&self) -> usize {
        match self {
            Self::Records => RECORDS_PART,
            _ => PART,
        }
    }

    /// The lane in which it is read: what takes many calls waits for everything else.
    const fn lane(&self) -> Lane {
        match self {
            Self::Records => Lane::Healing,
            _ => Lane::Questions,
        }
    }

    /// How long it is good for: who is on call changes by the minute, the rest by the day.
    const fn good_for(&self) -> SignedDuration {
        match self {
            Self::OnCall(_) => SignedDuration::from_secs(15),
            // Long enough for whoever asks again while it is still being read.
            Self::Records => SignedDuration::from_secs(150),
            _ => SignedDuration::from_mins(5),
        }
    }
}

/// What was read of one list, and whoever reads it.
#[derive(Debug, Default)]
struct Shelf {
    reading: tokio::sync::Mutex<()>,
    held: Mutex<Option<Held>>,
}

/// A list as it was read.
#[derive(Debug, Clone)]
struct Held {
    /// The version of the configuration: another key may open another account.
    version: u64,
    read_at: Timestamp,
    complete: bool,
    items: Arc<[Json]>,
}

impl Held {
    fn part(&self, list: &List, part: Part, outdated: Option<String>) -> Answer<Listed<Json>> {
        let items = self.items.iter().skip(part.from).take(list.part()).cloned().collect();
        let Self { read_at, complete, .. } = *self;
        let total = self.items.len();
        Answer::Told { told: Listed { read_at, outdated, total, complete, items } }
    }
}

/// Answers questions about one account, and remembers what it read.
#[derive(Debug, Default)]
pub struct Inquiries {
    shelves: Mutex<HashMap<List, Arc<Shelf>>>,
    /// Who is on call is not asked for until then: that call has a limit of its own.
    on_call_closed: Mutex<Option<Timestamp>>,
}

impl Inquiries {
    /// Answers a question; what the runner itself knows is not for here.
    pub async fn answer(
        &self,
        (delivery, id): (&Delivery, IntegrationId),
        asked: Asked,
        question: Question,
    ) {
        let (list, part) = match question {
            Question::Status | Question::Due { .. } => return,
            Question::Test => {
                let told = checkup::checks(delivery, ANSWER_WITHIN).await;
                return delivery.bus.answer(asked, &Answer::Told { told }).await;
            }
            Question::Subscribe(wanted) => {
                let answer = subscribe::tend(delivery, &wanted, ANSWER_WITHIN).await;
                return delivery.bus.answer(asked, &answer).await;
            }
            Question::Ping { subscription } => {
                let answer = subscribe::ping(delivery, &subscription, ANSWER_WITHIN).await;
                return delivery.bus.answer(asked, &answer).await;
            }
            Question::Look(wanted) => {
                let answer = look::look(delivery, id, wanted, ANSWER_WITHIN).await;
                return delivery.bus.answer(asked, &answer).await;
            }
            Question::Records(part) => (List::Records, part),
            Question::OnCall { schedule, part } => (List::OnCall(schedule), part),
            Question::Schedules(part) => (List::Schedules, part),
            Question::Users(part) => (List::Users, part),
            Question::Services(part) => (List::Services, part),
            Question::EscalationPolicies(part) => (List::EscalationPolicies, part),
            Question::Priorities(part) => (List::Priorities, part),
        };
        let place = self.place_of(&list);
        let mut answer = pin!(self.list(delivery, &place, &list, part));
        if let Ok(answer) = timeout(ANSWER_WITHIN, &mut answer).await {
            // Records are many, and nobody asks for them as they were.
            if list == List::Records && is_last(&answer, part) {
                place.forget();
            }
            return delivery.bus.answer(asked, &answer).await;
        }
        let failed = late(&delivery.gate.standing());
        let so_far = match place.held(delivery.gate.account().version()) {
            Some(held) => held.part(&list, part, Some(failed.reason)),
            None => Answer::Failed(failed),
        };
        delivery.bus.answer(asked, &so_far).await;
        if timeout(READ_WITHIN, answer).await.is_err() {
            tracing::info!(?list, "a list could not be read to its end");
        }
    }

    async fn list(
        &self,
        delivery: &Delivery,
        place: &Shelf,
        list: &List,
        part: Part,
    ) -> Answer<Listed<Json>> {
        let asked_at = clock::now();
        let version = delivery.gate.account().version();
        if part.from > 0
            && let Some(held) = place.held(version)
        {
            return held.part(list, part, None);
        }
        let reading = place.reading.lock().await;
        let held = place.held(version);
        let since = if part.fresh { asked_at } else { earlier(clock::now(), list.good_for()) };
        if let Some(held) = held.as_ref().filter(|held| held.read_at >= since) {
            return held.part(list, part, None);
        }
        let read = match hopeless(&delivery.gate.standing()) {
            Some(failed) => Err(failed),
            None => self.read(delivery, list).await,
        };
        let answer = match (read, held) {
            (Ok(new), _) => {
                place.keep(new.clone());
                new.part(list, part, None)
            }
            (Err(failed), Some(held)) => held.part(list, part, Some(failed.reason)),
            (Err(failed), None) => Answer::Failed(failed),
        };
        drop(reading);
        answer
    }

    fn place_of(&self, list: &List) -> Arc<Shelf> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.len() >= LISTS_MAX && !shelves.contains_key(list) {
            shelves.retain(|_, shelf| Arc::strong_count(shelf) > 1);
        }
        Arc::clone(shelves.entry(list.clone()).or_default())
    }
}

impl Shelf {
    fn held(&self, version: u64) -> Option<Held> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|held| held.version == version).cloned()
    }

    fn forget(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn keep(&self, new: Held) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
    }
}

/// Whether a part is the last of its list.
fn is_last(answer: &Answer<Listed<Json>>, part: Part) -> bool {
    matches!(answer, Answer::Told { told } if part.from + told.items.len() >= told.total)
}

fn earlier(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Why no call can be made in time; none where it is worth trying.
fn hopeless(standing: &Standing) -> Option<Failed> {
    if let Some(reason) = standing.shut.clone() {
        return Some(Failed { obstacle: Obstacle::Paused, reason });
    }
    let wait = standing.closed_for.filter(|wait| *wait >= ANSWER_WITHIN)?;
    let reason = format!("PagerDuty wants no calls for another {} s", wait.as_secs() + 1);
    Some(Failed { obstacle: Obstacle::Busy, reason })
}

/// Why an answer takes longer than anybody waits.
fn late(standing: &Standing) -> Failed {
    if let Some(failed) = hopeless(standing) {
        return failed;
    }
    let within = ANSWER_WITHIN.as_secs();
    if standing.failures > 0 {
        let reason = format!("PagerDuty did not answer within {within} s");
        return Failed { obstacle: Obstacle::Away, reason };
    }
    let reason = format!(
        "it takes longer than {within} s, because there is much to read or other calls go first"
    );
    Failed { obstacle: Obstacle::Busy, reason }
}
