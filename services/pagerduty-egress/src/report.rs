//! What is told of finished work: receipts to the reconciler, dead letters for what was refused.
//!
//! Both get ids that derive from the work, so that telling twice is telling once. Work is only
//! finished when its report is on the broker's disk; until then it is told again and again.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value as Json;
use tandem_bus::{
    Bus,
    consume::Taken,
    publish::{NotStored, Outgoing},
    subjects,
};
use tandem_connectors::pagerduty::rest::Request;
use tandem_domain::{
    event::{Event, Outcome, Receipt},
    id::{Connector, IntegrationId, RecordId},
};
use tandem_runtime::trace;
use tokio_util::sync::CancellationToken;

use crate::{
    call::Failure,
    work::{Task, Work},
};

/// How long to wait before telling again.
const AGAIN: Duration = Duration::from_millis(250);

/// A report that cannot be told, which would be a mistake of ours.
#[derive(Debug, thiserror::Error)]
#[error("a report cannot be written")]
pub struct Unwritable(#[from] serde_json::Error);

/// What is put away when a message was refused for good.
#[derive(Debug, Serialize)]
struct DeadLetter<'a> {
    /// Why, in words for people.
    cause: &'a str,
    /// Where the message came from.
    subject: String,
    /// The message: JSON, or text where it is none.
    message: Json,
    /// The call that was refused, without credentials.
    request: Option<&'a Request>,
    /// The status it was answered with.
    status: Option<u16>,
    /// The beginning of the answer.
    answer: Option<&'a str>,
}

/// The receipt that reports what a piece of work came to.
pub fn receipt(
    work: &Work,
    connector: &Connector,
    outcome: Outcome,
) -> Result<Outgoing, Unwritable> {
    let (kind, record) = match &outcome {
        Outcome::Settled { before, after, .. } => {
            let reading = after.as_ref().or(before.as_ref());
            ("settled", reading.map(|reading| reading.snapshot.record.clone()))
        }
        Outcome::Noted { .. } => ("noted", None),
        Outcome::Refused { before, .. } => {
            ("refused", before.as_ref().map(|reading| reading.snapshot.record.clone()))
        }
    };
    let record = record.or_else(|| record_of(work).cloned());
    let record = record.as_ref().map(RecordId::as_str);
    let id = format!("{}-{kind}", work.id());
    let subject = subjects::observed(connector, work.integration(), record);
    let receipt =
        Receipt { id: id.clone(), integration: work.integration(), link: work.link(), outcome };
    let message = Outgoing::json(subject, id, &Event::Receipt(receipt))?;
    Ok(message.traced(traceparent(work)))
}

const fn record_of(work: &Work) -> Option<&RecordId> {
    match &work.task {
        Task::State(desired) => desired.record.as_ref(),
        Task::Act(act) => Some(&act.record),
    }
}

/// The dead letter for work that was refused; `failure` is the call, where it came to one.
pub fn letter(
    work: &Work,
    connector: &Connector,
    cause: &str,
    failure: Option<&Failure>,
) -> Result<Outgoing, Unwritable> {
    let message = match &work.task {
        Task::State(desired) => serde_json::to_value(desired),
        Task::Act(act) => serde_json::to_value(act),
    }?;
    let letter = DeadLetter {
        cause,
        subject: work.subject(connector),
        message,
        request: failure.map(|failure| &failure.request),
        status: failure.and_then(|failure| failure.status),
        answer: failure.map(|failure| failure.answer.as_str()),
    };
    let id = format!("{}-dead", work.id());
    let message = Outgoing::json(subjects::dead_out(work.integration()), id, &letter)?;
    Ok(message.traced(traceparent(work)))
}

/// The dead letter for a message that is no work at all.
pub fn unreadable(
    taken: &Taken,
    integration: IntegrationId,
    cause: &str,
) -> Result<Outgoing, Unwritable> {
    let text = || Json::String(String::from_utf8_lossy(taken.body()).into_owned());
    let letter = DeadLetter {
        cause,
        subject: taken.subject().to_owned(),
        message: serde_json::from_slice(taken.body()).unwrap_or_else(|_| text()),
        request: None,
        status: None,
        answer: None,
    };
    let id = format!("{integration}-{}-dead", taken.sequence);
    let message = Outgoing::json(subjects::dead_out(integration), id, &letter)?;
    Ok(message.traced(taken.traceparent().map(str::to_owned)))
}

fn traceparent(work: &Work) -> Option<String> {
    trace::traceparent().or_else(|| work.traceparent.clone())
}

/// Tells until it is stored; says whether it was, before it was time to stop.
pub async fn store(bus: &Bus, stop: &CancellationToken, message: Outgoing) -> bool {
    loop {
        match bus.publish(message.clone()).await {
            Ok(_) => return true,
            Err(NotStored::TooLarge(_)) => {
                // It will never be smaller; holding its link up for ever would help nobody.
                tracing::error!(id = message.id, "a report is larger than nats takes; dropped");
                return true;
            }
            Err(error) => {
                let error = tandem_runtime::process::chain(&error);
                tracing::debug!(id = message.id, error, "a report is not stored yet");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = stop.cancelled() => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;
    use tandem_connectors::pagerduty::{refusal::Class, rest};

    use super::*;

    fn work(task: Json, act: bool) -> Work {
        let task = if act {
            Task::Act(serde_json::from_value(task).unwrap())
        } else {
            Task::State(serde_json::from_value(task).unwrap())
        };
        let traceparent =
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        Work { task, traceparent, stored_at: Timestamp::UNIX_EPOCH }
    }

    fn desired(record: Option<&str>) -> Work {
        let task = json!({
            "link": "lnk_00000000000000000000000000000001",
            "incident": "inc_00000000000000000000000000000002",
            "integration": "int_00000000000000000000000000000003",
            "version": 7, "record": record, "want": {},
        });
        work(task, false)
    }

    fn pagerduty() -> Connector {
        "pagerduty".parse().unwrap()
    }

    #[test]
    fn a_receipt_goes_where_the_records_observations_go_under_an_id_of_the_work() {
        let outcome = Outcome::Refused { version: Some(7), before: None, reason: "no".to_owned() };
        let told = receipt(&desired(Some("Q1")), &pagerduty(), outcome.clone()).unwrap();
        assert_eq!(told.subject, "tandem.in.pagerduty.int_00000000000000000000000000000003.Q1");
        assert_eq!(told.id, "lnk_00000000000000000000000000000001-v7-refused");
        assert!(told.traceparent.unwrap().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
        let body: Event = serde_json::from_slice(&told.body).unwrap();
        assert_eq!(body.delivery(), told.id);
        let unlinked = receipt(&desired(None), &pagerduty(), outcome).unwrap();
        assert!(unlinked.subject.ends_with(".-"));
    }

    #[test]
    fn a_notes_receipt_is_the_same_however_often_it_is_told() {
        let act = json!({
            "link": "lnk_00000000000000000000000000000001",
            "integration": "int_00000000000000000000000000000003", "record": "Q1",
            "actor": { "side": "platform" }, "act": "note",
            "note": "nte_00000000000000000000000000000004", "text": "hello",
        });
        let work = work(act, true);
        let noted = |foreign: &str| Outcome::Noted {
            note: "nte_00000000000000000000000000000004".parse().unwrap(),
            foreign: foreign.to_owned(),
        };
        let first = receipt(&work, &pagerduty(), noted("PN1")).unwrap();
        assert_eq!(first.id, "nte_00000000000000000000000000000004-noted");
        assert_eq!(first.body, receipt(&work, &pagerduty(), noted("PN1")).unwrap().body);
    }

    #[test]
    fn a_dead_letter_holds_the_message_the_call_and_the_answer() {
        let failure = Failure {
            class: Class::Refused,
            reason: "PagerDuty answered 404".to_owned(),
            request: rest::read(&"Q1".parse().unwrap()),
            status: Some(404),
            answer: "gone".to_owned(),
        };
        let work = desired(Some("Q1"));
        let dead = letter(&work, &pagerduty(), &failure.reason, Some(&failure)).unwrap();
        assert_eq!(dead.subject, "tandem.dlq.out.int_00000000000000000000000000000003");
        let body: Json = serde_json::from_slice(&dead.body).unwrap();
        assert_eq!(body["request"], json!({ "method": "GET", "path": "/incidents/Q1" }));
        assert_eq!((&body["status"], &body["answer"]), (&json!(404), &json!("gone")));
        assert_eq!(body["cause"], "PagerDuty answered 404");
        assert_eq!(body["message"]["version"], 7);
        let link = "lnk_00000000000000000000000000000001";
        let integration = "int_00000000000000000000000000000003";
        let subject = format!("tandem.out.pagerduty.{integration}.{link}.state");
        assert_eq!(body["subject"], subject);
    }
}
