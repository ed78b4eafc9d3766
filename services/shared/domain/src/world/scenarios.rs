//! The simulation: an external side, a platform and a bad wire, in memory, pure and seeded.
//!
//! The external side is as PagerDuty is where it matters: webhooks for status only (title and
//! urgency show in the next snapshot), no version numbers, writes that land late. The wire delays,
//! repeats and reorders. When traffic has stopped and everything was delivered and read once, both
//! sides must be equal on every mapped field, whatever happened before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use crate::{
    decision::Rule,
    event::{
        Change, Edit, Event, Fate, ForeignNote, Observation, Outcome, Reading, Receipt, Reply,
        Snapshot,
    },
    field::Field,
    id::{EditId, IncidentId, IntegrationId, Mint, RecordId},
    incident::{Actor, Side},
    integration::{
        Direction, Disturbance, FieldRule, Integration, ServiceMapping, Strategy as Rules,
    },
    lens::{Foreign, Lens, Row},
    link::record_key,
    outbound::{ActKind, Desired},
    reconcile::{Configs, Effect, Input, State, Step, reconcile},
};

/// What can happen in a world.
#[derive(Debug, Clone)]
enum Move {
    /// Time passes.
    Wait(u16),
    /// Somebody changes a field over there; its webhook, if it has one, takes so long.
    Theirs(Field, u8, u16),
    /// Somebody changes a field here.
    Ours(Field, u8),
    /// The egress does its next step.
    Egress,
    /// The oldest waiting message is delivered; or the youngest; perhaps twice.
    Deliver { youngest: bool, twice: bool },
}

/// An external side with one record, the platform beside it, and everything in between.
pub(crate) struct World {
    now: i64,
    sequence: u64,
    record: BTreeMap<Field, String>,
    exists: bool,
    pub(crate) state: Option<State>,
    wire: Vec<(i64, Event)>,
    queue: Option<Desired>,
    in_hand: Option<(Desired, Option<Reading>)>,
    configs: Configs,
    edits: usize,
    /// How many desired states were published.
    pub(crate) published: usize,
    /// How many writes changed the record.
    pub(crate) writes: usize,
    mint: Mint,
}

const TITLES: [&str; 3] = ["disk full", "disk nearly full", "disk on fire"];
const URGENCIES: [&str; 5] = ["high", "low", "high+P1", "low+P3", "high+Other"];
const STATES: [&str; 3] = ["triggered", "acknowledged", "resolved"];

fn rows(rows: &[(&str, &str, bool)]) -> Vec<Row> {
    let row = |&(platform, external, fresh): &(&str, &str, bool)| Row {
        platform: platform.to_owned(),
        external: external.to_owned(),
        fresh,
    };
    rows.iter().map(row).collect()
}

/// An integration with the usual lenses.
pub(crate) fn integration(strategy: Rules, owner: Side) -> Integration {
    Integration {
        id: Mint::new(Timestamp::UNIX_EPOCH, b"integration").id(),
        org: "demo".parse().unwrap(),
        handle: "sim".parse().unwrap(),
        name: "a simulated system".to_owned(),
        connector: "sim".parse().unwrap(),
        base_url: String::new(),
        direction: Direction::Bidirectional,
        enabled: true,
        paused: false,
        strategy,
        from_email: None,
        rate_limit: 900,
        headroom: 0,
        backoff_multiplier: 2.0,
        fields: field_rules(owner),
        services: vec![ServiceMapping {
            service: "S1".to_owned(),
            incident_type: "infrastructure".to_owned(),
            default: true,
        }],
        scope: crate::scope::Scope::default(),
        sync_escalations: false,
        public_url: None,
        clock: crate::clock::Offset::default(),
        version: 1,
    }
}

fn field_rules(owner: Side) -> BTreeMap<Field, FieldRule> {
    let rule = |lens, direction| FieldRule {
        lens,
        direction,
        owner,
        initial: None,
        disturbs: Vec::new(),
        priority: 0,
        enforced: false,
        external: None,
    };
    let unacknowledges = Disturbance {
        by: "high".to_owned(),
        field: Field::Status,
        from: "acknowledged".to_owned(),
        to: "triggered".to_owned(),
    };
    let (both, initial) = (Direction::Bidirectional, Some("triggered".to_owned()));
    let severity = FieldRule { disturbs: vec![unacknowledges], ..rule(severity(), both) };
    let status = FieldRule { initial, ..rule(status(), both) };
    BTreeMap::from([
        (Field::Title, rule(Lens::Same, both)),
        (Field::Severity, severity),
        (Field::Status, status),
        (
            Field::AssignedTo,
            rule(Lens::Reference { rows: Vec::new(), by_email: Vec::new() }, Direction::Inbound),
        ),
        (Field::Description, rule(Lens::Once, Direction::Outbound)),
    ])
}

fn severity() -> Lens {
    let urgencies = rows(&[
        ("SEV-1", "high", false),
        ("SEV-2", "high", true),
        ("SEV-3", "low", true),
        ("SEV-4", "low", false),
    ]);
    let ranks = rows(&[
        ("SEV-1", "P1", true),
        ("SEV-2", "P2", true),
        ("SEV-3", "P3", true),
        ("SEV-4", "P4", true),
    ]);
    Lens::Ranked { rows: urgencies, second: ranks }
}

fn status() -> Lens {
    Lens::Table {
        rows: rows(&[
            ("open", "triggered", true),
            ("mitigated", "acknowledged", true),
            ("resolved", "resolved", true),
            ("closed", "resolved", false),
        ]),
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
}

impl World {
    /// A world in which the record exists over there and its webhook is on the wire.
    pub(crate) fn triggered(config: Integration) -> Self {
        let mut world = Self::empty(config);
        world.exists = true;
        world.tell("triggered", None, 20);
        world
    }

    /// A world in which an incident was created here and is yet to be created over there.
    pub(crate) fn created(config: Integration) -> Self {
        let mut world = Self::empty(config);
        let fields = BTreeMap::from([
            (Field::Title, Some(TITLES[0].to_owned())),
            (Field::Severity, Some("SEV-2".to_owned())),
        ]);
        let incident_type = Some("infrastructure".to_owned());
        world.edit(Change::Create { fields, incident_type, labels: BTreeMap::new() });
        world
    }

    fn empty(config: Integration) -> Self {
        let start =
            [(Field::Title, TITLES[0]), (Field::Severity, "high"), (Field::Status, "triggered")];
        Self {
            now: 0,
            sequence: 0,
            record: start.into_iter().map(|(field, value)| (field, value.to_owned())).collect(),
            exists: false,
            state: None,
            wire: Vec::new(),
            queue: None,
            in_hand: None,
            configs: Configs::from([(config.id, config)]),
            edits: 0,
            published: 0,
            writes: 0,
            mint: Mint::new(Timestamp::UNIX_EPOCH, b"world"),
        }
    }

    fn integration(&self) -> IntegrationId {
        *self.configs.keys().next().unwrap()
    }

    fn snapshot(&self) -> Snapshot {
        let key = self.state.as_ref().and_then(|state| Some(record_key(state.links.first()?.id)));
        Snapshot {
            record: "R1".parse().unwrap(),
            fields: self.record.iter().map(|(f, v)| (*f, Foreign::plain(v.clone()))).collect(),
            assignees: Vec::new(),
            number: Some(1),
            url: None,
            key,
            service: Some(Foreign::plain("S1")),
            teams: Vec::new(),
            changed_by: None,
            created_at: None,
        }
    }

    fn tell(&mut self, event_type: &str, edited: Option<Field>, delay: u16) {
        self.sequence += 1;
        let observation = Observation {
            integration: self.integration(),
            delivery: format!("d{}", self.sequence),
            event: format!("e{}", self.sequence),
            event_type: event_type.to_owned(),
            occurred_at: at(self.now),
            arrived: at(self.now + i64::from(delay)),
            actor: Some(Actor { name: Some("Priya".to_owned()), ..Actor::unnamed(Side::External) }),
            record: Some("R1".parse::<RecordId>().unwrap()),
            record_title: None,
            snapshot: Some(self.snapshot()),
            edited,
            begins: event_type.ends_with("triggered"),
            note: None,
            remark: None,
            summons: None,
        };
        self.wire.push((self.now + i64::from(delay), Event::Observation(Box::new(observation))));
    }

    pub(crate) fn theirs(&mut self, field: Field, value: &str, delay: u16) {
        if !self.exists || self.record.get(&field).is_some_and(|held| held == value) {
            return;
        }
        self.edits += 1;
        self.set(field, value);
        if field == Field::Status {
            self.tell("changed", Some(Field::Status), delay);
        }
    }

    /// Sets a field over there; raising the urgency un-acknowledges.
    fn set(&mut self, field: Field, value: &str) {
        let high = |value: &str| value.starts_with("high");
        let raised = field == Field::Severity && high(value) && !high(&self.record[&field]);
        self.record.insert(field, value.to_owned());
        if raised && self.record[&Field::Status] == "acknowledged" {
            self.record.insert(Field::Status, "triggered".to_owned());
            self.tell("changed", Some(Field::Status), 30);
        }
    }

    pub(crate) fn ours(&mut self, field: Field, value: &str) -> Option<Reply> {
        let fields = BTreeMap::from([(field, Some(value.to_owned()))]);
        self.state.as_ref()?;
        self.edits += 1;
        self.edit(Change::Update { fields, revision: None })
    }

    fn edit(&mut self, change: Change) -> Option<Reply> {
        self.step(change).reply
    }

    fn step(&mut self, change: Change) -> Step {
        let id: EditId = self.mint.id();
        let incident: IncidentId = match &self.state {
            Some(state) => state.incident.id,
            None => self.mint.id(),
        };
        let author = Actor { name: Some("Olu".to_owned()), ..Actor::unnamed(Side::Platform) };
        let org = "demo".parse().unwrap();
        let edit = Edit { id, org, incident, at: at(self.now), author, change };
        self.apply(&Event::Edit(edit))
    }

    fn apply(&mut self, event: &Event) -> Step {
        self.sequence += 1;
        self.now += 1;
        self.apply_again(event)
    }

    /// Applies an event at the place in the stream the last one had.
    fn apply_again(&mut self, event: &Event) -> Step {
        let input = Input { event, sequence: self.sequence, at: at(self.now), elsewhere: false };
        let step = reconcile(self.state.clone(), input, &self.configs);
        self.state.clone_from(&step.state);
        for desired in &step.desired {
            self.published += 1;
            self.queue = Some(desired.clone());
        }
        step
    }

    /// Delivers a waiting message; one by one, as a batch is worked.
    pub(crate) fn deliver(&mut self, youngest: bool, twice: bool) -> bool {
        let order = |(_, (due, _)): &(usize, &(i64, Event))| *due;
        let places = self.wire.iter().enumerate();
        let place = if youngest { places.max_by_key(order) } else { places.min_by_key(order) };
        let Some(place) = place.map(|(place, _)| place) else { return false };
        let (due, event) = self.wire.remove(place);
        self.now = self.now.max(due);
        self.apply(&event);
        if twice {
            let before = self.state.clone();
            let again = self.apply_again(&event);
            assert_eq!(again.state.map(bare), before.map(bare), "a repeat changed something");
            assert!(again.decisions.is_empty(), "a repeat decided something");
        }
        true
    }

    fn reading(&mut self) -> Reading {
        let sent = at(self.now);
        self.now += 20;
        let received = at(self.now);
        self.now += 1;
        Reading { sent, received, date: None, snapshot: self.snapshot() }
    }

    /// The egress's next step: read, or write and report.
    pub(crate) fn egress(&mut self) -> bool {
        match self.in_hand.take() {
            None => {
                let Some(desired) = self.queue.take() else { return false };
                let due = desired
                    .not_before
                    .map_or(0, |due| due.as_millisecond() - at(0).as_millisecond());
                self.now = self.now.max(due);
                let before = self.exists.then(|| self.reading());
                self.in_hand = Some((desired, before));
            }
            Some((desired, before)) => self.write(&desired, before),
        }
        true
    }

    fn write(&mut self, desired: &Desired, before: Option<Reading>) {
        let sent = at(self.now);
        let mut fates = BTreeMap::new();
        let mut wrote = !self.exists;
        let created = !self.exists;
        if created {
            // A record begins triggered; its webhook may be faster than our answer.
            self.exists = true;
            self.tell("triggered", None, 30);
        }
        for (field, want) in &desired.want {
            let seen = before.as_ref().and_then(|b| b.snapshot.fields.get(field));
            let seen = seen.map(|seen| seen.value.clone());
            let fate = match seen {
                Some(seen) if seen == want.value => Fate::Equal,
                Some(seen) if !want.expect.contains(&seen) => Fate::Unexpected,
                _ => Fate::Sent,
            };
            if fate == Fate::Sent {
                wrote = true;
                self.set(*field, &want.value.clone().unwrap_or_default());
            }
            fates.insert(*field, fate);
        }
        self.writes += usize::from(wrote);
        let moved = want_status(desired) != Some("triggered");
        if (moved || !created) && fates.get(&Field::Status) == Some(&Fate::Sent) {
            self.tell("changed", Some(Field::Status), 30);
        }
        self.now += 20;
        let after = wrote.then(|| Reading {
            sent,
            received: at(self.now),
            date: None,
            snapshot: self.snapshot(),
        });
        let outcome = Outcome::Settled {
            version: desired.version,
            before: before.map(Box::new),
            after: after.map(Box::new),
            made: created && !moved,
            fates,
            uncertain: false,
            previous: Vec::new(),
        };
        self.report(desired.link, outcome);
    }

    fn report(&mut self, link: crate::id::LinkId, outcome: Outcome) {
        self.sequence += 1;
        let (id, integration) = (format!("r{}", self.sequence), self.integration());
        let receipt = Receipt { id, integration, link, outcome };
        self.wire.push((self.now + 5, Event::Receipt(receipt)));
    }

    /// Lets everything arrive and everything waiting be done.
    pub(crate) fn settle(&mut self) {
        for _ in 0..500 {
            if !self.deliver(false, false) && !self.egress() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// A read by the healer: it shows what no webhook told.
    pub(crate) fn heal(&mut self) {
        let Some(link) = self.state.as_ref().and_then(|state| state.links.first()).cloned() else {
            return;
        };
        self.now += 5000;
        let before = Some(Box::new(self.reading()));
        let (version, fates) = (link.confirmed, BTreeMap::new());
        self.report(
            link.id,
            Outcome::Settled {
                version,
                before,
                after: None,
                made: false,
                fates,
                uncertain: false,
                previous: Vec::new(),
            },
        );
    }

    fn play(&mut self, moves: &[Move]) {
        let pick = |values: &[&str], at: u8| values[usize::from(at) % values.len()].to_owned();
        for step in moves {
            match step {
                Move::Wait(ms) => self.now += i64::from(*ms),
                Move::Egress => drop(self.egress()),
                Move::Deliver { youngest, twice } => drop(self.deliver(*youngest, *twice)),
                Move::Theirs(field, value, delay) => {
                    let value = match field {
                        Field::Title => pick(&TITLES, *value),
                        Field::Severity => pick(&URGENCIES, *value),
                        _ => pick(&STATES, *value),
                    };
                    self.theirs(*field, &value, *delay);
                }
                Move::Ours(field, value) => {
                    let value = match field {
                        Field::Title => pick(&TITLES, *value),
                        Field::Severity => pick(&crate::field::SEVERITIES, *value),
                        _ => pick(&crate::field::STATUSES, *value),
                    };
                    drop(self.ours(*field, &value));
                }
            }
        }
    }

    /// What differs between the two sides.
    pub(crate) fn differences(&self) -> Vec<String> {
        let Some(state) = &self.state else { return vec!["there is no incident".to_owned()] };
        let config = self.configs.values().next().unwrap();
        let mut differences = Vec::new();
        let frozen = |field| state.conflicts.iter().any(|open| open.field == field);
        for (field, theirs) in self.record.iter().filter(|(field, _)| !frozen(**field)) {
            let (lens, ours) = (&config.fields[field].lens, state.incident.value(*field));
            if !lens.agree(ours, &Foreign::plain(theirs.clone())) {
                differences.push(format!("{field}: {:?} / {theirs}", state.incident.value(*field)));
            }
        }
        differences
    }
}

fn want_status(desired: &Desired) -> Option<&str> {
    desired.want.get(&Field::Status).and_then(|want| want.value.as_deref())
}

/// A state without the counters a repeat may move.
fn bare(state: State) -> State {
    State { incident: crate::incident::Incident { sequence: 0, ..state.incident }, ..state }
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let field = prop_oneof![Just(Field::Title), Just(Field::Severity), Just(Field::Status)];
    let step = prop_oneof![
        (0_u16..3000).prop_map(Move::Wait),
        (field.clone(), any::<u8>(), 0_u16..4000).prop_map(|(f, v, d)| Move::Theirs(f, v, d)),
        (field, any::<u8>()).prop_map(|(field, value)| Move::Ours(field, value)),
        Just(Move::Egress),
        Just(Move::Egress),
        (any::<bool>(), any::<bool>())
            .prop_map(|(youngest, twice)| Move::Deliver { youngest, twice }),
    ];
    prop::collection::vec(step, 0..40)
}

fn rules() -> impl Strategy<Value = (Rules, Side)> {
    let strategy = prop_oneof![Just(Rules::LastWriteWins), Just(Rules::OwnershipPriority)];
    let owner = prop_oneof![Just(Side::Platform), Just(Side::External)];
    (strategy, owner)
}

fn converges(mut world: World, moves: &[Move]) -> Result<(), TestCaseError> {
    world.deliver(false, false);
    world.play(moves);
    world.settle();
    world.heal();
    world.settle();
    prop_assert_eq!(world.differences(), Vec::<String>::new());
    prop_assert!(
        // An urgency that is raised can cost a second write, which restores the status.
        world.writes <= 2 * world.edits + 3,
        "{} writes for {} edits",
        world.writes,
        world.edits
    );
    let published = world.published;
    world.heal();
    world.settle();
    prop_assert_eq!(world.published, published, "it does not come to rest");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_record_from_over_there_and_its_incident_end_up_equal(rules in rules(), moves in moves()) {
        converges(World::triggered(integration(rules.0, rules.1)), &moves)?;
    }

    #[test]
    fn an_incident_from_here_and_its_record_end_up_equal(rules in rules(), moves in moves()) {
        converges(World::created(integration(rules.0, rules.1)), &moves)?;
    }
}

#[test]
fn nothing_is_written_when_nobody_edits() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::Platform));
    world.settle();
    world.heal();
    world.settle();
    assert_eq!((world.published, world.writes), (0, 0));
}

#[test]
fn an_edit_of_the_platform_is_one_write_and_its_webhook_none() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::Platform));
    world.settle();
    world.ours(Field::Status, "resolved");
    world.settle();
    assert_eq!((world.published, world.writes), (1, 1));
    assert_eq!(world.differences(), Vec::<String>::new());
}

#[test]
fn a_to_b_to_a_ends_at_a() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::Platform));
    world.settle();
    world.ours(Field::Title, TITLES[1]);
    world.egress();
    world.ours(Field::Title, TITLES[0]);
    world.settle();
    assert_eq!(world.state.as_ref().unwrap().incident.value(Field::Title), Some(TITLES[0]));
    assert_eq!(world.differences(), Vec::<String>::new());
}

#[test]
fn a_high_urgency_webhook_never_turns_sev_1_into_sev_2() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::External));
    world.settle();
    world.ours(Field::Severity, "SEV-1");
    world.settle();
    world.theirs(Field::Status, "acknowledged", 10);
    world.settle();
    assert_eq!(world.state.as_ref().unwrap().incident.value(Field::Severity), Some("SEV-1"));
}

#[test]
fn an_incident_that_begins_mitigated_stays_so() {
    let mut world = World::created(integration(Rules::LastWriteWins, Side::External));
    world.ours(Field::Status, "mitigated");
    world.settle();
    assert_eq!(world.state.as_ref().unwrap().incident.value(Field::Status), Some("mitigated"));
    assert_eq!(world.differences(), Vec::<String>::new());
}

#[test]
fn raising_the_severity_leaves_a_mitigated_incident_mitigated() {
    for egress_first in [true, false] {
        let mut world = World::triggered(integration(Rules::LastWriteWins, Side::External));
        world.theirs(Field::Severity, "low", 0);
        world.settle();
        world.heal();
        world.settle();
        world.ours(Field::Status, "mitigated");
        world.settle();
        world.ours(Field::Severity, "SEV-1");
        world.egress();
        world.egress();
        if egress_first {
            world.deliver(true, false);
        }
        world.settle();
        assert_eq!(world.state.as_ref().unwrap().incident.value(Field::Status), Some("mitigated"));
        assert_eq!(world.differences(), Vec::<String>::new());
    }
}

#[test]
fn a_refused_read_is_not_asked_for_again() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::Platform));
    let Some((_, Event::Observation(mut observation))) = world.wire.pop() else { panic!() };
    observation.snapshot = None;
    let note = ForeignNote { id: "N1".to_owned(), text: "hello".to_owned(), trimmed: false };
    observation.note = Some(note);
    world.apply(&Event::Observation(observation));
    let asked = world.queue.take().expect("a read is asked for");
    let reason = "there is no such record".to_owned();
    world.report(asked.link, Outcome::refused(Some(asked.version), reason));
    world.settle();
    assert_eq!(world.published, 1, "a receipt alone causes nothing new");
}

#[test]
fn an_edit_that_was_overtaken_changes_nothing() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::Platform));
    world.settle();
    let place = (world.sequence, world.now);
    world.ours(Field::Title, TITLES[1]);
    (world.sequence, world.now) = (place.0 - 1, place.1 - 10);
    let step = world.step(Change::Update {
        fields: BTreeMap::from([(Field::Title, Some(TITLES[2].to_owned()))]),
        revision: None,
    });
    assert_eq!(step.decisions[0].rule, Rule::Overtaken);
    assert_eq!(world.state.as_ref().unwrap().incident.value(Field::Title), Some(TITLES[1]));
}

#[test]
fn a_value_without_a_partner_is_left_alone() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::Platform));
    world.settle();
    world.theirs(Field::Status, "snoozed", 10);
    world.settle();
    world.heal();
    world.settle();
    assert_eq!((world.published, &*world.record[&Field::Status]), (0, "snoozed"));
    let link = &world.state.as_ref().unwrap().links[0];
    assert!(link.problem.as_ref().is_some_and(|problem| problem.contains("snoozed")));
}

#[test]
fn a_description_goes_with_the_creation_and_a_later_one_as_a_note() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::Platform));
    world.settle();
    let fields = BTreeMap::from([(Field::Description, Some("since 9:14".to_owned()))]);
    let change = Change::Update { fields, revision: None };
    let step = world.step(change.clone());
    let notes: Vec<_> = step.acts.iter().map(|act| &act.kind).collect();
    assert!(
        matches!(notes[..], [ActKind::Note { text, .. }] if text == "New description: since 9:14")
    );
    assert!(step.desired.is_empty(), "there is no field to write");
    assert!(world.step(change).acts.is_empty(), "the same again is no news");
}

#[test]
fn an_edit_made_on_an_older_revision_is_refused() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::Platform));
    world.settle();
    let fields = BTreeMap::from([(Field::Title, Some("late".to_owned()))]);
    let reply = world.edit(Change::Update { fields, revision: Some(0) });
    assert!(matches!(reply, Some(Reply::Refused { .. })));
    assert_ne!(world.state.as_ref().unwrap().incident.value(Field::Title), Some("late"));
}

#[test]
fn what_concerns_no_record_is_ignored_with_a_reason() {
    let config = integration(Rules::LastWriteWins, Side::Platform);
    let mut world = World::triggered(config);
    let Some((_, Event::Observation(mut observation))) = world.wire.pop() else { panic!() };
    observation.record = None;
    observation.snapshot = None;
    let step = world.apply(&Event::Observation(observation));
    assert!(matches!(step.effect, Effect::Ignored(_)));
    assert!(world.state.is_none());
}

#[test]
fn what_tells_too_little_of_an_unknown_record_begins_no_incident() {
    let mut world = World::triggered(integration(Rules::LastWriteWins, Side::Platform));
    let Some((_, Event::Observation(mut observation))) = world.wire.pop() else { panic!() };
    observation.snapshot.as_mut().unwrap().fields.clear();
    observation.remark = Some("unknown event type".to_owned());
    let step = world.apply(&Event::Observation(observation.clone()));
    assert_eq!(step.effect, Effect::Ignored("the record is not linked".to_owned()));
    let note = ForeignNote { id: "N1".to_owned(), text: "hello".to_owned(), trimmed: false };
    observation.note = Some(note);
    let step = world.apply(&Event::Observation(observation));
    assert_eq!((step.effect, step.notes.len()), (Effect::Applied, 1));
    assert_eq!(step.desired.len(), 1, "and the record is read");
}
