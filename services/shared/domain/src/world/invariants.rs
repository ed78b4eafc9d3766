//! What must hold: after each transition, and when everything has come to rest.

use std::collections::BTreeMap;

use super::{
    World,
    far::{Author, Cell, Shown},
    integration_id, label,
};
use crate::{
    clock::Offset,
    decision::{Decision, Head, Rule},
    event::Event,
    field::{Field, Value},
    incident::Side,
    integration::{Integration, Strategy},
    lens::Foreign,
    link::Link,
    reconcile::{State, Step},
};

/// The ways in which a world can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// The two sides differ although everything was delivered and read.
    Diverged,
    /// It does not come to rest.
    Restless,
    /// A value that we wrote was taken for somebody's edit, and ours followed it.
    EchoTaken,
    /// A value that we wrote was judged as somebody's edit, which lost.
    EchoJudged,
    /// An edit over there was overwritten although a message showed it, and nobody judged it.
    Lost,
    /// An edit of the platform gave way without the strategy having been asked.
    Skipped,
    /// A later edit lost to an earlier one under the later-author rule.
    Misjudged,
    /// The same event again changed or decided something.
    Repeat,
    /// The chain of decisions does not verify.
    Chain,
    /// A change of ours has no decision, or more than one.
    Undecided,
    /// There were more writes than edits explain.
    Writes,
    /// Manual review overwrote somebody.
    Review,
    /// A frozen field was written.
    Thawed,
    /// An enforced field does not hold its owner's value.
    Enforced,
    /// The bounds of an external clock do not hold it.
    Clock,
    /// Not a fault, but counted: an edit was overwritten that no message had shown.
    Unseeable,
    /// Not a fault, but counted: an edit happened to be what a write of ours was to put there.
    Coincident,
}

impl Violation {
    /// Whether it is only counted.
    pub const fn is_counted_only(self) -> bool {
        matches!(self, Self::Unseeable | Self::Coincident)
    }
}

/// What is compared with what a transition left.
pub(super) struct Before {
    fields: BTreeMap<Field, (Value, u64)>,
    head: Head,
}

impl Before {
    pub(super) fn of(state: Option<&State>) -> Self {
        let Some(state) = state else {
            return Self { fields: BTreeMap::new(), head: Head::default() };
        };
        let fields = state.incident.fields.iter();
        let fields = fields.map(|(field, owned)| (*field, (owned.value.clone(), owned.rev)));
        Self { fields: fields.collect(), head: state.incident.chain.clone() }
    }
}

impl World {
    /// Looks at one transition.
    pub(super) fn inspect(
        &mut self,
        before: &Before,
        side: Option<usize>,
        shown: &[Shown],
        step: &Step,
    ) {
        self.check_chain(before, step);
        self.check_decided(before, step);
        for decision in &step.decisions {
            self.check_review(decision);
        }
        let Some(side) = side else { return };
        for shown in shown {
            for (field, cell) in shown {
                self.look_at(side, *field, cell, step);
            }
        }
    }

    fn check_chain(&mut self, before: &Before, step: &Step) {
        let mut head = before.head.clone();
        for decision in &step.decisions {
            if decision.previous != head.hash || decision.position != head.length + 1 {
                let what =
                    format!("decision {} does not follow {}", decision.position, head.length);
                self.violated(Violation::Chain, what);
            }
            head = Head { length: decision.position, hash: decision.hash() };
        }
        if step.state.as_ref().is_some_and(|state| state.incident.chain != head) {
            self.violated(Violation::Chain, "the incident's head is not the last".to_owned());
        }
    }

    fn check_decided(&mut self, before: &Before, step: &Step) {
        let Some(state) = &step.state else { return };
        let mut wrong = Vec::new();
        for (field, owned) in &state.incident.fields {
            let of_field = || step.decisions.iter().filter(|decision| decision.field == *field);
            let was = before.fields.get(field);
            let mut value = was.map_or(&None, |(value, _)| value);
            for decision in of_field() {
                if decision.before != *value {
                    wrong.push(format!("{field}: a decision begins elsewhere"));
                }
                value = &decision.after;
            }
            let moved = was.is_none_or(|(_, rev)| *rev != owned.rev);
            let repeats = of_field().filter(|it| it.after == owned.value && it.before != it.after);
            if *value != owned.value
                || (moved && of_field().next().is_none())
                || repeats.count() > 1
            {
                wrong.push(format!("{field}: {value:?} decided, {:?} held", owned.value));
            }
        }
        for what in wrong {
            self.violated(Violation::Undecided, what);
        }
    }

    /// Under manual review nobody wins by a rule.
    fn check_review(&mut self, decision: &Decision) {
        let of_link = decision.link.and_then(|id| self.side_of_link(id));
        let Some(config) = of_link.and_then(|side| self.near.configs.get(&integration_id(side)))
        else {
            return;
        };
        let decides = matches!(decision.rule, Rule::LaterWins | Rule::OwnerWins);
        if config.strategy == Strategy::ManualReview && decides {
            let what = format!("{} by {}", decision.field, decision.rule.name());
            self.violated(Violation::Review, what);
        }
    }

    /// What became of one value that an event shows.
    fn look_at(&mut self, side: usize, field: Field, cell: &Cell, step: &Step) {
        let link = self.link(side).map(|link| link.id);
        let of_field = |it: &&Decision| it.field == field && it.link == link && link.is_some();
        let decisions = step.decisions.iter().filter(of_field);
        match cell.author {
            Author::Us(version) | Author::Effect(version) => {
                let judged = decisions.filter(|it| it.external == cell.value);
                let judged = judged.filter(|it| is_verdict(it.rule));
                let judged: Vec<_> = judged.map(|it| (it.before != it.after, it.rule)).collect();
                if self.forgot.contains(&side) || field == Field::AssignedTo {
                    return;
                }
                for (moved, rule) in judged {
                    let kind = if moved { Violation::EchoTaken } else { Violation::EchoJudged };
                    let what = format!("{field} of {side}, version {version}, {}", rule.name());
                    self.violated(kind, what);
                }
            }
            Author::Person(number) => {
                let Some(mark) = self.ledger.get(number).filter(|mark| mark.field == field) else {
                    return;
                };
                let of_mark = |it: &&Decision| it.external == mark.value;
                let decided: Vec<_> = decisions.filter(of_mark).cloned().collect();
                for decision in &decided {
                    self.check_verdict(number, decision);
                }
                let agreed = self.agrees(side, field);
                if let Some(mark) = self.ledger.get_mut(number) {
                    mark.judged = decided.last().map(|it| it.rule).or(mark.judged);
                    mark.agreed |= agreed(&mark.value);
                }
            }
            Author::Nobody | Author::Someone => {}
        }
    }

    /// Whether a verdict on somebody's edit is what the world knows to be true.
    fn check_verdict(&mut self, number: usize, decision: &Decision) {
        let Some(mark) = self.ledger.get(number) else { return };
        let (Some(by), Some(before_at)) = (&decision.before_by, decision.before_at) else { return };
        let ours = super::millis(before_at);
        let theirs_won = decision.before != decision.after;
        if by.side == Side::External {
            // An edit of another link, or this one itself, judged before its time was known.
            return;
        }
        if decision.rule == Rule::LaterWins && theirs_won != (mark.at >= ours) && mark.at != ours {
            let what = format!("[{number}] at {} against ours at {ours}", mark.at);
            return self.violated(Violation::Misjudged, what);
        }
        let field = mark.field;
        let over = Foreign { value: mark.over.clone(), label: None };
        let config = self.near.configs.get(&integration_id(mark.side));
        let Some(rule) = config.and_then(|config| config.fields.get(&field)) else { return };
        let knew = rule.lens.agree(decision.before.as_deref(), &over);
        let two_way = config.is_some_and(|config| config.writes(field) && config.reads(field));
        let concurrent = !knew && mark.at < ours;
        if decision.rule == Rule::Taken && theirs_won && concurrent && two_way {
            let what = format!("{field}: [{number}] at {} against ours at {ours}", mark.at);
            self.violated(Violation::Skipped, what);
        }
    }

    fn agrees(&self, side: usize, field: Field) -> impl Fn(&Value) -> bool + use<> {
        let lens = self.near.configs.get(&integration_id(side));
        let lens = lens.and_then(|config| Some(config.fields.get(&field)?.lens.clone()));
        let ours = self.near.state.as_ref();
        let ours = ours.and_then(|state| state.incident.value(field)).map(str::to_owned);
        move |value| {
            let foreign = Foreign { value: value.clone(), label: None };
            lens.as_ref().is_some_and(|lens| lens.agree(ours.as_deref(), &foreign))
        }
    }

    /// Notes edits that are what a write of ours is to put there; before the rules look at them.
    pub(super) fn coincidences(&mut self, side: Option<usize>, event: &Event, shown: &[Shown]) {
        let announced = match event {
            Event::Observation(observation) => observation.edited,
            Event::Receipt(_) | Event::Edit(_) | Event::Finding(_) => None,
        };
        let Some(side) = side else { return };
        let marks = shown.iter().flatten().filter_map(|(field, cell)| match cell.author {
            Author::Person(number) => Some((*field, number)),
            _ => None,
        });
        for (field, number) in marks.collect::<Vec<_>>() {
            let link = self.link(side);
            let Some(seen) = link.and_then(|link| link.fields.get(&field)) else { continue };
            let Some(mark) = self.ledger.get(number).filter(|mark| mark.field == field) else {
                continue;
            };
            let open = seen.open.iter().any(|intent| intent.value == mark.value);
            let landed = seen.landed.iter().any(|landed| {
                let (from, until) = (super::millis(landed.from), super::millis(landed.until));
                landed.value == mark.value && (from - 5000..=until + 5000).contains(&mark.at)
            });
            // What goes back to what was seen last, and is not announced, looks as if nobody had
            // done anything.
            let known = seen.theirs.as_ref().map(|theirs| &theirs.value.value);
            let back = known == Some(&mark.value) && announced != Some(field);
            let agrees = self.agrees(side, field)(&mark.value);
            if let Some(mark) = self.ledger.get_mut(number) {
                mark.coincides |= open || landed;
                mark.hidden |= back && mark.judged.is_none();
                mark.agreed |= agrees;
            }
        }
    }

    pub(super) fn check_clock(&mut self, side: usize, clock: Offset) {
        let true_offset = (self.fars[side].clock(self.now) - self.now) * 1000;
        if clock.at.is_some() && !(clock.lo - 1000..=clock.hi + 1000).contains(&true_offset) {
            let what = format!("{true_offset} is not in {}..{}", clock.lo, clock.hi);
            self.violated(Violation::Clock, what);
        }
    }

    /// Looks at the world when everything has come to rest.
    pub(super) fn check_end(&mut self) {
        for side in 0..self.fars.len() {
            for field in [Field::Title, Field::Severity, Field::Status, label()] {
                self.check_field(side, field);
            }
            let (writes, unknown) = (self.hands[side].writes, self.hands[side].unknown);
            // Each edit is worth one write; besides, an urgency that is raised costs one more for
            // the status, what is not answered may be sent twice and undone once, and a record
            // that is created takes two.
            let most = 2 * self.deeds.edits + 2 * unknown + 3;
            if writes > most {
                self.violated(Violation::Writes, format!("{writes} of {side}, at most {most}"));
            }
        }
        for number in 0..self.ledger.len() {
            self.check_mark(number);
        }
    }

    fn check_mark(&mut self, number: usize) {
        let Some(mark) = self.ledger.get(number) else { return };
        let Some((version, _)) = mark.overwritten else { return };
        // Whoever is assigned gives way to whoever acknowledges.
        if mark.judged.is_some() || mark.agreed || mark.field == Field::AssignedTo {
            return;
        }
        // A record that was parted is nobody's business any more.
        if self.link(mark.side).is_none_or(|link| link.detached) {
            return;
        }
        let what = format!("{} of {} [{number}], by version {version}", mark.field, mark.side);
        let kind = match mark {
            _ if mark.coincides => Violation::Coincident,
            _ if mark.shown && !mark.hidden && !self.went_back(mark) => Violation::Lost,
            _ => Violation::Unseeable,
        };
        self.violated(kind, what);
    }

    fn check_field(&mut self, side: usize, field: Field) {
        let Some(config) = self.near.configs.get(&integration_id(side)) else { return };
        let Some(link) = self.link(side).filter(|_| config.enabled) else { return };
        let Some(rule) = config.fields.get(&field) else { return };
        if link.detached || self.is_excused(config, link, side, field) {
            return;
        }
        let theirs = self.fars[side].cells.get(&field).map(|cell| cell.value.clone());
        let theirs = Foreign { value: theirs.flatten(), label: None };
        let Some(state) = &self.near.state else { return };
        let ours = state.incident.value(field);
        if !rule.lens.agree(ours, &theirs) {
            let what = format!("{field} of {side}: {ours:?} here, {:?} there", theirs.value);
            return self.violated(Violation::Diverged, what);
        }
        let last = self.deeds.last.get(&field);
        let owned = rule.belongs_to(Side::Platform) && !self.reconfigured;
        if let Some(last) = last.filter(|last| owned && last.as_deref() != ours) {
            let what = format!("{field}: {ours:?}, and the platform said {last:?}");
            let alone = self.fars.len() == 1;
            if alone {
                self.violated(Violation::Enforced, what);
            }
        }
    }

    /// Whether a field need not be equal: nobody may write it, or people are told what is wrong.
    fn is_excused(&self, config: &Integration, link: &Link, side: usize, field: Field) -> bool {
        let rule = config.fields.get(&field);
        let follows = rule.is_some_and(|rule| rule.belongs_to(Side::External));
        let one_way = !config.writes(field) && (!follows || !config.reads(field));
        let rivals = self.near.configs.values().filter(|other| {
            other.fields.get(&field).is_some_and(|rule| rule.belongs_to(Side::External))
        });
        let rivals = rivals.count() > 1 && follows;
        let open = self.near.state.as_ref().is_some_and(|state| {
            state.conflicts.iter().any(|open| open.link == link.id && open.field == field)
        });
        let refused = link.problem.is_some() && !self.fars[side].exists;
        let unpartnered = link.problem.is_some() && {
            let ours = self.near.state.as_ref().and_then(|state| state.incident.value(field));
            let theirs = self.fars[side].cells.get(&field).map(|cell| cell.value.clone());
            let theirs = Foreign { value: theirs.flatten(), label: None };
            rule.is_some_and(|rule| {
                let no_partner = rule.lens.get(ours, Some(&theirs)).is_err();
                no_partner || rule.lens.put(ours, &theirs, &BTreeMap::new()).is_err()
            })
        };
        let forbidden = link.problem.is_some()
            && self.near.state.as_ref().is_some_and(|state| {
                state.incident.value(Field::Title) == Some(super::far::FORBIDDEN)
            });
        one_way || rivals || open || refused || unpartnered || forbidden
    }
}

/// Whether a rule is a verdict on somebody's edit, as against what follows from the configuration.
const fn is_verdict(rule: Rule) -> bool {
    !matches!(
        rule,
        Rule::Enforced | Rule::Resolved | Rule::Created | Rule::Edited | Rule::Overtaken
    )
}
