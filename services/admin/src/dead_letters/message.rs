//! What a letter holds: an event, a desired state or an act, by the subject it was found on.
//!
//! Reading it names the field that is wrong, so that whoever edits a message knows where to look.

use serde::de::DeserializeOwned;
use tandem_bus::subjects;
use tandem_domain::{
    event::{Edit, Event, Observation, Receipt},
    finding::Finding,
    id::{LinkId, Org},
    outbound::{Act, Desired},
};
use tandem_store::dead_letters::Kind;

use crate::refusal::Violation;

/// A message, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// To the reconciler.
    Event(Box<Event>),
    /// To an external side: what it should hold.
    State(Box<Desired>),
    /// To an external side: what is to be done once.
    Act(Box<Act>),
}

impl Message {
    /// What is stored of it beside the letter.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Event(event) => Kind::Event {
                source: event.source(),
                delivery: event.delivery(),
                event: event.identity(),
            },
            Self::State(desired) => Kind::State { version: desired.version },
            Self::Act(_) => Kind::Act,
        }
    }

    /// The link it is about, where it says so.
    pub(crate) fn link(&self) -> Option<LinkId> {
        match self {
            Self::Event(_) => None,
            Self::State(desired) => Some(desired.link),
            Self::Act(act) => Some(act.link),
        }
    }
}

/// The organisation that a subject of platform edits names.
pub(crate) fn org_of(subject: &str) -> Option<String> {
    subjects::edit_of(subject)?.org.parse::<Org>().ok().map(String::from)
}

/// Reads the message that belongs on `subject`. The violation's field is a path in the message,
/// empty for the whole of it.
pub(crate) fn read(subject: &str, body: &str) -> Result<Message, Violation> {
    let tokens: Vec<&str> = subject.split('.').collect();
    match tokens.as_slice() {
        ["tandem", "in", ..] => event(body).map(|event| Message::Event(Box::new(event))),
        ["tandem", "out", _, _, _, "state"] => {
            parse::<Desired>(body).map(|desired| Message::State(Box::new(desired)))
        }
        ["tandem", "out", _, _, _, "act", _] => {
            parse::<Act>(body).map(|act| Message::Act(Box::new(act)))
        }
        _ => Err(Violation::new("", format!("nothing is known to belong on {subject}"))),
    }
}

/// Reads an event by its kind, because an enum as a whole would not tell where it went wrong.
fn event(body: &str) -> Result<Event, Violation> {
    #[derive(serde::Deserialize)]
    struct Tagged {
        kind: String,
    }
    let Tagged { kind } = parse(body)?;
    match kind.as_str() {
        "observation" => parse::<Observation>(body).map(Box::new).map(Event::Observation),
        "receipt" => parse::<Receipt>(body).map(Event::Receipt),
        "edit" => parse::<Edit>(body).map(Event::Edit),
        "finding" => parse::<Finding>(body).map(Box::new).map(Event::Finding),
        _ => Err(Violation::new("kind", "must be observation, receipt, edit or finding")),
    }
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T, Violation> {
    let mut reader = serde_json::Deserializer::from_str(body);
    let read = serde_path_to_error::deserialize::<_, T>(&mut reader);
    let value = read.map_err(|error| {
        // The root is shown as a dot, and what could not even be named as a question mark.
        let path = error.path().to_string();
        violation(path.trim_end_matches('?').trim_end_matches('.'), &error.into_inner())
    })?;
    reader.end().map_err(|error| violation("", &error))?;
    Ok(value)
}

/// What serde says, with the field it names put where fields are looked for.
fn violation(path: &str, error: &serde_json::Error) -> Violation {
    let told = error.to_string();
    let missing = told.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
    match missing {
        Some((field, _)) => Violation::new(join(path, field), "is missing"),
        // The place helps only where there is no field to name.
        None if path.is_empty() => Violation::new("", told),
        None => Violation::new(path, told.split(" at line ").next().unwrap_or_default().to_owned()),
    }
}

/// A path and a field below it.
pub(crate) fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    pub(crate) const INTEGRATION: &str = "int_00000000000000000000000000000003";
    pub(crate) const LINK: &str = "lnk_00000000000000000000000000000001";

    pub(crate) fn observation() -> Json {
        json!({
            "kind": "observation", "integration": INTEGRATION, "delivery": "d1", "event": "e1",
            "event_type": "incident.triggered", "occurred_at": "2026-03-02T09:14:00Z",
            "arrived": "2026-03-02T09:14:01Z", "record": "Q1",
            "snapshot": { "record": "Q1", "fields": { "title": { "value": "db down" } } },
        })
    }

    pub(crate) fn observed() -> String {
        format!("tandem.in.pagerduty.{INTEGRATION}.Q1")
    }

    pub(crate) fn desired() -> Json {
        json!({
            "link": LINK, "incident": "inc_00000000000000000000000000000002",
            "integration": INTEGRATION, "version": 7, "record": "Q1",
            "want": { "title": { "value": "db down", "expect": ["db"] } },
        })
    }

    pub(crate) fn stated() -> String {
        format!("tandem.out.pagerduty.{INTEGRATION}.{LINK}.state")
    }

    fn wrong(subject: &str, body: &Json) -> String {
        read(subject, &body.to_string()).unwrap_err().field
    }

    #[test]
    fn a_message_is_what_belongs_on_its_subject() {
        let event = read(&observed(), &observation().to_string()).unwrap();
        let Kind::Event { delivery, event, .. } = event.kind() else { panic!("{event:?}") };
        assert_eq!((&*delivery, &*event), ("d1", "e1"));
        let state = read(&stated(), &desired().to_string()).unwrap();
        assert_eq!((state.kind(), state.link()), (Kind::State { version: 7 }, LINK.parse().ok()));
        assert!(read("tandem.other", "{}").is_err());
        assert!(read(&stated(), &observation().to_string()).is_err());
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let mut missing = observation();
        missing.as_object_mut().unwrap().remove("occurred_at");
        assert_eq!(wrong(&observed(), &missing), "occurred_at");
        let mut deep = observation();
        deep["snapshot"]["fields"]["title"] = json!(7);
        assert_eq!(wrong(&observed(), &deep), "snapshot.fields.title");
        let mut version = desired();
        version["version"] = json!("seven");
        assert_eq!(wrong(&stated(), &version), "version");
        assert_eq!(wrong(&observed(), &json!({ "kind": "other" })), "kind");
        assert_eq!(read(&observed(), "{").unwrap_err().field, "");
    }

    #[test]
    fn only_a_subject_of_edits_names_an_organisation() {
        assert_eq!(org_of("tandem.in.platform.acme.inc_1").as_deref(), Some("acme"));
        assert_eq!(org_of("tandem.in.outside.chat.acme.inc_1").as_deref(), Some("acme"));
        assert_eq!(org_of(&observed()), None);
    }
}
