//! What becomes of each call, webhook and message on its way: by chance, or as a script says.

use std::collections::VecDeque;

use super::{chance::Chance, plan::Knobs};

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallFate {
    /// How long the request takes to arrive.
    pub(super) up: i64,
    /// How long the answer takes to come.
    pub(super) down: i64,
    pub(super) end: End,
    /// How far behind the copy is that a read is served from.
    pub(super) lag: i64,
}

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Answered,
    /// The request is lost; the caller waits in vain.
    Unreached,
    /// It takes effect, and the caller waits in vain.
    Unanswered,
    /// It takes effect so long after the caller gave up.
    Late(i64),
    /// It is turned away for now, without effect.
    Trouble,
}

/// How a webhook goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HookFate {
    Delivered,
    /// It arrives, but the other side does not learn of it, and sends it again after so long.
    Twice(i64),
    /// It fails, and is sent again after so long.
    Again(i64),
    /// It never comes.
    Dropped,
}

/// How a message of the stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamFate {
    pub(super) delay: i64,
    /// Whether the first copy dies before its commit, and after how long another one takes over.
    pub(super) crash_before: Option<i64>,
    /// The same after its commit.
    pub(super) crash_after: Option<i64>,
}

/// When a call is given up.
pub(super) const TIMEOUT: i64 = 2000;

/// The weather of a world.
#[derive(Debug)]
pub(super) struct Weather {
    knobs: Knobs,
    calls: Vec<Chance>,
    hooks: Vec<Chance>,
    stream: Chance,
    /// From now on everything goes well.
    pub(super) calm: bool,
    /// What comes before chance.
    pub(super) scripted_calls: VecDeque<CallFate>,
    pub(super) scripted_hooks: VecDeque<(i64, HookFate)>,
    pub(super) scripted_stream: VecDeque<StreamFate>,
}

impl Weather {
    pub(super) fn new(seed: u64, knobs: Knobs, sides: usize) -> Self {
        let of = |purpose: u64| {
            let side = |side| Chance::of(seed, purpose + u64::try_from(side).unwrap_or(0));
            (0..sides).map(side).collect()
        };
        Self {
            knobs,
            calls: of(100),
            hooks: of(200),
            stream: Chance::of(seed, 300),
            calm: false,
            scripted_calls: VecDeque::new(),
            scripted_hooks: VecDeque::new(),
            scripted_stream: VecDeque::new(),
        }
    }

    pub(super) fn call(&mut self, side: usize, reads: bool) -> CallFate {
        if let Some(fate) = self.scripted_calls.pop_front() {
            return fate;
        }
        let Self { knobs, calm, .. } = self;
        let Some(chance) = self.calls.get_mut(side).filter(|_| !*calm) else {
            return CallFate { up: 20, down: 20, end: End::Answered, lag: 0 };
        };
        let slow = chance.permille(knobs.stalled);
        let most = if slow { 950 } else { 120 };
        let (up, down) = (chance.between(1, most), chance.between(1, most));
        let end = match () {
            () if chance.permille(knobs.unreached) => End::Unreached,
            () if chance.permille(knobs.unanswered) => End::Unanswered,
            () if chance.permille(knobs.late) && !reads => End::Late(chance.between(1, 9000)),
            () if chance.permille(knobs.unreached) => End::Trouble,
            () => End::Answered,
        };
        let lag = if chance.permille(knobs.stale) { chance.between(1, 3000) } else { 0 };
        CallFate { up, down, end, lag: if reads { lag } else { 0 } }
    }

    /// How long until a webhook is sent, and what becomes of it.
    pub(super) fn hook(&mut self, side: usize) -> (i64, HookFate) {
        if let Some(fate) = self.scripted_hooks.pop_front() {
            return fate;
        }
        let Self { knobs, calm, .. } = self;
        let Some(chance) = self.hooks.get_mut(side).filter(|_| !*calm) else {
            return (50, HookFate::Delivered);
        };
        let fate = match () {
            () if chance.permille(knobs.dropped) => HookFate::Dropped,
            () if chance.permille(knobs.twice) => HookFate::Twice(chance.between(200, 5000)),
            () if chance.permille(knobs.stalled) => HookFate::Again(chance.between(200, 8000)),
            () => HookFate::Delivered,
        };
        (chance.between(20, 400), fate)
    }

    /// Whether a write that has only read gives way to a newer one.
    pub(super) fn called_off(&mut self, side: usize) -> bool {
        !self.calm && self.calls.get_mut(side).is_some_and(|chance| chance.permille(300))
    }

    /// Whether the egress dies just after it reported.
    pub(super) fn dies(&mut self, side: usize) -> bool {
        let crashes = self.knobs.crashes;
        !self.calm && self.calls.get_mut(side).is_some_and(|chance| chance.permille(crashes))
    }

    pub(super) fn stream(&mut self) -> StreamFate {
        if let Some(fate) = self.scripted_stream.pop_front() {
            return fate;
        }
        let Self { knobs, calm, stream: chance, .. } = self;
        if *calm {
            return StreamFate { delay: 5, crash_before: None, crash_after: None };
        }
        let stalled = chance.permille(knobs.stalled);
        let delay = if stalled { chance.between(50, 4000) } else { chance.between(1, 30) };
        let crash =
            |chance: &mut Chance| chance.permille(knobs.crashes).then(|| chance.between(100, 3000));
        StreamFate { delay, crash_before: crash(chance), crash_after: crash(chance) }
    }
}
