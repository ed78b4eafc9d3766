//! Platform edits: they set ours, if they fit and their author saw the present state.

use std::collections::BTreeMap;

use super::{
    Configs, Effect, Input, NewNote, NoteTrack, State, Step,
    draft::{Draft, Ruling},
    judge::Verdict,
};
use crate::{
    conflict::{Candidate, Reason},
    decision::Rule,
    event::{Change, Edit, Refusal, Reply},
    field::{Field, NotAField, TEXT_MAX, Unfit, Value},
    id::LinkId,
    incident::Side,
    integration::{Integration, Strategy},
    lens::Lens,
    link::Link,
};

/// The longest incident type, in characters.
const TYPE_MAX: usize = 256;

pub(super) fn apply(
    state: Option<State>,
    input: Input<'_>,
    edit: &Edit,
    configs: &Configs,
) -> Step {
    if let Some(foreign) = state.as_ref().filter(|state| state.incident.org != edit.org) {
        // Whoever asks learns no more than that the id is not theirs to use.
        let (id, org) = (foreign.incident.id, &edit.org);
        let (refusal, message) = if matches!(edit.change, Change::Create { .. }) {
            (Refusal::Exists, format!("{id} cannot be used for a new incident"))
        } else {
            (Refusal::Unknown, format!("there is no incident {id} in {org}"))
        };
        return refuse(state, refusal, message);
    }
    match (&edit.change, state) {
        (Change::Create { fields, incident_type, labels }, None) => {
            let mut fields = fields.clone();
            fields.entry(Field::Severity).or_insert_with(|| Some("SEV-3".to_owned()));
            fields.entry(Field::Status).or_insert_with(|| Some("open".to_owned()));
            fields.entry(Field::Title).or_insert(None);
            let fits = with_labels(&mut fields, labels)
                .and_then(|()| check(&fields))
                .and_then(|()| check_type(incident_type.as_ref()));
            if let Err(message) = fits {
                return refuse(None, Refusal::Unfit, message);
            }
            create(input, edit, &fields, incident_type.as_ref(), configs)
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
            update(state, input, edit, fields, *revision, configs)
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
        (
            Change::Escalate { .. }
            | Change::Page { .. }
            | Change::Resolve { .. }
            | Change::Link { .. }
            | Change::TakePart { .. }
            | Change::Unlink { .. }
            | Change::Resync { .. },
            Some(state),
        ) => super::command::apply(state, input, edit, configs),
    }
}

fn update(
    state: State,
    input: Input<'_>,
    edit: &Edit,
    fields: &BTreeMap<Field, Value>,
    revision: Option<u64>,
    configs: &Configs,
) -> Step {
    let current = state.incident.revision;
    if let Some(message) = outdated(current, revision) {
        return refuse(Some(state), Refusal::Stale, message);
    }
    if let Err(message) = check(fields) {
        return refuse(Some(state), Refusal::Unfit, message);
    }
    let mut draft = Draft::resume(state, input, configs);
    if let Some(message) = draft.refuse_reserved(edit, fields) {
        let refusal = Reply::Refused { refusal: Refusal::ReadOnly, message };
        return Step { effect: Effect::Refused, ..draft.end(|_| Some(refusal)) };
    }
    draft.send_as_notes(edit, fields);
    draft.set_all(edit, fields, Rule::Edited);
    draft.finish(true)
}

/// Why an edit comes too late that was made on a revision; none where it does not.
pub(super) fn outdated(current: u64, seen: Option<u64>) -> Option<String> {
    let seen = seen.filter(|seen| *seen != current)?;
    Some(format!(
        "the incident is at revision {current}, the edit was made on {seen}: read it again"
    ))
}

fn create(
    input: Input<'_>,
    edit: &Edit,
    fields: &BTreeMap<Field, Value>,
    incident_type: Option<&String>,
    configs: &Configs,
) -> Step {
    let (id, org) = (Some(edit.incident), edit.org.clone());
    let mut draft = Draft::begin(id, org, edit.at, input, configs);
    draft.incident.incident_type = incident_type.cloned();
    draft.set_all(edit, fields, Rule::Created);
    // Also where the integration is disabled: its link waits until it takes part.
    let takes_part = |config: &&Integration| config.direction.outbound();
    for config in configs.values().filter(takes_part) {
        let link = Link::new(draft.mint.id(), draft.incident.id, config.id);
        draft.links.push(link);
    }
    draft.finish(true)
}

impl Draft<'_> {
    /// Where an edit would change what only an external side may change: why it is refused.
    fn refuse_reserved(&mut self, edit: &Edit, fields: &BTreeMap<Field, Value>) -> Option<String> {
        let reserved = |(field, value): &(&Field, &Value)| {
            self.incident.value(**field) != value.as_deref() && self.is_reserved(**field, None)
        };
        let reserved: Vec<_> =
            fields.iter().filter(reserved).map(|(field, value)| (*field, value.clone())).collect();
        let (first, _) = reserved.first()?;
        let message = format!(
            "{first}: an external side owns it and that is enforced, so it is read-only here; \
             change it there, or the field's ownership"
        );
        for (field, value) in reserved {
            self.keep(ruling_of(edit, field, value, Rule::Enforced));
        }
        Some(message)
    }

    fn set_all(&mut self, edit: &Edit, fields: &BTreeMap<Field, Value>, rule: Rule) {
        for (field, value) in fields {
            let owned = self.incident.fields.get(field);
            let overtaken = owned
                .and_then(|owned| owned.place)
                .is_some_and(|place| place > self.input.sequence);
            // One that was in a dead copy's hands comes again after others have been applied.
            let rule = if overtaken { Rule::Overtaken } else { rule };
            let ruling = ruling_of(edit, *field, value.clone(), rule);
            match self.concurrent(edit, *field).filter(|_| !overtaken) {
                _ if overtaken => self.keep(ruling),
                None => drop(self.set(ruling)),
                Some(Concurrent::Loses(rule)) => self.keep(Ruling { rule, ..ruling }),
                Some(Concurrent::Wins(rule)) => drop(self.set(Ruling { rule, ..ruling })),
                Some(Concurrent::Disputed(link)) => {
                    let external = self.candidate_of_ours(*field);
                    self.set(Ruling { rule: Rule::Review, ..ruling });
                    if let Some(external) = external {
                        self.dispute(link, *field, Reason::BothMoved, external);
                    }
                }
            }
        }
    }

    /// Rule 19: an edit whose author cannot have known the external edit that was taken since.
    fn concurrent(&self, edit: &Edit, field: Field) -> Option<Concurrent> {
        let blind = matches!(edit.change, Change::Update { revision: None, .. });
        let ours = self.incident.fields.get(&field).filter(|_| blind)?;
        let (lo, hi) = ours.span.unwrap_or((ours.at, ours.at));
        let link = ours.via.filter(|_| edit.at < hi)?;
        let Verdict { config, rule, .. } = self.verdict_on(link, field)?;
        Some(match config.strategy {
            Strategy::ManualReview if self.is_frozen(link, field) => return None,
            Strategy::ManualReview => Concurrent::Disputed(link),
            Strategy::LastWriteWins if edit.at < lo => Concurrent::Loses(Rule::LaterWins),
            Strategy::LastWriteWins | Strategy::OwnershipPriority
                if rule.owner == Side::External =>
            {
                Concurrent::Loses(Rule::OwnerWins)
            }
            Strategy::LastWriteWins | Strategy::OwnershipPriority => {
                Concurrent::Wins(Rule::OwnerWins)
            }
        })
    }

    /// Ours as the external side's candidate, where it came from there.
    fn candidate_of_ours(&self, field: Field) -> Option<Candidate> {
        let ours = self.incident.fields.get(&field)?;
        let theirs = self.link(ours.via?)?.fields.get(&field)?.theirs.as_ref()?;
        let (by, external) = (ours.by.clone(), theirs.value.clone());
        Some(Candidate { value: ours.value.clone(), external, by, at: ours.at })
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
            config.is_some_and(|config| config.direction.outbound() && fits(config, link))
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

fn check_type(incident_type: Option<&String>) -> Result<(), String> {
    let fits = |word: &String| {
        word.chars().count() <= TYPE_MAX && !word.contains('\0') && !word.trim().is_empty()
    };
    if incident_type.is_none_or(fits) {
        Ok(())
    } else {
        Err(format!("incident_type: it has 1 to {TYPE_MAX} characters and no NUL"))
    }
}

fn with_labels(
    fields: &mut BTreeMap<Field, Value>,
    labels: &BTreeMap<String, String>,
) -> Result<(), String> {
    for (name, value) in labels {
        let name = name.parse().map_err(|error: NotAField| format!("labels: {error}"))?;
        fields.insert(Field::Label(name), Some(value.clone()));
    }
    Ok(())
}

fn ruling_of(edit: &Edit, field: Field, value: Value, rule: Rule) -> Ruling {
    let (at, by) = (edit.at, edit.author.clone());
    Ruling { field, value, at, span: None, by, rule, link: None, external: None }
}

/// How an edit stands to an external one that its author cannot have known.
enum Concurrent {
    Loses(Rule),
    Wins(Rule),
    Disputed(LinkId),
}

pub(super) fn refuse(state: Option<State>, refusal: Refusal, message: String) -> Step {
    let reply = Some(Reply::Refused { refusal, message });
    Step { reply, ..Step::without_effect(state, Effect::Refused) }
}
