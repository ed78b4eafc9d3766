//! One call: a permit is spent, a request goes out, and what comes back is sorted.
//!
//! The two instants of an answer are taken as close around the exchange as can be. What the far
//! side says of its limits is passed on to the gate here, whatever becomes of the call. Neither
//! credentials nor texts of people are logged.

mod asking;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, DATE, FROM, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use serde_json::Value as Json;
use tandem_connectors::pagerduty::{
    checkup::Left,
    refusal::{self, Class, Ending},
    rest::{Method, Request},
};
use tandem_domain::{
    clock::Offset,
    field::Field,
    incident::{Actor, Side},
};
use tandem_runtime::{clock, trace};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    account::Account,
    gate::{CalledOff, Gate, Permit},
    lanes::Lane,
    scheduler::Job,
};

/// The longest answer that is read. The longest there is, 2000 notes, stays below it in practice.
const ANSWER_MAX: usize = 16 * 1024 * 1024;
/// The most of an answer that is kept for a dead letter, in bytes.
const KEPT: usize = 4096;
/// An idle connection is dropped before the far side would drop it under a request.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// A client whose calls take at most `timeout` altogether and follow no redirects.
pub fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .timeout(timeout)
        .pool_idle_timeout(IDLE_MAX)
        .redirect(redirect::Policy::none())
        .build()
}

/// What a call gave, and the interval on our clock it was given in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// Just before the request left.
    pub sent: Timestamp,
    /// Just after the answer was in.
    pub received: Timestamp,
    /// The answer's `Date`, in whole seconds of the far side's clock.
    pub date: Option<Timestamp>,
    /// What was asked for.
    pub value: T,
}

impl<T> Answer<T> {
    /// How far the far side's clock is from ours, narrowed by what this answer tells of it.
    pub fn measure(&self, clock: Offset) -> Offset {
        self.date.map_or(clock, |date| clock.answered(date, self.sent, self.received))
    }
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It was not made.
    #[error("the call was not made")]
    CalledOff(#[from] CalledOff),
    /// It did not succeed.
    #[error("the call did not succeed")]
    Failed(Box<Failure>),
}

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What is to be done about it.
    pub class: Class,
    /// Why, in words for people.
    pub reason: String,
    /// The root cause: the same for all failures that one remedy would help.
    pub group: String,
    /// When the call was made.
    pub sent: Instant,
    /// The call.
    pub request: Request,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// The beginning of the answer.
    pub answer: String,
}

impl Failure {
    /// Whether it was a write that may have taken effect, or may still.
    pub fn may_have_landed(&self) -> bool {
        self.request.method != Method::Get && self.class.may_have_landed()
    }

    /// Whether it may have left something behind that a second attempt would leave twice.
    pub fn may_have_created(&self) -> bool {
        self.request.method == Method::Post && self.may_have_landed()
    }
}

/// Makes the calls of one piece of work, all under one version of the configuration.
#[derive(Debug)]
pub struct Caller<'a> {
    http: &'a Client,
    gate: &'a Gate,
    version: u64,
    lane: Lane,
    first: Option<Permit>,
    traceparent: Option<&'a str>,
    overtaken: &'a CancellationToken,
    /// Who the calls are made for, where their address is known.
    acting: Option<HeaderValue>,
    wrote: bool,
    /// Whether it calls for what somebody asked, so that no work depends on it.
    asks: bool,
    /// How many calls were left when last told; of one that asks.
    left: Option<Left>,
}

impl<'a> Caller<'a> {
    /// A caller for a piece of work that has its first permit already.
    pub fn new(http: &'a Client, gate: &'a Gate, first: Permit, job: &'a Job) -> Self {
        let (version, lane) = (first.version(), first.lane());
        let traceparent = job.work.traceparent.as_deref();
        let overtaken = &job.overtaken;
        let (first, acting, wrote) = (Some(first), None, false);
        let (asks, left) = (false, None);
        Self { http, gate, version, lane, first, traceparent, overtaken, acting, wrote, asks, left }
    }

    /// The same caller in the name of somebody on the platform, if their address is known.
    #[must_use]
    pub fn acting_for(self, actor: Option<&Actor>) -> Self {
        let ours = actor.filter(|actor| actor.side == Side::Platform);
        let email = ours.and_then(|actor| actor.email.as_deref());
        Self { acting: email.and_then(|email| HeaderValue::from_str(email).ok()), ..self }
    }

    /// The version of the configuration all its calls are made under.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Whether a write has succeeded.
    pub const fn wrote(&self) -> bool {
        self.wrote
    }

    /// The address of the integration's own user.
    pub fn from_email(&self) -> Option<String> {
        self.gate.account().integration.from_email.clone()
    }

    /// Whether labels take part: custom fields, over there.
    pub fn has_labels(&self) -> bool {
        let account = self.gate.account();
        account.integration.fields.keys().any(|field| matches!(field, Field::Label(_)))
    }

    /// Makes a call; `read` finds what was asked for in the answer.
    pub async fn call<T>(
        &mut self,
        request: Request,
        read: impl FnOnce(&Json) -> Option<T>,
    ) -> Result<Answer<T>, Trouble> {
        loop {
            let account = self.permit().await?.spend();
            let (sent, began) = (clock::now(), Instant::now());
            let exchanged = self.exchange(&account, &request).await;
            let received = clock::now();
            metrics::histogram!("tandem_call_seconds").record(began.elapsed());
            if self.acting.is_some() && exchanged.is_for_stranger() {
                tracing::info!("the acting person is not known over there; going on without");
                self.acting = None;
                continue;
            }
            let value = exchanged.value().and_then(|json| read(&json));
            if self.asks {
                self.tell_of_question(&request, &exchanged, value.is_some());
            } else {
                self.tell_gate(&exchanged, value.is_some());
            }
            self.wrote |= value.is_some() && request.method != Method::Get;
            let date = exchanged.hints().date;
            return match value {
                Some(value) => Ok(Answer { sent, received, date, value }),
                None => Err(Trouble::Failed(Box::new(exchanged.failure(request, began)))),
            };
        }
    }

    async fn permit(&mut self) -> Result<Permit, CalledOff> {
        if let Some(permit) = self.first.take() {
            return Ok(permit);
        }
        tokio::select! {
            biased;
            () = self.overtaken.cancelled() => Err(CalledOff),
            permit = self.gate.pass_again(self.lane, self.version) => permit,
        }
    }

    async fn exchange(&self, account: &Account, request: &Request) -> Exchange {
        let span = tracing::info_span!(
            "call",
            otel.kind = "client",
            http.request.method = request.method.name(),
            url.path = request.path,
            http.response.status_code = tracing::field::Empty,
        );
        let exchanged = self.send(account, request).instrument(span.clone()).await;
        if let Some(status) = exchanged.status() {
            span.record("http.response.status_code", status);
        }
        exchanged
    }

    async fn send(&self, account: &Account, request: &Request) -> Exchange {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut outgoing = self
            .http
            .request(method, account.address(&request.path))
            .headers(account.headers().clone())
            .query(&request.query);
        if let Some(acting) = &self.acting {
            // Replaces the integration's own user.
            outgoing = outgoing.headers(HeaderMap::from_iter([(FROM, acting.clone())]));
        }
        let traceparent = trace::traceparent();
        if let Some(traceparent) = traceparent.as_deref().or(self.traceparent) {
            outgoing = outgoing.header(trace::TRACEPARENT, traceparent);
        }
        if let Some(body) = &request.body {
            let body = body.to_string();
            outgoing = outgoing.header(CONTENT_TYPE, "application/json").body(body);
        }
        let answer = match outgoing.send().await {
            Ok(response) => read_answer(response).await,
            Err(error) => Err(error),
        };
        answer.unwrap_or_else(|error| {
            // Nothing left before the connection stood, or while the request was being built.
            let unreached = error.is_connect() || error.is_builder();
            let error = error.without_url();
            tracing::debug!(error = tandem_runtime::process::chain(&error), "a call failed");
            if unreached { Exchange::Unreached } else { Exchange::Unanswered }
        })
    }

    fn tell_gate(&self, exchanged: &Exchange, understood: bool) {
        let hints = exchanged.hints();
        if let (Some(remaining), Some(reset)) = (hints.remaining, hints.reset) {
            self.gate.told(remaining, reset);
        }
        let class = if understood { None } else { Some(refusal::sort(exchanged.ending())) };
        let outcome = class.map_or("ok", Class::name);
        metrics::counter!("tandem_calls_total", "outcome" => outcome).increment(1);
        match class {
            None | Some(Class::Refused | Class::AlreadySo | Class::Duplicate) => {
                if self.gate.succeeded() > 0 {
                    tracing::info!("calls are answered again");
                }
            }
            Some(Class::Throttled) => {
                let told = hints.retry_after.or(hints.reset);
                tracing::info!(told_s = told.map(|told| told.as_secs()), "too many calls; waiting");
                self.gate.refused(told);
            }
            Some(Class::Unwelcome | Class::Stranger) => {
                let reason = refusal::reason(exchanged.ending());
                if self.gate.shut(self.version, &reason) {
                    let status = exchanged.status();
                    tracing::error!(status, "calls are turned away; paused until reconfigured");
                }
            }
            Some(Class::Unreached | Class::Unanswered | Class::Troubled) => {
                if self.gate.failed() == 0 {
                    tracing::warn!(outcome, status = exchanged.status(), "calls fail; going on");
                }
            }
        }
    }
}

/// What came of sending a request.
enum Exchange {
    Unreached,
    Unanswered,
    Answered { status: u16, hints: Hints, body: Vec<u8> },
}

/// What the far side says of its limits.
#[derive(Debug, Clone, Copy, Default)]
struct Hints {
    limit: Option<u32>,
    remaining: Option<u32>,
    reset: Option<Duration>,
    retry_after: Option<Duration>,
    date: Option<Timestamp>,
}

impl Hints {
    fn of(headers: &HeaderMap) -> Self {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
        let seconds = |name: &str| number(name).map(u64::from).map(Duration::from_secs);
        Self {
            limit: number("ratelimit-limit"),
            remaining: number("ratelimit-remaining"),
            reset: seconds("ratelimit-reset"),
            retry_after: seconds(RETRY_AFTER.as_str()),
            date: headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?)),
        }
    }
}

/// An instant as HTTP writes it, which is a form of RFC 2822's.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

impl Exchange {
    fn value(&self) -> Option<Json> {
        match self {
            // Some calls are answered by their status alone.
            Self::Answered { status: 200..=299, body, .. } if body.is_empty() => Some(Json::Null),
            Self::Answered { status: 200..=299, body, .. } => serde_json::from_slice(body).ok(),
            _ => None,
        }
    }

    fn is_for_stranger(&self) -> bool {
        self.value().is_none() && refusal::sort(self.ending()) == Class::Stranger
    }

    fn ending(&self) -> Ending<'_> {
        match self {
            Self::Unreached => Ending::Unreached,
            Self::Unanswered => Ending::Unanswered,
            Self::Answered { status: 200..=299, .. } => Ending::Unreadable,
            Self::Answered { status, body, .. } => Ending::Answered { status: *status, body },
        }
    }

    const fn status(&self) -> Option<u16> {
        match self {
            Self::Unreached | Self::Unanswered => None,
            Self::Answered { status, .. } => Some(*status),
        }
    }

    fn hints(&self) -> Hints {
        match self {
            Self::Unreached | Self::Unanswered => Hints::default(),
            Self::Answered { hints, .. } => *hints,
        }
    }

    fn failure(&self, request: Request, sent: Instant) -> Failure {
        let body: &[u8] = match self {
            Self::Answered { body, .. } => body,
            Self::Unreached | Self::Unanswered => &[],
        };
        let kept = body.get(..KEPT).unwrap_or(body);
        Failure {
            class: refusal::sort(self.ending()),
            reason: refusal::reason(self.ending()),
            group: refusal::group(self.ending()),
            sent,
            request,
            status: self.status(),
            answer: String::from_utf8_lossy(kept).into_owned(),
        }
    }
}

async fn read_answer(mut response: Response) -> Result<Exchange, reqwest::Error> {
    let (status, hints) = (response.status().as_u16(), Hints::of(response.headers()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX {
            break;
        }
    }
    Ok(Exchange::Answered { status, hints, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let date = http_date("Mon, 02 Mar 2026 09:14:07 GMT").unwrap();
        assert_eq!(date, "2026-03-02T09:14:07Z".parse().unwrap());
        assert_eq!(http_date("yesterday"), None);
    }
}
