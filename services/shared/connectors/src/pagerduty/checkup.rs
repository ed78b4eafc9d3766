//! Looking a connection over: what is asked of PagerDuty for it, and what the answers amount to.
//!
//! Pure: requests out, [`Check`]s in. Nothing here changes anything over there, so whether somebody
//! may act is told from their role alone.

mod subscription;

use serde_json::Value as Json;
use tandem_domain::integration::Integration;

pub use self::subscription::webhooks;
use super::{
    directory::{page, person},
    rest::Request,
};
use crate::{
    checkup::Check,
    directory::{Person, Service},
};

/// Whose key calls are made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A user's own: writes are that user's, whatever `From` says.
    User(Person),
    /// The account's: writes need a `From`.
    Account,
}

/// How many calls are left, as an answer told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How many a minute may have.
    pub limit: Option<u32>,
    /// How many of them are left.
    pub remaining: u32,
    /// For how many seconds that holds.
    pub reset_s: u64,
}

/// Asks what the account's plan includes; any working key may.
pub fn abilities() -> Request {
    Request { query: Vec::new(), ..page("/abilities", 0) }
}

/// Asks whose key it is; PagerDuty answers that for users' keys only.
pub fn whoami() -> Request {
    Request { query: Vec::new(), ..page("/users/me", 0) }
}

/// The abilities in an answer.
pub fn read_abilities(answer: &Json) -> Option<Vec<String>> {
    let all = answer.get("abilities")?.as_array()?;
    Some(all.iter().filter_map(Json::as_str).map(str::to_owned).collect())
}

/// The owner of the key in an answer.
pub fn read_whoami(answer: &Json) -> Option<Key> {
    answer.get("user").and_then(person).map(Key::User)
}

/// Whether a refusal to say whose key it is says that it is the account's.
pub fn is_account_key(status: u16, answer: &str) -> bool {
    status == 400 && answer.contains("account-level access token")
}

/// Judges the key.
pub fn token(key: &Key) -> Check {
    match key {
        Key::User(owner) => {
            let address = owner.email.as_deref().unwrap_or(&owner.id);
            Check::ok("token", format!("valid: a key of the user {} ({address})", owner.name))
        }
        Key::Account => Check::ok("token", "valid: a key of the account"),
    }
}

/// Judges a key that was turned away.
pub fn turned_away(integration: &Integration, reason: &str) -> Check {
    let way_out = format!(
        "make a new key in PagerDuty (Integrations > API Access Keys), then: im integration \
         configure {} --token-file <FILE>",
        integration.handle
    );
    Check::failed("token", reason, way_out)
}

/// Judges in whose name writes are made; `found` is the user with the configured address.
pub fn from_user(integration: &Integration, key: &Key, found: Option<&Person>) -> Check {
    let name = "from_user";
    let handle = &integration.handle;
    let configure = format!("im integration configure {handle} --from-email <EMAIL OF A USER>");
    match (key, integration.from_email.as_deref(), found) {
        (Key::User(owner), _, None) => acts(owner, "the owner of the key", &configure),
        (_, Some(email), Some(user)) => acts(user, email, &configure),
        (Key::Account, Some(email), None) => {
            Check::failed(name, format!("nobody in the account has the address {email}"), configure)
        }
        (Key::Account, None, _) => Check::failed(
            name,
            "no address is configured, and a key of the account cannot write without one",
            configure,
        ),
        (Key::User(_), None, Some(user)) => acts(user, "the owner of the key", &configure),
    }
}

/// Judges whether somebody may change incidents, by the roles of the REST API.
fn acts(user: &Person, who: &str, way_out: &str) -> Check {
    let name = "from_user";
    let role = user.role.as_deref().unwrap_or("unknown");
    match role {
        "read_only_user" | "read_only_limited_user" => {
            Check::failed(name, format!("{} ({who}) may only read: {role}", user.name), way_out)
        }
        "observer" | "restricted_access" => Check::warning(
            name,
            format!("{} ({who}) may not be allowed to change incidents: {role}", user.name),
            way_out,
        ),
        _ => Check::ok(name, format!("{} ({who}), role {role}", user.name)),
    }
}

/// Judges how many calls are left.
pub fn rate_limit(integration: &Integration, left: Option<Left>) -> Check {
    let name = "rate_limit";
    let Some(Left { limit, remaining, reset_s }) = left else {
        return Check::skipped(name, "PagerDuty told no limit");
    };
    let configured = integration.rate_limit;
    let of = limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
    let found =
        format!("{remaining}{of} calls left for {reset_s} s; at most {configured} are made");
    match limit {
        Some(limit) if configured > limit => {
            let way_out =
                format!("im integration configure {} --rate-limit {limit}", integration.handle);
            Check::warning(name, format!("{found}: more than PagerDuty allows"), way_out)
        }
        Some(limit) if remaining < limit / 10 => {
            Check::warning(name, found, "find out who else calls with this key, or wait")
        }
        _ => Check::ok(name, found),
    }
}

/// Judges whether the services that are mapped are there, and take incidents.
pub fn services(integration: &Integration, known: &[Service]) -> Check {
    let (name, handle) = ("services", &integration.handle);
    let mapped = &integration.services;
    if mapped.is_empty() {
        let way_out = format!(
            "im integration services {handle} lists them; then: im integration service-mapping \
             add {handle} --pd-service <ID> --incident-type <TYPE>"
        );
        return Check::warning(name, "no service is mapped: no incident is created there", way_out);
    }
    let find = |id: &str| known.iter().find(|service| service.id == id);
    let missing: Vec<_> =
        mapped.iter().map(|it| it.service.as_str()).filter(|id| find(id).is_none()).collect();
    if !missing.is_empty() {
        let found = format!("mapped, but not in the account: {}", missing.join(", "));
        let way_out = format!("im integration service-mapping remove {handle} --pd-service <ID>");
        return Check::failed(name, found, way_out);
    }
    let there = mapped.iter().filter_map(|it| find(&it.service));
    let closed: Vec<_> =
        there.filter(|it| !it.takes_incidents).map(|it| it.name.as_str()).collect();
    if !closed.is_empty() {
        let found =
            format!("disabled or in maintenance, so nothing is created: {}", closed.join(", "));
        return Check::warning(name, found, "enable them in PagerDuty, or map others");
    }
    Check::ok(name, format!("{} mapped, all of them there", mapped.len()))
}

#[cfg(test)]
mod tests;
