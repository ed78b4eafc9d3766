//! Whether what somebody made of a message may be sent in its place.
//!
//! It has to be a message of the kind that belongs on the letter's subject, about the same thing
//! under the same names (or nobody could tell a repetition), without a field nobody reads and
//! without what cannot be stored. Every violation is told at once, by its path below `edited`.

use serde_json::Value as Json;
use tandem_bus::subjects;
use tandem_domain::event::Event;

use super::message::{self, Message, join};
use crate::refusal::{Refusal, Violation};

/// Where an edited message is in the request.
const FIELD: &str = "edited";

/// Reads an edited message that is to go in place of `original` on `subject`.
pub(crate) fn check(subject: &str, original: &str, edited: &str) -> Result<Message, Refusal> {
    let below = |violation: Violation| Violation {
        field: join(FIELD, &violation.field).trim_end_matches('.').to_owned(),
        ..violation
    };
    let read = message::read(subject, edited);
    let read = read.map_err(|violation| Refusal::Invalid(vec![below(violation)]))?;
    let before = message::read(subject, original).ok();
    let mut violations = misplaced(subject, &read);
    if let Some(before) = &before {
        violations.extend(renamed(before, &read));
    }
    let json = |text: &str| serde_json::from_str::<Json>(text).unwrap_or_default();
    let (edited, known) = (json(edited), written(&read));
    strangers("", &edited, &known, &json(original), &mut violations);
    unstorable("", &edited, &mut violations);
    if violations.is_empty() {
        Ok(read)
    } else {
        Err(Refusal::Invalid(violations.into_iter().map(below).collect()))
    }
}

/// The message as we would write it.
fn written(message: &Message) -> Json {
    let written = match message {
        Message::Event(event) => serde_json::to_value(event),
        Message::State(desired) => serde_json::to_value(desired),
        Message::Act(act) => serde_json::to_value(act),
    };
    written.unwrap_or_default()
}

/// What a message says about things that its subject says too.
fn misplaced(subject: &str, message: &Message) -> Vec<Violation> {
    let token = |at: usize| subject.split('.').nth(at).unwrap_or_default();
    let (third, fourth) = (token(3), token(4));
    let said: Vec<(&str, String, &str)> = match message {
        Message::Event(event) => match &**event {
            Event::Observation(observation) => {
                let record = observation.record.as_ref();
                let record = record.map_or_else(|| "-".to_owned(), |r| subjects::token(r.as_str()));
                vec![
                    ("integration", observation.integration.to_string(), third),
                    ("record", record, fourth),
                ]
            }
            Event::Receipt(receipt) => {
                vec![("integration", receipt.integration.to_string(), third)]
            }
            Event::Finding(finding) => {
                let record = subjects::token(finding.reading.snapshot.record.as_str());
                vec![
                    ("integration", finding.integration.to_string(), third),
                    ("record", record, fourth),
                ]
            }
            Event::Edit(edit) => {
                let of = subjects::edit_of(subject);
                let (org, incident) = of.map_or(("", ""), |of| (of.org, of.incident));
                vec![
                    ("org", edit.org.to_string(), org),
                    ("incident", edit.incident.to_string(), incident),
                ]
            }
        },
        Message::State(desired) => vec![
            ("integration", desired.integration.to_string(), third),
            ("link", desired.link.to_string(), fourth),
        ],
        Message::Act(act) => vec![
            ("integration", act.integration.to_string(), third),
            ("link", act.link.to_string(), fourth),
            ("note", subjects::token(&act.id()), token(6)),
        ],
    };
    let wrong = said.into_iter().filter(|(_, said, there)| said != there);
    wrong.map(|(field, _, there)| stays(field, there)).collect()
}

/// The names under which a message is recognised when it comes twice.
fn names(message: &Message) -> Vec<(&'static str, String)> {
    match message {
        Message::Event(event) => match &**event {
            Event::Observation(observation) => vec![
                ("delivery", observation.delivery.clone()),
                ("event", observation.event.clone()),
            ],
            Event::Receipt(receipt) => {
                vec![("id", receipt.id.clone()), ("link", receipt.link.to_string())]
            }
            Event::Edit(edit) => vec![("id", edit.id.to_string())],
            Event::Finding(finding) => vec![("id", finding.id.clone())],
        },
        Message::State(desired) => vec![
            ("version", desired.version.to_string()),
            ("incident", desired.incident.to_string()),
        ],
        Message::Act(_) => Vec::new(),
    }
}

fn renamed(before: &Message, after: &Message) -> Vec<Violation> {
    let (before, after) = (names(before), names(after));
    if before.iter().map(|(field, _)| field).ne(after.iter().map(|(field, _)| field)) {
        return vec![Violation::new("kind", "must stay what it was")];
    }
    let pairs = before.into_iter().zip(after);
    let changed = pairs.filter(|((_, before), (_, after))| before != after);
    changed.map(|((field, before), _)| stays(field, &before)).collect()
}

fn stays(field: &str, value: &str) -> Violation {
    Violation::new(field, format!("must stay {value:?}: the letter is about that"))
}

/// Fields that nobody would read: misspelt ones, most likely. What was there before is let be.
fn strangers(path: &str, edited: &Json, known: &Json, original: &Json, found: &mut Vec<Violation>) {
    match (edited, known) {
        (Json::Object(edited), Json::Object(known)) => {
            for (name, value) in edited {
                let (path, before) = (join(path, name), original.get(name));
                match known.get(name) {
                    Some(known) => {
                        strangers(&path, value, known, before.unwrap_or(&Json::Null), found);
                    }
                    None if says_nothing(value) || before.is_some() => {}
                    None => found.push(Violation::new(path, "is no field of such a message")),
                }
            }
        }
        (Json::Array(edited), Json::Array(known)) => {
            for (at, (value, known)) in edited.iter().zip(known).enumerate() {
                let before = original.get(at).unwrap_or(&Json::Null);
                strangers(&format!("{path}[{at}]"), value, known, before, found);
            }
        }
        _ => {}
    }
}

/// Whether a value is what leaving it out would mean.
fn says_nothing(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Array(all) => all.is_empty(),
        Json::Object(all) => all.is_empty(),
        Json::Bool(true) | Json::Number(_) | Json::String(_) => false,
    }
}

/// Texts that the database does not take.
fn unstorable(path: &str, value: &Json, found: &mut Vec<Violation>) {
    match value {
        Json::String(text) if text.contains('\0') => {
            found.push(Violation::new(path, "must not hold a NUL character"));
        }
        Json::Object(all) => {
            all.iter().for_each(|(name, value)| unstorable(&join(path, name), value, found));
        }
        Json::Array(all) => {
            let all = all.iter().enumerate();
            all.for_each(|(at, value)| unstorable(&format!("{path}[{at}]"), value, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dead_letters::message::tests::{desired, observation, observed, stated};

    /// The fields that are wrong once `change` was made.
    fn wrong(change: impl FnOnce(&mut Json)) -> Vec<String> {
        let mut edited = observation();
        change(&mut edited);
        violated(check(&observed(), &observation().to_string(), &edited.to_string()))
    }

    fn violated(checked: Result<Message, Refusal>) -> Vec<String> {
        match checked {
            Ok(_) => Vec::new(),
            Err(Refusal::Invalid(all)) => {
                all.into_iter().map(|violation| violation.field).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn another_value_is_fine() {
        let title = |edited: &mut Json| edited["snapshot"]["fields"]["title"]["value"] = json!("x");
        assert_eq!(wrong(title), Vec::<String>::new());
    }

    #[test]
    fn what_it_is_about_and_its_names_stay() {
        let other = "int_00000000000000000000000000000009";
        assert_eq!(wrong(|edited| edited["integration"] = json!(other)), ["edited.integration"]);
        assert_eq!(wrong(|edited| edited["record"] = json!("Q2")), ["edited.record"]);
        assert_eq!(wrong(|edited| edited["delivery"] = json!("d2")), ["edited.delivery"]);
        let mut version = desired();
        version["version"] = json!(8);
        let checked = check(&stated(), &desired().to_string(), &version.to_string());
        assert_eq!(violated(checked), ["edited.version"]);
    }

    #[test]
    fn what_nobody_reads_and_what_nobody_stores_is_named() {
        assert_eq!(wrong(|edited| edited["recrod"] = json!("Q1")), ["edited.recrod"]);
        assert_eq!(wrong(|edited| edited["remark"] = json!("a\u{0}b")), ["edited.remark"]);
        assert_eq!(wrong(|edited| edited["note"] = Json::Null), Vec::<String>::new());
    }

    #[test]
    fn a_message_that_could_not_be_read_may_become_one() {
        let edited = observation().to_string();
        assert!(check(&observed(), "}", &edited).is_ok());
        assert_eq!(violated(check(&observed(), "}", "{")), ["edited"]);
        let missing = json!({ "kind": "observation" }).to_string();
        assert_eq!(violated(check(&observed(), "}", &missing)), ["edited.integration"]);
    }
}
