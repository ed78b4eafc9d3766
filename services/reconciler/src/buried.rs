//! The dead letter of an event that cannot be applied: why, and the root cause it shares with others.
//!
//! A root cause names no value: letters that one remedy would help come under the same one.

use jiff::Timestamp;
use tandem_bus::{
    consume::Taken,
    dead_letter::{DeadLetter, Direction},
};
use tandem_domain::{
    event::Event,
    id::{IntegrationId, LinkId, RecordId},
};
use tandem_runtime::{clock, process::chain};
use tandem_store::StoreError;

/// The most of a message that a letter keeps, in bytes: escaped, it still fits a message.
const KEPT: usize = 128 * 1024;

/// The letter of what is no event.
pub(crate) fn unreadable(taken: &Taken, error: &serde_json::Error) -> DeadLetter {
    let cause = format!("not an event: {error}");
    let group = without_values(&cause);
    letter(&Found::of(taken), None, cause, group)
}

/// The letter of an event on a subject that is not its own.
pub(crate) fn misplaced(taken: &Taken, event: &Event, cause: &str) -> DeadLetter {
    letter(&Found::of(taken), Some(event), cause.to_owned(), cause.to_owned())
}

/// The letter of an event whose data cannot be stored.
pub(crate) fn refused(taken: &Taken, event: &Event, error: &StoreError) -> DeadLetter {
    let group = match error {
        StoreError::Inconsistent { table, column, .. } => {
            format!("a stored {table}.{column} cannot be understood")
        }
        other => without_values(&chain(other)),
    };
    letter(&Found::of(taken), Some(event), chain(error), group)
}

/// What a letter takes over from its message.
struct Found<'a> {
    subject: &'a str,
    body: &'a [u8],
    traceparent: Option<&'a str>,
    deliveries: u64,
    now: Timestamp,
}

impl<'a> Found<'a> {
    fn of(taken: &'a Taken) -> Self {
        Self {
            subject: taken.subject(),
            body: taken.body(),
            traceparent: taken.traceparent(),
            deliveries: taken.deliveries,
            now: clock::now(),
        }
    }
}

fn letter(found: &Found<'_>, event: Option<&Event>, cause: String, group: String) -> DeadLetter {
    let integration = found.subject.split('.').nth(3);
    DeadLetter {
        direction: Direction::In,
        integration: integration.and_then(|token| token.parse::<IntegrationId>().ok()),
        link: event.and_then(link),
        record: event.and_then(record),
        cause,
        group,
        at: found.now,
        traceparent: found.traceparent.map(str::to_owned),
        subject: found.subject.to_owned(),
        original: String::from_utf8_lossy(found.body.get(..KEPT).unwrap_or(found.body))
            .into_owned(),
        request: None,
        answer: None,
        attempts: found.deliveries,
    }
}

fn link(event: &Event) -> Option<LinkId> {
    match event {
        Event::Receipt(receipt) => Some(receipt.link),
        Event::Observation(_) | Event::Edit(_) | Event::Finding(_) => None,
    }
}

fn record(event: &Event) -> Option<RecordId> {
    match event {
        Event::Observation(observation) => observation.record.clone(),
        Event::Finding(finding) => Some(finding.reading.snapshot.record.clone()),
        Event::Receipt(_) | Event::Edit(_) => None,
    }
}

/// A message without what is quoted in it, and without the place where it went wrong.
fn without_values(text: &str) -> String {
    let text = text.split(" at line ").next().unwrap_or_default();
    let outside = text.split('"').step_by(2);
    outside.collect::<Vec<_>>().join("…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_cause_holds_no_value() {
        let cause = |json: &str| {
            let error = serde_json::from_str::<Event>(json).unwrap_err();
            without_values(&format!("not an event: {error}"))
        };
        let kind = |kind: &str| cause(&format!(r#"{{"kind":"{kind}"}}"#));
        assert_eq!(kind("receipt"), kind("receipt"));
        assert_eq!(
            without_values(r#"invalid "a b" and "c" at line 1 column 2"#),
            "invalid … and …"
        );
        assert_eq!(cause("{"), "not an event: EOF while parsing an object");
    }

    #[test]
    fn a_letter_holds_the_message_as_it_was_and_where_it_came_from() {
        let integration = "int_00000000000000000000000000000003";
        let subject = format!("tandem.in.pd.{integration}.Q1");
        let found = Found {
            subject: &subject,
            body: b"}",
            traceparent: Some("00-1-2-01"),
            deliveries: 3,
            now: Timestamp::UNIX_EPOCH,
        };
        let letter = letter(&found, None, "c".to_owned(), "g".to_owned());
        assert_eq!(letter.integration.unwrap().to_string(), integration);
        assert_eq!((&*letter.original, letter.attempts, letter.direction), ("}", 3, Direction::In));
        assert_eq!(letter.subject, subject);
    }
}
