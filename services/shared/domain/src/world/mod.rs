//! The simulation: two sides, people on both, a bad wire and bad luck, in memory and seeded.
//!
//! A [`Plan`] is made from a seed and says who does what, and when. A [`World`] plays it: the
//! external sides (`far`), as strict as PagerDuty is; the wire between them and the stream
//! (`wire`); the reconciler with the real rules (`near`); the egress with its calls (`egress`).
//! What becomes of each call, webhook and message is the weather's affair. The world knows who
//! wrote each value, which nobody in it does, and so can tell afterwards whether an echo was taken
//! for an edit, and whether an edit was lost that could have been seen (`invariants`).
//!
//! The same plan always plays the same way. A seed that goes wrong is shrunk by taking steps out.

mod call;
mod chance;
mod egress;
mod far;
mod invariants;
mod near;
mod people;
mod plan;
mod setup;
mod shrink;
mod trace;
mod weather;
mod wire;

#[cfg(test)]
mod counterexamples;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod script;
#[cfg(test)]
mod soak;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Index, IndexMut},
};

use jiff::Timestamp;

use self::{
    call::Request,
    egress::Egress,
    far::{Author, Far, Patch},
    near::Near,
    people::{Deeds, Mark},
    plan::Begin,
    setup::{integration_id, label, map, org, record, rule},
    weather::{HookFate, Weather},
    wire::Message,
};
pub use self::{
    invariants::Violation,
    plan::{Knobs, Plan},
    shrink::shrink,
};
use crate::{
    event::{Change, Edit, Event},
    field::Field,
    id::LinkId,
    link::Link,
};

/// One thing of each side, by the side's number.
#[derive(Debug)]
struct Sides<T> {
    all: Vec<T>,
}

impl<T> Sides<T> {
    fn of(count: usize, make: impl FnMut(usize) -> T) -> Self {
        Self { all: (0..count).map(make).collect() }
    }

    const fn len(&self) -> usize {
        self.all.len()
    }
}

impl<T> Index<usize> for Sides<T> {
    type Output = T;

    fn index(&self, side: usize) -> &T {
        self.all.get(side).unwrap_or_else(|| unreachable!("there is no side {side}"))
    }
}

impl<T> IndexMut<usize> for Sides<T> {
    fn index_mut(&mut self, side: usize) -> &mut T {
        self.all.get_mut(side).unwrap_or_else(|| unreachable!("there is no side {side}"))
    }
}

/// What is due to happen.
#[derive(Debug)]
enum Happening {
    Step(usize),
    Hook { side: usize, fate: HookFate },
    Message { number: usize, run: u8 },
    Edit(Box<Edit>),
    Relay { side: usize },
    Work { side: usize },
    Arrive { side: usize, token: u64, request: Box<Request> },
    Answer { side: usize, token: u64, answers: bool },
    Failover { side: usize },
}

/// How a world ended.
#[derive(Debug, Default)]
pub struct Report {
    /// What went wrong, or is to be counted.
    pub violations: Vec<(Violation, String)>,
    /// How many edits people made, on both sides.
    pub edits: usize,
    /// How many calls changed a record.
    pub writes: usize,
    /// How many events were applied.
    pub events: usize,
    /// How many desired states were published.
    pub published: usize,
    /// The story, where it was asked for.
    pub story: Vec<String>,
}

impl Report {
    /// Whether something went wrong that is not only counted.
    pub fn failed(&self) -> bool {
        self.violations.iter().any(|(violation, _)| !violation.is_counted_only())
    }

    /// Whether this went wrong.
    pub fn has(&self, violation: Violation) -> bool {
        self.violations.iter().any(|(other, _)| *other == violation)
    }
}

/// External sides, a platform, people on both, and everything in between.
#[derive(Debug)]
pub struct World {
    plan: Plan,
    now: i64,
    order: u64,
    agenda: BTreeMap<(i64, u64), Happening>,
    fars: Sides<Far>,
    hands: Sides<Egress>,
    near: Near,
    stream: Vec<Message>,
    weather: Weather,
    ledger: Vec<Mark>,
    deeds: Deeds,
    /// Whether the configuration changed on the way.
    reconfigured: bool,
    /// The sides whose links were taken apart.
    forgot: BTreeSet<usize>,
    violations: Vec<(Violation, String)>,
    story: Option<Vec<String>>,
}

/// The fields of a record that people change.
const ALL: [Field; 4] = [Field::Title, Field::Severity, Field::Status, Field::AssignedTo];
/// The most that may happen in a world before it counts as restless.
const HAPPENINGS_MAX: usize = 40_000;

impl World {
    /// The world of a plan.
    pub fn new(plan: &Plan) -> Self {
        let sides = plan.setups.len();
        Self {
            now: 0,
            order: 0,
            agenda: BTreeMap::new(),
            fars: Sides { all: plan.setups.iter().enumerate().map(Far::of).collect() },
            hands: Sides::of(sides, |_| Egress::default()),
            near: Near::new(setup::configs(&plan.setups)),
            stream: Vec::new(),
            weather: Weather::new(plan.seed, plan.knobs, sides),
            ledger: Vec::new(),
            deeds: Deeds::default(),
            reconfigured: false,
            forgot: BTreeSet::new(),
            violations: Vec::new(),
            story: None,
            plan: plan.clone(),
        }
    }

    /// Plays a plan to its end.
    pub fn play(plan: &Plan, tells: bool) -> Report {
        let mut world = Self::new(plan);
        world.story = tells.then(Vec::new);
        world.begin();
        for (number, (at, _)) in plan.steps.iter().enumerate() {
            world.later(*at, Happening::Step(number));
        }
        let end = plan.steps.last().map_or(0, |(at, _)| *at).max(1000);
        world.run_until(end);
        world.end()
    }

    fn begins_there(&self) -> bool {
        self.plan.begin == Begin::There
    }

    /// The incident comes to be, here or over there.
    fn begin(&mut self) {
        match self.plan.begin {
            Begin::Here => {
                let fields = BTreeMap::from([
                    (Field::Title, Some("disk full".to_owned())),
                    (Field::Severity, Some("SEV-2".to_owned())),
                ]);
                let incident_type = Some("infrastructure".to_owned());
                self.ask(Change::Create { fields, incident_type, labels: BTreeMap::new() }, 0);
            }
            Begin::There => {
                for side in 0..self.fars.len() {
                    let now = self.now;
                    self.fars[side].create(None, &Patch::default(), Author::Nobody, now);
                    self.send_hooks(side);
                }
            }
        }
    }

    /// Lets everything arrive, has the healer read once, and looks at what came of it.
    fn end(mut self) -> Report {
        self.say(|| "traffic stops".to_owned());
        self.weather.calm = true;
        let mut rested = self.settle();
        for round in 0..2 {
            self.now += 10_000;
            let published = self.near.published;
            self.say(|| "the healer reads".to_owned());
            let healed = (0..self.fars.len()).filter(|side| self.link(*side).is_some()).count();
            (0..self.fars.len()).for_each(|side| self.heal(side, true));
            rested &= self.settle();
            if round == 0 {
                self.check_end();
            } else if self.near.published > published + healed {
                self.violated(Violation::Restless, "a second read causes more".to_owned());
            }
        }
        if !rested {
            self.violated(Violation::Restless, "it never comes to rest".to_owned());
        }
        Report {
            violations: self.violations,
            edits: self.deeds.edits,
            writes: self.hands.all.iter().map(|egress| egress.writes).sum(),
            events: self.stream.len(),
            published: self.near.published,
            story: self.story.unwrap_or_default(),
        }
    }

    /// Runs until nothing is due any more; says whether that came to be.
    fn settle(&mut self) -> bool {
        (0..HAPPENINGS_MAX).any(|_| !self.next())
    }

    fn run_until(&mut self, until: i64) {
        while self.agenda.first_key_value().is_some_and(|((at, _), _)| *at <= until) {
            self.next();
        }
        self.now = self.now.max(until);
    }

    /// Has something happen after a while.
    fn later(&mut self, delay: i64, happening: Happening) {
        self.order += 1;
        self.agenda.insert((self.now + delay.max(0), self.order), happening);
    }

    fn next(&mut self) -> bool {
        let Some(((at, _), happening)) = self.agenda.pop_first() else { return false };
        self.now = self.now.max(at);
        match happening {
            Happening::Step(number) => {
                if let Some((_, step)) = self.plan.steps.get(number).cloned() {
                    self.act(step);
                }
            }
            Happening::Hook { side, fate } => self.attempt(side, fate),
            Happening::Message { number, run } => self.deliver(number, run),
            Happening::Edit(edit) => self.publish(Event::Edit(*edit), None, Vec::new()),
            Happening::Relay { side } => self.relay(side),
            Happening::Work { side } => self.work(side),
            Happening::Arrive { side, token, request } => self.arrive(side, token, *request),
            Happening::Answer { side, token, answers } => self.answered(side, token, answers),
            Happening::Failover { side } => self.fail_over(side),
        }
        true
    }

    fn link(&self, side: usize) -> Option<&Link> {
        let id = integration_id(side);
        self.near.state.as_ref()?.links.iter().find(|link| link.integration == id)
    }

    fn side_of_link(&self, id: LinkId) -> Option<usize> {
        (0..self.fars.len()).find(|side| self.link(*side).is_some_and(|link| link.id == id))
    }

    fn violated(&mut self, violation: Violation, what: String) {
        self.say(|| format!("*** {violation:?}: {what}"));
        self.violations.push((violation, what));
    }
}

/// An instant of the world, in milliseconds.
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap_or_default()
}

/// An instant as the world counts it.
fn millis(at: Timestamp) -> i64 {
    at.as_millisecond() - 1_700_000_000_000
}
