//! Whether an event may come on its subject, and who its author is.
//!
//! Who may publish where is the broker's business, so a subject says who somebody is: an edit that comes from outside is
//! its account's, whatever it claims. Only our own services name the author of an edit, and have seen who that is.

use jiff::Timestamp;
use tandem_bus::subjects::{self, EditSubject};
use tandem_domain::{
    event::{Edit, Event},
    id::IntegrationId,
    incident::{Actor, Side},
};

/// Why an event cannot be what it says.
const ELSEWHERE: &str = "it is about something else than its subject";
/// Why it cannot come from where it came.
const NOT_THEIRS: &str = "other services publish edits and nothing else";

/// Makes an event what its subject says it is, or says why it cannot be.
pub(crate) fn admit(
    subject: &str,
    event: &mut Event,
    stored_at: Timestamp,
) -> Result<(), &'static str> {
    let of = subjects::edit_of(subject);
    let integration = match event {
        Event::Edit(edit) => {
            let of = of.filter(|of| is_of(edit, *of)).ok_or(ELSEWHERE)?;
            attribute(edit, of, stored_at);
            return Ok(());
        }
        _ if of.is_some_and(|of| of.outsider.is_some()) => return Err(NOT_THEIRS),
        Event::Observation(observation) => observation.integration,
        Event::Receipt(receipt) => receipt.integration,
        Event::Finding(finding) => finding.integration,
    };
    if is_on(subject, integration) { Ok(()) } else { Err(ELSEWHERE) }
}

fn is_of(edit: &Edit, of: EditSubject<'_>) -> bool {
    (of.org, of.incident) == (edit.org.as_str(), edit.incident.to_string().as_str())
}

fn is_on(subject: &str, integration: IntegrationId) -> bool {
    subject.split('.').nth(3) == Some(&integration.to_string())
}

/// An outsider is who the broker says, and made its edit before the broker had it: who is later
/// decides conflicts.
fn attribute(edit: &mut Edit, of: EditSubject<'_>, stored_at: Timestamp) {
    let Some(outsider) = of.outsider else { return };
    edit.author = Actor { name: Some(outsider.to_owned()), ..Actor::unnamed(Side::Platform) };
    edit.at = edit.at.min(stored_at);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INCIDENT: &str = "inc_00000000000000000000000000000001";
    const INTEGRATION: &str = "int_00000000000000000000000000000001";

    fn edit(at: &str) -> Event {
        let edit = json!({
            "kind": "edit", "id": "edt_00000000000000000000000000000001", "org": "acme",
            "incident": INCIDENT, "at": at, "change": "update", "fields": {"title": "x"},
            "author": {"side": "platform", "name": "Dana Whitlock", "email": "dana@acme.test"},
        });
        serde_json::from_value(edit).unwrap()
    }

    fn receipt() -> Event {
        let receipt = json!({
            "kind": "receipt", "id": "r", "integration": INTEGRATION, "outcome": "refused",
            "link": "lnk_00000000000000000000000000000001", "version": 3, "before": null,
            "reason": "no",
        });
        serde_json::from_value(receipt).unwrap()
    }

    fn admitted(subject: &str, mut event: Event) -> Result<Event, &'static str> {
        let now = "2026-12-01T12:00:00Z".parse().unwrap();
        admit(subject, &mut event, now).map(|()| event)
    }

    #[test]
    fn the_author_of_an_edit_from_outside_is_who_the_broker_says() {
        let subject = format!("tandem.in.outside.chat.acme.{INCIDENT}");
        let Ok(Event::Edit(edit)) = admitted(&subject, edit("2026-12-02T00:00:00Z")) else {
            panic!("it is an edit")
        };
        let name = Some("chat".to_owned());
        assert_eq!(edit.author, Actor { name, ..Actor::unnamed(Side::Platform) });
        assert_eq!(edit.at.to_string(), "2026-12-01T12:00:00Z", "nobody edits in the future");
    }

    #[test]
    fn our_own_services_name_the_author() {
        let (subject, edit) =
            (format!("tandem.in.platform.acme.{INCIDENT}"), edit("2026-12-02T00:00:00Z"));
        assert_eq!(admitted(&subject, edit.clone()), Ok(edit));
    }

    #[test]
    fn an_event_comes_on_the_subject_of_what_it_is_about() {
        let edit = || edit("2026-12-01T00:00:00Z");
        for subject in [
            format!("tandem.in.platform.other.{INCIDENT}"),
            format!("tandem.in.outside.chat.other.{INCIDENT}"),
            "tandem.in.outside.chat.acme.inc_1".to_owned(),
            format!("tandem.in.outside.acme.{INCIDENT}"),
            format!("tandem.in.far.{INTEGRATION}.Q1"),
        ] {
            assert_eq!(admitted(&subject, edit()), Err(ELSEWHERE), "{subject}");
        }
        let on = |subject: &str| admitted(subject, receipt());
        assert!(on(&format!("tandem.in.far.{INTEGRATION}.Q1")).is_ok());
        assert_eq!(on("tandem.in.far.int_2.Q1"), Err(ELSEWHERE));
        assert_eq!(on(&format!("tandem.in.outside.chat.{INTEGRATION}.Q1")), Err(NOT_THEIRS));
    }
}
