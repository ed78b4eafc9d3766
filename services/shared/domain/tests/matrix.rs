//! MATRIX.md: what becomes of a field, for each way it can be configured and moved.
//!
//! The table is worked out by the rules themselves: one incident and its record in step, somebody
//! moves the status, messages pass until all is at rest. `UPDATE_DOCS=1` writes it anew.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::{SignedDuration, Timestamp};
use tandem_domain::{
    event::{Change, Edit, Event, Fate, Observation, Outcome, Reading, Receipt, Reply, Snapshot},
    field::Field,
    id::{EditId, Mint},
    incident::{Actor, Side},
    integration::{Direction, FieldRule, Integration, Strategy},
    lens::{Foreign, Lens, Row},
    outbound::Desired,
    reconcile::{Configs, Input, State, Step, reconcile},
    scope::Scope,
};

/// Who moved the status since both sides agreed on `open`.
#[derive(Clone, Copy)]
enum Moved {
    Platform,
    External,
    /// Both, the platform first.
    PlatformFirst,
    /// Both, the external side first.
    ExternalFirst,
}

impl Moved {
    const ALL: [Self; 4] =
        [Self::Platform, Self::External, Self::PlatformFirst, Self::ExternalFirst];

    const fn words(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::External => "external",
            Self::PlatformFirst => "both, external later",
            Self::ExternalFirst => "both, platform later",
        }
    }
}

/// Both sides and what passes between them.
struct Sides {
    now: Timestamp,
    count: u64,
    configs: Configs,
    state: Option<State>,
    status: &'static str,
    desired: Option<Desired>,
    rules: Vec<&'static str>,
    writes: usize,
    mint: Mint,
}

impl Sides {
    fn in_step(config: Integration) -> Self {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut sides = Self {
            now,
            count: 0,
            configs: Configs::from([(config.id, config)]),
            state: None,
            status: "triggered",
            desired: None,
            rules: Vec::new(),
            writes: 0,
            mint: Mint::new(now, b"matrix"),
        };
        let direction = sides.config().direction;
        if direction == Direction::Outbound {
            let fields = BTreeMap::from([(Field::Title, Some("disk full".to_owned()))]);
            let (incident_type, labels) = (Some("infrastructure".to_owned()), BTreeMap::new());
            let incident = sides.mint.id();
            let _ = sides.edit(incident, Change::Create { fields, incident_type, labels });
            sides.deliver();
        } else {
            sides.webhook(None);
        }
        sides.rules.clear();
        sides.writes = 0;
        sides
    }

    fn config(&self) -> &Integration {
        self.configs.values().next().unwrap()
    }

    fn later(&mut self) {
        self.now = self.now.checked_add(SignedDuration::from_secs(10)).unwrap();
    }

    fn apply(&mut self, event: &Event) -> Step {
        self.count += 1;
        let input = Input { event, sequence: self.count, at: self.now, elsewhere: false };
        let step = reconcile(self.state.take(), input, &self.configs);
        self.state.clone_from(&step.state);
        self.rules.extend(step.decisions.iter().map(|decision| decision.rule.name()));
        if let Some(desired) = step.desired.last() {
            self.desired = Some(desired.clone());
        }
        step
    }

    fn edit(&mut self, incident: tandem_domain::id::IncidentId, change: Change) -> Option<Reply> {
        self.later();
        let (id, org): (EditId, _) = (self.mint.id(), "demo".parse().unwrap());
        let author = Actor::unnamed(Side::Platform);
        self.apply(&Event::Edit(Edit { id, org, incident, at: self.now, author, change })).reply
    }

    fn platform(&mut self) -> Option<Reply> {
        let fields = BTreeMap::from([(Field::Status, Some("mitigated".to_owned()))]);
        let incident = self.state.as_ref().unwrap().incident.id;
        self.edit(incident, Change::Update { fields, revision: None })
    }

    fn webhook(&mut self, edited: Option<Field>) {
        self.webhook_of(self.now, edited);
    }

    fn webhook_of(&mut self, occurred_at: Timestamp, edited: Option<Field>) {
        let id = format!("e{}", self.count);
        let observation = Observation {
            integration: self.config().id,
            delivery: id.clone(),
            event: id,
            event_type: "changed".to_owned(),
            occurred_at,
            arrived: self.now,
            actor: None,
            record: Some("R1".parse().unwrap()),
            record_title: None,
            snapshot: Some(self.snapshot()),
            edited,
            note: None,
            remark: None,
        };
        self.apply(&Event::Observation(Box::new(observation)));
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            record: "R1".parse().unwrap(),
            fields: BTreeMap::from([
                (Field::Title, Foreign::plain("disk full")),
                (Field::Status, Foreign::plain(self.status)),
            ]),
            assignees: Vec::new(),
            number: None,
            url: None,
            key: None,
            service: Some(Foreign::plain("S1")),
            teams: Vec::new(),
            created_at: None,
        }
    }

    fn reading(&mut self) -> Reading {
        let sent = self.now;
        self.now = self.now.checked_add(SignedDuration::from_millis(50)).unwrap();
        Reading { sent, received: self.now, date: None, snapshot: self.snapshot() }
    }

    /// Carries out what is wanted until nothing is.
    fn deliver(&mut self) {
        for _ in 0..20 {
            let Some(desired) = self.desired.take() else { return };
            self.later();
            let before = desired.record.is_some().then(|| self.reading());
            let want = desired.want.get(&Field::Status);
            let mut fates = BTreeMap::new();
            let mut after = None;
            if let Some(want) = want {
                let held = Some(self.status.to_owned());
                let fate = match before {
                    Some(_) if held == want.value => Fate::Equal,
                    Some(_) if !want.expect.contains(&held) => Fate::Unexpected,
                    _ => Fate::Sent,
                };
                if fate == Fate::Sent {
                    let known = ["triggered", "acknowledged", "resolved"];
                    self.status =
                        known.into_iter().find(|it| Some(*it) == want.value.as_deref()).unwrap();
                    self.writes += 1;
                    after = Some(Box::new(self.reading()));
                }
                fates.insert(Field::Status, fate);
            }
            let outcome = Outcome::Settled {
                version: desired.version,
                before: before.map(Box::new),
                after,
                fates,
                uncertain: false,
            };
            let id = format!("r{}", self.count);
            let (integration, link) = (desired.integration, desired.link);
            self.apply(&Event::Receipt(Receipt { id, integration, link, outcome }));
        }
        panic!("it never comes to rest");
    }

    /// Plays one way of moving; the answer to the platform's edit, where there was one.
    fn play(&mut self, moved: Moved) -> Option<Reply> {
        let mut reply = None;
        match moved {
            Moved::Platform => reply = self.platform(),
            Moved::External => {
                self.later();
                self.status = "resolved";
                self.webhook(Some(Field::Status));
            }
            Moved::PlatformFirst => {
                reply = self.platform();
                self.later();
                self.status = "resolved";
                self.webhook(Some(Field::Status));
            }
            Moved::ExternalFirst => {
                self.later();
                self.status = "resolved";
                let occurred_at = self.now;
                reply = self.platform();
                self.later();
                self.webhook_of(occurred_at, Some(Field::Status));
            }
        }
        self.deliver();
        reply
    }
}

fn integration(
    strategy: Strategy,
    owner: Side,
    enforced: bool,
    direction: Direction,
) -> Integration {
    let row = |&(platform, external, fresh): &(&str, &str, bool)| Row {
        platform: platform.to_owned(),
        external: external.to_owned(),
        fresh,
    };
    let rows = [
        ("open", "triggered", true),
        ("mitigated", "acknowledged", true),
        ("resolved", "resolved", true),
        ("closed", "resolved", false),
    ];
    let rule = |lens| FieldRule {
        lens,
        direction: Direction::Bidirectional,
        owner,
        initial: None,
        disturbs: Vec::new(),
        priority: 0,
        enforced,
        external: None,
    };
    let status = rule(Lens::Table { rows: rows.iter().map(row).collect() });
    Integration {
        id: Mint::new(Timestamp::UNIX_EPOCH, b"matrix").id(),
        org: "demo".parse().unwrap(),
        handle: "sim-pd".parse().unwrap(),
        name: String::new(),
        connector: "sim".parse().unwrap(),
        base_url: String::new(),
        direction,
        enabled: true,
        strategy,
        from_email: None,
        rate_limit: 900,
        backoff_multiplier: 2.0,
        fields: BTreeMap::from([(Field::Title, rule(Lens::Same)), (Field::Status, status)]),
        services: vec![tandem_domain::integration::ServiceMapping {
            service: "S1".to_owned(),
            incident_type: "infrastructure".to_owned(),
            default: true,
        }],
        scope: Scope::default(),
        sync_escalations: false,
        clock: tandem_domain::clock::Offset::default(),
        version: 1,
    }
}

const HEAD: &str = "# Who wins

Both sides agree on a status of `open` / `triggered`. Then the platform sets `mitigated`, the external
side sets `resolved`, or both do before either has heard of the other. The table says how it ends on
each side, by which rules ([RULES.md](RULES.md)), and how many writes that takes. It is worked out by
the rules themselves, in `tests/matrix.rs`, and cannot drift from them.

\"Refused\" means that the platform's edit is answered with an error that names the field and its owner.
A conflict stays open until somebody decides; until then nothing is taken and nothing is written.

| strategy | owner | enforced | direction | who moved | platform ends | external ends | rules | writes |
|---|---|---|---|---|---|---|---|---|
";

fn document() -> String {
    let mut text = HEAD.to_owned();
    for (strategy, words) in [
        (Strategy::LastWriteWins, "last-write-wins"),
        (Strategy::OwnershipPriority, "ownership-priority"),
        (Strategy::ManualReview, "manual-review"),
    ] {
        for (owner, side) in [(Side::Platform, "platform"), (Side::External, "external")] {
            for (enforced, yes) in [(false, "no"), (true, "yes")] {
                for (direction, way) in [
                    (Direction::Bidirectional, "bidirectional"),
                    (Direction::Inbound, "inbound"),
                    (Direction::Outbound, "outbound"),
                ] {
                    for moved in Moved::ALL {
                        let config = integration(strategy, owner, enforced, direction);
                        let row = row(config, moved);
                        let who = moved.words();
                        writeln!(text, "| {words} | {side} | {yes} | {way} | {who} | {row} |")
                            .unwrap();
                    }
                }
            }
        }
    }
    text
}

fn row(config: Integration, moved: Moved) -> String {
    let mut sides = Sides::in_step(config);
    let reply = sides.play(moved);
    let state = sides.state.as_ref().unwrap();
    let refused = matches!(reply, Some(Reply::Refused { .. }));
    let ours = state.incident.value(Field::Status).unwrap();
    let conflict = if state.conflicts.is_empty() { "" } else { ", conflict open" };
    let refused = if refused { " (edit refused)" } else { "" };
    let mut rules = sides.rules.clone();
    rules.dedup();
    let rules = rules.join(", ");
    format!("{ours}{refused}{conflict} | {} | {rules} | {}", sides.status, sides.writes)
}

#[test]
fn the_document_says_what_the_rules_do() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/MATRIX.md");
    let document = document();
    if option_env!("UPDATE_DOCS").is_some() {
        std::fs::write(path, &document).unwrap();
    }
    let held = std::fs::read_to_string(path).unwrap_or_default();
    assert!(held == document, "MATRIX.md is out of date: run the test with UPDATE_DOCS=1");
}
