//! Owns the record of what happened at the edges: every REST call, every delivery attempt.
//!
//! Credentials are never recorded. Beyond a hundred thousand entries the oldest are forgotten.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::changed::Changed;

const KEPT: usize = 100_000;

/// A REST call as it was received and answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Counts all calls from 1, in the order in which they were answered or cut off.
    pub seq: u64,
    /// When it arrived.
    pub time: String,
    /// The method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query as sent.
    pub query: String,
    /// Whose key was used: `user`, `account`, `read_only`, or null when none was accepted.
    pub token: Option<String>,
    /// The `From` header.
    pub from: Option<String>,
    /// The status answered; 0 when the connection was cut instead.
    pub status: u16,
    /// The request body: JSON, or a string when it was none.
    pub body: Value,
    /// The body of a refusal; the bodies of other answers are not kept.
    pub answer: Value,
    /// What it changed; nothing, for a read, a refusal, or what was so already.
    #[serde(default)]
    pub changed: Vec<Changed>,
    /// The `traceparent` header.
    pub traceparent: Option<String>,
    /// What PagerDuty would have silently ignored: unknown fields, wrong types, unknown parameters.
    pub violations: Vec<String>,
    /// The fault that hit the call.
    pub fault: Option<String>,
}

/// One attempt to deliver one webhook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts all attempts from 1.
    pub seq: u64,
    /// When its outcome was known.
    pub time: String,
    /// The `X-Webhook-Id`.
    pub webhook_id: String,
    /// The id of the event inside.
    pub event_id: String,
    /// The type of the event inside.
    pub event_type: String,
    /// The subscription.
    pub subscription: String,
    /// The incident (or other resource) it is about.
    pub incident: String,
    /// Counts the attempts of this webhook from 1; 0 when it was lost before any attempt.
    pub attempt: u32,
    /// The HTTP status of the receiver, if it answered.
    pub status: Option<u16>,
    /// What went wrong, if anything.
    pub error: Option<String>,
    /// What it came to: `delivered`, `retry`, `dropped` or `lost`.
    pub outcome: String,
}

/// The record of what happened at the edges.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    calls: VecDeque<Call>,
    attempts: VecDeque<Attempt>,
    calls_seen: u64,
    attempts_seen: u64,
}

impl Journal {
    /// Records a call and numbers it.
    pub(crate) fn call(&mut self, call: Call) {
        self.calls_seen += 1;
        push(&mut self.calls, Call { seq: self.calls_seen, ..call });
    }

    /// Records an attempt and numbers it.
    pub(crate) fn attempt(&mut self, attempt: Attempt) {
        self.attempts_seen += 1;
        push(&mut self.attempts, Attempt { seq: self.attempts_seen, ..attempt });
    }

    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter()
    }

    pub(crate) fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter()
    }
}

fn push<T>(kept: &mut VecDeque<T>, entry: T) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(entry);
}
