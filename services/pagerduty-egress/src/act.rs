//! Doing something once: adding a note, asking people for help, handing a record on.
//!
//! Nothing over there tells two of a kind apart, so what may have been done already is looked for
//! first: by its text, not older than the message that asked for it.

use jiff::{SignedDuration, Timestamp};
use tandem_connectors::pagerduty::{
    record::{self, Note, Responder},
    rest,
};
use tandem_domain::{
    event::{Outcome, Reading},
    outbound::{Act, ActKind},
};

use crate::{
    call::{Answer, Caller, Trouble},
    catalog::Catalog,
};

/// How far back something may lie that is taken for what may have been done: the two clocks may
/// differ, and something older with the same text is somebody else's or an earlier one.
const EARLIER: SignedDuration = SignedDuration::from_mins(1);

/// Does an act once; gives what is to be reported of it.
pub async fn act(
    caller: &mut Caller<'_>,
    catalog: &Catalog,
    act: &Act,
    stored_at: Timestamp,
    uncertain: bool,
) -> Result<Outcome, Trouble> {
    let earliest = stored_at.saturating_sub(EARLIER).unwrap_or(stored_at);
    match &act.kind {
        ActKind::Note { note, text } => {
            let noted = |foreign: String| Outcome::Noted { note: *note, foreign };
            if uncertain {
                let there = caller.call(rest::notes(&act.record), record::notes).await?.value;
                let ours = there.into_iter().find(|note| is_ours(note, text, earliest));
                if let Some(ours) = ours {
                    return Ok(noted(ours.id));
                }
            }
            let added = caller.call(rest::add_note(&act.record, text), record::note).await?;
            Ok(noted(added.value.id))
        }
        ActKind::Respond { request, message, users, policies } => {
            let asked = |received| Outcome::Summoned { request: *request, received, after: None };
            if uncertain {
                let there = caller.call(rest::read(&act.record), record::responders).await?;
                if there.value.iter().any(|it| was_asked(it, message, earliest)) {
                    return Ok(asked(there.received));
                }
            }
            let Some(requester) = requester(caller, catalog, act).await? else {
                let reason = "nobody over there can ask: neither the acting person's address nor \
                              the integration's is known";
                let reason = reason.to_owned();
                return Ok(Outcome::refused(None, reason));
            };
            let ask = rest::request_responders(&act.record, &requester, message, users, policies);
            let done = |answer: &serde_json::Value| answer.get("responder_request").map(drop);
            Ok(asked(caller.call(ask, done).await?.received))
        }
        // Handing on to the level that has it already pages nobody new.
        ActKind::Escalate { request, level } => {
            let answer = caller.call(rest::escalate(&act.record, *level), record::incident).await?;
            let Answer { sent, received, date, value: snapshot } = answer;
            let after = Some(Box::new(Reading { sent, received, date, snapshot }));
            Ok(Outcome::Summoned { request: *request, received, after })
        }
    }
}

/// The id of the user who asks: the acting person where they are known over there.
async fn requester(
    caller: &mut Caller<'_>,
    catalog: &Catalog,
    act: &Act,
) -> Result<Option<String>, Trouble> {
    for email in [act.actor.email.clone(), caller.from_email()].into_iter().flatten() {
        if let Some(id) = &*catalog.user(caller, &email).await? {
            return Ok(Some(id.clone()));
        }
    }
    Ok(None)
}

fn is_ours(note: &Note, text: &str, earliest: Timestamp) -> bool {
    same_text(&note.content, text) && note.created_at.is_none_or(|at| at >= earliest)
}

fn was_asked(responder: &Responder, message: &str, earliest: Timestamp) -> bool {
    same_text(&responder.message, message) && responder.requested_at.is_none_or(|at| at >= earliest)
}

/// White space at the ends and the form of line ends may not survive the journey.
fn same_text(there: &str, ours: &str) -> bool {
    there.trim().lines().eq(ours.trim().lines())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_ours_by_its_text_unless_it_is_older_than_its_message() {
        let earliest: Timestamp = "2026-03-02T09:14:00Z".parse().unwrap();
        let note = |content: &str, at: &str| Note {
            id: "PN1".to_owned(),
            content: content.to_owned(),
            created_at: at.parse().ok(),
            by: None,
        };
        assert!(is_ours(&note("a\r\nb\n", "2026-03-02T09:14:00Z"), "a\nb", earliest));
        assert!(is_ours(&note("a", "unknown"), "a", earliest));
        assert!(!is_ours(&note("a", "2026-03-02T09:13:59Z"), "a", earliest));
        assert!(!is_ours(&note("b", "2026-03-02T09:14:00Z"), "a", earliest));
    }
}
