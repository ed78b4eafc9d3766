//! The scheduler against hand-made orders, and against a model under random ones.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use proptest::prelude::*;
use tandem_domain::{
    id::{IncidentId, IntegrationId, NoteId},
    incident::{Actor, Side},
    outbound::{Act, ActKind, Desired},
};

use super::*;

fn link(n: u8) -> LinkId {
    LinkId::from_uuid(uuid::Uuid::from_u128(u128::from(n)))
}

fn work(task: Task) -> Arc<Work> {
    Arc::new(Work { task, traceparent: None, stored_at: Timestamp::UNIX_EPOCH })
}

fn state(n: u8, version: u64) -> Arc<Work> {
    work(Task::State(Desired {
        link: link(n),
        incident: IncidentId::from_uuid(uuid::Uuid::nil()),
        integration: IntegrationId::from_uuid(uuid::Uuid::nil()),
        version,
        record: None,
        create: None,
        want: std::collections::BTreeMap::new(),
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

const fn ticket(sequence: u64) -> Ticket<u64> {
    Ticket { sequence, message: sequence }
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
    assert_eq!(plan.next(now), None);
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
    assert_eq!((plan.next(now), plan.waiting(), plan.due()), (None, 0, None));
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
    plan.again(link(1), Again { due: later, failed: true, uncertain: true });
    assert_eq!((plan.next(now), plan.due()), (None, Some(later)));
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
    let void = plan.again(link(1), Again { due: later, failed: true, uncertain: false });
    assert_eq!(sequences(&void), [1]);
    assert_eq!(plan.next(now), None);
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
        plan.again(link(n), Again { due: later, failed: true, uncertain });
    }
    assert_eq!(plan.next(now), None);
    plan.hurry(now);
    assert_eq!(plan.next(now).unwrap().work.link(), link(1));
    assert_eq!((plan.next(now), plan.due()), (None, Some(later)));
}

#[derive(Debug, Clone, Copy)]
enum Step {
    State { link: u8, back: u64, uncertain: bool },
    Act { link: u8, repeat: bool },
    Next,
    Done { link: u8 },
    Again { link: u8, wait: u64, failed: bool },
    Hurry,
    Pass { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u8..3, 0_u64..3, any::<bool>())
            .prop_map(|(link, back, uncertain)| Step::State { link, back, uncertain }),
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
        Step::State { link, back, uncertain } => {
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
            let void = plan.offer(state(link, offered), ticket, *now, uncertain);
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
            if let Some(job) = plan.next(*now) {
                model.begin(job);
            }
        }
        Step::Done { link: n } => model.done(n, &plan.done(link(n))),
        Step::Again { link: n, wait, failed } => {
            let due = *now + Duration::from_millis(wait);
            let void = plan.again(link(n), Again { due, failed, uncertain: failed });
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
