//! People on both sides, and the ledger of what they did to the records.
//!
//! The ledger knows of each edit over there what nobody else can know: whether any message showed
//! it, what the rules made of it, and whether a write of ours went over it.

use std::collections::BTreeMap;

use super::{
    Happening, World,
    far::{Author, Cell, Patch, Shown},
    integration_id, label,
    plan::{Config, Deed, Step},
    record,
};
use crate::{
    conflict::Choice,
    decision::Rule,
    event::{Change, Edit, Event, Reply},
    field::{Field, Value},
    id::EditId,
    incident::{Actor, Side},
    reconcile,
};

/// An edit of a person over there.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Mark {
    pub(super) side: usize,
    pub(super) field: Field,
    pub(super) value: Value,
    pub(super) at: i64,
    /// What it replaced.
    pub(super) over: Value,
    /// Whose edit it replaced.
    pub(super) after: Option<usize>,
    /// Whether anything that reached us showed it.
    pub(super) shown: bool,
    /// Whether a message that reached us announced it.
    pub(super) announced: bool,
    /// What the rules made of it.
    pub(super) judged: Option<Rule>,
    /// Whether it was what ours said when it was seen.
    pub(super) agreed: bool,
    /// Whether it was what a write of ours was to put there.
    pub(super) coincides: bool,
    /// Whether all that showed it looked as if nothing had changed.
    pub(super) hidden: bool,
    /// Which version went over it, and when.
    pub(super) overwritten: Option<(u64, i64)>,
}

/// How many edits were made, which bounds how many writes there may be.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    /// Of values, on either side, and of what governs them.
    pub(super) edits: usize,
    /// The platform's last accepted edit of each field.
    pub(super) last: BTreeMap<Field, Value>,
}

impl World {
    pub(super) fn act(&mut self, step: Step) {
        match step {
            Step::Theirs(side, deed) => self.theirs(side, &deed),
            Step::Ours { field, value, back, revision } => self.ours(field, value, back, revision),
            Step::Configure(side, config) => self.configure(side, &config),
            Step::Unlink(side) => {
                if let Some(link) = self.link(side).map(|link| link.id) {
                    self.forget(side);
                    self.ask(Change::Unlink { link }, 0);
                }
            }
            Step::Link(side) => {
                if self.fars[side].exists {
                    let (integration, record) = (integration_id(side), record(side));
                    self.ask(Change::Link { integration, record }, 0);
                }
            }
            Step::Resolve(choice) => self.resolve(choice),
            Step::Heal(side) => self.heal(side, true),
            Step::Kill(side) => self.kill(side),
        }
    }

    /// Somebody changes a record.
    pub(super) fn theirs(&mut self, side: usize, deed: &Deed) {
        if !self.fars[side].exists {
            return;
        }
        let mut patch = Patch::default();
        let field = match deed.clone() {
            Deed::Title(title) => {
                patch.title = Some(title);
                Field::Title
            }
            Deed::Urgency(urgency) => {
                patch.urgency = Some(urgency);
                Field::Severity
            }
            Deed::Priority(priority) => {
                patch.priority = Some(priority);
                Field::Severity
            }
            Deed::Status(status) => {
                patch.status = Some(status);
                Field::Status
            }
            Deed::Label(value) => {
                patch.label = Some(value);
                label()
            }
            Deed::Assign(who) => {
                patch.assignee = Some(who);
                Field::AssignedTo
            }
        };
        let (mark, now) = (self.ledger.len(), self.now);
        let Ok(over) = self.fars[side].patch(&patch, Author::Person(mark), now) else { return };
        let Some((_, before)) = over.iter().find(|(changed, _)| *changed == field) else { return };
        let value = self.fars[side].cells.get(&field).and_then(|cell| cell.value.clone());
        self.say(|| format!("somebody sets {field} of {side} to {value:?} [{mark}]"));
        self.deeds.edits += 1;
        self.ledger.push(Mark {
            side,
            field,
            value,
            at: now,
            over: before.value.clone(),
            after: match before.author {
                Author::Person(number) => Some(number),
                _ => None,
            },
            shown: false,
            announced: false,
            judged: None,
            agreed: false,
            coincides: false,
            hidden: false,
            overwritten: None,
        });
        self.send_hooks(side);
    }

    /// Somebody changes the incident.
    fn ours(&mut self, field: Field, value: Value, back: i64, revision: bool) {
        let Some(state) = &self.near.state else { return };
        let revision = revision.then_some(state.incident.revision);
        let fields = BTreeMap::from([(field, value)]);
        self.ask(Change::Update { fields, revision }, back);
    }

    /// Sends a change to the reconciler; its author's clock may be back.
    pub(super) fn ask(&mut self, change: Change, back: i64) {
        let id: EditId = self.near.mint.id();
        let author = Actor { name: Some("Olu".to_owned()), ..Actor::unnamed(Side::Platform) };
        let incident =
            self.near.state.as_ref().map_or(self.near.incident, |state| state.incident.id);
        let at = super::at((self.now - back).max(1));
        let edit = Edit { id, org: super::org(), incident, at, author, change };
        self.say(|| super::trace::edit(&edit));
        self.later(2, Happening::Edit(Box::new(edit)));
    }

    /// What becomes of an edit is counted, where it was accepted.
    pub(super) fn answer(&mut self, event: &Event, step: &reconcile::Step) {
        let Event::Edit(edit) = event else { return };
        if !matches!(step.reply, Some(Reply::Accepted { .. })) {
            return;
        }
        let mends = matches!(edit.change, Change::Resync { .. });
        self.deeds.edits += usize::from(!mends);
        match &edit.change {
            Change::Create { fields, .. } | Change::Update { fields, .. } => {
                for (field, value) in fields {
                    let stands = self.near.state.as_ref();
                    let stands = stands.and_then(|state| state.incident.fields.get(field));
                    if stands.is_some_and(|owned| owned.value == *value) {
                        self.deeds.last.insert(*field, value.clone());
                    }
                }
            }
            _ => {}
        }
    }

    fn configure(&mut self, side: usize, change: &Config) {
        let Some(config) = self.near.configs.get_mut(&integration_id(side)) else { return };
        match change {
            Config::Strategy(strategy) => config.strategy = *strategy,
            Config::Rule(field, ruled) => {
                if let Some(rule) = config.fields.get_mut(field) {
                    super::rule(rule, *ruled);
                }
            }
            Config::Mapped(mapped) => super::map(config, *mapped),
            Config::Enabled(enabled) => config.enabled = *enabled,
        }
        config.version += 1;
        self.deeds.edits += 1;
        self.reconfigured = true;
        self.say(|| format!("{side} is configured: {change:?}"));
        // The sweeper compares again what was last compared under an older configuration.
        let read = matches!(change, Config::Enabled(true));
        self.heal(side, read);
    }

    fn resolve(&mut self, choice: u8) {
        let open = self.near.state.as_ref().and_then(|state| state.conflicts.first());
        let Some(open) = open else { return };
        let choice = match choice {
            0 => Choice::Platform,
            1 => Choice::External,
            _ => Choice::Value { value: open.platform.value.clone() },
        };
        let conflict = open.id;
        self.ask(Change::Resolve { conflict, choice }, 0);
    }

    /// Has a link compared again, and its record read.
    pub(super) fn heal(&mut self, side: usize, read: bool) {
        if let Some(link) = self.link(side).map(|link| link.id) {
            self.ask(Change::Resync { link, read }, 0);
        }
    }

    /// A link that is taken apart forgets which values were its own.
    fn forget(&mut self, side: usize) {
        for cell in self.fars[side].cells.values_mut() {
            if matches!(cell.author, Author::Us(_) | Author::Effect(_)) {
                cell.author = Author::Nobody;
            }
        }
        self.forgot.insert(side);
    }

    /// A message that reached us shows these values.
    pub(super) fn showed(&mut self, side: usize, shown: &Shown, announced: Option<Field>) {
        // What happens to a record while it is parted is nobody's business.
        if self.link(side).is_some_and(|link| link.detached) {
            return;
        }
        for (field, cell) in shown {
            if let Author::Person(mark) = cell.author
                && let Some(mark) = self.ledger.get_mut(mark).filter(|mark| mark.side == side)
            {
                mark.shown = true;
                mark.announced |= announced == Some(*field) && mark.field == *field;
            }
        }
    }

    /// Whether somebody went back to what had been shown before, past edits that nothing showed: it
    /// looks as if nobody had done anything.
    pub(super) fn went_back(&self, mark: &Mark) -> bool {
        let mut first = mark;
        while let Some(before) = first.after.and_then(|number| self.ledger.get(number))
            && before.field == mark.field
            && !before.shown
        {
            first = before;
        }
        !mark.announced && first.over == mark.value
    }

    /// A write of ours went over these values.
    pub(super) fn overwritten(&mut self, side: usize, version: u64, over: &[(Field, Cell)]) {
        let now = self.now;
        if self.link(side).is_some_and(|link| link.detached) {
            return;
        }
        for (field, cell) in over {
            let Author::Person(number) = cell.author else { continue };
            let now_there = self.fars[side].cells.get(field).cloned();
            let Some(mark) = self.ledger.get_mut(number).filter(|mark| mark.field == *field) else {
                continue;
            };
            if let Some(rest) = now_there.filter(|it| it.author == cell.author) {
                // A part of it is still theirs.
                mark.value = rest.value;
            } else {
                mark.overwritten = Some((version, now));
                self.say(|| format!("version {version} goes over {field} of {side} [{number}]"));
            }
        }
    }
}
