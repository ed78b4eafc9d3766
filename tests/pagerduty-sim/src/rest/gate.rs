//! Owns what stands before every handler: faults, keys, limits, `From`, `Content-Type`.
//!
//! The order of the checks is a guess, except that nothing is told to a caller without a key.

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use super::View;
use super::limits::Reading;
use super::routes::{Cap, Route};
use super::serve::{Incoming, plain};
use crate::account::User;
use crate::knobs::{Effect, ErrorBody};
use crate::minter::Kind;
use crate::options::Grant;
use crate::refusal::{self, Refusal};
use crate::world::World;

/// The accepted key of a call.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    /// A key of the user with this id.
    User(String),
    Account,
    ReadOnly,
}

impl Key {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Account => "account",
            Self::ReadOnly => "read_only",
        }
    }

    pub(crate) fn of_account(&self) -> bool {
        !matches!(self, Self::User(_))
    }
}

/// Draws the fault that hits this call, if any.
pub(crate) fn fault(world: &mut World, incoming: &Incoming) -> Option<Effect> {
    let World { knobs, minter, .. } = world;
    for fault in &mut knobs.rest {
        let hits = fault.next != Some(0)
            && fault.method.as_deref().is_none_or(|it| it.eq_ignore_ascii_case(&incoming.method))
            && fault.path_prefix.as_deref().is_none_or(|it| incoming.path.starts_with(it))
            && (fault.effect != Effect::Stale || incoming.method == "GET");
        if hits && fault.probability.is_none_or(|probability| minter.chance(probability)) {
            fault.next = fault.next.map(|left| left - 1);
            return Some(fault.effect.clone());
        }
    }
    None
}

/// Chooses what a call gets to see: a read may lag behind, a write never does.
pub(crate) fn view(world: &mut World, route: &Route, now: Timestamp, stale: bool) -> View {
    let lag = world.knobs.behaviour.read_lag_ms;
    if stale {
        return View::Previous;
    }
    if lag == 0 || route.method != "GET" {
        return View::Latest;
    }
    let behind = Duration::from_millis(world.minter.between(Kind::Fault, 0, lag));
    View::At(now.checked_sub(behind).unwrap_or(Timestamp::MIN))
}

/// Finds out whose key a call carries.
pub(crate) fn authenticate(world: &World, incoming: &Incoming) -> Result<Key, Refusal> {
    let value = incoming.header("authorization").ok_or(Refusal::Unauthenticated)?;
    let token = value
        .strip_prefix("Token token=")
        .or_else(|| value.strip_prefix("Bearer "))
        .ok_or(Refusal::Unauthenticated)?;
    let token = token.trim().trim_matches('"');
    let known = world.options.tokens.iter().find(|it| it.token == token);
    let known = known.filter(|it| !world.revoked_tokens.contains(&it.token));
    match &known.ok_or(Refusal::Unauthenticated)?.grant {
        Grant::Account => Ok(Key::Account),
        Grant::ReadOnly => Ok(Key::ReadOnly),
        Grant::User(email) => {
            let user = world.account.user_by_email(email).ok_or(Refusal::Unauthenticated)?;
            Ok(Key::User(user.id.clone()))
        }
    }
}

/// Counts a call against every limit that concerns it.
pub(crate) fn count(
    world: &mut World,
    key: &Key,
    route: Option<&Route>,
    now: Instant,
) -> Vec<Reading> {
    let limits = &world.knobs.limits;
    let owner = match key {
        Key::User(id) => id.clone(),
        Key::Account | Key::ReadOnly => key.word().to_owned(),
    };
    let special = match route.and_then(|route| route.cap) {
        Some(Cap::BulkUpdate) => limits.bulk_updates_per_minute,
        Some(Cap::Create) => limits.creates_per_minute,
        Some(Cap::OnCalls) => limits.oncalls_per_minute,
        None => 0,
    };
    let of_call = route.map_or(String::new(), |route| format!("{owner} {:?}", route.cap));
    let windows = [(owner, limits.calls_per_minute), (of_call, special)];
    windows.into_iter().filter_map(|(name, limit)| world.windows.count(&name, limit, now)).collect()
}

/// Refuses writes with a read-only key.
pub(crate) fn check_grant(key: &Key, route: &Route) -> Result<(), Refusal> {
    match key {
        Key::ReadOnly if route.method != "GET" => Err(Refusal::AccessDenied),
        _ => Ok(()),
    }
}

/// Finds out which user a call acts as: the key's own, or the one `From` names.
pub(crate) fn who_acts(
    world: &World,
    key: &Key,
    route: &Route,
    incoming: &Incoming,
) -> Result<Option<String>, Refusal> {
    let may_act = |user: &User| match route.method {
        "GET" => Ok(Some(user.id.clone())),
        _ if user.read_only => Err(Refusal::RequesterNotAuthorized),
        _ => Ok(Some(user.id.clone())),
    };
    if let Key::User(id) = key {
        return world.account.user(id).map_or(Ok(None), may_act);
    }
    match incoming.header("from").map(str::trim) {
        None if route.from && world.knobs.behaviour.from_required => Err(Refusal::MissingFrom),
        None => Ok(None),
        Some(_) if route.method == "GET" => Ok(None),
        Some(email) if !email.contains('@') => Err(Refusal::MalformedFrom),
        Some(email) => match world.account.user_by_email(email) {
            Some(user) => may_act(user),
            None => Err(Refusal::RequesterNotFound),
        },
    }
}

/// Refuses a body that is not declared as JSON, or is none.
pub(crate) fn check_body(incoming: &Incoming, route: &Route) -> Result<(), Refusal> {
    let Some(_) = route.body else { return Ok(()) };
    let declared = incoming.header("content-type").unwrap_or_default();
    let object = incoming.json().is_some_and(|body| body.is_object());
    if declared.starts_with("application/json") && object {
        Ok(())
    } else {
        Err(Refusal::invalid("params must be a Hash"))
    }
}

/// Writes an error answer in one of the forms that clients have met.
pub(crate) fn disfigured(status: u16, body: ErrorBody, code: u16) -> Response {
    let message = refusal::meaning(code);
    let json = match body {
        ErrorBody::Json => json!({ "error": { "message": message, "code": code } }),
        ErrorBody::ErrorsString => {
            json!({ "error": { "message": message, "code": code, "errors": "try again" } })
        }
        ErrorBody::ErrorsMap => {
            let errors = json!({ "base": ["try again"] });
            json!({ "error": { "message": message, "code": code, "errors": errors } })
        }
        ErrorBody::ErrorArray => json!({ "error": [message] }),
        ErrorBody::ErrorString => json!({ "error": message }),
        ErrorBody::Html | ErrorBody::Empty => json!(null),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match body {
        ErrorBody::Empty => plain(status, None, None),
        ErrorBody::Html => {
            let page = "<html><body><h1>Bad Gateway</h1></body></html>";
            let mut response = Response::new(Body::from(page));
            *response.status_mut() = status;
            let html = header::HeaderValue::from_static("text/html");
            response.headers_mut().insert(header::CONTENT_TYPE, html);
            response
        }
        _ => plain(status, Some(&json), None),
    }
}
