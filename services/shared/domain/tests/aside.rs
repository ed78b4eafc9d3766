//! An integration that takes no part for a while: nothing of that while is lost.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod sides;

use tandem_domain::{
    event::Change,
    field::Field,
    id::NoteId,
    incident::Side,
    integration::{Direction, Integration, Strategy},
    link::ASIDE,
    outbound::ActKind,
};

use crate::sides::{Sides, integration};

fn disabled() -> Integration {
    let config =
        integration("sim-pd", Strategy::LastWriteWins, Side::Platform, Direction::Bidirectional);
    Integration { enabled: false, ..config }
}

/// What the sweeper does once the integration takes part again.
fn enable(sides: &mut Sides) {
    sides.config().enabled = true;
    sides.config().version += 1;
    let link = sides.link_id();
    sides.edit(Change::Resync { link, read: false });
}

fn note(sides: &mut Sides, text: &str) {
    let note = NoteId::from_uuid(uuid::Uuid::from_u128(9));
    sides.edit(Change::Note { note, text: text.to_owned() });
}

#[test]
fn an_incident_that_was_opened_meanwhile_gets_its_record_and_its_notes_afterwards() {
    let mut sides = Sides::new([disabled()]);
    sides.create("SEV-2");
    note(&mut sides, "looking into it");
    sides.deliver();
    assert_eq!(sides.far().record, None);
    assert_eq!(sides.link(sides.only()).levelled, ASIDE);
    enable(&mut sides);
    sides.deliver();
    assert!(sides.far().record.is_some());
    let acts = &sides.last.as_ref().unwrap().acts;
    assert!(
        acts.iter().any(
            |act| matches!(&act.kind, ActKind::Note { text, .. } if text == "looking into it")
        ),
        "{acts:?}"
    );
}

#[test]
fn what_was_opened_and_ended_meanwhile_pages_nobody_unless_it_is_reopened() {
    let mut sides = Sides::new([disabled()]);
    sides.create("SEV-2");
    sides.ours(Field::Status, "resolved");
    enable(&mut sides);
    sides.deliver();
    assert_eq!(sides.far().record, None);
    let problem = sides.link(sides.only()).problem.clone().unwrap();
    assert!(problem.contains("over before a record"), "{problem}");
    sides.ours(Field::Status, "open");
    sides.deliver();
    assert!(sides.far().record.is_some());
}

#[test]
fn what_was_closed_meanwhile_is_compared_and_resolved_afterwards() {
    let mut sides = Sides::created([Integration { enabled: true, ..disabled() }]);
    sides.config().enabled = false;
    sides.config().version += 1;
    sides.ours(Field::Status, "closed");
    note(&mut sides, "it was the disk");
    assert_eq!(sides.link(sides.only()).levelled, ASIDE);
    sides.deliver();
    assert_eq!(sides.far().fields[&Field::Status], "triggered");
    enable(&mut sides);
    let acts = sides.last.as_ref().unwrap().acts.len();
    sides.deliver();
    assert_eq!(sides.far().fields[&Field::Status], "resolved");
    assert_eq!(acts, 1, "the note, once");
    assert_ne!(sides.link(sides.only()).levelled, ASIDE);
}

#[test]
fn a_pause_decides_nothing_otherwise() {
    let mut sides = Sides::new([Integration { enabled: true, paused: true, ..disabled() }]);
    sides.create("SEV-2");
    assert_eq!(sides.last.as_ref().unwrap().desired.len(), 1, "it waits at the egress");
}
