//! An external side, as strict as PagerDuty is: one record, its side effects, its webhooks.
//!
//! There is no version and no etag. Webhooks are told for the status, the priority and the
//! assignee, never for the title and the urgency, one after the other per record. A status can
//! reopen, a raised urgency un-acknowledges, acknowledging assigns, resolving unassigns. Reads may
//! come from a copy that lags behind. Besides, each value knows who wrote it, which PagerDuty does
//! not tell and which lets the world judge what was made of it.

use std::collections::{BTreeMap, VecDeque};

use super::{ALL, label, plan::Setup};
use crate::{
    event::Snapshot,
    field::{Field, Value},
    incident::{Actor, Side},
    lens::{Foreign, parts, ranked},
};

/// Who wrote a value over there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// It was there before anything began, or is what a record begins with.
    Nobody,
    /// We did, with this version of a desired state.
    Us(u64),
    /// It came about by itself when we wrote another field.
    Effect(u64),
    /// Somebody, by the number of the edit in the world's ledger.
    Person(usize),
    /// It came about by itself when somebody changed another field.
    Someone,
}

impl Author {
    /// Whom the external side takes for the author.
    const fn name(self) -> &'static str {
        match self {
            Self::Us(_) | Self::Effect(_) => "the synchroniser",
            Self::Nobody | Self::Person(_) | Self::Someone => "Priya",
        }
    }
}

/// A value and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) value: Value,
    pub(super) author: Author,
}

/// The values a snapshot shows, with who wrote them.
pub(super) type Shown = BTreeMap<Field, Cell>;

/// What a call or a person changes, all at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) title: Option<String>,
    pub(super) urgency: Option<String>,
    pub(super) priority: Option<String>,
    /// What the severity is to be as a whole, where a call of ours writes it in parts.
    pub(super) severity: Option<String>,
    pub(super) status: Option<String>,
    pub(super) label: Option<Value>,
    pub(super) assignee: Option<String>,
    /// Whether an acknowledgement names the people who have it.
    pub(super) keeps: bool,
}

/// Why a patch was refused; then nothing of it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// Codes 1001 and 1002.
    AlreadySo,
    /// For good.
    ForGood(String),
}

/// A webhook, its content fixed when it happened.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) number: u64,
    pub(super) event_type: &'static str,
    pub(super) edited: Option<Field>,
    /// On the external clock.
    pub(super) occurred: i64,
    pub(super) actor: Actor,
    pub(super) snapshot: Snapshot,
    pub(super) shown: Shown,
}

/// One external account with one record.
#[derive(Debug)]
pub(super) struct Far {
    pub(super) side: usize,
    pub(super) exists: bool,
    pub(super) key: Option<String>,
    pub(super) cells: BTreeMap<Field, Cell>,
    /// What it held before, and until when: what a copy that lags may still show.
    past: VecDeque<(i64, BTreeMap<Field, Cell>)>,
    pub(super) queue: VecDeque<Hook>,
    /// Whether the head of the queue is being delivered.
    pub(super) delivering: bool,
    hooks: u64,
    offset: i64,
    drift: i64,
}

/// The title that is refused for good.
pub(super) const FORBIDDEN: &str = "forbidden";
/// How many earlier states are kept.
const PAST_MAX: usize = 24;

impl Far {
    pub(super) fn of((side, setup): (usize, &Setup)) -> Self {
        let text = |value: &str| Cell { value: Some(value.to_owned()), author: Author::Nobody };
        let cells = BTreeMap::from([
            (Field::Title, text("disk full")),
            (Field::Severity, text("high")),
            (Field::Status, text("triggered")),
            (Field::AssignedTo, text("PRIYA")),
            (label(), Cell { value: None, author: Author::Nobody }),
        ]);
        Self {
            side,
            exists: false,
            key: None,
            cells,
            past: VecDeque::new(),
            queue: VecDeque::new(),
            delivering: false,
            hooks: 0,
            offset: setup.offset,
            drift: setup.drift,
        }
    }

    /// The external clock.
    pub(super) fn clock(&self, now: i64) -> i64 {
        now + self.offset + now * self.drift / 1_000_000
    }

    pub(super) fn value(&self, field: Field) -> Option<&str> {
        self.cells.get(&field).and_then(|cell| cell.value.as_deref())
    }

    /// Brings the record into being.
    pub(super) fn create(&mut self, key: Option<String>, patch: &Patch, by: Author, now: i64) {
        (self.exists, self.key) = (true, key);
        for (field, cell) in &mut self.cells {
            if matches!(field, Field::Title | Field::Severity) {
                cell.author = by;
            }
        }
        let cells = &mut self.cells;
        let mut set = |field, value: &Option<String>| {
            if let (Some(cell), Some(value)) = (cells.get_mut(&field), value) {
                cell.value = Some(value.clone());
            }
        };
        set(Field::Title, &patch.title);
        set(Field::Severity, &patch.urgency);
        self.tell("triggered", None, by, now);
    }

    /// Changes the record; tells what was overwritten.
    pub(super) fn patch(
        &mut self,
        patch: &Patch,
        by: Author,
        now: i64,
    ) -> Result<Vec<(Field, Cell)>, Refused> {
        let status = self.value(Field::Status).unwrap_or_default().to_owned();
        if patch.title.as_deref() == Some(FORBIDDEN) {
            return Err(Refused::ForGood("the title is forbidden".to_owned()));
        }
        if patch.status.as_ref().is_some_and(|to| *to == status && to != "triggered") {
            return Err(Refused::AlreadySo);
        }
        let before = self.cells.clone();
        let effect = match by {
            Author::Us(version) => Author::Effect(version),
            _ => Author::Someone,
        };
        let mut told = Vec::new();
        self.set(Field::Title, patch.title.clone().map(Some), by);
        self.set(label(), patch.label.clone(), by);
        let raised = patch.urgency.as_deref() == Some("high") && self.urgency() == "low";
        self.rank(patch, by);
        if patch.priority.is_some() && self.changed(&before, Field::Severity) {
            told.push(("priority_updated", Field::Severity));
        }
        if raised && status == "acknowledged" && patch.status.is_none() {
            self.set(Field::Status, Some(Some("triggered".to_owned())), effect);
            told.push(("unacknowledged", Field::Status));
        }
        if let Some(to) = patch.status.as_ref().filter(|to| **to != status) {
            self.set(Field::Status, Some(Some(to.clone())), by);
            told.extend(self.moved(&status, to, patch.keeps, effect));
        }
        if let Some(who) = &patch.assignee {
            self.set(Field::AssignedTo, Some(Some(who.clone())), by);
            if self.changed(&before, Field::AssignedTo) {
                told.push(("reassigned", Field::AssignedTo));
            }
        }
        if before == self.cells {
            return Ok(Vec::new());
        }
        let people_change = ALL.into_iter().chain([label()]);
        let changed = people_change.filter(|field| self.changed(&before, *field));
        let over = changed.filter_map(|field| Some((field, before.get(&field)?.clone()))).collect();
        if before.get(&label()) != self.cells.get(&label()) {
            self.tell("custom_field_values.updated", Some(label()), by, now);
        }
        for (event_type, field) in told {
            self.tell(event_type, Some(field), by, now);
        }
        self.past.push_back((now, before));
        if self.past.len() > PAST_MAX {
            self.past.pop_front();
        }
        Ok(over)
    }

    /// What a change of status brings about besides, and how it is told.
    fn moved(
        &mut self,
        from: &str,
        to: &str,
        keeps: bool,
        effect: Author,
    ) -> Vec<(&'static str, Field)> {
        let caller =
            || Some(Some(if effect == Author::Someone { "TOMAS" } else { "BOT" }.to_owned()));
        match (from, to) {
            (_, "resolved") => {
                self.set(Field::AssignedTo, Some(None), effect);
                vec![("resolved", Field::Status)]
            }
            ("resolved", _) => {
                self.set(Field::AssignedTo, caller(), effect);
                let then = (to == "acknowledged").then_some(("acknowledged", Field::Status));
                std::iter::once(("reopened", Field::Status)).chain(then).collect()
            }
            (_, "acknowledged") => {
                if !keeps {
                    self.set(Field::AssignedTo, caller(), effect);
                }
                vec![("acknowledged", Field::Status)]
            }
            _ => vec![("unacknowledged", Field::Status)],
        }
    }

    fn urgency(&self) -> &str {
        parts(self.value(Field::Severity).unwrap_or_default()).0
    }

    /// Sets urgency and priority. What is left of somebody else's value stays theirs.
    fn rank(&mut self, patch: &Patch, by: Author) {
        let Some(cell) = self.cells.get_mut(&Field::Severity) else { return };
        let held = cell.value.clone().unwrap_or_default();
        let (urgency, priority) = parts(&held);
        let urgency = patch.urgency.as_deref().unwrap_or(urgency);
        let priority = patch.priority.as_deref().or(priority);
        let value = ranked(urgency, priority);
        let mixed = patch.severity.as_ref().is_some_and(|whole| *whole != value);
        let author = match cell.author {
            _ if !mixed => by,
            Author::Person(mark) => Author::Person(mark),
            _ => Author::Someone,
        };
        if held != value {
            *cell = Cell { value: Some(value), author };
        }
    }

    fn set(&mut self, field: Field, value: Option<Value>, author: Author) {
        if let (Some(cell), Some(value)) = (self.cells.get_mut(&field), value)
            && cell.value != value
        {
            *cell = Cell { value, author };
        }
    }

    fn changed(&self, before: &BTreeMap<Field, Cell>, field: Field) -> bool {
        before.get(&field).map(|cell| &cell.value) != self.cells.get(&field).map(|cell| &cell.value)
    }

    /// What a copy that lags so far behind shows.
    pub(super) fn read(&self, now: i64, lag: i64) -> (Snapshot, Shown) {
        let asked = now - lag;
        let stale = self.past.iter().find(|(until, _)| *until > asked);
        let cells = stale.filter(|_| lag > 0).map_or(&self.cells, |(_, cells)| cells);
        self.show(cells, |_| true)
    }

    fn show(
        &self,
        cells: &BTreeMap<Field, Cell>,
        shows: impl Fn(Field) -> bool,
    ) -> (Snapshot, Shown) {
        let resolved =
            cells.get(&Field::Status).is_some_and(|cell| cell.value.as_deref() == Some("resolved"));
        // Resolving empties the assignees; nobody was unassigned.
        let visible = |field: Field| shows(field) && !(resolved && field == Field::AssignedTo);
        let cells = cells.iter().filter(|(field, _)| visible(**field));
        let foreign = |field: Field, value: &Value| Foreign {
            value: value.clone(),
            label: value.clone().filter(|_| field == Field::AssignedTo),
        };
        let mut snapshot = Snapshot {
            record: super::record(self.side),
            fields: BTreeMap::new(),
            assignees: Vec::new(),
            number: Some(1),
            url: None,
            key: self.key.clone(),
            service: Some(Foreign::plain("S1")),
            teams: Vec::new(),
            changed_by: self.cells.get(&Field::Status).map(|it| it.author.name().to_owned()),
            created_at: None,
        };
        let mut authored = Shown::new();
        for (field, cell) in cells {
            snapshot.fields.insert(*field, foreign(*field, &cell.value));
            authored.insert(*field, cell.clone());
        }
        if let Some(assigned) = snapshot.fields.get(&Field::AssignedTo) {
            snapshot.assignees.extend(assigned.value.clone());
        }
        (snapshot, authored)
    }

    fn tell(&mut self, event_type: &'static str, edited: Option<Field>, by: Author, now: i64) {
        self.hooks += 1;
        let of_label = event_type.starts_with("custom");
        let (snapshot, shown) = self.show(&self.cells, |field| (field == label()) == of_label);
        let id = Some(by.name().to_owned());
        let actor = Actor { name: id.clone(), id, ..Actor::unnamed(Side::External) };
        let (number, occurred) = (self.hooks, self.clock(now));
        self.queue.push_back(Hook { number, event_type, edited, occurred, actor, snapshot, shown });
    }
}
