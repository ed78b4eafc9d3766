//! What happens in a world: how it is set up, what people do and when, and how rough it is.
//!
//! A plan is made from a seed and is all there is to a world: the same plan always plays the same
//! way. [`Plan::without`] takes one step out, for shrinking.

use std::fmt;

use super::{chance::Chance, label};
use crate::{
    field::{Field, SEVERITIES, STATUSES, Value},
    incident::Side,
    integration::{Direction, Strategy},
};

/// How rough a world is. Everything is in thousandths unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knobs {
    /// The most steps of people.
    pub steps: i64,
    /// The most links.
    pub sides: i64,
    /// The most the external clocks are off, in milliseconds.
    pub skew: i64,
    /// The most they drift, in parts per million.
    pub drift: i64,
    /// Webhooks that are dropped for good.
    pub dropped: u16,
    /// Webhooks that come twice.
    pub twice: u16,
    /// Webhooks and messages that are late by seconds.
    pub stalled: u16,
    /// Calls whose answer is lost.
    pub unanswered: u16,
    /// Calls that never arrive.
    pub unreached: u16,
    /// Calls that land after they were given up.
    pub late: u16,
    /// Reads from a copy that lags behind.
    pub stale: u16,
    /// Crashes of the reconciler before and after its commit.
    pub crashes: u16,
    /// Crashes of the egress, among the steps.
    pub kills: u16,
    /// Changes of the configuration, among the steps.
    pub configures: u16,
    /// Unlinking and linking again, among the steps.
    pub relinks: u16,
    /// Values that are refused or have no partner, among the edits.
    pub odd: u16,
    /// Worlds in which fields have owners and directions of their own, and some are enforced.
    pub ruled: u16,
}

impl Knobs {
    /// Everything that can go wrong does.
    pub const fn rough() -> Self {
        Self {
            steps: 24,
            sides: 3,
            skew: 3000,
            drift: 50,
            dropped: 60,
            twice: 60,
            stalled: 60,
            unanswered: 60,
            unreached: 30,
            late: 30,
            stale: 20,
            crashes: 30,
            kills: 40,
            configures: 40,
            relinks: 40,
            odd: 30,
            ruled: 400,
        }
    }

    /// Nothing goes wrong.
    pub const fn calm() -> Self {
        Self {
            steps: 24,
            sides: 1,
            skew: 0,
            drift: 0,
            dropped: 0,
            twice: 0,
            stalled: 0,
            unanswered: 0,
            unreached: 0,
            late: 0,
            stale: 0,
            crashes: 0,
            kills: 0,
            configures: 0,
            relinks: 0,
            odd: 0,
            ruled: 0,
        }
    }
}

/// The rules of one field of one integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ruled {
    pub(super) owner: Side,
    pub(super) enforced: bool,
    pub(super) direction: Direction,
    pub(super) priority: u32,
}

/// One integration and its external side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) strategy: Strategy,
    pub(super) rules: [(Field, Ruled); 4],
    /// Whether the mappings lack a severity and a status.
    pub(super) narrow: bool,
    /// Whether a service is mapped.
    pub(super) mapped: bool,
    /// How far the external clock is ahead, in milliseconds.
    pub(super) offset: i64,
    /// How fast it goes away, in parts per million.
    pub(super) drift: i64,
}

/// A change of an integration's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Config {
    Strategy(Strategy),
    Rule(Field, Ruled),
    Mapped(bool),
    Enabled(bool),
}

/// What somebody over there changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    Title(String),
    Urgency(String),
    Priority(String),
    Status(String),
    Label(Value),
    Assign(String),
}

/// One thing that people, or bad luck, do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Somebody changes a record.
    Theirs(usize, Deed),
    /// Somebody changes the incident, with a clock that is back by so much; perhaps on a revision.
    Ours { field: Field, value: Value, back: i64, revision: bool },
    /// Somebody configures an integration.
    Configure(usize, Config),
    /// Somebody takes a link apart.
    Unlink(usize),
    /// Somebody links the incident to the record.
    Link(usize),
    /// Somebody decides the oldest conflict: platform, external or a third value.
    Resolve(u8),
    /// The healer reads.
    Heal(usize),
    /// The egress dies; another copy takes over.
    Kill(usize),
}

/// Where the incident begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// On the platform; the records are created.
    Here,
    /// Over there, in the first account; the others' records are linked by people.
    There,
}

/// All there is to a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) seed: u64,
    pub(super) knobs: Knobs,
    pub(super) begin: Begin,
    pub(super) setups: Vec<Setup>,
    /// When each step happens, in milliseconds.
    pub(super) steps: Vec<(i64, Step)>,
}

const STRATEGIES: [Strategy; 3] =
    [Strategy::LastWriteWins, Strategy::OwnershipPriority, Strategy::ManualReview];
const SIDES: [Side; 2] = [Side::Platform, Side::External];
/// The states a record can be in.
const STATES: [&str; 3] = ["triggered", "acknowledged", "resolved"];

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64, knobs: Knobs) -> Self {
        let mut chance = Chance::of(seed, 1);
        let sides = match chance.between(0, 9) {
            0..=5 => 1,
            6..=8 => 2,
            _ => 3,
        };
        let begin = *chance.pick(&[Begin::Here, Begin::There, Begin::There]);
        let one = setup(&mut chance, knobs);
        let sides = usize::try_from(knobs.sides.min(sides)).unwrap_or(1);
        let alike = chance.permille(500);
        let setups = (0..sides)
            .map(
                |_| if alike { again(&mut chance, &one, knobs) } else { setup(&mut chance, knobs) },
            )
            .collect();
        let mut plan = Self { seed, knobs, begin, setups, steps: Vec::new() };
        plan.draw(&mut chance);
        plan
    }

    fn draw(&mut self, chance: &mut Chance) {
        let mut at = 1500;
        if self.begin == Begin::There {
            for side in 1..self.setups.len() {
                at += chance.between(0, 1500);
                self.steps.push((at, Step::Link(side)));
            }
        }
        for _ in 0..chance.between(1, self.knobs.steps) {
            at += match chance.between(0, 9) {
                0..=3 => chance.between(0, 60),
                4..=7 => chance.between(20, 900),
                8 => chance.between(500, 3000),
                _ => chance.between(2000, 9000),
            };
            let step = self.step(chance);
            if let Step::Unlink(side) = step {
                let after = at + chance.between(10, 4000);
                self.steps.push((after, Step::Link(side)));
            }
            if let Step::Configure(side, Config::Enabled(false)) = step {
                let after = at + chance.between(10, 4000);
                self.steps.push((after, Step::Configure(side, Config::Enabled(true))));
            }
            self.steps.push((at, step));
        }
        self.steps.sort_by_key(|(at, _)| *at);
    }

    fn step(&self, chance: &mut Chance) -> Step {
        let knobs = self.knobs;
        let side = usize::try_from(chance.between(0, 2)).unwrap_or(0) % self.setups.len();
        if chance.permille(knobs.kills) {
            return Step::Kill(side);
        }
        if chance.permille(knobs.configures) {
            return Step::Configure(side, config(chance));
        }
        if chance.permille(knobs.relinks) {
            return Step::Unlink(side);
        }
        match chance.between(0, 99) {
            0..=44 => Step::Theirs(side, deed(chance, knobs)),
            45..=89 => ours(chance, knobs),
            90..=93 => Step::Heal(side),
            _ => Step::Resolve(u8::try_from(chance.between(0, 2)).unwrap_or(0)),
        }
    }

    /// How many steps it has.
    pub const fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nobody does anything.
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The plan without some of its steps.
    #[must_use]
    pub fn without(&self, from: usize, count: usize) -> Self {
        let keep = |(at, _): &(usize, &(i64, Step))| !(from..from + count).contains(at);
        let steps = self.steps.iter().enumerate().filter(keep).map(|(_, step)| step.clone());
        Self { steps: steps.collect(), ..self.clone() }
    }

    /// The plan in a calmer world.
    #[must_use]
    pub fn with(&self, knobs: Knobs) -> Self {
        Self { knobs, ..self.clone() }
    }

    /// How rough it is.
    pub const fn knobs(&self) -> Knobs {
        self.knobs
    }
}

fn again(chance: &mut Chance, one: &Setup, knobs: Knobs) -> Setup {
    let offset = chance.between(-knobs.skew, knobs.skew);
    Setup { offset, drift: chance.between(-knobs.drift, knobs.drift), ..one.clone() }
}

fn setup(chance: &mut Chance, knobs: Knobs) -> Setup {
    let each_its_own = chance.permille(knobs.ruled);
    let owner = *chance.pick(&SIDES);
    let priority = u32::try_from(chance.between(0, 2)).unwrap_or(0);
    let plain = Ruled { owner, enforced: false, direction: Direction::Bidirectional, priority };
    let fields = [Field::Title, Field::Severity, Field::Status, label()];
    let rules = fields.map(|field| (field, if each_its_own { rule(chance) } else { plain }));
    Setup {
        strategy: *chance.pick(&STRATEGIES),
        rules,
        narrow: chance.permille(knobs.odd),
        mapped: !chance.permille(knobs.odd),
        offset: chance.between(-knobs.skew, knobs.skew),
        drift: chance.between(-knobs.drift, knobs.drift),
    }
}

fn rule(chance: &mut Chance) -> Ruled {
    let direction = match chance.between(0, 9) {
        0 => Direction::Inbound,
        1 => Direction::Outbound,
        _ => Direction::Bidirectional,
    };
    Ruled {
        owner: *chance.pick(&SIDES),
        enforced: chance.permille(250),
        direction,
        priority: u32::try_from(chance.between(0, 2)).unwrap_or(0),
    }
}

fn config(chance: &mut Chance) -> Config {
    match chance.between(0, 9) {
        0..=3 => Config::Strategy(*chance.pick(&STRATEGIES)),
        4..=7 => Config::Rule(
            *chance.pick(&[Field::Title, Field::Severity, Field::Status]),
            rule(chance),
        ),
        8 => Config::Mapped(true),
        _ => Config::Enabled(false),
    }
}

fn title(chance: &mut Chance, knobs: Knobs) -> String {
    if chance.permille(knobs.odd) {
        return super::far::FORBIDDEN.to_owned();
    }
    if chance.permille(400) {
        return (*chance.pick(&["A", "B"])).to_owned();
    }
    format!("T{}", chance.between(0, 999))
}

fn deed(chance: &mut Chance, knobs: Knobs) -> Deed {
    let pick = |chance: &mut Chance, of: &[&str]| (*chance.pick(of)).to_owned();
    match chance.between(0, 19) {
        0..=5 => Deed::Title(title(chance, knobs)),
        6..=8 => Deed::Urgency(pick(chance, &["high", "low"])),
        9..=10 => Deed::Priority(pick(chance, &["P1", "P2", "P3", "P4", "Other"])),
        11..=16 => Deed::Status(pick(chance, &STATES)),
        17..=18 => Deed::Label((!chance.permille(300)).then(|| title(chance, knobs))),
        _ => Deed::Assign(pick(chance, &["PRIYA", "NOOR"])),
    }
}

fn ours(chance: &mut Chance, knobs: Knobs) -> Step {
    let pick = |chance: &mut Chance, of: &[&str]| Some((*chance.pick(of)).to_owned());
    let (field, value) = match chance.between(0, 19) {
        0..=5 => (Field::Title, Some(title(chance, knobs))),
        6..=10 => (Field::Severity, pick(chance, &SEVERITIES)),
        11..=17 => (Field::Status, pick(chance, &STATUSES)),
        _ => (label(), (!chance.permille(300)).then(|| title(chance, knobs))),
    };
    let back = if chance.permille(150) { chance.between(1, 1500) } else { 0 };
    Step::Ours { field, value, back, revision: chance.permille(300) }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "it begins {:?}; {:?}", self.begin, self.knobs)?;
        for (side, setup) in self.setups.iter().enumerate() {
            let Setup { strategy, narrow, mapped, offset, drift, .. } = setup;
            write!(f, "side {side}: {strategy:?}, clock {offset:+} ms {drift:+} ppm")?;
            write!(f, "{}", if *narrow { ", narrow" } else { "" })?;
            writeln!(f, "{}", if *mapped { "" } else { ", no service mapped" })?;
            for (field, Ruled { owner, enforced, direction, priority }) in &setup.rules {
                let enforced = if *enforced { " enforced" } else { "" };
                writeln!(f, "  {field}: {owner:?}{enforced} {direction:?} {priority}")?;
            }
        }
        self.steps.iter().try_for_each(|(at, step)| writeln!(f, "{at:>6} {step:?}"))
    }
}
