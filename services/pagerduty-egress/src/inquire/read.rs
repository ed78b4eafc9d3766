//! Reading a list from the account, page by page, and saying why it could not be read.

use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value as Json;
use tandem_bus::ask::{Failed, Obstacle};
use tandem_connectors::pagerduty::{
    directory::{self, LAST_OFFSET, PAGE, Page},
    history, record,
    refusal::Class,
    rest::Request,
};
use tandem_runtime::clock;

use super::{Held, Inquiries, List};
use crate::{
    call::{Caller, Failure, Trouble},
    deliver::Delivery,
};

/// How long who is on call is not asked for after that was too often, where nothing else is told.
const ON_CALL_CLOSED: SignedDuration = SignedDuration::from_secs(30);
/// The longest that lasts.
const ON_CALL_CLOSED_MAX: SignedDuration = SignedDuration::from_mins(2);
/// The status of what the account's plan does not include.
const NOT_INCLUDED: u16 = 402;

/// Everything of a list, and whether that is all there is.
type Whole<T> = (Vec<T>, bool);

impl Inquiries {
    /// Reads a list whole.
    pub(super) async fn read(&self, delivery: &Delivery, list: &List) -> Result<Held, Failed> {
        let on_call = matches!(list, List::OnCall(_));
        if on_call && let Some(left_s) = self.on_call_closed_for() {
            let reason =
                format!("PagerDuty was asked too often who is on call; again in {left_s} s");
            return Err(Failed { obstacle: Obstacle::Busy, reason });
        }
        let first = delivery.gate.pass(list.lane()).await;
        let first = first.map_err(|called_off| failed(&called_off.into()))?;
        let mut caller = Caller::asking(&delivery.http, &delivery.gate, first, &delivery.stop);
        let version = caller.version();
        let read_at = clock::now();
        let (items, complete) = match pages(&mut caller, list).await {
            Ok(whole) => whole,
            // An account whose plan has no priorities has none.
            Err(Trouble::Failed(failure)) if is_without(list, &failure) => (Vec::new(), true),
            Err(trouble) => {
                if on_call && is_throttled(&trouble) {
                    self.close_on_call(caller.left().map(|left| left.reset_s));
                }
                return Err(failed(&trouble));
            }
        };
        Ok(Held { version, read_at, complete, items: items.into() })
    }

    fn on_call_closed_for(&self) -> Option<i64> {
        let until = *self.on_call_closed.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until?.duration_since(clock::now());
        left.is_positive().then(|| left.as_secs() + 1)
    }

    fn close_on_call(&self, told_s: Option<u64>) {
        let told = told_s.and_then(|told| i64::try_from(told).ok()).map(SignedDuration::from_secs);
        let wait = told.unwrap_or(ON_CALL_CLOSED).min(ON_CALL_CLOSED_MAX);
        let until = clock::now().checked_add(wait).unwrap_or(Timestamp::MAX);
        *self.on_call_closed.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

/// The items of a list as they travel.
async fn pages(caller: &mut Caller<'_>, list: &List) -> Result<Whole<Json>, Trouble> {
    match list {
        List::OnCall(schedule) => {
            let request = |offset| directory::on_calls(schedule.as_deref(), offset);
            all(caller, request, directory::read_on_calls).await.map(json)
        }
        List::Schedules => {
            all(caller, directory::schedules, directory::read_schedules).await.map(json)
        }
        List::Users => all(caller, directory::users, directory::read_users).await.map(json),
        List::Services => {
            all(caller, directory::services, directory::read_services).await.map(json)
        }
        List::EscalationPolicies => {
            all(caller, directory::policies, directory::read_policies).await.map(json)
        }
        List::Records => all(caller, history::open, record::incidents).await.map(json),
        List::Priorities => {
            all(caller, directory::priorities, directory::read_priorities).await.map(json)
        }
    }
}

/// Reads all pages of a list.
pub(super) async fn all<T: Send>(
    caller: &mut Caller<'_>,
    request: impl Fn(usize) -> Request + Send,
    read: fn(&Json) -> Option<Page<T>>,
) -> Result<Whole<T>, Trouble> {
    let mut items = Vec::new();
    let mut offset = 0;
    loop {
        let page = caller.call(request(offset), read).await?.value;
        items.extend(page.items);
        if !page.more {
            return Ok((items, true));
        }
        offset += PAGE;
        if offset > LAST_OFFSET {
            return Ok((items, false));
        }
    }
}

fn json<T: Serialize>((items, complete): Whole<T>) -> Whole<Json> {
    // Plain data: each of them can be written.
    (items.iter().filter_map(|item| serde_json::to_value(item).ok()).collect(), complete)
}

fn is_without(list: &List, failure: &Failure) -> bool {
    *list == List::Priorities && failure.status == Some(NOT_INCLUDED)
}

fn is_throttled(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Failed(failure) if failure.class == Class::Throttled)
}

/// Why there is no answer.
pub(super) fn failed(trouble: &Trouble) -> Failed {
    let Trouble::Failed(failure) = trouble else {
        let reason = "the question was called off: ask again".to_owned();
        return Failed { obstacle: Obstacle::Busy, reason };
    };
    let obstacle = match failure.class {
        Class::Unreached | Class::Unanswered | Class::Troubled => Obstacle::Away,
        Class::Throttled => Obstacle::Busy,
        Class::Unwelcome | Class::Stranger if failure.status == Some(401) => Obstacle::Paused,
        Class::Unwelcome
        | Class::Stranger
        | Class::AlreadySo
        | Class::Duplicate
        | Class::Refused => Obstacle::Refused,
    };
    Failed { obstacle, reason: failure.reason.clone() }
}
