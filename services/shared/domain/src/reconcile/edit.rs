//! Platform edits: they set ours, if they fit and their author saw the present state.

use std::collections::BTreeMap;

use super::{
    Configs, Effect, Input, NewNote, NoteTrack, State, Step,
    draft::{Draft, Ruling},
};
use crate::{
    decision::Rule,
    event::{Change, Edit, Refusal, Reply},
    field::{Field, TEXT_MAX, Unfit, Value},
    integration::Integration,
    lens::Lens,
    link::Link,
};

/// The longest incident type and label, in characters.
const WORD_MAX: usize = 256;

pub(super) fn apply(
    state: Option<State>,
    input: Input<'_>,
    edit: &Edit,
    configs: &Configs,
) -> Step {
    let state = state.filter(|state| state.incident.org == edit.org);
    match (&edit.change, state) {
        (Change::Create { fields, incident_type, labels }, None) => {
            let mut fields = fields.clone();
            fields.entry(Field::Severity).or_insert_with(|| Some("SEV-3".to_owned()));
            fields.entry(Field::Status).or_insert_with(|| Some("open".to_owned()));
            fields.entry(Field::Title).or_insert(None);
            if let Err(message) =
                check(&fields).and_then(|()| check_words(incident_type.as_ref(), labels))
            {
                return refuse(None, Refusal::Unfit, message);
            }
            create(input, edit, &fields, incident_type.as_ref(), labels, configs)
        }
        (Change::Create { .. }, Some(state)) => {
            let message = format!("{} exists already", edit.incident);
            refuse(Some(state), Refusal::Exists, message)
        }
        (_, None) => {
            let message = format!("there is no incident {} in {}", edit.incident, edit.org);
            refuse(None, Refusal::Unknown, message)
        }
        (Change::Update { fields, revision }, Some(state)) => {
            let current = state.incident.revision;
            if let Some(seen) = revision.filter(|seen| *seen != current) {
                let message = format!(
                    "the incident is at revision {current}, the edit was made on {seen}: read it again"
                );
                return refuse(Some(state), Refusal::Stale, message);
            }
            if let Err(message) = check(fields) {
                return refuse(Some(state), Refusal::Unfit, message);
            }
            let mut draft = Draft::resume(state, input, configs);
            draft.send_as_notes(edit, fields);
            draft.set_all(edit, fields, Rule::Edited);
            draft.finish(true)
        }
        (Change::Note { note, text }, Some(state)) => {
            if text.trim().is_empty() || text.len() > TEXT_MAX || text.contains('\0') {
                let message = format!("text: a note has 1 to {TEXT_MAX} bytes and no NUL");
                return refuse(Some(state), Refusal::Unfit, message);
            }
            let mut draft = Draft::resume(state, input, configs);
            draft.write_note(NewNote {
                id: *note,
                text: text.clone(),
                author: edit.author.clone(),
                at: edit.at,
            });
            draft.finish(true)
        }
    }
}

fn create(
    input: Input<'_>,
    edit: &Edit,
    fields: &BTreeMap<Field, Value>,
    incident_type: Option<&String>,
    labels: &BTreeMap<String, String>,
    configs: &Configs,
) -> Step {
    let (id, org) = (Some(edit.incident), edit.org.clone());
    let mut draft = Draft::begin(id, org, edit.at, input, configs);
    draft.incident.incident_type = incident_type.cloned();
    draft.incident.labels.clone_from(labels);
    draft.set_all(edit, fields, Rule::Created);
    let takes_part = |config: &&Integration| config.sends();
    for config in configs.values().filter(takes_part) {
        let link = Link::new(draft.mint.id(), draft.incident.id, config.id);
        draft.links.push(link);
    }
    draft.finish(true)
}

impl Draft<'_> {
    fn set_all(&mut self, edit: &Edit, fields: &BTreeMap<Field, Value>, rule: Rule) {
        for (field, value) in fields {
            let owned = self.incident.fields.get(field);
            let overtaken =
                owned.and_then(|owned| owned.edited).is_some_and(|at| at > self.input.at);
            let ruling = Ruling {
                field: *field,
                value: value.clone(),
                at: edit.at,
                by: edit.author.clone(),
                rule: if overtaken { Rule::Overtaken } else { rule },
                link: None,
                external: None,
            };
            // One that was in a dead copy's hands comes again after others have been applied.
            if overtaken {
                self.keep(ruling);
            } else {
                self.set(ruling);
            }
        }
    }

    /// Adds a note written on the platform, to be added on every link that takes part.
    fn write_note(&mut self, note: NewNote) {
        self.track(&note, |_, _| true);
        self.add_note(note);
        self.issue_notes();
    }

    /// Tells changes of what is written at creation only as notes, to the records that are there
    /// or on their way. The platform's timeline shows the change itself.
    fn send_as_notes(&mut self, edit: &Edit, fields: &BTreeMap<Field, Value>) {
        for (field, value) in fields {
            let Some(value) = value.as_ref().filter(|value| !value.trim().is_empty()) else {
                continue;
            };
            if self.incident.value(*field) == Some(value) {
                continue;
            }
            let note = NewNote {
                id: self.mint.id(),
                text: format!("New {field}: {value}"),
                author: edit.author.clone(),
                at: edit.at,
            };
            let once = |config: &Integration, link: &Link| {
                let rule = config.fields.get(field);
                let begun = link.record.is_some() || link.published.is_some();
                begun && rule.is_some_and(|rule| rule.lens == Lens::Once)
            };
            if self.track(&note, once) {
                self.keep_note(note);
            }
        }
        self.issue_notes();
    }

    /// Has a note added on the links that take part and fit; says whether there are any.
    fn track(&mut self, note: &NewNote, fits: impl Fn(&Integration, &Link) -> bool) -> bool {
        let takes_part = |link: &&Link| {
            let config = self.configs.get(&link.integration);
            config.is_some_and(|config| config.sends() && fits(config, link))
        };
        let links: Vec<_> = self.links.iter().filter(takes_part).map(|link| link.id).collect();
        let any = !links.is_empty();
        self.tracks.extend(links.into_iter().map(|link| NoteTrack {
            note: note.id,
            link,
            text: note.text.clone(),
            author: note.author.clone(),
            foreign: None,
            issued: false,
        }));
        any
    }
}

fn check(fields: &BTreeMap<Field, Value>) -> Result<(), String> {
    let check = |(field, value): (&Field, &Value)| field.check(value.as_deref());
    fields.iter().try_for_each(check).map_err(|unfit: Unfit| unfit.to_string())
}

fn check_words(
    incident_type: Option<&String>,
    labels: &BTreeMap<String, String>,
) -> Result<(), String> {
    let fits = |word: &str| word.chars().count() <= WORD_MAX && !word.contains('\0');
    if !incident_type.is_none_or(|word| fits(word) && !word.trim().is_empty()) {
        return Err(format!("incident_type: it has 1 to {WORD_MAX} characters and no NUL"));
    }
    match labels.iter().find(|(key, value)| key.is_empty() || !fits(key) || !fits(value)) {
        Some((key, _)) => {
            let key: String = key.chars().take(64).collect();
            Err(format!("labels: {key:?} or its value is empty, too long, or holds a NUL"))
        }
        None => Ok(()),
    }
}

fn refuse(state: Option<State>, refusal: Refusal, message: String) -> Step {
    let reply = Some(Reply::Refused { refusal, message });
    Step { reply, ..Step::without_effect(state, Effect::Refused) }
}
