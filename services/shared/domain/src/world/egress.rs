//! The egress: one call per link at a time, and what it makes of answers that do not come.
//!
//! A write begins with a read, carries only what differs and was expected, and reports what was
//! there before and after. An unknown outcome is never sent again blindly: the retry begins with
//! the read. A newer message replaces an older one that was not begun. When a copy dies, what the
//! broker still holds is delivered to the next one, and what was sent last may land after that.

use std::collections::BTreeMap;

use super::{
    Happening, World,
    call::{Origin, Request, plan, spell},
    far::{Author, Patch, Refused, Shown},
    weather::{End, TIMEOUT},
};
use crate::{
    event::{Event, Fate, Outcome, Reading, Receipt, Snapshot},
    field::Field,
    lens::parts,
    outbound::Desired,
};

/// A desired state that waits or is worked on.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) desired: Desired,
    due: i64,
    failures: i64,
    /// Whether a call of it, or of an older one, may have landed unseen.
    attempted: bool,
    /// Whether the broker delivered it before, perhaps to a copy that reported it and died.
    again: bool,
}

#[derive(Debug)]
struct Hand {
    job: Job,
    token: u64,
    sent: i64,
    origin: Origin,
    before: Option<(Reading, Shown)>,
    /// Whether the answer in hand is that of the creation.
    made: bool,
    fates: BTreeMap<Field, Fate>,
    rounds: u8,
    answer: Option<Answer>,
}

/// What it answers.
#[derive(Debug)]
pub(super) enum Answer {
    Shown {
        snapshot: Box<Snapshot>,
        shown: Shown,
        date: i64,
    },
    Missing,
    AlreadySo,
    Duplicate,
    Refused(String),
    /// Not now, and nothing happened.
    Trouble,
}

/// The egress as far as one link is concerned.
#[derive(Debug, Default)]
pub(super) struct Egress {
    /// The one message the broker keeps of the link, and how often it was delivered.
    broker: Option<(Desired, u32)>,
    slot: Option<Job>,
    hand: Option<Hand>,
    dead: bool,
    /// The versions the copy in charge attempted.
    attempted: Vec<u64>,
    /// Until when a call of a copy that died may land.
    unsure_until: i64,
    tokens: u64,
    /// Calls that changed the record.
    pub(super) writes: usize,
    /// Writes of which nobody knows whether they landed, and creations.
    pub(super) unknown: usize,
}

/// How long what was given up may still land, and a margin.
const SETTLING: i64 = TIMEOUT + 10_000;
/// How often a call is repeated at once because the record has moved under it.
const ROUNDS: u8 = 3;

impl Egress {
    /// The versions attempted before this one.
    fn attempted_before(&self, version: u64) -> Vec<u64> {
        self.attempted.iter().copied().filter(|attempted| *attempted < version).collect()
    }
}

impl World {
    /// A message of the reconciler reaches the broker.
    pub(super) fn offer(&mut self, side: usize, desired: Desired) {
        let egress = &mut self.hands[side];
        egress.broker = Some((desired, 0));
        if !egress.dead {
            self.pull(side);
        }
    }

    /// The copy in charge takes over what the broker holds.
    fn pull(&mut self, side: usize) {
        let now = self.now;
        let egress = &mut self.hands[side];
        let Some((desired, deliveries)) = &mut egress.broker else { return };
        *deliveries += 1;
        let again = *deliveries > 1;
        let attempted = again || now < egress.unsure_until;
        let creates = desired.record.is_none();
        let settled = if attempted && creates { now + SETTLING } else { now };
        let held = desired.not_before.map_or(now, |at| super::millis(at) + 1);
        let (desired, due) = (desired.clone(), settled.max(held));
        let mut job = Job { desired, due, failures: 0, attempted, again };
        if let Some(older) = egress.slot.take() {
            let waits = older.failures > 0 || attempted || job.desired.not_before.is_some();
            job.due = if waits { job.due.max(older.due) } else { job.due.min(older.due) };
            job.attempted |= older.attempted;
        }
        egress.slot = Some(job);
        self.later(0, Happening::Work { side });
    }

    /// The copy in charge dies; another one notices after a while.
    pub(super) fn kill(&mut self, side: usize) {
        let egress = &mut self.hands[side];
        if egress.dead {
            return;
        }
        egress.unknown += usize::from(egress.hand.is_some());
        (egress.dead, egress.slot, egress.hand) = (true, None, None);
        self.say(|| format!("the egress of {side} dies"));
        self.later(3000, Happening::Failover { side });
    }

    pub(super) fn fail_over(&mut self, side: usize) {
        // What a dead copy attempted nobody knows: for a while it may still land.
        let egress = &mut self.hands[side];
        (egress.dead, egress.attempted) = (false, Vec::new());
        egress.unsure_until = self.now + 60_000;
        self.say(|| format!("another egress takes over {side}"));
        self.pull(side);
    }

    /// Begins what is due.
    pub(super) fn work(&mut self, side: usize) {
        let now = self.now;
        let confirmed = self.link(side).map_or(0, |link| link.confirmed);
        let egress = &mut self.hands[side];
        if egress.hand.is_some() {
            return;
        }
        let Some(job) = egress.slot.take() else { return };
        if job.again && job.failures == 0 && job.desired.version <= confirmed {
            // Somebody did it, and its report was taken in: it is not done a second time.
            egress.broker.take_if(|(held, _)| held.version == job.desired.version);
            return;
        }
        if job.due > now {
            let wait = job.due - now;
            egress.slot = Some(job);
            self.later(wait, Happening::Work { side });
            return;
        }
        let create = job.desired.create.clone().filter(|_| job.desired.record.is_none());
        let origin = if create.is_some() { Origin::Found } else { Origin::Linked };
        let hand = Hand {
            job,
            token: 0,
            sent: now,
            origin,
            before: None,
            made: false,
            fates: BTreeMap::new(),
            rounds: 0,
            answer: None,
        };
        egress.hand = Some(hand);
        match create {
            Some(create) => self.call(side, Request::Find { key: create.key }),
            None => self.call(side, Request::Read { lag: 0 }),
        }
    }

    fn call(&mut self, side: usize, request: Request) {
        let reads = matches!(request, Request::Read { .. } | Request::Find { .. });
        let fate = self.weather.call(side, reads);
        let now = self.now;
        let egress = &mut self.hands[side];
        egress.tokens += 1;
        let token = egress.tokens;
        let Some(hand) = &mut egress.hand else { return };
        (hand.token, hand.sent, hand.answer) = (token, now, None);
        if let Request::Change { version, .. } | Request::Create { version, .. } = &request
            && egress.attempted.last() != Some(version)
        {
            egress.attempted.push(*version);
        }
        let request = match request {
            Request::Read { .. } => Request::Read { lag: fate.lag },
            other => other,
        };
        let unseen = matches!(fate.end, End::Unanswered | End::Late(_) | End::Unreached);
        if unseen && !reads {
            hand.job.attempted = true;
            egress.unknown += 1;
        }
        self.say(|| format!("calls {side}: {} ({:?})", spell(&request), fate.end));
        let arrives = |up| (up, Happening::Arrive { side, token, request: Box::new(request) });
        let (arrival, answered) = match fate.end {
            End::Answered => (Some(arrives(fate.up)), fate.up + fate.down),
            End::Trouble => {
                hand_of(&mut self.hands[side]).answer = Some(Answer::Trouble);
                (None, fate.up + fate.down)
            }
            End::Unreached => (None, TIMEOUT),
            End::Unanswered => (Some(arrives(fate.up)), TIMEOUT),
            End::Late(after) => (Some(arrives(TIMEOUT + after)), TIMEOUT),
        };
        if let Some((delay, arrives)) = arrival {
            self.later(delay, arrives);
        }
        let answers = matches!(fate.end, End::Answered | End::Trouble);
        self.later(answered, Happening::Answer { side, token, answers });
    }

    /// A request takes effect.
    pub(super) fn arrive(&mut self, side: usize, token: u64, request: Request) {
        let now = self.now;
        let far = &mut self.fars[side];
        let shown = |world: &Self, lag| {
            let far = &world.fars[side];
            let (snapshot, shown) = far.read(now, lag);
            let snapshot = Box::new(snapshot);
            Answer::Shown { snapshot, shown, date: far.clock(now).div_euclid(1000) * 1000 }
        };
        let answer = match request {
            Request::Read { lag } if far.exists => shown(self, lag),
            Request::Find { key } if far.key.as_ref() == Some(&key) => shown(self, 0),
            Request::Read { .. } | Request::Find { .. } => Answer::Missing,
            Request::Create { .. } if far.exists => Answer::Duplicate,
            Request::Create { key, patch, version } => {
                far.create(Some(key), &patch, Author::Us(version), now);
                self.hands[side].writes += 1;
                self.send_hooks(side);
                shown(self, 0)
            }
            Request::Change { patch, version } => match far.patch(&patch, Author::Us(version), now)
            {
                Ok(over) => {
                    self.hands[side].writes += usize::from(!over.is_empty());
                    self.overwritten(side, version, &over);
                    self.send_hooks(side);
                    shown(self, 0)
                }
                Err(Refused::AlreadySo) => Answer::AlreadySo,
                Err(Refused::ForGood(why)) => Answer::Refused(why),
            },
        };
        if let Some(hand) = self.hands[side].hand.as_mut().filter(|hand| hand.token == token) {
            hand.answer = Some(answer);
        }
    }

    /// The answer is in, or was waited for in vain.
    pub(super) fn answered(&mut self, side: usize, token: u64, answers: bool) {
        let held = self.hands[side].hand.take_if(|hand| hand.token == token);
        let Some(mut hand) = held else { return };
        let answer = hand.answer.take().filter(|_| answers);
        match answer {
            None | Some(Answer::Trouble) => self.again(side, hand),
            Some(Answer::Shown { snapshot, shown, date }) => {
                let (sent, received) = (super::at(hand.sent), super::at(self.now));
                self.showed(side, &shown, None);
                let date = Some(super::at(date));
                let reading = Reading { sent, received, date, snapshot: *snapshot };
                self.showing(side, hand, reading, shown);
            }
            Some(Answer::Missing) => self.create(side, hand),
            Some(Answer::AlreadySo | Answer::Duplicate) => {
                hand.rounds += 1;
                if hand.rounds >= ROUNDS {
                    return self.again(side, hand);
                }
                let create = hand.job.desired.create.clone();
                let found = hand.before.is_some() || create.is_none();
                hand.fates.clear();
                self.hands[side].hand = Some(hand);
                match create.filter(|_| !found) {
                    Some(create) => self.call(side, Request::Find { key: create.key }),
                    None => self.call(side, Request::Read { lag: 0 }),
                }
            }
            Some(Answer::Refused(reason)) => {
                let (before, shown) = hand.before.take().unzip();
                let outcome = self.refused(side, &hand.job, before, reason);
                self.finish(side, &hand.job, outcome, shown.into_iter().collect());
            }
        }
    }

    fn create(&mut self, side: usize, mut hand: Hand) {
        let Some(create) = hand.job.desired.create.clone() else {
            let reason = "there is no such record".to_owned();
            let outcome = self.refused(side, &hand.job, None, reason);
            return self.finish(side, &hand.job, outcome, Vec::new());
        };
        let want = |field| hand.job.desired.want.get(&field)?.value.clone();
        let title = want(Field::Title);
        let urgency = want(Field::Severity).map(|value| parts(&value).0.to_owned());
        let patch = Patch { title, urgency, ..Patch::default() };
        let version = hand.job.desired.version;
        hand.origin = Origin::Created;
        self.hands[side].hand = Some(hand);
        self.call(side, Request::Create { key: create.key, patch, version });
    }

    /// The record shows itself: before a write, or after it.
    fn showing(&mut self, side: usize, mut hand: Hand, reading: Reading, shown: Shown) {
        if !hand.fates.is_empty() {
            return self.settled(side, hand, Some((reading, shown)));
        }
        let newer = self.hands[side].slot.is_some();
        let off = newer && hand.origin == Origin::Linked && self.weather.called_off(side);
        if off {
            self.say(|| format!("version {} is called off", hand.job.desired.version));
            if let Some(newer) = &mut self.hands[side].slot {
                newer.attempted |= hand.job.attempted;
            }
        }
        let only_read = off;
        let (fates, patch) = plan(&hand.job.desired.want, &reading.snapshot, hand.origin);
        let patch = patch.filter(|_| !only_read);
        hand.fates = if only_read { unsent(fates) } else { fates };
        let version = hand.job.desired.version;
        let created = hand.origin == Origin::Created;
        match patch {
            None if created => {
                hand.made = true;
                self.settled(side, hand, Some((reading, shown)));
            }
            None => {
                hand.before = Some((reading, shown));
                self.settled(side, hand, None);
            }
            Some(patch) => {
                hand.before = (!created).then_some((reading, shown));
                self.hands[side].hand = Some(hand);
                self.call(side, Request::Change { patch, version });
            }
        }
    }

    fn settled(&mut self, side: usize, hand: Hand, after: Option<(Reading, Shown)>) {
        let Hand { job, before, made, fates, .. } = hand;
        let version = job.desired.version;
        let ((before, one), (after, other)) = (before.unzip(), after.unzip());
        let outcome = Outcome::Settled {
            version,
            before: before.map(Box::new),
            after: after.map(Box::new),
            made,
            fates,
            uncertain: job.attempted,
            previous: self.hands[side].attempted_before(version),
        };
        self.finish(side, &job, outcome, one.into_iter().chain(other).collect());
    }

    fn refused(&self, side: usize, job: &Job, before: Option<Reading>, reason: String) -> Outcome {
        let version = job.desired.version;
        Outcome::Refused {
            version: Some(version),
            before: before.map(Box::new),
            reason,
            uncertain: job.attempted,
            previous: self.hands[side].attempted_before(version),
        }
    }

    /// Reports, and then tells the broker that it is done: a copy can die in between.
    fn finish(&mut self, side: usize, job: &Job, outcome: Outcome, shown: Vec<Shown>) {
        let kind = if matches!(outcome, Outcome::Refused { .. }) { "refused" } else { "settled" };
        let Desired { link, version, integration, .. } = job.desired;
        let id = format!("{link}-v{version}-{kind}");
        let receipt = Event::Receipt(Receipt { id, integration, link, outcome });
        self.publish(receipt, Some(side), shown);
        if self.weather.dies(side) {
            return self.kill(side);
        }
        let egress = &mut self.hands[side];
        egress.hand = None;
        egress.broker.take_if(|(held, _)| held.version == version);
        self.later(0, Happening::Work { side });
    }

    /// What failed is done again after a while, or what replaced it.
    fn again(&mut self, side: usize, hand: Hand) {
        let mut job = hand.job;
        job.failures += 1;
        let creates = hand.origin != Origin::Linked && job.attempted;
        let wait = if creates { SETTLING } else { 300 * job.failures.min(8) };
        job.due = self.now + wait;
        let egress = &mut self.hands[side];
        match &mut egress.slot {
            Some(newer) => {
                newer.due = newer.due.max(job.due);
                newer.failures = job.failures;
                newer.attempted |= job.attempted;
            }
            none => *none = Some(job),
        }
        self.later(0, Happening::Work { side });
    }
}

/// What a newer version has overtaken is only read and told; whether what differs is still wanted,
/// the newer one says.
fn unsent(fates: BTreeMap<Field, Fate>) -> BTreeMap<Field, Fate> {
    let left = |fate| if fate == Fate::Sent { Fate::Unexpected } else { fate };
    fates.into_iter().map(|(field, fate)| (field, left(fate))).collect()
}

fn hand_of(egress: &mut Egress) -> &mut Hand {
    egress.hand.as_mut().unwrap_or_else(|| unreachable!("a call is made for what is in hand"))
}
