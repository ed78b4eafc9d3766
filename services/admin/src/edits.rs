//! Edits on their way to the reconciler: published like any other, then waited for a little.
//!
//! Admin never writes an incident. What it answers after an edit is what it reads from Postgres
//! once the reconciler has said that its commit is done (read your own write).

use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use tandem_bus::{
    publish::{NotStored, Outgoing},
    subjects,
};
use tandem_domain::{
    event::{Change, Edit, Event, Refusal as Judgement, Reply},
    id::{EditId, Mint},
};
use tandem_runtime::{clock, trace};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::{Admin, refusal::Refusal};

/// How long a caller waits for the reconciler before it is told that the edit is pending.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of an edit within our patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The reconciler applied it and committed.
    Applied,
    /// It is on the broker's disk and will be judged.
    Pending,
}

/// Who an edit is, and from when: the same for each repetition of a request that names itself.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The edit's id.
    pub(crate) id: EditId,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// Mints what the edit brings into being.
    pub(crate) mint: Mint,
}

impl Identity {
    /// Reads a request id, or makes one up where the caller gave none.
    pub(crate) fn of(request_id: &str) -> Result<Self, Refusal> {
        if request_id.is_empty() {
            let at = clock::now();
            let mut mint = Mint::new(at, Uuid::new_v4().as_bytes());
            return Ok(Self { id: mint.id(), at, mint });
        }
        let refused = || Refusal::invalid("request_id", "must be a version 7 UUID, or empty");
        let uuid = Uuid::try_parse(request_id).map_err(|_| refused())?;
        let (seconds, nanos) = uuid.get_timestamp().ok_or_else(refused)?.to_unix();
        let at = i64::try_from(seconds).ok().zip(i32::try_from(nanos).ok());
        let at = at.and_then(|(seconds, nanos)| Timestamp::new(seconds, nanos).ok());
        let at = at.filter(|_| uuid.get_version_num() == 7).ok_or_else(refused)?;
        // What the id says of the time only names things; it must not decide who was later.
        let mint = Mint::new(at, uuid.as_bytes());
        Ok(Self { id: EditId::from_uuid(uuid), at: clock::now(), mint })
    }
}

/// Publishes an edit and waits for the reconciler's word, but not for long.
pub(crate) async fn submit(admin: &Admin, edit: Edit) -> Result<Verdict, Refusal> {
    let (incident, about) = (edit.incident, about(&edit));
    let inbox = admin.bus.inbox();
    let mut answers = admin.listen(inbox.clone()).await?;
    let until = Instant::now() + PATIENCE;

    let (subject, id) = (subjects::edited(&edit.org, incident), edit.id.to_string());
    let message = Outgoing::json(subject, id, &Event::Edit(edit))
        .map_err(|error| Refusal::Broken {
            what: "the edit could not be written",
            source: error.into(),
        })?
        .traced(trace::traceparent());
    let message = Outgoing { reply_to: Some(inbox), ..message };
    let stored = admin.bus.publish(message).await.map_err(not_stored)?;
    if stored.duplicate {
        // The answer went to whoever sent it first.
        return Ok(Verdict::Pending);
    }
    let Ok(Some(body)) = timeout_at(until, answers.next()).await else {
        return Ok(Verdict::Pending);
    };
    let reply: Reply = serde_json::from_slice(&body).map_err(|error| Refusal::Broken {
        what: "the reconciler's answer could not be read",
        source: error.into(),
    })?;
    match reply {
        Reply::Accepted { .. } => Ok(Verdict::Applied),
        Reply::Refused { refusal, message } => Err(judged(refusal, message, about)),
    }
}

/// What an edit is about: what kind of thing, and which.
type About = (&'static str, String);

fn about(edit: &Edit) -> About {
    match &edit.change {
        Change::Resolve { conflict, .. } => ("open conflict", conflict.to_string()),
        Change::Unlink { link } | Change::Resync { link, .. } => ("link", link.to_string()),
        Change::Create { .. }
        | Change::Update { .. }
        | Change::Note { .. }
        | Change::Escalate { .. }
        | Change::Page { .. }
        | Change::Link { .. }
        | Change::TakePart { .. } => ("incident", edit.incident.to_string()),
    }
}

fn judged(refusal: Judgement, message: String, (noun, name): About) -> Refusal {
    match refusal {
        Judgement::Unknown => Refusal::Unknown { noun, name },
        Judgement::Exists => Refusal::Exists { noun, name, way_out: message },
        Judgement::Stale => Refusal::Stale { noun, name },
        Judgement::Unfit => match message.split_once(": ") {
            Some((field, problem)) => Refusal::invalid(field, problem),
            None => Refusal::invalid(noun, message),
        },
        Judgement::ReadOnly => Refusal::Precluded { kind: "READ_ONLY", name, message },
        Judgement::Taken => Refusal::Precluded { kind: "LINKED", name, message },
    }
}

fn not_stored(error: NotStored) -> Refusal {
    match error {
        NotStored::TooLarge(_) => Refusal::invalid("incident", "is larger than an edit may be"),
        NotStored::Disconnected | NotStored::TimedOut(_) | NotStored::Refused(_) => {
            Refusal::Unavailable { what: "nats", source: Box::new(error) }
        }
    }
}

#[cfg(test)]
mod tests {
    use tandem_domain::id::IncidentKind;

    use super::*;

    #[test]
    fn a_repeated_request_is_the_same_edit_of_the_same_incident() {
        let request = Mint::new(clock::now(), b"x").id::<IncidentKind>().uuid().to_string();
        let mut first = Identity::of(&request).unwrap();
        let mut second = Identity::of(&request).unwrap();
        assert_eq!(first.id, second.id);
        assert_eq!(first.mint.id::<IncidentKind>(), second.mint.id());
        assert!(Identity::of("").unwrap().id != Identity::of("").unwrap().id);
    }

    #[test]
    fn a_request_id_that_carries_no_time_is_refused() {
        for bad in
            ["x", "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"]
        {
            assert!(matches!(Identity::of(bad), Err(Refusal::Invalid(_))), "{bad}");
        }
    }
}
