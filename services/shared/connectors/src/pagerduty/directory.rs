//! Reading what an account has besides incidents: requests of one page each, and what answers hold.
//!
//! Lists are read to their end by `offset`, as far as PagerDuty lets anybody read (REST API,
//! "pagination"). An item that lacks its id is left out; an answer that is no such list is none.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::rest::{Method, Request};
use crate::directory::{Level, Named, Person, Policy, Priority, Service, Turn};

/// How many items a page holds at most.
pub const PAGE: usize = 100;
/// No page can begin after this.
pub const LAST_OFFSET: usize = 10_000 - PAGE;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Whether another page follows.
    pub more: bool,
}

/// Who is on call now, in one schedule or anywhere.
///
/// This call has a limit of its own, whose figure is not published.
pub fn on_calls(schedule: Option<&str>, offset: usize) -> Request {
    let mut request = page("/oncalls", offset);
    request.query.push(("include[]", "users".to_owned()));
    request.query.extend(schedule.map(|id| ("schedule_ids[]", id.to_owned())));
    request
}

/// Whether a call counts against a limit of its own, so that being refused says nothing of others.
pub fn has_own_limit(request: &Request) -> bool {
    request.path == "/oncalls"
}

/// The account's users.
pub fn users(offset: usize) -> Request {
    page("/users", offset)
}

/// Users whose name or address contains a text.
pub fn users_like(text: &str, offset: usize) -> Request {
    let mut request = users(offset);
    request.query.push(("query", text.to_owned()));
    request
}

/// The account's services.
pub fn services(offset: usize) -> Request {
    page("/services", offset)
}

/// The account's schedules.
pub fn schedules(offset: usize) -> Request {
    page("/schedules", offset)
}

/// The account's escalation policies.
pub fn policies(offset: usize) -> Request {
    page("/escalation_policies", offset)
}

/// The account's priorities, the most severe first.
pub fn priorities(offset: usize) -> Request {
    page("/priorities", offset)
}

/// A page of the list at a path.
pub(super) fn page(path: &str, offset: usize) -> Request {
    let query = vec![("limit", PAGE.to_string()), ("offset", offset.to_string())];
    Request { method: Method::Get, path: path.to_owned(), query, body: None }
}

/// The turns in an answer.
pub fn read_on_calls(answer: &Json) -> Option<Page<Turn>> {
    read(answer, "oncalls", |item| {
        let instant = |name: &str| item.get(name)?.as_str()?.parse::<Timestamp>().ok();
        Some(Turn {
            person: person(item.get("user")?)?,
            schedule: item.get("schedule").and_then(named),
            policy: item.get("escalation_policy").and_then(named)?,
            level: u32::try_from(item.get("escalation_level")?.as_u64()?).ok()?,
            since: instant("start"),
            until: instant("end"),
        })
    })
}

/// The users in an answer.
pub fn read_users(answer: &Json) -> Option<Page<Person>> {
    read(answer, "users", person)
}

/// The services in an answer.
pub fn read_services(answer: &Json) -> Option<Page<Service>> {
    read(answer, "services", |item| {
        let Named { id, name } = named(item)?;
        let status = text(item, "status");
        // The other states say how its incidents stand.
        let closed = matches!(status.as_deref(), Some("disabled" | "maintenance"));
        let policy = item.get("escalation_policy").and_then(named);
        Some(Service { id, name, status, takes_incidents: !closed, policy })
    })
}

/// The schedules in an answer.
pub fn read_schedules(answer: &Json) -> Option<Page<Named>> {
    read(answer, "schedules", named)
}

/// The escalation policies in an answer.
pub fn read_policies(answer: &Json) -> Option<Page<Policy>> {
    read(answer, "escalation_policies", |item| {
        let Named { id, name } = named(item)?;
        let rules = item.get("escalation_rules").and_then(Json::as_array);
        let level = |rule: &Json| Level {
            delay_min: rule
                .get("escalation_delay_in_minutes")
                .and_then(Json::as_u64)
                .unwrap_or_default(),
            targets: rule
                .get("targets")
                .and_then(Json::as_array)
                .map(|targets| targets.iter().filter_map(named).collect())
                .unwrap_or_default(),
        };
        Some(Policy { id, name, levels: rules.into_iter().flatten().map(level).collect() })
    })
}

/// The priorities in an answer.
pub fn read_priorities(answer: &Json) -> Option<Page<Priority>> {
    read(answer, "priorities", |item| {
        let Named { id, name } = named(item)?;
        Some(Priority { id, name, description: text(item, "description") })
    })
}

/// A list in an answer, item by item.
pub(super) fn read<T>(
    answer: &Json,
    name: &str,
    item: impl Fn(&Json) -> Option<T>,
) -> Option<Page<T>> {
    let items = answer.get(name)?.as_array()?.iter().filter_map(item).collect();
    Some(Page { items, more: answer.get("more").and_then(Json::as_bool).unwrap_or(false) })
}

/// A user, whole or by reference.
pub(super) fn person(item: &Json) -> Option<Person> {
    let Named { id, name } = named(item)?;
    Some(Person { id, name, email: text(item, "email"), role: text(item, "role") })
}

fn named(item: &Json) -> Option<Named> {
    let id = text(item, "id")?;
    let name = text(item, "name").or_else(|| text(item, "summary"));
    Some(Named { name: name.unwrap_or_else(|| id.clone()), id })
}

/// A member that is a text and not empty.
pub(super) fn text(item: &Json, name: &str) -> Option<String> {
    let text = item.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
