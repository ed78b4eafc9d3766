//! Owns the way of a REST call through the simulator: read, fault, gate, handler, log, answer.
//!
//! A call is logged under the same lock as its effect, so the log's order is the order of effects.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Query as Pairs, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use super::limits::{Reading, nearest};
use super::{Answer, Asked, Query, View, gate, routes, strict};
use crate::cut::Scissors;
use crate::journal::Call;
use crate::knobs::{Applied, Effect, ErrorBody};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::world::World;
use crate::{changed, clock};

const MAX_BODY: usize = 4 * 1024 * 1024;
/// The code of an error on PagerDuty's side.
const INTERNAL: u16 = 2000;

/// A call as it came in.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) pairs: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) at: jiff::Timestamp,
}

impl Incoming {
    async fn read(request: Request) -> Option<Self> {
        let (parts, body) = request.into_parts();
        let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(&parts.uri).ok();
        Some(Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            pairs: Query::new(pairs.map(|Pairs(pairs)| pairs).unwrap_or_default()),
            headers: parts.headers,
            bytes: to_bytes(body, MAX_BODY).await.ok()?,
            at: clock::now(),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON, if it is JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.bytes).ok()
    }
}

/// What a call came to, before any fault disfigures it.
struct Done {
    answer: Answer,
    reading: Option<Reading>,
    token: Option<&'static str>,
    violations: Vec<String>,
}

/// Serves every path that is no other part's.
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let Some(incoming) = Incoming::read(request).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, None, None);
    };
    let none = shared.peek(|world| world.knobs.rest.is_empty());
    let fault = if none { None } else { shared.with(|world| gate::fault(world, &incoming)) };
    match fault {
        None => carry_out(&shared, &incoming, None),
        Some(Effect::Stale) => carry_out(&shared, &incoming, Some("stale")),
        Some(Effect::RateLimit { bare, reset_s }) => {
            skip(&shared, &incoming, 429, "rate_limit");
            if bare {
                return plain(StatusCode::TOO_MANY_REQUESTS, None, None);
            }
            let limit = shared.peek(|world| world.knobs.limits.calls_per_minute);
            let reading = Reading { limit, remaining: 0, reset_s, exceeded: true };
            let body = Refusal::RateLimited.body();
            plain(StatusCode::TOO_MANY_REQUESTS, Some(&body), Some(reading))
        }
        Some(Effect::Error { status, body, applied }) => {
            if applied {
                carry_out(&shared, &incoming, Some("error_applied"));
            } else {
                skip(&shared, &incoming, status, "error");
            }
            gate::disfigured(status, body, INTERNAL)
        }
        Some(Effect::Refuse { status, code }) => {
            skip(&shared, &incoming, status, "refuse");
            gate::disfigured(status, ErrorBody::Json, code)
        }
        Some(Effect::Slow { ms, applied }) => slow(&shared, &incoming, ms, applied).await,
        Some(Effect::Cut { applied }) => {
            if applied {
                carry_out(&shared, &incoming, Some("cut_applied"));
            } else {
                skip(&shared, &incoming, 0, "cut");
            }
            scissors.cut();
            plain(StatusCode::OK, None, None)
        }
    }
}

async fn slow(shared: &Arc<Shared>, incoming: &Incoming, ms: u64, applied: Applied) -> Response {
    let wait = Duration::from_millis(ms);
    match applied {
        Applied::First => {
            let response = carry_out(shared, incoming, Some("slow"));
            shared.pause(wait).await;
            response
        }
        Applied::After => {
            shared.pause(wait).await;
            carry_out(shared, incoming, Some("slow"))
        }
        Applied::Never => {
            shared.pause(wait).await;
            skip(shared, incoming, 504, "slow");
            plain(StatusCode::GATEWAY_TIMEOUT, None, None)
        }
    }
}

/// Carries a call out, logs it and answers.
fn carry_out(shared: &Arc<Shared>, incoming: &Incoming, fault: Option<&str>) -> Response {
    let work = |world: &mut World| {
        let stale = fault == Some("stale");
        let (done, touched) = world.watched(|world| process(world, incoming, stale));
        // What the caller gets to see, not what would have been answered.
        let cut = fault.is_some_and(|name| name.starts_with("cut"));
        let status = if cut { 0 } else { done.answer.status };
        let refused = done.answer.body.as_ref().filter(|_| done.answer.status >= 400);
        let answer = refused.cloned().unwrap_or_default();
        world.journal.call(Call {
            token: done.token.map(str::to_owned),
            violations: done.violations.clone(),
            changed: changed::tell(world, &touched),
            answer,
            ..entry(incoming, status, fault)
        });
        done
    };
    // A read changes nothing worth saving.
    let done = if incoming.method == "GET" { shared.with_passing(work) } else { shared.with(work) };
    let status = StatusCode::from_u16(done.answer.status).unwrap_or_default();
    plain(status, done.answer.body.as_ref(), done.reading)
}

/// Logs a call that has no effect.
fn skip(shared: &Arc<Shared>, incoming: &Incoming, status: u16, fault: &str) {
    shared.with_passing(|world| world.journal.call(entry(incoming, status, Some(fault))));
}

fn entry(incoming: &Incoming, status: u16, fault: Option<&str>) -> Call {
    let text = || Value::from(String::from_utf8_lossy(&incoming.bytes).into_owned());
    let body =
        if incoming.bytes.is_empty() { Value::Null } else { incoming.json().unwrap_or_else(text) };
    Call {
        seq: 0,
        time: clock::millis(incoming.at),
        method: incoming.method.clone(),
        path: incoming.path.clone(),
        query: incoming.query.clone(),
        token: None,
        from: incoming.header("from").map(str::to_owned),
        status,
        body,
        answer: Value::Null,
        changed: Vec::new(),
        traceparent: incoming.header("traceparent").map(str::to_owned),
        violations: Vec::new(),
        fault: fault.map(str::to_owned),
    }
}

fn process(world: &mut World, incoming: &Incoming, stale: bool) -> Done {
    let mut done =
        Done { answer: Answer::empty(200), reading: None, token: None, violations: Vec::new() };
    done.answer = match pass(world, incoming, stale, &mut done) {
        Ok(answer) => answer,
        Err(refusal) => {
            let (status, body) = refusal.answer(&world.knobs.behaviour, &incoming.path);
            Answer { status, body: Some(body) }
        }
    };
    done
}

fn pass(
    world: &mut World,
    incoming: &Incoming,
    stale: bool,
    done: &mut Done,
) -> Result<Answer, Refusal> {
    let found = routes::find(&incoming.method, &incoming.path);
    done.violations = strict::check(incoming, found.as_ref().map(|(route, _)| *route));
    if let Some((route, path)) = found.as_ref().filter(|(route, _)| route.open) {
        let asked = asked(incoming, path.clone(), None, true, View::Latest);
        return (route.handler)(world, &asked);
    }
    let key = gate::authenticate(world, incoming)?;
    done.token = Some(key.word());
    let readings = gate::count(world, &key, found.as_ref().map(|it| it.0), Instant::now());
    done.reading = nearest(&readings);
    if readings.iter().any(|reading| reading.exceeded) {
        return Err(Refusal::RateLimited);
    }
    let (route, path) = found.ok_or(Refusal::NotFound)?;
    gate::check_grant(&key, route)?;
    let acts_as = gate::who_acts(world, &key, route, incoming)?;
    gate::check_body(incoming, route)?;
    let view = gate::view(world, route, incoming.at, stale);
    let asked = asked(incoming, path, acts_as, key.of_account(), view);
    (route.handler)(world, &asked)
}

fn asked(
    incoming: &Incoming,
    path: Vec<String>,
    acts_as: Option<String>,
    account_key: bool,
    view: View,
) -> Asked {
    Asked {
        path,
        query: incoming.pairs.clone(),
        body: incoming.json().unwrap_or_default(),
        acts_as,
        account_key,
        now: incoming.at,
        view,
    }
}

/// Writes an answer; one without a body has no content type either.
pub(crate) fn plain(
    status: StatusCode,
    body: Option<&Value>,
    reading: Option<Reading>,
) -> Response {
    let mut response = Response::new(match body {
        Some(body) => Body::from(body.to_string()),
        None => Body::empty(),
    });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if body.is_some() {
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    }
    if let Some(reading) = reading {
        headers.insert("ratelimit-limit", reading.limit.into());
        headers.insert("ratelimit-remaining", reading.remaining.into());
        headers.insert("ratelimit-reset", reading.reset_s.into());
    }
    response
}
