//! Looking the connection over from here: the calls, one for each thing that is checked.
//!
//! What an answer amounts to is the connector's knowledge. A check that cannot be made because an
//! earlier one failed is told as skipped, so that nobody looks in the wrong place.

use std::time::Duration;

use tandem_bus::ask::{Failed, Obstacle};
use tandem_connectors::{
    checkup::Check,
    directory::Person,
    pagerduty::{
        checkup::{self, Key},
        directory,
        refusal::Class,
        subscription,
    },
};
use tandem_domain::integration::Integration;
use tokio::time::timeout;

use super::{hopeless, read::all};
use crate::{
    call::{Caller, Failure, Trouble},
    deliver::Delivery,
    lanes::Lane,
};

/// What is checked here, in this order.
const NAMES: [&str; 7] =
    ["reachable", "token", "abilities", "from_user", "subscription", "rate_limit", "services"];

/// What to do about too many calls.
const WAIT: &str = "find out who else calls with this key, or wait";

/// Makes every check, in a bounded time.
pub(super) async fn checks(delivery: &Delivery, within: Duration) -> Vec<Check> {
    let mut made = Vec::new();
    let integration = delivery.gate.account().integration.clone();
    let unfinished = match timeout(within, look(delivery, &integration, &mut made)).await {
        Ok(Ok(())) => "not checked: see above".to_owned(),
        Ok(Err(why)) => why,
        Err(_) => format!("not checked within {} s", within.as_secs()),
    };
    let missing = NAMES.into_iter().filter(|name| made.iter().all(|check| check.name != *name));
    let missing: Vec<_> = missing.map(|name| unmade(name, &unfinished, made.is_empty())).collect();
    made.extend(missing);
    let place = |check: &Check| NAMES.iter().position(|name| *name == check.name);
    made.sort_by_key(place);
    made
}

/// A check that was not made. That nothing at all could be looked at is a failure of the first.
fn unmade(name: &str, why: &str, nothing_was: bool) -> Check {
    if nothing_was && Some(name) == NAMES.first().copied() {
        let way_out = "see `im integration sync-status`: other calls may go first";
        return Check::failed(name, why, way_out);
    }
    Check::skipped(name, why)
}

/// Looks at one thing after the other; says why it cannot go on.
async fn look(
    delivery: &Delivery,
    integration: &Integration,
    made: &mut Vec<Check>,
) -> Result<(), String> {
    if let Some(Failed { obstacle, reason }) = hopeless(&delivery.gate.standing()) {
        made.push(Check::skipped("reachable", "not tried: no call is made just now"));
        made.push(match obstacle {
            Obstacle::Paused => {
                let found = format!("paused until it is configured anew: {reason}");
                checkup::turned_away(integration, &found)
            }
            _ => Check::failed("rate_limit", reason, WAIT),
        });
        return Err("not checked: no call is made just now".to_owned());
    }
    let first = delivery.gate.pass(Lane::Questions).await.map_err(|error| error.to_string())?;
    let mut caller = Caller::asking(&delivery.http, &delivery.gate, first, &delivery.stop);
    let key = reach(&mut caller, integration, made).await?;
    made.push(checkup::token(&key));
    made.push(author(&mut caller, integration, &key).await);
    if integration.direction.inbound() {
        made.push(subscription(&mut caller, integration).await);
    } else {
        made.push(Check::skipped("subscription", "not needed: it is outbound only"));
    }
    made.push(services(&mut caller, integration).await);
    made.push(checkup::rate_limit(integration, caller.left()));
    Ok(())
}

/// Finds out whether anything answers, whether it takes the key, and whose that is.
async fn reach(
    caller: &mut Caller<'_>,
    integration: &Integration,
    made: &mut Vec<Check>,
) -> Result<Key, String> {
    match caller.call(checkup::abilities(), checkup::read_abilities).await {
        Ok(answer) => {
            let took = answer.received.duration_since(answer.sent).as_millis();
            made.push(Check::ok("reachable", format!("answered in {took} ms")));
            let all = answer.value;
            made.push(Check::ok("abilities", format!("{} read: {}", all.len(), all.join(", "))));
        }
        Err(Trouble::CalledOff(called_off)) => return Err(called_off.to_string()),
        Err(Trouble::Failed(failure)) => {
            made.extend(unanswered(integration, &failure));
            return Err("not checked: see above".to_owned());
        }
    }
    match caller.call(checkup::whoami(), checkup::read_whoami).await {
        Ok(answer) => Ok(answer.value),
        Err(Trouble::Failed(failure)) if is_account_key(&failure) => Ok(Key::Account),
        Err(Trouble::Failed(failure)) => {
            let way_out = "the key works, but PagerDuty does not say whose it is: try again";
            made.push(Check::warning("token", failure.reason, way_out));
            Err("not checked: whose key it is decides".to_owned())
        }
        Err(Trouble::CalledOff(called_off)) => Err(called_off.to_string()),
    }
}

fn is_account_key(failure: &Failure) -> bool {
    failure.status.is_some_and(|status| checkup::is_account_key(status, &failure.answer))
}

/// What a first call that failed says of the account.
fn unanswered(integration: &Integration, failure: &Failure) -> Vec<Check> {
    let (name, reason) = ("reachable", failure.reason.as_str());
    let handle = &integration.handle;
    match failure.class {
        Class::Unwelcome | Class::Stranger if matches!(failure.status, Some(401 | 403)) => vec![
            Check::ok(name, format!("{} answers", integration.base_url)),
            checkup::turned_away(integration, reason),
        ],
        Class::Throttled => vec![
            Check::ok(name, format!("{} answers", integration.base_url)),
            Check::failed("rate_limit", reason, WAIT),
        ],
        Class::Unreached | Class::Unanswered | Class::Troubled => {
            let way_out = format!(
                "see whether {} can be reached from the egress and status.pagerduty.com; else: im \
                 integration configure {handle} --base-url <URL>",
                integration.base_url
            );
            vec![Check::failed(name, reason, way_out)]
        }
        Class::Unwelcome
        | Class::Stranger
        | Class::AlreadySo
        | Class::Duplicate
        | Class::Refused => {
            let found = format!("{} is not PagerDuty's API: {reason}", integration.base_url);
            let way_out = format!("im integration configure {handle} --base-url <URL>");
            vec![Check::failed(name, found, way_out)]
        }
    }
}

/// In whose name writes are made. Of a user's own key that is known already.
async fn author(caller: &mut Caller<'_>, integration: &Integration, key: &Key) -> Check {
    let email = integration.from_email.as_deref().filter(|_| *key == Key::Account);
    let Some(email) = email else { return checkup::from_user(integration, key, None) };
    let request = |offset| directory::users_like(email, offset);
    match all(caller, request, directory::read_users).await {
        Ok((users, _)) => {
            let has = |user: &&Person| {
                user.email.as_deref().is_some_and(|address| address.eq_ignore_ascii_case(email))
            };
            checkup::from_user(integration, key, users.iter().find(has))
        }
        Err(trouble) => unread("from_user", &trouble, "let the key read users"),
    }
}

async fn subscription(caller: &mut Caller<'_>, integration: &Integration) -> Check {
    match all(caller, subscription::subscriptions, subscription::read_subscriptions).await {
        Ok((all, _)) => checkup::webhooks(integration, &all),
        Err(trouble) => {
            let way_out = "let the key read webhook subscriptions, or look in PagerDuty under \
                           Integrations > Generic Webhooks (v3)";
            unread("subscription", &trouble, way_out)
        }
    }
}

async fn services(caller: &mut Caller<'_>, integration: &Integration) -> Check {
    match all(caller, directory::services, directory::read_services).await {
        Ok((known, _)) => checkup::services(integration, &known),
        Err(trouble) => unread("services", &trouble, "let the key read services"),
    }
}

/// Something that could not be looked at.
fn unread(name: &str, trouble: &Trouble, way_out: &str) -> Check {
    match trouble {
        Trouble::Failed(failure) => Check::warning(name, failure.reason.clone(), way_out),
        Trouble::CalledOff(called_off) => Check::skipped(name, called_off.to_string()),
    }
}
