//! The scheduler against hand-made orders, and against a model under random ones.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use proptest::prelude::*;
use tandem_domain::{
    field::Field,
    id::{EditId, IncidentId, IntegrationId, NoteId},
    incident::{Actor, Side},
    outbound::{Act, ActKind, Desired, Want},
};

use super::*;

fn link(n: u8) -> LinkId {
    LinkId::from_uuid(uuid::Uuid::from_u128(u128::from(n)))
}

fn work(task: Task) -> Arc<Work> {
    let original = bytes::Bytes::new();
    let stored_at = Timestamp::UNIX_EPOCH;
    Arc::new(Work {
        task,
        original,
        traceparent: None,
        stored_at,
        sent_again: false,
        delivered_before: false,
    })
}

/// A state that changes a title.
fn state(n: u8, version: u64) -> Arc<Work> {
    state_in(Lane::Fields, n, version)
}

/// A state that belongs into a lane.
fn state_in(lane: Lane, n: u8, version: u64) -> Arc<Work> {
    let want = |value: &str| Want { value: Some(value.to_owned()), expect: Vec::new() };
    let want = match lane {
        Lane::Resolve => Some((Field::Status, want("resolved"))),
        Lane::Acknowledge => Some((Field::Status, want("acknowledged"))),
        Lane::People => Some((Field::AssignedTo, want("PRY4M2A"))),
        Lane::Fields => Some((Field::Title, want("Refunds fail"))),
        Lane::Questions | Lane::Notes | Lane::Reads | Lane::Healing => None,
    };
    work(Task::State(Desired {
        link: link(n),
        incident: IncidentId::from_uuid(uuid::Uuid::nil()),
        integration: IntegrationId::from_uuid(uuid::Uuid::nil()),
        version,
        record: "Q1".parse().ok(),
        create: None,
        not_before: None,
        want: want.into_iter().collect(),
        actor: None,
    }))
}

fn act(n: u8, note: u64) -> Arc<Work> {
    work(Task::Act(Act {
        link: link(n),
        integration: IntegrationId::from_uuid(uuid::Uuid::nil()),
        record: "Q1".parse().unwrap(),
        actor: Actor::unnamed(Side::Platform),
        kind: ActKind::Note {
            note: NoteId::from_uuid(uuid::Uuid::from_u128(u128::from(note))),
            text: String::new(),
        },
    }))
}

/// An act that brings people in.
fn escalation(n: u8, request: u64) -> Arc<Work> {
    let request = EditId::from_uuid(uuid::Uuid::from_u128(u128::from(request)));
    let Task::Act(note) = &act(n, 1).task else { unreachable!() };
    work(Task::Act(Act { kind: ActKind::Escalate { request, level: 2 }, ..note.clone() }))
}

const fn ticket(sequence: u64) -> Ticket<u64> {
    Ticket { sequence, message: sequence }
}

fn failed(due: Instant, uncertain: bool) -> Again {
    Again { due, trouble: Some(Arc::from("503")), uncertain, attempted: uncertain }
}

fn sequences(tickets: &[Ticket<u64>]) -> Vec<u64> {
    tickets.iter().map(|ticket| ticket.sequence).collect()
}

fn version(job: &Job) -> Option<u64> {
    match &job.work.task {
        Task::State(desired) => Some(desired.version),
        Task::Act(_) => None,
    }
}

#[test]
fn bringing_people_in_does_not_wait_for_the_notes_of_its_link() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    for note in 1..=3 {
        plan.offer(act(1, note), ticket(note), now, false);
    }
    plan.offer(escalation(1, 8), ticket(8), now, false);
    plan.offer(escalation(1, 9), ticket(9), now, false);
    let mut order = Vec::new();
    while let Some(job) = plan.next(now) {
        assert!(plan.next(now).is_none(), "one at a time");
        order.push(job.work.id());
        plan.done(job.work.link());
    }
    let expected = [escalation(1, 8), escalation(1, 9), act(1, 1), act(1, 2), act(1, 3)];
    assert_eq!(order, expected.map(|work| work.id()));
}

#[test]
fn what_waits_is_told_in_the_order_in_which_it_is_begun() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    plan.offer(state(1, 1), ticket(1), now, false);
    plan.offer(state_in(Lane::Resolve, 2, 1), ticket(2), now, false);
    plan.offer(state(3, 1), ticket(3), now + Duration::from_mins(1), false);
    plan.ready(now);
    let order: Vec<_> = plan.in_order().map(|(job, _)| job.work.link()).collect();
    assert_eq!(order, [link(2), link(1), link(3)]);
    let first = plan.next(now).unwrap();
    assert_eq!(first.work.link(), link(2));
    assert_eq!(plan.jobs_in_hand().count(), 1);
    assert_eq!(plan.in_order().count(), 2);
}

#[test]
fn a_newer_state_replaces_one_that_waits_and_keeps_its_place() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    assert!(plan.offer(state(1, 1), ticket(1), now, false).is_empty());
    assert!(plan.offer(state(2, 1), ticket(2), now, false).is_empty());
    let void = plan.offer(state(1, 2), ticket(3), now + Duration::from_secs(1), false);
    assert_eq!(sequences(&void), [1]);
    let first = plan.next(now).unwrap();
    assert_eq!((first.work.link(), version(&first)), (link(1), Some(2)));
    assert_eq!(sequences(&plan.done(link(1))), [3]);
    assert_eq!(plan.next(now).unwrap().work.link(), link(2));
}

#[test]
fn a_link_with_work_in_hand_waits_and_an_older_version_is_void() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    plan.offer(state(1, 5), ticket(1), now, false);
    plan.next(now).unwrap();
    assert_eq!(sequences(&plan.offer(state(1, 4), ticket(2), now, false)), [2]);
    assert!(plan.offer(state(1, 6), ticket(3), now, false).is_empty());
    assert!(plan.next(now).is_none());
    assert_eq!(sequences(&plan.done(link(1))), [1]);
    assert_eq!(plan.next(now).and_then(|job| version(&job)), Some(6));
}

#[test]
fn another_delivery_of_what_is_held_is_acknowledged_with_it() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    plan.offer(state(1, 5), ticket(1), now, false);
    plan.offer(act(1, 7), ticket(2), now, false);
    plan.next(now).unwrap();
    assert!(plan.offer(state(1, 5), ticket(1), now, false).is_empty());
    assert!(plan.offer(state(1, 5), ticket(9), now, false).is_empty());
    assert!(plan.offer(act(1, 7), ticket(2), now, true).is_empty());
    assert_eq!(plan.held().count(), 3);
    assert_eq!(sequences(&plan.done(link(1))), [1, 9]);
    plan.next(now).unwrap();
    assert_eq!(sequences(&plan.done(link(1))), [2]);
    assert!(plan.next(now).is_none());
    assert_eq!((plan.waiting(), plan.due()), (0, None));
}

#[test]
fn a_state_goes_before_acts_and_acts_keep_their_order_through_failures() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    let later = now + Duration::from_secs(5);
    plan.offer(act(1, 1), ticket(1), now, false);
    plan.offer(act(1, 2), ticket(2), now, false);
    plan.offer(state(1, 1), ticket(3), now, false);
    assert_eq!(plan.next(now).and_then(|job| version(&job)), Some(1));
    plan.done(link(1));
    let first = plan.next(now).unwrap();
    plan.again(link(1), failed(later, true));
    assert!(plan.next(now).is_none());
    assert_eq!(plan.due(), Some(later));
    let repeated = plan.next(later).unwrap();
    assert_eq!(repeated.work, first.work);
    assert_eq!((repeated.failures, repeated.uncertain), (1, true));
}

#[test]
fn a_newer_state_takes_over_from_a_failed_one_and_waits_as_long() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    let later = now + Duration::from_secs(5);
    plan.offer(state(1, 1), ticket(1), now, false);
    plan.next(now).unwrap();
    plan.offer(state(1, 2), ticket(2), now, false);
    let void = plan.again(link(1), failed(later, false));
    assert_eq!(sequences(&void), [1]);
    assert!(plan.next(now).is_none());
    let job = plan.next(later).unwrap();
    assert_eq!((version(&job), job.failures), (Some(2), 1));
}

#[test]
fn when_an_outage_ends_what_failed_is_due_but_for_what_may_still_take_effect() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    let later = now + Duration::from_mins(1);
    for (n, uncertain) in [(1, false), (2, true)] {
        plan.offer(state(n, 1), ticket(n.into()), now, false);
        plan.next(now).unwrap();
        plan.again(link(n), failed(later, uncertain));
    }
    assert!(plan.next(now).is_none());
    plan.hurry(now);
    assert_eq!(plan.next(now).unwrap().work.link(), link(1));
    assert!(plan.next(now).is_none());
    assert_eq!(plan.due(), Some(later));
}

#[test]
fn the_best_lane_goes_first_and_in_a_lane_the_oldest() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    plan.offer(act(1, 1), ticket(1), now, false);
    for (n, lane) in [(2, Lane::Reads), (3, Lane::Fields), (4, Lane::People), (5, Lane::Fields)] {
        plan.offer(state_in(lane, n, 1), ticket(n.into()), now, false);
    }
    plan.offer(state_in(Lane::Resolve, 6, 1), ticket(6), now, false);
    let order = std::iter::from_fn(|| plan.next(now)).map(|job| job.work.link());
    assert_eq!(order.collect::<Vec<_>>(), [6, 4, 3, 5, 1, 2].map(link));
}

#[test]
fn what_is_not_due_holds_up_nothing() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    let later = now + Duration::from_secs(5);
    plan.offer(state_in(Lane::Resolve, 1, 1), ticket(1), later, false);
    plan.offer(act(1, 1), ticket(2), now, false);
    assert_eq!(plan.ready(now), Some(Lane::Notes));
    assert_eq!(version(&plan.next(now).unwrap()), None);
    assert!(plan.next(later).is_none(), "the link has something in hand");
    plan.done(link(1));
    assert_eq!((plan.ready(now), plan.due()), (None, Some(later)));
    assert_eq!(plan.next(later).and_then(|job| version(&job)), Some(1));
}

#[test]
fn something_more_urgent_for_a_link_ends_what_is_in_hand_there() {
    let (now, mut plan) = (Instant::now(), Scheduler::default());
    plan.offer(state(1, 1), ticket(1), now, false);
    let job = plan.next(now).unwrap();
    plan.offer(state(1, 2), ticket(2), now, false);
    assert!(!job.overtaken.is_cancelled(), "one that is no more urgent waits");
    plan.offer(state_in(Lane::Resolve, 1, 3), ticket(3), now, false);
    assert!(job.overtaken.is_cancelled());
    assert_eq!(sequences(&plan.again(link(1), Again::at_once())), [1]);
    let job = plan.next(Instant::now()).unwrap();
    assert_eq!((version(&job), job.lane), (Some(3), Lane::Resolve));
    assert!(!job.overtaken.is_cancelled());
}

#[derive(Debug, Clone, Copy)]
enum Step {
    State { link: u8, back: u64, lane: Lane },
    Act { link: u8, repeat: bool },
    Next,
    Done { link: u8 },
    Again { link: u8, wait: u64, failed: bool },
    Hurry,
    Pass { ms: u64 },
}

fn lanes() -> impl Strategy<Value = Lane> {
    prop::sample::select(vec![
        Lane::Resolve,
        Lane::Acknowledge,
        Lane::People,
        Lane::Fields,
        Lane::Reads,
    ])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u8..3, 0_u64..3, lanes())
            .prop_map(|(link, back, lane)| Step::State { link, back, lane }),
        2 => (0_u8..3, any::<bool>()).prop_map(|(link, repeat)| Step::Act { link, repeat }),
        5 => Just(Step::Next),
        3 => (0_u8..3).prop_map(|link| Step::Done { link }),
        2 => (0_u8..3, 0_u64..50, any::<bool>())
            .prop_map(|(link, wait, failed)| Step::Again { link, wait, failed }),
        1 => Just(Step::Hurry),
        2 => (0_u64..40).prop_map(|ms| Step::Pass { ms }),
    ];
    prop::collection::vec(step, 1..120)
}

impl Scheduler<u64> {
    /// The best lane of what could be begun, found the slow way.
    fn best(&self, now: Instant) -> Option<Lane> {
        let candidates = self.links.values().flat_map(Queue::candidates);
        let due = candidates.filter(|(_, slot)| slot.due <= now);
        due.map(|(_, slot)| slot.job.lane).min()
    }
}

/// What must be true whatever the order.
#[derive(Default)]
struct Model {
    newest: HashMap<u8, u64>,
    last_act: HashMap<u8, u64>,
    in_hand: HashMap<u8, Job>,
    /// Tickets that came in and have not gone out, with the state version they carry.
    open: HashMap<u64, Option<u64>>,
    begun: HashMap<u8, u64>,
    acts_done: Vec<String>,
    tickets: u64,
}

impl Model {
    fn ticket(&mut self, version: Option<u64>) -> Ticket<u64> {
        self.tickets += 1;
        self.open.insert(self.tickets, version);
        ticket(self.tickets)
    }

    fn void(&mut self, n: u8, tickets: &[Ticket<u64>]) {
        for ticket in tickets {
            let version = self.open.remove(&ticket.sequence).expect("each goes out once");
            let version = version.expect("an act is never void");
            assert!(version < self.newest[&n], "only an older state is void");
        }
    }

    fn begin(&mut self, job: Job) {
        let n = (0..3).find(|n| link(*n) == job.work.link()).unwrap();
        if let Some(version) = version(&job) {
            assert_eq!(version, self.newest[&n], "the newest state is begun");
            let before = self.begun.insert(n, version).unwrap_or_default();
            assert!(before <= version, "states never go back");
        }
        let other = self.in_hand.insert(n, job);
        assert!(other.is_none(), "one at a time");
    }

    fn done(&mut self, n: u8, tickets: &[Ticket<u64>]) {
        let Some(job) = self.in_hand.remove(&n) else {
            assert!(tickets.is_empty(), "nothing was in hand");
            return;
        };
        assert!(!tickets.is_empty());
        for ticket in tickets {
            let carried = self.open.remove(&ticket.sequence).expect("each goes out once");
            assert_eq!(carried, version(&job));
        }
        if version(&job).is_none() {
            self.acts_done.push(job.work.id());
        }
    }
}

fn play(model: &mut Model, plan: &mut Scheduler<u64>, now: &mut Instant, step: Step) {
    match step {
        Step::State { link, back, lane } => {
            let newest = model.newest.entry(link).or_default();
            let offered = (*newest + 1).saturating_sub(back).max(1);
            *newest = offered.max(*newest);
            // The broker does not bring back what was replaced and is no longer held.
            if offered <= model.begun.get(&link).copied().unwrap_or_default()
                && model.in_hand.get(&link).and_then(version).is_none_or(|held| held < offered)
            {
                return;
            }
            let ticket = model.ticket(Some(offered));
            let void = plan.offer(state_in(lane, link, offered), ticket, *now, back > 0);
            model.void(link, &void);
        }
        Step::Act { link, repeat } => {
            let last = model.last_act.entry(link).or_default();
            *last += u64::from(!repeat);
            let id = u64::from(link) * 1_000_000 + *last;
            if model.acts_done.contains(&act(link, id).id()) {
                return;
            }
            let ticket = model.ticket(None);
            assert!(plan.offer(act(link, id), ticket, *now, repeat).is_empty());
        }
        Step::Next => {
            let best = plan.best(*now);
            let job = plan.next(*now);
            assert_eq!(job.as_ref().map(|job| job.lane), best, "the best lane of all that is due");
            if let Some(job) = job {
                model.begin(job);
            }
        }
        Step::Done { link: n } => model.done(n, &plan.done(link(n))),
        Step::Again { link: n, wait, failed } => {
            let due = *now + Duration::from_millis(wait);
            let trouble = failed.then(|| Arc::from("503"));
            let again = Again { due, trouble, uncertain: failed, attempted: failed };
            let void = plan.again(link(n), again);
            model.in_hand.remove(&n);
            model.void(n, &void);
        }
        Step::Hurry => plan.hurry(*now),
        Step::Pass { ms } => *now += Duration::from_millis(ms),
    }
    assert_eq!(plan.held().count(), model.open.len(), "nothing is lost");
}

proptest! {
    #[test]
    fn one_at_a_time_the_newest_first_and_nothing_is_lost(steps in steps()) {
        let (mut model, mut plan, mut now) =
            (Model::default(), Scheduler::default(), Instant::now());
        for step in steps {
            play(&mut model, &mut plan, &mut now, step);
        }
        now += Duration::from_secs(1);
        for n in 0..3 {
            play(&mut model, &mut plan, &mut now, Step::Done { link: n });
        }
        while let Some(job) = plan.next(now) {
            let n = (0..3).find(|n| link(*n) == job.work.link()).unwrap();
            model.begin(job);
            model.done(n, &plan.done(link(n)));
        }
        prop_assert!(model.open.is_empty() && plan.held().next().is_none());
        prop_assert_eq!((plan.waiting(), plan.due()), (0, None));
        let acts = model.acts_done.clone();
        for n in 0..3 {
            let of_link = (1..=model.last_act.get(&n).copied().unwrap_or_default())
                .map(|note| act(n, u64::from(n) * 1_000_000 + note).id());
            let done: Vec<_> = acts.iter().filter(|id| of_link.clone().any(|of| of == **id)).collect();
            let order: Vec<_> = of_link.collect();
            prop_assert_eq!(done, order.iter().collect::<Vec<_>>(), "acts keep their order");
        }
    }
}
