//! What the rules promise, each told as a short story.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod sides;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use tandem_domain::{
    conflict::{Choice, Reason, Standing},
    decision::Decision,
    event::{Change, Event, ForeignNote, Refusal, Reply},
    field::{Field, TEXT_MAX},
    id::NoteId,
    incident::Side,
    integration::{Direction, Integration, Strategy},
    lens::{Lens, Row},
    reconcile::{Effect, WriteState},
    scope::Scope,
};

use crate::sides::{Far, Sides, integration};

const BOTH: Direction = Direction::Bidirectional;

fn pd(strategy: Strategy) -> Integration {
    integration("sim-pd", strategy, Side::Platform, BOTH)
}

/// Two linked integrations, an incident created on the platform, and its two records.
fn two(strategy: Strategy, change: impl Fn(&mut Integration, bool)) -> Sides {
    let mut configs = [
        integration("first", strategy, Side::Platform, BOTH),
        integration("second", strategy, Side::Platform, BOTH),
    ];
    configs.iter_mut().zip([true, false]).for_each(|(config, first)| change(config, first));
    Sides::created(configs)
}

fn disputed(strategy_owner: Side) -> Sides {
    let config = integration("sim-pd", Strategy::ManualReview, strategy_owner, BOTH);
    let mut sides = Sides::triggered(config);
    sides.ours(Field::Title, "disk nearly full");
    let id = sides.only();
    sides.theirs(id, Field::Title, "disk on fire");
    sides.deliver();
    sides
}

#[test]
fn a_change_in_one_integration_reaches_the_others() {
    let mut sides = two(Strategy::LastWriteWins, |_, _| {});
    let first = sides.only();
    sides.theirs(first, Field::Status, "acknowledged");
    sides.deliver();
    assert_eq!(sides.value(Field::Status), Some("mitigated"));
    for far in sides.fars.values() {
        assert_eq!(far.fields[&Field::Status], "acknowledged");
    }
    let writes: Vec<_> = sides.fars.values().map(|far| far.writes.len()).collect();
    assert_eq!(writes.iter().sum::<usize>(), 1, "only the other one is written");
}

#[test]
fn among_several_claims_the_highest_priority_decides_a_race() {
    for (priority, ends) in [(5, "resolved"), (20, "mitigated")] {
        // The second one's external side owns the status, with one priority or another.
        let mut sides = two(Strategy::OwnershipPriority, |config, first| {
            let rule = config.fields.get_mut(&Field::Status).unwrap();
            rule.owner = Side::External;
            rule.priority = if first { 10 } else { priority };
        });
        let by_name = |sides: &Sides, name: &str| {
            *sides.configs.iter().find(|(_, config)| config.handle.as_str() == name).unwrap().0
        };
        let (first, second) = (by_name(&sides, "first"), by_name(&sides, "second"));
        sides.theirs(second, Field::Status, "acknowledged");
        sides.theirs(first, Field::Status, "resolved");
        sides.deliver();
        assert_eq!(sides.value(Field::Status), Some(ends), "priority {priority}");
        let held: Vec<_> =
            sides.fars.values().map(|far| far.fields[&Field::Status].clone()).collect();
        assert_eq!(held[0], held[1]);
    }
}

#[test]
fn a_field_reserved_to_one_external_side_is_read_only_everywhere_else() {
    let mut sides = two(Strategy::LastWriteWins, |config, first| {
        let rule = config.fields.get_mut(&Field::Title).unwrap();
        (rule.owner, rule.enforced) =
            if first { (Side::External, true) } else { (Side::Platform, false) };
    });
    let by_name = |sides: &Sides, name: &str| {
        *sides.configs.iter().find(|(_, config)| config.handle.as_str() == name).unwrap().0
    };
    let (first, second) = (by_name(&sides, "first"), by_name(&sides, "second"));
    sides.fars.get_mut(&first).unwrap().fields.insert(Field::Title, "disk full".to_owned());
    sides.heal(first);
    sides.deliver();
    let reply = sides.ours(Field::Title, "mine");
    assert!(matches!(reply, Some(Reply::Refused { refusal: Refusal::ReadOnly, .. })), "{reply:?}");
    assert_eq!(sides.last.as_ref().unwrap().effect, Effect::Refused);
    assert_eq!(sides.last.as_ref().unwrap().decisions.len(), 1, "and that is on record");
    sides.theirs(second, Field::Title, "theirs");
    sides.deliver();
    assert_eq!(sides.value(Field::Title), Some("disk full"));
    assert_eq!(sides.fars[&second].fields[&Field::Title], "disk full");
    sides.theirs(first, Field::Title, "the owner's");
    sides.deliver();
    assert_eq!(sides.value(Field::Title), Some("the owner's"));
    assert_eq!(sides.fars[&second].fields[&Field::Title], "the owner's");
}

#[test]
fn enforcing_a_field_takes_effect_when_the_sides_are_compared_again() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let direction = &mut sides.config().fields.get_mut(&Field::Title).unwrap().direction;
    *direction = Direction::Inbound;
    sides.ours(Field::Title, "mine");
    sides.deliver();
    let rule = sides.config().fields.get_mut(&Field::Title).unwrap();
    (rule.owner, rule.enforced) = (Side::External, true);
    let link = sides.link_id();
    sides.edit(Change::Resync { link, read: false });
    sides.deliver();
    assert_eq!(sides.value(Field::Title), Some("disk full"));
    assert_eq!(sides.rules.last(), Some(&"enforced"));
}

#[test]
fn under_manual_review_both_values_are_kept_and_nothing_is_written() {
    let sides = disputed(Side::Platform);
    assert_eq!(sides.value(Field::Title), Some("disk nearly full"));
    let far = sides.fars.values().next().unwrap();
    assert_eq!(far.fields[&Field::Title], "disk on fire");
    assert_eq!(far.writes, Vec::<String>::new());
    let conflict = &sides.state.as_ref().unwrap().conflicts[0];
    assert_eq!((conflict.reason, conflict.standing), (Reason::BothMoved, Standing::Open));
    assert_eq!(conflict.platform.value.as_deref(), Some("disk nearly full"));
    assert_eq!(conflict.platform.by.label(), "Olu");
    assert_eq!(conflict.external.external.value.as_deref(), Some("disk on fire"));
    assert_eq!(conflict.base, Some(Some("disk full".to_owned())));
}

#[test]
fn a_frozen_field_leaves_the_others_free() {
    let mut sides = disputed(Side::Platform);
    sides.ours(Field::Status, "resolved");
    sides.deliver();
    assert_eq!(sides.far().writes, ["status=resolved"]);
    assert_eq!(sides.state.as_ref().unwrap().conflicts.len(), 1);
}

#[test]
fn a_frozen_field_freezes_neither_the_other_fields_nor_the_other_conflicts() {
    let mut sides = disputed(Side::Platform);
    let id = sides.only();
    sides.theirs(id, Field::Status, "resolved");
    assert_eq!(sides.value(Field::Status), Some("resolved"));
    sides.ours(Field::Severity, "SEV-4");
    sides.far().fields.insert(Field::Severity, "low".to_owned());
    sides.deliver();
    sides.ours(Field::Status, "open");
    sides.theirs(id, Field::Status, "acknowledged");
    assert_eq!(sides.state.as_ref().unwrap().conflicts.len(), 2);
    sides.theirs(id, Field::Title, "building on fire");
    let conflicts = &sides.state.as_ref().unwrap().conflicts;
    let shown: Vec<_> = conflicts.iter().map(|it| it.external.value.as_deref().unwrap()).collect();
    assert_eq!(shown, ["building on fire", "mitigated"]);
    sides.theirs(id, Field::Status, "resolved");
    let conflicts = &sides.state.as_ref().unwrap().conflicts;
    let shown: Vec<_> = conflicts.iter().map(|it| it.external.value.as_deref().unwrap()).collect();
    assert_eq!(shown, ["building on fire", "resolved"]);
}

#[test]
fn linking_what_is_linked_changes_nothing_and_versions_only_grow() {
    let mut sides = Sides::triggered(pd(Strategy::ManualReview));
    let (id, link) = (sides.only(), sides.link_id());
    sides.ours(Field::Title, "mine");
    sides.deliver();
    let before = sides.link(id).clone();
    sides.edit(Change::Link { integration: id, record: "R1".parse().unwrap() });
    assert_eq!(sides.link(id).fields, before.fields);
    sides.state.as_mut().unwrap().links[0].number = Some(4);
    sides.edit(Change::Unlink { link });
    sides.deliver();
    let parted = sides.link(id).clone();
    sides.edit(Change::Link { integration: id, record: "R1".parse().unwrap() });
    let joined = sides.link(id);
    assert_eq!((joined.confirmed, joined.number), (parted.confirmed, Some(4)));
    assert!(joined.version >= parted.version && joined.confirmed > 0);
    sides.deliver();
    assert!(
        sides.link(id).version >= before.version && sides.link(id).confirmed >= before.confirmed
    );
    sides.ours(Field::Title, "and on");
    let asked = sides.last.as_ref().unwrap().desired[0].version;
    assert!(asked > before.version, "{asked} after {}", before.version);
    sides.deliver();
    assert_eq!(sides.far().fields[&Field::Title], "and on");
}

#[test]
fn a_conflict_is_decided_for_either_side_or_a_third_value() {
    let third = Choice::Value { value: Some("disk replaced".to_owned()) };
    for (choice, ends, writes) in [
        (Choice::Platform, "disk nearly full", 1),
        (Choice::External, "disk on fire", 0),
        (third, "disk replaced", 1),
    ] {
        let mut sides = disputed(Side::Platform);
        let conflict = sides.conflict();
        let reply = sides.edit(Change::Resolve { conflict, choice: choice.clone() });
        assert!(matches!(reply, Some(Reply::Accepted { .. })), "{reply:?}");
        let closed = sides.last.as_ref().unwrap().conflicts[0].clone();
        assert_eq!(closed.standing, Standing::Resolved);
        assert_eq!(closed.ending.unwrap().choice, Some(choice));
        sides.deliver();
        assert_eq!(sides.value(Field::Title), Some(ends));
        assert_eq!(sides.far().fields[&Field::Title], ends);
        assert_eq!(sides.far().writes.len(), writes);
        assert!(sides.state.as_ref().unwrap().conflicts.is_empty());
        let id = sides.only();
        sides.heal(id);
        sides.deliver();
        assert_eq!(sides.value(Field::Title), Some(ends), "and it stays so");
        assert!(sides.state.as_ref().unwrap().conflicts.is_empty());
    }
}

#[test]
fn a_conflict_cannot_be_decided_twice_or_with_a_value_that_does_not_fit() {
    let mut sides = disputed(Side::Platform);
    let conflict = sides.conflict();
    let choice = Choice::Value { value: Some(" ".to_owned()) };
    let reply = sides.edit(Change::Resolve { conflict, choice });
    assert!(matches!(reply, Some(Reply::Refused { refusal: Refusal::Unfit, .. })));
    assert_eq!(sides.state.as_ref().unwrap().conflicts.len(), 1, "nothing is half applied");
    sides.edit(Change::Resolve { conflict, choice: Choice::Platform });
    let reply = sides.edit(Change::Resolve { conflict, choice: Choice::External });
    assert!(matches!(reply, Some(Reply::Refused { refusal: Refusal::Unknown, .. })));
}

#[test]
fn a_conflict_closes_by_itself_when_the_sides_come_to_agree() {
    for here in [true, false] {
        let mut sides = disputed(Side::Platform);
        let id = sides.only();
        if here {
            sides.ours(Field::Title, "disk on fire");
        } else {
            sides.theirs(id, Field::Title, "disk nearly full");
        }
        let closed = sides.last.as_ref().unwrap().conflicts[0].clone();
        assert_eq!(closed.standing, Standing::Agreed);
        sides.deliver();
        assert_eq!(sides.far().writes, Vec::<String>::new());
        sides.ours(Field::Title, "and on we go");
        sides.deliver();
        assert_eq!(sides.far().fields[&Field::Title], "and on we go", "the field has thawed");
    }
}

#[test]
fn an_open_conflict_shows_the_newest_of_both_sides() {
    let mut sides = disputed(Side::Platform);
    let id = sides.only();
    sides.theirs(id, Field::Title, "building on fire");
    sides.ours(Field::Title, "disk very full");
    sides.deliver();
    let conflict = sides.state.as_ref().unwrap().conflicts[0].clone();
    assert_eq!(conflict.external.value.as_deref(), Some("building on fire"));
    assert_eq!(conflict.platform.value.as_deref(), Some("disk very full"));
    assert_eq!(sides.state.as_ref().unwrap().conflicts.len(), 1);
}

#[test]
fn what_is_older_than_a_decision_does_not_bring_the_conflict_back() {
    let mut sides = Sides::triggered(pd(Strategy::ManualReview));
    sides.ours(Field::Status, "mitigated");
    let id = sides.only();
    sides.theirs(id, Field::Status, "resolved");
    let late = sides.now.checked_add(SignedDuration::from_secs(1)).unwrap();
    let conflict = sides.conflict();
    sides.edit(Change::Resolve { conflict, choice: Choice::Platform });
    sides.deliver();
    // Somebody's edit from before the decision arrives after it.
    sides.far().fields.insert(Field::Status, "triggered".to_owned());
    sides.later();
    sides.webhook_of(id, late, Some(Field::Status));
    sides.far().fields.insert(Field::Status, "acknowledged".to_owned());
    sides.deliver();
    assert_eq!(sides.value(Field::Status), Some("mitigated"));
    assert!(sides.state.as_ref().unwrap().conflicts.is_empty());
}

#[test]
fn what_is_on_its_way_is_withdrawn_when_a_field_freezes() {
    let mut sides = Sides::triggered(pd(Strategy::ManualReview));
    sides.ours(Field::Title, "mine");
    let id = sides.only();
    let asked = sides.last.as_ref().unwrap().desired[0].clone();
    assert!(asked.want.contains_key(&Field::Title));
    sides.theirs(id, Field::Title, "theirs");
    let withdrawn = sides.last.as_ref().unwrap().desired[0].clone();
    assert!(withdrawn.version > asked.version && !withdrawn.want.contains_key(&Field::Title));
}

#[test]
fn a_field_that_goes_back_and_forth_is_quarantined_and_the_other_writer_named() {
    let mut config = pd(Strategy::OwnershipPriority);
    config.fields.get_mut(&Field::Status).unwrap().enforced = true;
    let mut sides = Sides::triggered(config);
    let id = sides.only();
    sides.ours(Field::Status, "mitigated");
    sides.deliver();
    let mut wrote = Vec::new();
    for _ in 0..6 {
        // Another integration over there, which wants it resolved.
        sides.far().fields.insert(Field::Status, "resolved".to_owned());
        sides.now = sides.now.checked_add(SignedDuration::from_secs(1)).unwrap();
        sides.webhook(id, Some(Field::Status));
        sides.deliver();
        wrote.push(sides.far().writes.len());
    }
    let conflict = sides.state.as_ref().unwrap().conflicts[0].clone();
    assert_eq!(conflict.reason, Reason::Flapping);
    assert_eq!(conflict.external.by.label(), "Priya");
    assert_eq!(wrote, [2, 2, 2, 2, 2, 2], "once undone, then no longer fought over");
}

#[test]
fn high_low_high_over_there_returns_to_the_severity_it_was() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let id = sides.only();
    sides.ours(Field::Severity, "SEV-1");
    sides.deliver();
    sides.theirs(id, Field::Severity, "low");
    sides.deliver();
    assert_eq!(sides.value(Field::Severity), Some("SEV-3"));
    sides.theirs(id, Field::Severity, "high");
    sides.deliver();
    assert_eq!(sides.value(Field::Severity), Some("SEV-1"));
}

#[test]
fn an_edit_that_comes_to_what_is_there_is_read_back_once_and_writes_nothing() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    sides.ours(Field::Severity, "SEV-1");
    assert_eq!(sides.last.as_ref().unwrap().desired.len(), 1);
    sides.deliver();
    assert_eq!(sides.far().writes, Vec::<String>::new());
    // An edit over there that is made afterwards is no race any more.
    let id = sides.only();
    sides.theirs(id, Field::Severity, "low");
    assert_eq!(sides.rules.last(), Some(&"taken"));
}

#[test]
fn an_edit_that_cannot_have_known_a_later_one_over_there_is_a_race() {
    let cases = [
        (Strategy::LastWriteWins, Side::Platform, "resolved"),
        (Strategy::OwnershipPriority, Side::Platform, "mitigated"),
        (Strategy::OwnershipPriority, Side::External, "resolved"),
    ];
    for (strategy, owner, ends) in cases {
        let mut sides = Sides::triggered(integration("sim-pd", strategy, owner, BOTH));
        let (id, incident) = (sides.only(), sides.incident());
        sides.theirs(id, Field::Status, "resolved");
        let fields = BTreeMap::from([(Field::Status, Some("mitigated".to_owned()))]);
        let at = sides.now.checked_sub(SignedDuration::from_secs(2)).unwrap();
        let edit = tandem_domain::event::Edit {
            id: tandem_domain::id::Mint::new(at, b"late").id(),
            org: "demo".parse().unwrap(),
            incident,
            at,
            author: tandem_domain::incident::Actor::unnamed(Side::Platform),
            change: Change::Update { fields, revision: None },
        };
        sides.later();
        sides.apply(&Event::Edit(edit));
        sides.deliver();
        assert_eq!(sides.value(Field::Status), Some(ends), "{strategy:?} {owner:?}");
        let held = if ends == "resolved" { "resolved" } else { "acknowledged" };
        assert_eq!(sides.far().fields[&Field::Status], held);
    }
}

#[test]
fn what_falls_outside_the_scope_is_left_out_with_the_reason() {
    let mut config = pd(Strategy::LastWriteWins);
    config.scope = Scope { min_severity: Some("SEV-2".to_owned()), ..Scope::default() };
    let mut sides = Sides::new([config]);
    sides.create("SEV-4");
    sides.deliver();
    let id = sides.only();
    assert_eq!(sides.fars[&id].record, None);
    let problem = sides.link(id).problem.clone().unwrap();
    assert_eq!(problem, "outside the scope: severity SEV-4 is below SEV-2");
    sides.ours(Field::Severity, "SEV-1");
    sides.deliver();
    assert!(sides.fars[&id].record.is_some(), "it takes part as soon as it falls inside");
    assert_eq!(sides.link(id).problem, None);
    sides.ours(Field::Severity, "SEV-4");
    sides.deliver();
    assert_eq!(sides.far().fields[&Field::Severity], "low", "and from then on it is kept in step");
}

#[test]
fn a_record_outside_the_scope_begins_no_incident() {
    let mut config = pd(Strategy::LastWriteWins);
    let expression = "severity in ['SEV-1', 'SEV-2'] && service != 'S1'".to_owned();
    config.scope = Scope { expression: Some(expression), ..Scope::default() };
    assert_eq!(config.scope.check(), Ok(()));
    let mut sides = Sides::new([config]);
    let id = sides.only();
    sides.trigger(id, "R1");
    assert!(sides.state.is_none());
    let effect = sides.last.as_ref().unwrap().effect.clone();
    assert_eq!(effect, Effect::Ignored("outside the scope: the expression is false".to_owned()));
}

#[test]
fn a_scope_that_cannot_be_used_is_refused_with_the_way_out() {
    let scope =
        |expression: &str| Scope { expression: Some(expression.to_owned()), ..Scope::default() };
    for bad in ["severity ==", "severity + 1", "'SEV-1'", "nobody == 'x'"] {
        let error = scope(bad).check().unwrap_err().to_string();
        assert!(error.starts_with("expression: ") && error.contains("labels.region"), "{error}");
    }
    assert_eq!(scope("labels.region == 'eu'").check(), Ok(()));
    let severity = Scope { min_severity: Some("SEV-9".to_owned()), ..Scope::default() };
    assert!(severity.check().unwrap_err().to_string().starts_with("min_severity: \"SEV-9\""));
}

#[test]
fn labels_travel_under_the_name_they_have_over_there() {
    let mut config = pd(Strategy::LastWriteWins);
    let (ours, theirs): (Field, Field) =
        ("label.region".parse().unwrap(), "label.region_cf".parse().unwrap());
    let mut rule = config.fields[&Field::Title].clone();
    rule.external = Some("region_cf".parse().unwrap());
    config.fields.insert(ours, rule);
    let mut sides = Sides::triggered(config);
    let id = sides.only();
    sides.far().fields.insert(theirs, "eu".to_owned());
    sides.heal(id);
    assert_eq!(sides.value(ours), Some("eu"));
    sides.ours(ours, "us");
    sides.deliver();
    assert_eq!(sides.far().writes, ["label.region_cf=us"]);
    let labels: Vec<_> = sides.state.as_ref().unwrap().incident.labels().collect();
    assert_eq!(labels, [("region", "us")]);
}

#[test]
fn a_person_is_found_by_the_explicit_map_and_else_by_name() {
    let mut config = pd(Strategy::LastWriteWins);
    let row = Row { platform: "olu@acme.test".to_owned(), external: "P1".to_owned(), fresh: false };
    let rule = config.fields.get_mut(&Field::AssignedTo).unwrap();
    (rule.lens, rule.direction) = (Lens::Reference { rows: vec![row], by_email: Vec::new() }, BOTH);
    let mut sides = Sides::triggered(config);
    let id = sides.only();
    sides.theirs(id, Field::AssignedTo, "P1");
    assert_eq!(sides.value(Field::AssignedTo), Some("olu@acme.test"));
    sides.theirs(id, Field::AssignedTo, "P2");
    assert_eq!(sides.value(Field::AssignedTo), Some("P2"));
    sides.deliver();
    sides.ours(Field::AssignedTo, "olu@acme.test");
    sides.deliver();
    assert_eq!(sides.far().writes, ["assigned_to=P1"]);
    sides.ours(Field::AssignedTo, "nobody@acme.test");
    sides.deliver();
    let problem = sides.link(id).problem.clone().unwrap();
    assert!(problem.contains("nobody@acme.test"), "{problem}");
}

#[test]
fn an_existing_pair_is_linked_and_what_differs_is_settled() {
    let mut sides =
        Sides::new([integration("sim-pd", Strategy::ManualReview, Side::Platform, BOTH)]);
    let id = sides.only();
    sides.config().services.clear();
    sides.create("SEV-2");
    sides.deliver();
    let link = sides.link_id();
    sides.edit(Change::Unlink { link });
    sides.deliver();
    let far = sides.fars.get_mut(&id).unwrap();
    far.record = Some("R7".to_owned());
    far.fields.extend([
        (Field::Title, "disk broken".to_owned()),
        (Field::Status, "triggered".to_owned()),
        (Field::Severity, "high".to_owned()),
    ]);
    let reply = sides.edit(Change::Link { integration: id, record: "R7".parse().unwrap() });
    assert!(matches!(reply, Some(Reply::Accepted { .. })), "{reply:?}");
    sides.deliver();
    let conflicts = &sides.state.as_ref().unwrap().conflicts;
    assert_eq!(conflicts.iter().map(|open| open.field).collect::<Vec<_>>(), [Field::Title]);
    let again = sides.edit(Change::Link { integration: id, record: "R8".parse().unwrap() });
    assert!(matches!(again, Some(Reply::Refused { refusal: Refusal::Taken, .. })));
}

#[test]
fn an_incident_that_was_there_before_takes_part_when_that_is_asked_of_it() {
    let mut sides = Sides::created([pd(Strategy::LastWriteWins)]);
    let late = integration("late-pd", Strategy::LastWriteWins, Side::Platform, BOTH);
    let (id, services) = (late.id, late.services.clone());
    sides.configs.insert(id, Integration { services: Vec::new(), ..late });
    sides.fars.insert(id, Far::default());
    sides.ours(Field::Title, "disk broken");
    sides.deliver();
    assert_eq!(sides.state.as_ref().unwrap().links.len(), 1, "by itself it takes part nowhere");

    let revision = sides.state.as_ref().unwrap().incident.revision;
    let ask = |revision| Change::TakePart { integration: id, revision: Some(revision) };
    let refused = |reply: Option<Reply>| match reply {
        Some(Reply::Refused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(sides.edit(ask(revision - 1))), Refusal::Stale);
    assert_eq!(refused(sides.edit(ask(revision))), Refusal::Unfit, "no service is mapped");
    assert_eq!(sides.state.as_ref().unwrap().links.len(), 1, "and nothing is left behind");
    sides.configs.get_mut(&id).unwrap().services = services;
    assert!(matches!(sides.edit(ask(revision)), Some(Reply::Accepted { .. })));
    sides.deliver();
    assert_eq!(sides.fars[&id].fields[&Field::Title], "disk broken");
    sides.forget();
    assert!(matches!(sides.edit(ask(revision)), Some(Reply::Accepted { .. })), "asked twice");
    sides.deliver();
    assert_eq!(sides.fars[&id].writes, Vec::<String>::new());
    let link = sides.link(id).id;
    sides.edit(Change::Unlink { link });
    assert_eq!(refused(sides.edit(ask(revision))), Refusal::Taken, "it was parted by hand");
}

#[test]
fn a_parted_record_is_left_alone_until_it_is_joined_again() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let (id, link) = (sides.only(), sides.link_id());
    sides.heal(id);
    sides.ours(Field::Title, "on its way");
    sides.edit(Change::Unlink { link });
    sides.deliver();
    assert_eq!(sides.far().writes, Vec::<String>::new(), "what was on its way is withdrawn");
    sides.theirs(id, Field::Status, "resolved");
    assert_eq!(sides.value(Field::Status), Some("open"));
    assert!(
        matches!(&sides.last.as_ref().unwrap().effect, Effect::Ignored(why) if why.contains("unlinked"))
    );
    sides.ours(Field::Title, "ours alone");
    sides.deliver();
    assert_eq!(sides.far().writes, Vec::<String>::new());
    sides.edit(Change::Link { integration: id, record: "R1".parse().unwrap() });
    sides.deliver();
    assert_eq!(sides.far().fields[&Field::Title], "ours alone");
    assert_eq!(sides.value(Field::Status), Some("resolved"));
}

#[test]
fn a_mapping_that_comes_later_creates_what_waited_for_it() {
    let mut config = pd(Strategy::LastWriteWins);
    let services = std::mem::take(&mut config.services);
    let mut sides = Sides::created([config]);
    let id = sides.only();
    assert!(sides.link(id).problem.as_deref().is_some_and(|why| why.contains("infrastructure")));
    sides.config().services = services;
    let link = sides.link_id();
    sides.edit(Change::Resync { link, read: false });
    sides.deliver();
    assert!(sides.fars[&id].record.is_some());
    assert_eq!(sides.link(id).problem, None);
}

#[test]
fn a_refused_write_is_tried_again_only_when_something_else_is_wanted_or_somebody_asks() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let (id, link) = (sides.only(), sides.link_id());
    sides.far().refuses = true;
    sides.ours(Field::Title, "too much");
    sides.deliver();
    assert_eq!(sides.link(id).problem.as_deref(), Some("refused"));
    assert!(sides.last.as_ref().unwrap().writes.iter().any(|it| it.state == WriteState::Refused));
    sides.webhook(id, None);
    assert!(sides.last.as_ref().unwrap().desired.is_empty(), "nothing new, nothing sent");
    sides.far().refuses = false;
    sides.edit(Change::Resync { link, read: false });
    sides.deliver();
    assert_eq!(sides.far().fields[&Field::Title], "too much");
    assert_eq!(sides.link(id).problem, None);
}

#[test]
fn two_notes_of_one_text_are_two_notes_whatever_order_their_answers_come_in() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let id = sides.only();
    for at in [1_u128, 2] {
        let note = NoteId::from_uuid(uuid::Uuid::from_u128(at));
        sides.edit(Change::Note { note, text: "restarted".to_owned() });
    }
    let seen =
        |id: &str| ForeignNote { id: id.to_owned(), text: "restarted".to_owned(), trimmed: false };
    sides.note(id, seen("N2"));
    sides.note(id, seen("N1"));
    let link = sides.link_id();
    for (at, foreign) in [(1_u128, "N1"), (2, "N2")] {
        let note = NoteId::from_uuid(uuid::Uuid::from_u128(at));
        let outcome = tandem_domain::event::Outcome::Noted { note, foreign: foreign.to_owned() };
        let receipt = tandem_domain::event::Receipt {
            id: foreign.to_owned(),
            integration: id,
            link,
            outcome,
        };
        sides.apply(&Event::Receipt(receipt));
    }
    let mut held: Vec<_> =
        sides.state.as_ref().unwrap().notes.iter().map(|it| it.foreign.clone()).collect();
    held.sort();
    assert_eq!(held, [Some("N1".to_owned()), Some("N2".to_owned())]);
    assert!(sides.last.as_ref().unwrap().notes.is_empty(), "neither came back as a third one");
}

#[test]
fn a_note_that_was_cut_says_where_the_whole_of_it_is() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let id = sides.only();
    sides.note(id, ForeignNote { id: "N1".to_owned(), text: "long".to_owned(), trimmed: true });
    let text = sides.last.as_ref().unwrap().notes[0].text.clone();
    assert!(text.starts_with("long […]") && text.contains("https://sim.test/R1"), "{text}");
}

#[test]
fn what_a_record_of_our_making_begins_with_is_taken_where_the_platform_said_nothing() {
    for direction in [Direction::Inbound, BOTH] {
        let mut config = pd(Strategy::LastWriteWins);
        config.fields.get_mut(&Field::AssignedTo).unwrap().direction = direction;
        let mut sides = Sides::new([config]);
        sides.far().fields.insert(Field::AssignedTo, "P1".to_owned());
        sides.create("SEV-2");
        sides.deliver();
        assert_eq!(sides.value(Field::AssignedTo), Some("P1"), "{direction:?}");
        assert_eq!(sides.far().writes.iter().filter(|it| it.contains("P1")).count(), 0);
    }
}

#[test]
fn decisions_form_a_chain_that_shows_any_change() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let mut chain: Vec<Decision> = Vec::new();
    for title in ["one", "two", "three"] {
        sides.ours(Field::Title, title);
        chain.extend(sides.last.as_ref().unwrap().decisions.clone());
        sides.deliver();
    }
    for pair in chain.windows(2) {
        assert_eq!(pair[1].previous, pair[0].hash());
        assert_eq!(pair[1].position, pair[0].position + 1);
    }
    let head = &sides.state.as_ref().unwrap().incident.chain;
    assert_eq!(head.hash, chain.last().unwrap().hash());
    let mut forged = chain[1].clone();
    forged.after = Some("never".to_owned());
    assert_ne!(chain[2].previous, forged.hash());
}

#[test]
fn an_organisation_can_neither_change_nor_replace_the_incident_of_another() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let (incident, before) = (sides.incident(), sides.state.clone());
    let fields = BTreeMap::from([(Field::Title, Some("taken over".to_owned()))]);
    let create =
        Change::Create { fields: fields.clone(), incident_type: None, labels: BTreeMap::new() };
    let refusals =
        [(create, Refusal::Exists), (Change::Update { fields, revision: None }, Refusal::Unknown)];
    for (change, expected) in refusals {
        let reply = sides.edit_in("other", incident, change);
        let Some(Reply::Refused { refusal, message }) = reply else { panic!("{reply:?}") };
        assert_eq!(refusal, expected, "{message}");
        assert!(!message.contains("disk"), "{message}");
        assert_eq!(sides.state, before);
    }
}

#[test]
fn nothing_that_is_told_of_a_record_of_ours_is_older_than_its_creation() {
    for behind in [0, 400, 30_000] {
        let mut sides = Sides::created([pd(Strategy::LastWriteWins)]);
        let id = sides.only();
        let asked = sides.link(id).version;
        // Somebody takes it at once, and again; their clock is behind ours, by how much nobody knows.
        for status in ["acknowledged", "triggered", "acknowledged"] {
            sides.now = sides.now.checked_add(SignedDuration::from_millis(10)).unwrap();
            let told = sides.now.checked_sub(SignedDuration::from_millis(behind)).unwrap();
            sides.far().fields.insert(Field::Status, status.to_owned());
            sides.webhook_of(id, told, Some(Field::Status));
        }
        assert_eq!(sides.value(Field::Status), Some("mitigated"), "{behind} ms behind");
        assert_eq!(sides.link(id).version, asked, "nothing is read or written");
        assert_eq!(sides.rules, ["taken", "taken", "taken"]);
    }
}

#[test]
fn an_acknowledgement_that_a_write_of_ours_undid_unseen_is_somebodys_and_comes_back() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    sides.ours(Field::Severity, "SEV-3");
    sides.deliver();
    sides.ours(Field::Status, "resolved");
    sides.deliver();
    sides.ours(Field::Severity, "SEV-1");
    sides.far().meanwhile = Some((Field::Status, "acknowledged".to_owned()));
    sides.deliver();
    assert_eq!(sides.value(Field::Status), Some("mitigated"));
    assert_eq!(sides.far().fields[&Field::Status], "acknowledged");
    assert_eq!(sides.far().fields[&Field::Severity], "high");
}

#[test]
fn what_a_write_of_ours_did_to_something_that_was_seen_is_undone() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    sides.ours(Field::Severity, "SEV-3");
    sides.ours(Field::Status, "mitigated");
    sides.deliver();
    sides.forget();
    sides.ours(Field::Severity, "SEV-1");
    sides.deliver();
    assert_eq!(sides.value(Field::Status), Some("mitigated"));
    assert_eq!(sides.far().writes, ["severity=high", "status=acknowledged"]);
    assert_eq!(sides.rules, ["edited"], "nobody but us did anything");
}

#[track_caller]
fn refused(reply: Option<Reply>, field: &str) {
    let Some(Reply::Refused { message, .. }) = reply else { panic!("{field}: {reply:?}") };
    assert!(message.starts_with(field), "{message}");
}

#[test]
fn what_an_edit_cannot_say_is_refused_by_the_name_of_the_field() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let new = |incident_type: Option<&str>, label: (&str, &str)| Change::Create {
        fields: BTreeMap::from([(Field::Title, Some("disk full".to_owned()))]),
        incident_type: incident_type.map(str::to_owned),
        labels: BTreeMap::from([(label.0.to_owned(), label.1.to_owned())]),
    };
    let mut create = |change| {
        let id = sides.mint();
        let mut fresh = Sides::new([pd(Strategy::LastWriteWins)]);
        let reply = fresh.edit_of(id, change);
        (reply, fresh)
    };
    let eu = ("region", "eu");
    for bad in ["", " ", "a\0b", &"x".repeat(257)] {
        refused(create(new(Some(bad), eu)).0, "incident_type: ");
    }
    refused(create(new(None, ("no spaces", "eu"))).0, "labels: ");
    let (reply, fresh) = create(new(Some(&"x".repeat(256)), eu));
    assert!(matches!(reply, Some(Reply::Accepted { .. })), "{reply:?}");
    assert_eq!(fresh.value("label.region".parse().unwrap()), Some("eu"));

    let note = |text: &str| Change::Note {
        note: NoteId::from_uuid(uuid::Uuid::from_u128(9)),
        text: text.to_owned(),
    };
    for bad in ["", " ", "a\0b", &"x".repeat(TEXT_MAX + 1)] {
        refused(sides.edit(note(bad)), "text: ");
    }
    assert!(matches!(sides.edit(note(&"x".repeat(TEXT_MAX))), Some(Reply::Accepted { .. })));
}

#[test]
fn what_is_withdrawn_is_newer_than_what_was_on_its_way() {
    let mut sides = Sides::triggered(pd(Strategy::LastWriteWins));
    let link = sides.link_id();
    sides.ours(Field::Title, "on its way");
    let asked = sides.last.as_ref().unwrap().desired[0].version;
    sides.edit(Change::Unlink { link });
    let withdrawn = &sides.last.as_ref().unwrap().desired[0];
    assert!(withdrawn.version > asked && withdrawn.want.is_empty(), "{withdrawn:?}");
}

#[test]
fn a_note_goes_to_every_other_side_that_takes_any_and_not_back() {
    let heard = |second: Direction| {
        let mut sides = two(Strategy::LastWriteWins, |config, first| {
            config.direction = if first { BOTH } else { second };
        });
        let (first, text) = (sides.only(), "seen there".to_owned());
        sides.note(first, ForeignNote { id: "N1".to_owned(), text, trimmed: false });
        let acts = sides.last.as_ref().unwrap().acts.iter();
        acts.map(|act| act.integration != first).collect::<Vec<_>>()
    };
    assert_eq!(heard(BOTH), [true]);
    assert_eq!(heard(Direction::Inbound), Vec::<bool>::new());
}
