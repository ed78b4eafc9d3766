//! What is told of finished work: receipts to the reconciler, dead letters for what was refused.
//!
//! Both get ids that derive from the work, so that telling twice is telling once. Work is only
//! finished when its report is on the broker's disk; until then it is told again and again.

use std::time::Duration;

use tandem_bus::{
    Bus,
    consume::Taken,
    dead_letter::{Answer, DeadLetter, Direction, Request},
    publish::{NotStored, Outgoing},
    subjects,
};
use tandem_domain::{
    event::{Event, Outcome, Receipt},
    id::{Connector, IntegrationId, RecordId},
};
use tandem_runtime::{clock, trace};
use tokio_util::sync::CancellationToken;

use crate::{call::Failure, scheduler::Job, work::Work};

/// How long to wait before telling again.
const AGAIN: Duration = Duration::from_millis(250);

/// A report that cannot be told, which would be a mistake of ours.
#[derive(Debug, thiserror::Error)]
#[error("a report cannot be written")]
pub struct Unwritable(#[from] serde_json::Error);

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
        Outcome::Summoned { .. } => ("summoned", None),
        Outcome::Refused { before, .. } => {
            ("refused", before.as_ref().map(|reading| reading.snapshot.record.clone()))
        }
    };
    let record = record.or_else(|| work.record().cloned());
    let record = record.as_ref().map(RecordId::as_str);
    let id = format!("{}-{kind}", work.id());
    let subject = subjects::observed(connector, work.integration(), record);
    let receipt =
        Receipt { id: id.clone(), integration: work.integration(), link: work.link(), outcome };
    let message = Outgoing::json(subject, id, &Event::Receipt(receipt))?;
    Ok(message.traced(traceparent(work)))
}

/// The dead letter for work that was refused; `failure` is the call, where it came to one.
pub fn letter(
    job: &Job,
    connector: &Connector,
    cause: &str,
    failure: Option<&Failure>,
) -> Result<Outgoing, Unwritable> {
    let work = &job.work;
    let letter = DeadLetter {
        direction: Direction::Out,
        integration: Some(work.integration()),
        link: Some(work.link()),
        record: work.record().cloned(),
        cause: cause.to_owned(),
        group: failure.map_or_else(|| cause.to_owned(), |failure| failure.group.clone()),
        at: clock::now(),
        traceparent: traceparent(work),
        subject: work.subject(connector),
        original: String::from_utf8_lossy(&work.original).into_owned(),
        request: failure.map(|failure| Request {
            method: failure.request.method.name().to_owned(),
            path: failure.request.address(),
            body: failure.request.body.clone(),
        }),
        answer: failure.and_then(|failure| {
            Some(Answer { status: failure.status?, body: failure.answer.clone() })
        }),
        attempts: u64::from(job.failures) + 1,
    };
    // A message that is sent again has another time in the stream: when it is refused in its turn,
    // that is another letter.
    Ok(letter.message(format!("{}-{}-dead", work.id(), work.stored_at.as_microsecond()))?)
}

/// The dead letter for a message that is no work at all.
pub fn unreadable(
    taken: &Taken,
    integration: IntegrationId,
    cause: &str,
) -> Result<Outgoing, Unwritable> {
    let letter = DeadLetter {
        direction: Direction::Out,
        integration: Some(integration),
        link: None,
        record: None,
        cause: cause.to_owned(),
        group: cause.to_owned(),
        at: clock::now(),
        traceparent: taken.traceparent().map(str::to_owned),
        subject: taken.subject().to_owned(),
        original: String::from_utf8_lossy(taken.body()).into_owned(),
        request: None,
        answer: None,
        attempts: taken.deliveries,
    };
    Ok(letter.message(format!("{integration}-{}-dead", taken.sequence))?)
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
    use std::{sync::Arc, time::Instant};

    use jiff::Timestamp;
    use serde_json::{Value as Json, json};
    use tandem_connectors::pagerduty::{refusal::Class, rest};

    use super::*;
    use crate::work::Task;

    fn work(task: Json, act: bool) -> Work {
        let original = task.to_string().into();
        let task = if act {
            Task::Act(serde_json::from_value(task).unwrap())
        } else {
            Task::State(serde_json::from_value(task).unwrap())
        };
        let traceparent =
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        let stored_at = Timestamp::UNIX_EPOCH;
        Work { task, original, traceparent, stored_at, sent_again: false, delivered_before: false }
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
        let outcome = Outcome::refused(Some(7), "no".to_owned());
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
            group: "pagerduty 404".to_owned(),
            sent: Instant::now(),
            request: rest::read(&"Q1".parse().unwrap()),
            status: Some(404),
            answer: "gone".to_owned(),
        };
        let job = Job {
            work: Arc::new(desired(Some("Q1"))),
            lane: crate::lanes::Lane::Fields,
            failures: 2,
            trouble: None,
            uncertain: false,
            attempted: false,
            overtaken: CancellationToken::new(),
        };
        let dead = letter(&job, &pagerduty(), &failure.reason, Some(&failure)).unwrap();
        assert_eq!(dead.subject, "tandem.dlq.out.int_00000000000000000000000000000003");
        let letter: DeadLetter = serde_json::from_slice(&dead.body).unwrap();
        assert_eq!((&*letter.cause, &*letter.group), ("PagerDuty answered 404", "pagerduty 404"));
        let request = letter.request.unwrap();
        assert_eq!((&*request.method, &*request.path), ("GET", "/incidents/Q1"));
        assert_eq!(letter.answer, Some(Answer { status: 404, body: "gone".to_owned() }));
        assert_eq!(letter.attempts, 3);
        assert!(letter.traceparent.unwrap().contains("0af7651916cd43dd8448eb211c80319c"));
        let original: Json = serde_json::from_str(&letter.original).unwrap();
        assert_eq!(original["version"], 7);
        let link = "lnk_00000000000000000000000000000001";
        let integration = "int_00000000000000000000000000000003";
        let subject = format!("tandem.out.pagerduty.{integration}.{link}.state");
        assert_eq!(letter.subject, subject);
        assert_eq!(letter.link, link.parse().ok());
    }
}
