//! Two sides and what passes between them, at rest: for tests that tell a story.
//!
//! One incident and any number of external sides, which do what they are asked at once. For bad
//! wires and strict far sides there is `src/world`.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tandem_domain::{
    clock::Offset,
    event::{
        Change, Edit, Event, Fate, ForeignNote, Observation, Outcome, Reading, Receipt, Reply,
        Snapshot,
    },
    field::Field,
    id::{ConflictId, EditId, IncidentId, IntegrationId, LinkId, Mint},
    incident::{Actor, Side},
    integration::{Direction, Disturbance, FieldRule, Integration, ServiceMapping, Strategy},
    lens::{Foreign, Lens, Row},
    link::{Link, record_key},
    outbound::Desired,
    reconcile::{Configs, Input, State, Step, reconcile},
    scope::Scope,
};

/// What an external side holds.
#[derive(Default)]
pub(crate) struct Far {
    pub(crate) record: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) fields: BTreeMap<Field, String>,
    desired: Option<Desired>,
    /// Every write that was made, as `field=value`.
    pub(crate) writes: Vec<String>,
    pub(crate) refuses: bool,
    /// What somebody does there between our next read and the write that follows it.
    pub(crate) meanwhile: Option<(Field, String)>,
    /// Who changed the status last, by id.
    pub(crate) changed_by: Option<String>,
}

pub(crate) struct Sides {
    pub(crate) now: Timestamp,
    count: u64,
    pub(crate) configs: Configs,
    pub(crate) state: Option<State>,
    pub(crate) fars: BTreeMap<IntegrationId, Far>,
    /// The rules of every decision so far.
    pub(crate) rules: Vec<&'static str>,
    pub(crate) last: Option<Step>,
    mint: Mint,
}

pub(crate) fn integration(
    name: &str,
    strategy: Strategy,
    owner: Side,
    direction: Direction,
) -> Integration {
    let both = Direction::Bidirectional;
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
    let disturbance = Disturbance {
        by: "high".to_owned(),
        field: Field::Status,
        from: "acknowledged".to_owned(),
        to: "triggered".to_owned(),
    };
    let severity = FieldRule { disturbs: vec![disturbance], ..rule(severity(), both) };
    let initial = Some("triggered".to_owned());
    Integration {
        id: Mint::new(Timestamp::UNIX_EPOCH, name.as_bytes()).id(),
        org: "demo".parse().unwrap(),
        handle: name.parse().unwrap(),
        name: name.to_owned(),
        connector: "sim".parse().unwrap(),
        base_url: String::new(),
        direction,
        enabled: true,
        paused: false,
        strategy,
        from_email: None,
        rate_limit: 900,
        headroom: 0,
        backoff_multiplier: 2.0,
        fields: BTreeMap::from([
            (Field::Title, rule(Lens::Same, both)),
            (Field::Description, rule(Lens::Once, Direction::Outbound)),
            (Field::Severity, severity),
            (Field::Status, FieldRule { initial, ..rule(status(), both) }),
            (
                Field::AssignedTo,
                rule(
                    Lens::Reference { rows: Vec::new(), by_email: Vec::new() },
                    Direction::Inbound,
                ),
            ),
        ]),
        services: vec![ServiceMapping {
            service: "S1".to_owned(),
            incident_type: "infrastructure".to_owned(),
            default: true,
        }],
        scope: Scope::default(),
        sync_escalations: false,
        public_url: None,
        clock: Offset::default(),
        version: 1,
    }
}

fn severity() -> Lens {
    Lens::Table {
        rows: rows(&[
            ("SEV-1", "high", false),
            ("SEV-2", "high", true),
            ("SEV-3", "low", true),
            ("SEV-4", "low", false),
        ]),
    }
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

fn rows(rows: &[(&str, &str, bool)]) -> Vec<Row> {
    let row = |&(platform, external, fresh): &(&str, &str, bool)| Row {
        platform: platform.to_owned(),
        external: external.to_owned(),
        fresh,
    };
    rows.iter().map(row).collect()
}

impl Sides {
    pub(crate) fn new(configs: impl IntoIterator<Item = Integration>) -> Self {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let configs: Configs = configs.into_iter().map(|config| (config.id, config)).collect();
        Self {
            now,
            count: 0,
            fars: configs.keys().map(|id| (*id, Far::default())).collect(),
            configs,
            state: None,
            rules: Vec::new(),
            last: None,
            mint: Mint::new(now, b"sides"),
        }
    }

    /// One integration, and a record that was triggered over there.
    pub(crate) fn triggered(config: Integration) -> Self {
        let id = config.id;
        let mut sides = Self::new([config]);
        sides.trigger(id, "R1");
        sides.deliver();
        sides.forget();
        sides
    }

    /// An incident created on the platform, and its records.
    pub(crate) fn created(configs: impl IntoIterator<Item = Integration>) -> Self {
        let mut sides = Self::new(configs);
        sides.create("SEV-2");
        sides.deliver();
        sides.forget();
        sides
    }

    /// Forgets what was decided and written so far.
    pub(crate) fn forget(&mut self) {
        self.rules.clear();
        self.fars.values_mut().for_each(|far| far.writes.clear());
    }

    pub(crate) fn create(&mut self, severity: &str) -> Option<Reply> {
        let fields = BTreeMap::from([
            (Field::Title, Some("disk full".to_owned())),
            (Field::Severity, Some(severity.to_owned())),
        ]);
        let (incident_type, labels) = (Some("infrastructure".to_owned()), BTreeMap::new());
        let incident = self.mint.id();
        self.edit_of(incident, Change::Create { fields, incident_type, labels })
    }

    pub(crate) fn trigger(&mut self, id: IntegrationId, record: &str) {
        let far = self.fars.get_mut(&id).unwrap();
        far.record = Some(record.to_owned());
        far.fields.extend([
            (Field::Title, "disk full".to_owned()),
            (Field::Severity, "high".to_owned()),
            (Field::Status, "triggered".to_owned()),
        ]);
        self.webhook(id, None);
    }

    pub(crate) fn only(&self) -> IntegrationId {
        *self.configs.keys().next().unwrap()
    }

    pub(crate) fn far(&mut self) -> &mut Far {
        self.fars.values_mut().next().unwrap()
    }

    pub(crate) fn config(&mut self) -> &mut Integration {
        self.configs.values_mut().next().unwrap()
    }

    /// The id of an incident that is not there yet.
    pub(crate) fn mint(&mut self) -> IncidentId {
        self.mint.id()
    }

    pub(crate) fn incident(&self) -> IncidentId {
        self.state.as_ref().unwrap().incident.id
    }

    pub(crate) fn value(&self, field: Field) -> Option<&str> {
        self.state.as_ref().unwrap().incident.value(field)
    }

    pub(crate) fn link(&self, id: IntegrationId) -> &Link {
        self.state.as_ref().unwrap().links.iter().find(|link| link.integration == id).unwrap()
    }

    pub(crate) fn link_id(&self) -> LinkId {
        self.link(self.only()).id
    }

    pub(crate) fn conflict(&self) -> ConflictId {
        self.state.as_ref().unwrap().conflicts[0].id
    }

    pub(crate) fn later(&mut self) {
        self.now = self.now.checked_add(SignedDuration::from_secs(10)).unwrap();
    }

    pub(crate) fn apply(&mut self, event: &Event) -> Step {
        self.count += 1;
        let input = Input { event, sequence: self.count, at: self.now, elsewhere: false };
        let step = reconcile(self.state.take(), input, &self.configs);
        self.state.clone_from(&step.state);
        self.rules.extend(step.decisions.iter().map(|decision| decision.rule.name()));
        for desired in &step.desired {
            self.fars.get_mut(&desired.integration).unwrap().desired = Some(desired.clone());
        }
        self.last = Some(step.clone());
        step
    }

    pub(crate) fn edit_of(&mut self, incident: IncidentId, change: Change) -> Option<Reply> {
        self.edit_in("demo", incident, change)
    }

    pub(crate) fn edit_in(
        &mut self,
        org: &str,
        incident: IncidentId,
        change: Change,
    ) -> Option<Reply> {
        self.later();
        let (id, org): (EditId, _) = (self.mint.id(), org.parse().unwrap());
        let author = Actor { name: Some("Olu".to_owned()), ..Actor::unnamed(Side::Platform) };
        self.apply(&Event::Edit(Edit { id, org, incident, at: self.now, author, change })).reply
    }

    pub(crate) fn edit(&mut self, change: Change) -> Option<Reply> {
        self.edit_of(self.incident(), change)
    }

    /// Somebody on the platform sets a field.
    pub(crate) fn ours(&mut self, field: Field, value: &str) -> Option<Reply> {
        let fields = BTreeMap::from([(field, Some(value.to_owned()))]);
        self.edit(Change::Update { fields, revision: None })
    }

    /// Somebody over there sets a field; where that is the status, a webhook tells.
    pub(crate) fn theirs(&mut self, id: IntegrationId, field: Field, value: &str) {
        self.later();
        self.fars.get_mut(&id).unwrap().fields.insert(field, value.to_owned());
        if field == Field::Status {
            self.webhook(id, Some(field));
        } else {
            self.heal(id);
        }
    }

    pub(crate) fn webhook(&mut self, id: IntegrationId, edited: Option<Field>) {
        self.webhook_of(id, self.now, edited);
    }

    pub(crate) fn webhook_of(
        &mut self,
        id: IntegrationId,
        occurred_at: Timestamp,
        edited: Option<Field>,
    ) {
        let observation = self.observation(id, occurred_at, edited);
        self.apply(&Event::Observation(Box::new(observation)));
    }

    pub(crate) fn observation(
        &mut self,
        id: IntegrationId,
        occurred_at: Timestamp,
        edited: Option<Field>,
    ) -> Observation {
        self.count += 1;
        let name = format!("e{}", self.count);
        let snapshot = self.snapshot(id);
        Observation {
            integration: id,
            delivery: name.clone(),
            event: name,
            event_type: "changed".to_owned(),
            occurred_at,
            arrived: self.now,
            actor: Some(Actor { name: Some("Priya".to_owned()), ..Actor::unnamed(Side::External) }),
            record: Some(snapshot.record.clone()),
            record_title: None,
            snapshot: Some(snapshot),
            edited,
            begins: false,
            note: None,
            remark: None,
            summons: None,
        }
    }

    pub(crate) fn note(&mut self, id: IntegrationId, note: ForeignNote) {
        let mut observation = self.observation(id, self.now, None);
        observation.note = Some(note);
        self.apply(&Event::Observation(Box::new(observation)));
    }

    pub(crate) fn snapshot(&self, id: IntegrationId) -> Snapshot {
        let far = &self.fars[&id];
        let shown = |(field, value): (&Field, &String)| (*field, Foreign::plain(value.clone()));
        Snapshot {
            record: far.record.as_deref().unwrap_or("R0").parse().unwrap(),
            fields: far.fields.iter().map(shown).collect(),
            assignees: Vec::new(),
            number: None,
            url: Some("https://sim.test/R1".to_owned()),
            key: far.key.clone(),
            service: Some(Foreign::plain("S1")),
            teams: Vec::new(),
            changed_by: far.changed_by.clone(),
            created_at: None,
        }
    }

    fn reading(&mut self, id: IntegrationId) -> Reading {
        let sent = self.now;
        self.now = self.now.checked_add(SignedDuration::from_millis(50)).unwrap();
        Reading { sent, received: self.now, date: None, snapshot: self.snapshot(id) }
    }

    /// A read by the healer.
    pub(crate) fn heal(&mut self, id: IntegrationId) {
        self.later();
        let before = Some(Box::new(self.reading(id)));
        let (link, version) = (self.link(id).id, self.link(id).confirmed);
        let (after, made, uncertain) = (None, false, false);
        let (fates, previous) = (BTreeMap::new(), Vec::new());
        self.report(
            id,
            link,
            Outcome::Settled { version, before, after, made, fates, uncertain, previous },
        );
    }

    fn report(&mut self, integration: IntegrationId, link: LinkId, outcome: Outcome) {
        let id = format!("r{}", self.count);
        self.apply(&Event::Receipt(Receipt { id, integration, link, outcome }));
    }

    /// Carries out what is wanted until nothing is.
    pub(crate) fn deliver(&mut self) {
        for _ in 0..40 {
            let waiting =
                self.fars.iter_mut().find_map(|(id, far)| Some((*id, far.desired.take()?)));
            match waiting {
                Some((id, desired)) => self.carry_out(id, &desired),
                None => return,
            }
        }
        panic!("it never comes to rest");
    }

    fn carry_out(&mut self, id: IntegrationId, desired: &Desired) {
        self.later();
        let (link, version) = (desired.link, desired.version);
        if self.fars[&id].refuses {
            let reason = "refused".to_owned();
            return self.report(id, link, Outcome::refused(Some(version), reason));
        }
        let before = self.fars[&id].record.is_some().then(|| self.reading(id));
        let far = self.fars.get_mut(&id).unwrap();
        if let Some((field, value)) = far.meanwhile.take() {
            far.fields.insert(field, value);
        }
        if before.is_none() {
            far.record = Some(format!("N-{}", self.count));
            far.key = Some(record_key(link));
            far.fields.insert(Field::Status, "triggered".to_owned());
        }
        let mut fates = BTreeMap::new();
        for (field, want) in &desired.want {
            let held = self.fars[&id].fields.get(field).cloned();
            let shown = before.as_ref().and_then(|before| before.snapshot.fields.get(field));
            let held = shown.map_or(held, |shown| shown.value.clone());
            let fate = match before {
                Some(_) if held == want.value => Fate::Equal,
                Some(_) if !want.expect.contains(&held) => Fate::Unexpected,
                _ => Fate::Sent,
            };
            if fate == Fate::Sent {
                self.write(id, *field, want.value.as_deref().unwrap_or_default());
            }
            fates.insert(*field, fate);
        }
        let wrote = before.is_none() || fates.values().any(|fate| *fate == Fate::Sent);
        let after = wrote.then(|| Box::new(self.reading(id)));
        let (made, before) = (before.is_none(), before.map(Box::new));
        let (uncertain, previous) = (false, Vec::new());
        self.report(
            id,
            link,
            Outcome::Settled { version, before, after, made, fates, uncertain, previous },
        );
    }

    fn write(&mut self, id: IntegrationId, field: Field, value: &str) {
        let far = self.fars.get_mut(&id).unwrap();
        let raised = field == Field::Severity
            && value == "high"
            && far.fields.get(&field).is_some_and(|held| held == "low");
        far.fields.insert(field, value.to_owned());
        if field == Field::Status {
            far.changed_by = Some("us".to_owned());
        }
        far.writes.push(format!("{field}={value}"));
        let status = far.fields.get_mut(&Field::Status).filter(|it| *it == "acknowledged");
        if let Some(status) = status.filter(|_| raised) {
            "triggered".clone_into(status);
            far.changed_by = Some("us".to_owned());
        }
    }
}
