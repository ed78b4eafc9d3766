//! Playing a world by hand: a script says who does what when, and how calls and webhooks go.

use super::{
    Far, Knobs, Plan, Report, Violation, World,
    plan::{Begin, Deed, Ruled, Setup, Step},
    setup::label,
    weather::{CallFate, End, HookFate, StreamFate},
};
use crate::{
    field::Field,
    incident::Side,
    integration::{Direction, Strategy},
};

/// A world that begins with a record over there, known to both sides, and its script so far.
pub(super) struct Script {
    pub(super) world: World,
}

/// An integration whose every field has this owner.
pub(super) fn side(strategy: Strategy, owner: Side) -> Setup {
    let (direction, priority) = (Direction::Bidirectional, 0);
    let rule = Ruled { owner, enforced: false, direction, priority };
    let fields = [Field::Title, Field::Severity, Field::Status, label()];
    let rules = fields.map(|field| (field, rule));
    Setup { strategy, rules, narrow: false, mapped: true, offset: 0, drift: 0 }
}

/// A call that goes well, with so long ways.
pub(super) const fn slow(up: i64, down: i64) -> CallFate {
    CallFate { up, down, end: End::Answered, lag: 0 }
}

/// A call that ends like this.
pub(super) const fn ends(end: End) -> CallFate {
    CallFate { up: 20, down: 20, end, lag: 0 }
}

impl Script {
    /// A record over there, triggered and high; both sides know it and their clocks at time 0.
    pub(super) fn there(setup: Setup) -> Self {
        Self::several(vec![setup])
    }

    /// The same with several accounts; the records of all but the first are linked.
    pub(super) fn several(setups: Vec<Setup>) -> Self {
        let sides = setups.len();
        let knobs = Knobs::calm();
        let begin = Begin::There;
        let plan = Plan { seed: 0, knobs, begin, setups, steps: Vec::new() };
        let mut script = Self::of(&plan);
        for side in 1..sides {
            script.world.act(Step::Link(side));
        }
        script.rest();
        for side in 0..sides {
            script.world.heal(side, true);
        }
        script.rest();
        script.zero()
    }

    /// An incident of the platform, and its record created.
    pub(super) fn here(setup: Setup) -> Self {
        let (knobs, begin) = (Knobs::calm(), Begin::Here);
        let plan = Plan { seed: 0, knobs, begin, setups: vec![setup], steps: Vec::new() };
        let mut script = Self::of(&plan);
        script.rest();
        script.zero()
    }

    fn of(plan: &Plan) -> Self {
        let mut world = World::new(plan);
        world.story = Some(Vec::new());
        world.weather.calm = true;
        world.begin();
        Self { world }
    }

    /// Everything arrives and is done.
    pub(super) fn rest(&mut self) {
        assert!(self.world.settle(), "it never comes to rest");
    }

    /// What happens from here on is timed from zero, a minute after the beginning.
    fn zero(mut self) -> Self {
        self.world.run_until(ZERO);
        self
    }

    /// Lets everything happen that is due by then.
    pub(super) fn until(&mut self, ms: i64) -> &mut Self {
        self.world.run_until(ZERO + ms);
        self
    }

    /// Somebody over there does something.
    pub(super) fn theirs(&mut self, ms: i64, deed: Deed) -> &mut Self {
        self.until(ms).world.act(Step::Theirs(0, deed));
        self
    }

    /// Somebody sets the status over there.
    pub(super) fn their_status(&mut self, ms: i64, status: &str) -> &mut Self {
        self.theirs(ms, Deed::Status(status.to_owned()))
    }

    /// Somebody sets the title over there.
    pub(super) fn their_title(&mut self, ms: i64, title: &str) -> &mut Self {
        self.theirs(ms, Deed::Title(title.to_owned()))
    }

    /// Somebody sets the urgency over there.
    pub(super) fn their_urgency(&mut self, ms: i64, urgency: &str) -> &mut Self {
        self.theirs(ms, Deed::Urgency(urgency.to_owned()))
    }

    /// Somebody changes the incident.
    pub(super) fn ours(&mut self, ms: i64, field: Field, value: &str) -> &mut Self {
        let value = Some(value.to_owned());
        let step = Step::Ours { field, value, back: 0, revision: false };
        self.step(ms, step)
    }

    /// Anything else happens.
    pub(super) fn step(&mut self, ms: i64, step: Step) -> &mut Self {
        self.until(ms).world.act(step);
        self
    }

    /// How the next calls go, one after the other.
    pub(super) fn calls(&mut self, fates: impl IntoIterator<Item = CallFate>) -> &mut Self {
        self.world.weather.scripted_calls.extend(fates);
        self
    }

    /// How the next webhooks go: after how long they are sent, and what becomes of them.
    pub(super) fn hooks(&mut self, fates: impl IntoIterator<Item = (i64, HookFate)>) -> &mut Self {
        self.world.weather.scripted_hooks.extend(fates);
        self
    }

    /// How long the next messages wait in the stream.
    pub(super) fn stream(&mut self, delays: impl IntoIterator<Item = i64>) -> &mut Self {
        let fate = |delay| StreamFate { delay, crash_before: None, crash_after: None };
        self.world.weather.scripted_stream.extend(delays.into_iter().map(fate));
        self
    }

    /// What the platform says.
    pub(super) fn here_is(&self, field: Field) -> Option<&str> {
        self.world.near.state.as_ref()?.incident.value(field)
    }

    /// What the record says.
    pub(super) fn there_is(&self, field: Field) -> Option<&str> {
        self.far().value(field)
    }

    fn far(&self) -> &Far {
        &self.world.fars[0]
    }

    /// Comes to its end: nothing went wrong, and both sides say this.
    #[track_caller]
    pub(super) fn ends_with(mut self, field: Field, here: &str, there: &str) -> Report {
        self.rest();
        let seen =
            (self.here_is(field).map(str::to_owned), self.there_is(field).map(str::to_owned));
        let report = self.world.end();
        let story = report.story.join("\n");
        assert!(!report.failed(), "{:?}\n{story}", report.violations);
        assert_eq!(seen, (Some(here.to_owned()), Some(there.to_owned())), "\n{story}");
        report
    }

    /// Comes to its end like this, whatever is counted.
    #[track_caller]
    pub(super) fn counts(self, violation: Violation, field: Field, here: &str, there: &str) {
        let report = self.ends_with(field, here, there);
        assert!(report.has(violation), "{violation:?}: {}", report.story.join("\n"));
    }
}

/// When scripts begin.
const ZERO: i64 = 60_000;
