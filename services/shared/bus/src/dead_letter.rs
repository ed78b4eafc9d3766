//! What could not be handled, as it travels on `tandem.dlq.>`: complete, so that whoever reads it
//! needs nothing else to understand it, to repeat it or to drop it.
//!
//! Every producer writes this one form, and admin takes it into Postgres. It holds no credentials:
//! requests are shown without their headers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tandem_domain::id::{IntegrationId, LinkId, RecordId};

use crate::{publish::Outgoing, subjects};

/// Which way a message was going when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From an external side or the platform to the reconciler.
    In,
    /// From the platform to an external side.
    Out,
}

/// A message that could not be handled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Which way it was going.
    pub direction: Direction,
    /// The integration, where it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<IntegrationId>,
    /// The link, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
    /// The record, as far as there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordId>,
    /// Why, in words for people.
    pub cause: String,
    /// The root cause: the same for all letters that one remedy would help.
    pub group: String,
    /// When it was given up.
    pub at: Timestamp,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Where the message was found, and where a replay goes.
    pub subject: String,
    /// The message's body as it was.
    pub original: String,
    /// The call that failed, where it came to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// What the call was answered, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// How often it was tried.
    pub attempts: u64,
}

/// A call, without its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path below the integration's base URL, with its query.
    pub path: String,
    /// The JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
}

/// What a call was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of the body.
    pub body: String,
}

impl DeadLetter {
    /// The letter as a message; `id` derives from what failed, so that telling twice is telling
    /// once.
    pub fn message(&self, id: String) -> Result<Outgoing, serde_json::Error> {
        let subject = match (self.direction, self.integration) {
            (Direction::Out, Some(integration)) => subjects::dead_out(integration),
            (_, integration) => subjects::dead_in(integration),
        };
        Ok(Outgoing::json(subject, id, self)?.traced(self.traceparent.clone()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_letter_comes_back_as_it_was_written_and_goes_where_its_direction_says() {
        let letter = DeadLetter {
            direction: Direction::Out,
            integration: "int_00000000000000000000000000000003".parse().ok(),
            link: None,
            record: "Q1".parse().ok(),
            cause: "the far side answered 404".to_owned(),
            group: "sim 404".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            traceparent: None,
            subject: "tandem.out.x".to_owned(),
            original: "{}".to_owned(),
            request: Some(Request {
                method: "GET".to_owned(),
                path: "/incidents/Q1".to_owned(),
                body: None,
            }),
            answer: Some(Answer { status: 404, body: "gone".to_owned() }),
            attempts: 2,
        };
        let message = letter.message("x-dead".to_owned()).unwrap();
        assert_eq!(message.subject, "tandem.dlq.out.int_00000000000000000000000000000003");
        let read: DeadLetter = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(read, letter);
        let inward = DeadLetter { direction: Direction::In, integration: None, ..letter };
        let message = inward.message("y".to_owned()).unwrap();
        assert_eq!(message.subject, "tandem.dlq.in.-");
    }

    #[test]
    fn what_is_not_known_may_be_left_out() {
        let letter: DeadLetter = serde_json::from_value(json!({
            "direction": "in", "cause": "not an event", "group": "not an event",
            "at": "2026-03-02T09:14:00Z", "subject": "tandem.in.x", "original": "}", "attempts": 1,
        }))
        .unwrap();
        assert_eq!((letter.link, letter.request, letter.answer), (None, None, None));
    }
}
