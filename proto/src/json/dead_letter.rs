//! Dead letters and their replays as JSON. A message is text, since it may be anything; where it is JSON, it is shown
//! as such.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::{instant, known};
use crate::{v1, words::Word};

/// [`v1::DeadLetter`] as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct DeadLetter {
    pub id: String,
    pub direction: Option<&'static str>,
    pub kind: Option<&'static str>,
    pub integration: Option<String>,
    pub integration_handle: Option<String>,
    pub link: Option<String>,
    pub record: Option<String>,
    pub cause: String,
    pub group: String,
    pub time: Option<String>,
    pub attempts: i64,
    pub subject: String,
    pub original: Json,
    pub request: Option<DeadLetterCall>,
    pub answer: Option<DeadLetterAnswer>,
    pub state: Option<&'static str>,
    pub reason: Option<String>,
    pub edited: Json,
    pub follows: Option<String>,
    pub replay: Option<String>,
    pub traceparent: Option<String>,
    pub update_time: Option<String>,
}

impl From<v1::DeadLetter> for DeadLetter {
    fn from(from: v1::DeadLetter) -> Self {
        Self {
            direction: from.direction().word(),
            kind: from.kind().word(),
            state: from.state().word(),
            id: from.id,
            integration: known(from.integration),
            integration_handle: known(from.integration_handle),
            link: known(from.link),
            record: known(from.record),
            cause: from.cause,
            group: from.group,
            time: instant(from.time),
            attempts: from.attempts,
            subject: from.subject,
            original: message(from.original),
            request: from.request.map(Into::into),
            answer: from.answer.map(Into::into),
            reason: known(from.reason),
            edited: message(from.edited),
            follows: known(from.follows),
            replay: known(from.replay),
            traceparent: known(from.traceparent),
            update_time: instant(from.update_time),
        }
    }
}

/// [`v1::DeadLetterCall`] as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct DeadLetterCall {
    pub method: String,
    pub path: String,
    pub body: Json,
}

impl From<v1::DeadLetterCall> for DeadLetterCall {
    fn from(from: v1::DeadLetterCall) -> Self {
        Self { method: from.method, path: from.path, body: message(from.body) }
    }
}

/// [`v1::DeadLetterAnswer`] as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct DeadLetterAnswer {
    pub status: u32,
    pub body: Json,
}

impl From<v1::DeadLetterAnswer> for DeadLetterAnswer {
    fn from(from: v1::DeadLetterAnswer) -> Self {
        Self { status: from.status, body: message(from.body) }
    }
}

/// [`v1::DeadLetterGroup`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct DeadLetterGroup {
    pub group: String,
    pub direction: Option<&'static str>,
    pub cause: String,
    pub count: i64,
    pub first_time: Option<String>,
    pub last_time: Option<String>,
}

impl From<v1::DeadLetterGroup> for DeadLetterGroup {
    fn from(from: v1::DeadLetterGroup) -> Self {
        Self {
            direction: from.direction().word(),
            group: from.group,
            cause: from.cause,
            count: from.count,
            first_time: instant(from.first_time),
            last_time: instant(from.last_time),
        }
    }
}

/// [`v1::ReplayPreview`] as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ReplayPreview {
    pub subject: String,
    pub message: Json,
    pub effect: String,
    pub calls: Vec<DeadLetterCall>,
}

impl From<v1::ReplayPreview> for ReplayPreview {
    fn from(from: v1::ReplayPreview) -> Self {
        Self {
            subject: from.subject,
            message: message(from.message),
            effect: from.effect,
            calls: from.calls.into_iter().map(Into::into).collect(),
        }
    }
}

/// [`v1::ReplayDeadLetterResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ReplayedLetter {
    pub dead_letter: Option<DeadLetter>,
    pub preview: Option<ReplayPreview>,
}

impl From<v1::ReplayDeadLetterResponse> for ReplayedLetter {
    fn from(from: v1::ReplayDeadLetterResponse) -> Self {
        Self {
            dead_letter: from.dead_letter.map(Into::into),
            preview: from.preview.map(Into::into),
        }
    }
}

/// [`v1::Replay`] as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Replay {
    pub id: String,
    pub total: i64,
    pub done: i64,
    pub sent: i64,
    pub superseded: i64,
    pub failed: i64,
    pub rate_per_minute: f64,
    pub actor: String,
    pub create_time: Option<String>,
    pub finish_time: Option<String>,
}

impl From<v1::Replay> for Replay {
    fn from(from: v1::Replay) -> Self {
        Self {
            id: from.id,
            total: from.total,
            done: from.done,
            sent: from.sent,
            superseded: from.superseded,
            failed: from.failed,
            rate_per_minute: from.rate_per_minute,
            actor: from.actor,
            create_time: instant(from.create_time),
            finish_time: instant(from.finish_time),
        }
    }
}

/// A message that is mostly JSON: as that, else as text; nothing where there is none.
fn message(text: String) -> Json {
    if text.is_empty() {
        return Json::Null;
    }
    serde_json::from_str(&text).unwrap_or(Json::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_as_json_where_it_is_json_and_as_text_where_it_is_not() {
        let letter = |original: &str| {
            DeadLetter::from(v1::DeadLetter {
                original: original.to_owned(),
                state: v1::DeadLetterState::Open.into(),
                ..Default::default()
            })
        };
        assert_eq!(letter(r#"{"a":1}"#).original, serde_json::json!({"a": 1}));
        assert_eq!(letter("}").original, Json::String("}".to_owned()));
        assert_eq!(letter("").original, Json::Null);
        assert_eq!(letter("").state, Some("open"));
    }
}
