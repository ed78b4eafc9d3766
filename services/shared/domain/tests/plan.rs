//! Plans: right in every line, everything accounted for, and nothing left once one was applied.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod sides;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use tandem_domain::{
    event::{Change, Edit, Event, Reading, Snapshot},
    field::Field,
    id::{IncidentId, LinkId, Mint},
    incident::{Actor, Side},
    integration::{Direction, Integration, Strategy as Settles},
    lens::Foreign,
    link::record_key,
    plan::{Ask, Difference, Kind, Line, Plan, Sides, finding, is_as_planned, plan},
    reconcile::{Configs, Input, State, Step, reconcile},
};

const SEVERITIES: [&str; 4] = ["SEV-1", "SEV-2", "SEV-3", "SEV-4"];
const URGENCIES: [&str; 3] = ["high", "low", "unheard-of"];
const STATUSES: [&str; 2] = ["open", "mitigated"];
const SHOWN: [&str; 2] = ["triggered", "acknowledged"];

/// How an incident and a record stand to each other at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pairing {
    /// Only the record is there.
    There,
    /// Only the incident is there.
    Here,
    /// Both, and the record's key names the incident.
    Named,
    /// Both, linked.
    Linked,
    /// The incident alone, of a type that no service stands for.
    Homeless,
}

#[derive(Debug, Clone)]
struct Case {
    pairing: Pairing,
    ours: (usize, usize),
    theirs: (usize, usize),
    same_title: bool,
}

/// Both sides in memory.
struct World {
    config: Integration,
    configs: Configs,
    states: BTreeMap<IncidentId, State>,
    records: BTreeMap<String, Snapshot>,
    now: Timestamp,
    sequence: u64,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn snapshot(record: &str, title: &str, (urgency, status): (&str, &str)) -> Snapshot {
    Snapshot {
        record: record.parse().unwrap(),
        fields: BTreeMap::from([
            (Field::Title, Foreign::plain(title)),
            (Field::Severity, Foreign::plain(urgency)),
            (Field::Status, Foreign::plain(status)),
        ]),
        assignees: Vec::new(),
        number: record.trim_start_matches('R').parse().ok(),
        url: None,
        key: None,
        service: Some(Foreign { value: Some("S1".to_owned()), label: Some("Ledger".to_owned()) }),
        teams: Vec::new(),
        changed_by: None,
        created_at: Some(at(-7200)),
    }
}

impl World {
    fn new(config: Integration) -> Self {
        let configs = BTreeMap::from([(config.id, config.clone())]);
        let (states, records) = (BTreeMap::new(), BTreeMap::new());
        Self { config, configs, states, records, now: at(0), sequence: 0 }
    }

    fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn apply(&mut self, incident: Option<IncidentId>, event: &Event) -> Step {
        self.sequence += 1;
        let input = Input { event, sequence: self.sequence, at: self.now, elsewhere: false };
        let state = incident.and_then(|id| self.states.remove(&id));
        let step = reconcile(state, input, &self.configs);
        if let Some(state) = step.state.clone() {
            self.states.insert(state.incident.id, state);
        }
        step
    }

    /// An incident that was there before the integration.
    fn incident(
        &mut self,
        name: &str,
        title: &str,
        (severity, status): (&str, &str),
    ) -> IncidentId {
        let mut mint = Mint::new(at(0), name.as_bytes());
        let (id, incident) = (mint.id(), mint.id());
        let fields = [(Field::Title, title), (Field::Severity, severity), (Field::Status, status)];
        let fields = fields.map(|(field, value)| (field, Some(value.to_owned())));
        let change = Change::Create {
            fields: fields.into(),
            incident_type: Some("infrastructure".to_owned()),
            labels: BTreeMap::new(),
        };
        let author = Actor::unnamed(Side::Platform);
        let org = self.config.org.clone();
        let edit = Edit { id, org, incident, at: self.now, author, change };
        let configs = std::mem::take(&mut self.configs);
        self.apply(None, &Event::Edit(edit));
        self.configs = configs;
        incident
    }

    fn reading(&self, record: &str) -> Reading {
        let sent = self.now.checked_sub(SignedDuration::from_secs(1)).unwrap();
        let snapshot = self.records[record].clone();
        Reading { sent, received: self.now, date: None, snapshot }
    }

    fn plan(&self) -> Plan {
        plan(Sides {
            integration: &self.config,
            configs: &self.configs,
            incidents: self.states.values().cloned().collect(),
            records: self.records.keys().map(|record| self.reading(record)).collect(),
            at: self.now,
        })
    }

    /// The incident that a record is linked to, or that its key leads to.
    fn incident_of(&self, snapshot: &Snapshot) -> Option<IncidentId> {
        let belongs = |state: &&State| {
            state.links.iter().any(|link| {
                link.record.as_ref() == Some(&snapshot.record)
                    || snapshot.key.as_ref() == Some(&record_key(link.id))
            })
        };
        self.states.values().find(belongs).map(|state| state.incident.id)
    }

    /// Reports what a record holds, and lets the far side do what is wanted then.
    fn look(&mut self, record: &str) {
        let reading = self.reading(record);
        let event = Event::Finding(Box::new(finding(self.config.id, &reading, true)));
        let step = self.apply(self.incident_of(&reading.snapshot), &event);
        self.write(&step);
    }

    fn write(&mut self, step: &Step) {
        for desired in &step.desired {
            let wants = desired
                .want
                .iter()
                .map(|(field, want)| (*field, Foreign { value: want.value.clone(), label: None }));
            if let Some(create) = &desired.create {
                let name = format!("R{}", 1_000 + self.records.len());
                let mut made = snapshot(&name, &create.title, ("high", "triggered"));
                made.key = Some(create.key.clone());
                made.fields.extend(wants);
                self.records.insert(name, made);
            } else if let Some(record) = &desired.record {
                self.records.get_mut(record.as_str()).unwrap().fields.extend(wants);
            }
        }
    }

    fn do_all(&mut self, plan: &Plan) {
        let author = Actor::unnamed(Side::Platform);
        let ask = Ask { seed: "test".to_owned(), author, at: self.now };
        for line in &plan.lines {
            if let Some(edit) = line.edit(&self.config, &ask) {
                let step = self.apply(line.incident, &Event::Edit(edit));
                self.write(&step);
            }
            if let Some(record) = &line.record {
                self.look(record.record.as_str());
            }
        }
    }

    /// Everything that is there is looked at once more.
    fn settle(&mut self) {
        self.pass(200);
        for record in self.records.keys().cloned().collect::<Vec<_>>() {
            self.look(&record);
        }
        self.pass(200);
    }

    fn set(&mut self, number: usize, case: &Case) {
        let (name, theirs) = (format!("R{number}"), "their title".to_owned());
        let ours = if case.same_title { theirs.clone() } else { "our title".to_owned() };
        let here = (SEVERITIES[case.ours.0], STATUSES[case.ours.1]);
        let there = (URGENCIES[case.theirs.0], SHOWN[case.theirs.1]);
        let mut record = snapshot(&name, &theirs, there);
        match case.pairing {
            Pairing::There => drop(self.records.insert(name, record)),
            Pairing::Here => drop(self.incident(&name, &ours, here)),
            Pairing::Homeless => {
                let id = self.incident(&name, &ours, here);
                self.states.get_mut(&id).unwrap().incident.incident_type = Some("art".to_owned());
            }
            Pairing::Named => {
                record.key = Some(self.incident(&name, &ours, here).to_string());
                self.records.insert(name, record);
            }
            Pairing::Linked => {
                self.records.insert(name.clone(), record);
                self.pass(10);
                self.look(&name);
                self.pass(100);
                let fields = &mut self.records.get_mut(&name).unwrap().fields;
                fields.insert(Field::Title, Foreign::plain(ours));
            }
        }
    }
}

fn cases() -> impl Strategy<Value = Vec<Case>> {
    use Pairing::{Here, Homeless, Linked, Named, There};
    let pairing = prop::sample::select(vec![There, Here, Named, Linked, Homeless]);
    let case = (pairing, (0..4_usize, 0..2_usize), (0..3_usize, 0..2_usize), any::<bool>());
    let case = case.prop_map(|(pairing, ours, theirs, same_title)| Case {
        pairing,
        ours,
        theirs,
        same_title,
    });
    prop::collection::vec(case, 0..12)
}

fn config(strategy: Settles, owner: Side, direction: Direction) -> Integration {
    sides::integration("prod-pd", strategy, owner, direction)
}

fn world(config: Integration, cases: &[Case]) -> World {
    let mut world = World::new(config);
    for (number, case) in cases.iter().enumerate() {
        world.set(number + 1, case);
    }
    world.pass(300);
    world
}

fn configs() -> impl Strategy<Value = Integration> {
    let strategy = prop::sample::select(vec![
        Settles::LastWriteWins,
        Settles::OwnershipPriority,
        Settles::ManualReview,
    ]);
    let owner = prop::sample::select(vec![Side::Platform, Side::External]);
    let direction = prop::sample::select(vec![
        Direction::Bidirectional,
        Direction::Inbound,
        Direction::Outbound,
    ]);
    (strategy, owner, direction)
        .prop_map(|(strategy, owner, direction)| config(strategy, owner, direction))
}

proptest! {
    #[test]
    fn once_it_was_applied_nothing_is_left_to_do(config in configs(), cases in cases()) {
        let mut world = world(config, &cases);
        let first = world.plan();
        world.do_all(&first);
        world.settle();
        let second = world.plan();
        prop_assert_eq!(second.lines, Vec::<Line>::new(), "after {:#?}", first.lines);
    }

    #[test]
    fn every_record_and_every_incident_is_accounted_for(config in configs(), cases in cases()) {
        let world = world(config, &cases);
        let plan = world.plan();
        let left_out: u64 = plan.left_out.values().sum();
        let told = plan.lines.len() as u64 + left_out + plan.in_step + plan.under_way;
        let linked = |state: &&State| {
            let record = state.links.first().and_then(|link| link.record.as_ref());
            record.is_some_and(|record| world.records.contains_key(record.as_str()))
        };
        let named = |snapshot: &&Snapshot| {
            snapshot.key.as_ref().is_some_and(|key| key.starts_with("inc_"))
        };
        let together = world.states.values().filter(linked).count()
            + world.records.values().filter(named).count();
        let all = world.states.len() + world.records.len() - together;
        prop_assert_eq!(told, all as u64, "{:#?}", plan);
    }

    #[test]
    fn what_it_says_of_the_platform_is_what_comes_of_it(config in configs(), cases in cases()) {
        let mut world = world(config, &cases);
        let plan = world.plan();
        world.do_all(&plan);
        for line in &plan.lines {
            let record = line.record.as_ref().map(|it| world.records[it.record.as_str()].clone());
            let id = line.incident.or_else(|| world.incident_of(&record?));
            let incident = &world.states[&id.unwrap()].incident;
            for change in line.changes.iter().filter(|change| change.side == Side::Platform) {
                prop_assert_eq!(incident.value(change.field), change.after.as_deref());
            }
        }
    }
}

fn of(plan: &Plan, kind: Kind) -> Vec<&Line> {
    plan.lines.iter().filter(|line| line.kind == kind).collect()
}

fn both() -> Integration {
    config(Settles::OwnershipPriority, Side::Platform, Direction::Bidirectional)
}

#[test]
fn each_kind_of_pair_has_its_line() {
    let case = |pairing, same_title| Case { pairing, ours: (0, 0), theirs: (0, 0), same_title };
    let cases = [
        case(Pairing::There, true),
        case(Pairing::Here, true),
        case(Pairing::Named, false),
        case(Pairing::Linked, true),
        case(Pairing::Linked, false),
        case(Pairing::Homeless, true),
    ];
    let plan = world(both(), &cases).plan();
    let kinds: Vec<Kind> = plan.lines.iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [Kind::Link, Kind::Update, Kind::CreateHere, Kind::CreateThere]);
    assert_eq!((plan.in_step, plan.under_way), (1, 0));
    let homeless = "no service is mapped to the incident type \"art\"".to_owned();
    assert_eq!(plan.left_out, BTreeMap::from([(homeless, 1)]));
    assert_eq!(plan.partners.incident_types, BTreeMap::from([("art".to_owned(), 1)]));

    let title = |side, before: &str, after: &str| Difference {
        side,
        field: Field::Title,
        before: Some(before.to_owned()),
        after: Some(after.to_owned()),
    };
    let [link] = of(&plan, Kind::Link)[..] else { panic!("{plan:#?}") };
    assert!(link.joins);
    // The platform owns the title, so ours is written over theirs.
    assert_eq!(link.changes, [title(Side::External, "their title", "our title")]);
    let [update] = of(&plan, Kind::Update)[..] else { panic!("{plan:#?}") };
    // Only they moved since both agreed.
    assert_eq!(update.changes, [title(Side::Platform, "their title", "our title")]);
    let [there] = of(&plan, Kind::CreateThere)[..] else { panic!("{plan:#?}") };
    assert_eq!(there.service.as_deref(), Some("S1"));
    let wants: Vec<_> = there.changes.iter().map(|it| (it.field, it.after.as_deref())).collect();
    assert_eq!(
        wants,
        [
            (Field::Title, Some("their title")),
            (Field::Severity, Some("high")),
            (Field::Status, Some("triggered")),
        ]
    );
}

#[test]
fn what_has_no_partner_is_counted_with_who_holds_it() {
    let case = Case { pairing: Pairing::There, ours: (0, 0), theirs: (2, 0), same_title: true };
    let mut world = world(both(), &[case.clone(), case]);
    for record in world.records.values_mut() {
        record.service =
            Some(Foreign { value: Some("S9".to_owned()), label: Some("Art".to_owned()) });
        let grace = Foreign { value: Some("P1".to_owned()), label: Some("Grace".to_owned()) };
        record.fields.insert(Field::AssignedTo, grace);
    }
    let partners = world.plan().partners;
    let values: Vec<_> = partners.values.iter().map(|(lone, n)| (&*lone.value, *n)).collect();
    assert_eq!(values, [("unheard-of", 2)]);
    let named = |all: &BTreeMap<String, tandem_domain::plan::Named>| {
        all.iter().map(|(id, it)| (id.clone(), it.name.clone(), it.count)).collect::<Vec<_>>()
    };
    assert_eq!(named(&partners.services), [("S9".to_owned(), "Art".to_owned(), 2)]);
    assert_eq!(named(&partners.users), [("P1".to_owned(), "Grace".to_owned(), 2)]);
}

#[test]
fn what_was_unlinked_by_hand_stays_so() {
    let case = Case { pairing: Pairing::Linked, ours: (0, 0), theirs: (0, 0), same_title: false };
    let mut world = world(both(), &[case]);
    let state = world.states.values_mut().next().unwrap();
    state.links[0].detached = true;
    let plan = world.plan();
    assert_eq!(plan.lines, []);
    assert_eq!(plan.left_out, BTreeMap::from([("unlinked by hand".to_owned(), 2)]));
}

#[test]
fn a_key_of_ours_links_what_was_created_and_never_confirmed() {
    let mut world = world(both(), &[]);
    let id = world.incident("a", "db down", ("SEV-1", "open"));
    let author = Actor::unnamed(Side::Platform);
    let ask = Ask { seed: "test".to_owned(), author, at: world.now };
    let plan = world.plan();
    let edit = plan.lines[0].edit(&world.config, &ask).unwrap();
    let again = plan.lines[0].edit(&world.config, &ask).unwrap();
    assert_eq!(edit.id, again.id, "asked twice, it is one edit");
    world.apply(Some(id), &Event::Edit(edit));
    let link: LinkId = world.states[&id].links[0].id;
    let mut made = snapshot("R1", "db down", ("high", "triggered"));
    made.key = Some(record_key(link));
    world.records.insert("R1".to_owned(), made);
    world.pass(300);
    let plan = world.plan();
    let kinds: Vec<_> = plan.lines.iter().map(|line| (line.kind, line.joins)).collect();
    assert_eq!(kinds, [(Kind::Link, false)]);
}

#[test]
fn a_key_that_leads_to_a_parted_link_joins_nothing() {
    let mut world = world(both(), &[]);
    let id = world.incident("a", "db down", ("SEV-1", "open"));
    let author = Actor::unnamed(Side::Platform);
    let ask = Ask { seed: "test".to_owned(), author, at: world.now };
    let edit = world.plan().lines[0].edit(&world.config, &ask).unwrap();
    world.apply(Some(id), &Event::Edit(edit));
    let state = world.states.get_mut(&id).unwrap();
    state.links[0].detached = true;
    // By the link's own key, and by one that names the incident.
    let link = state.links[0].id;
    for key in [record_key(link), id.to_string()] {
        let mut made = snapshot("R1", "db down", ("high", "triggered"));
        made.key = Some(key.clone());
        world.records.insert("R1".to_owned(), made);
        let plan = world.plan();
        assert_eq!(plan.lines, [], "{key}");
        assert_eq!(plan.left_out, BTreeMap::from([("unlinked by hand".to_owned(), 2)]), "{key}");
    }
}

#[test]
fn a_record_is_as_planned_while_what_the_plan_showed_is_the_same() {
    let planned = snapshot("R1", "db down", ("high", "triggered"));
    let mut now = planned.clone();
    now.fields.insert(Field::Description, Foreign::plain("more than a list shows"));
    now.changed_by = Some("P1".to_owned());
    assert!(is_as_planned(&planned, &now));
    now.fields.insert(Field::Title, Foreign::plain("db up"));
    assert!(!is_as_planned(&planned, &now));
}
