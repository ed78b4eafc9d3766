//! What is found by looking, taken in as if it had been told.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod sides;

use jiff::{SignedDuration, Timestamp};
use tandem_domain::{
    event::{Event, ForeignNote, Reading},
    field::Field,
    finding::{Entry, Finding, FoundNote},
    incident::{Actor, Side},
    integration::{Direction, Integration, Strategy},
    lens::Foreign,
    reconcile::{Effect, Step},
};

use crate::sides::{Sides, integration};

fn config(strategy: Strategy, owner: Side) -> Integration {
    let measured = tandem_domain::clock::Offset {
        lo: -50_000,
        hi: 50_000,
        at: Some(Timestamp::from_second(1_700_000_000).unwrap()),
    };
    let plain = integration("sim-pd", strategy, owner, Direction::Bidirectional);
    Integration { clock: measured, ..plain }
}

/// One record that was triggered, and nothing else so far.
fn triggered() -> Sides {
    Sides::triggered(config(Strategy::LastWriteWins, Side::Platform))
}

/// The whole second before now, and a little more for each that came before in it.
fn second(sides: &Sides, place: i64) -> Timestamp {
    let second = Timestamp::from_second(sides.now.as_second()).unwrap();
    second.checked_add(SignedDuration::from_micros(place)).unwrap()
}

fn entry(id: &str, at: Timestamp, status: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        at,
        actor: Some(Actor { name: Some("Dana".to_owned()), ..Actor::unnamed(Side::External) }),
        begins: false,
        edited: Some(Field::Status),
        value: Some(Foreign::plain(status.to_owned())),
        announced: true,
    }
}

/// What is found now: this history, and the record as it is.
fn find(sides: &mut Sides, history: Vec<Entry>) -> Finding {
    sides.later();
    let id = sides.only();
    let heard = sides.now;
    let sent = heard.checked_add(SignedDuration::from_millis(10)).unwrap();
    let received = heard.checked_add(SignedDuration::from_millis(40)).unwrap();
    sides.now = received;
    let reading = Reading { sent, received, date: None, snapshot: sides.snapshot(id) };
    let name = format!("f{}", sent.as_microsecond());
    Finding { id: name, integration: id, heard, reading, history, notes: Vec::new(), begins: true }
}

fn take(sides: &mut Sides, finding: &Finding) -> Step {
    sides.apply(&Event::Finding(Box::new(finding.clone())))
}

fn missed(step: &Step) -> Vec<&str> {
    step.missed.iter().map(|missed| missed.entry.as_str()).collect()
}

#[test]
fn an_edit_nobody_told_of_is_taken_with_its_author_and_its_second() {
    let mut sides = triggered();
    sides.later();
    let at = second(&sides, 0);
    sides.far().fields.insert(Field::Status, "acknowledged".to_owned());
    let finding = find(&mut sides, vec![entry("L1", at, "acknowledged")]);
    let step = take(&mut sides, &finding);
    assert_eq!(sides.value(Field::Status), Some("mitigated"));
    let decision = step.decisions.last().unwrap();
    assert_eq!(decision.actor.name.as_deref(), Some("Dana"));
    assert_eq!(
        decision.authored_at.duration_since(at).as_millis(),
        500,
        "the middle of its second"
    );
    assert_eq!(missed(&step), ["L1"]);
    assert_eq!(step.missed[0].occurred_at, at);
}

#[test]
fn what_a_webhook_told_is_not_found_again() {
    let mut sides = triggered();
    let id = sides.only();
    sides.theirs(id, Field::Status, "acknowledged");
    let at = second(&sides, 0);
    let finding = find(&mut sides, vec![entry("L1", at, "acknowledged")]);
    let step = take(&mut sides, &finding);
    assert_eq!((missed(&step).len(), step.decisions.len()), (0, 0));
    assert_eq!(sides.value(Field::Status), Some("mitigated"));
}

#[test]
fn what_we_wrote_ourselves_is_nobodys_edit_and_missed_only_if_its_webhook_never_came() {
    for told in [true, false] {
        let mut sides = triggered();
        sides.later();
        sides.ours(Field::Status, "mitigated");
        sides.deliver();
        let at = second(&sides, 0);
        if told {
            let id = sides.only();
            sides.webhook(id, Some(Field::Status));
        }
        let finding = find(&mut sides, vec![entry("L1", at, "acknowledged")]);
        let step = take(&mut sides, &finding);
        assert_eq!(missed(&step).len(), usize::from(!told), "told: {told}");
        assert_eq!(sides.value(Field::Status), Some("mitigated"));
        assert!(step.desired.is_empty() && step.decisions.is_empty(), "{:?}", step.decisions);
    }
}

#[test]
fn a_webhook_that_comes_after_all_changes_nothing_more() {
    let mut sides = triggered();
    sides.later();
    let (at, told_at) = (second(&sides, 0), sides.now);
    sides.far().fields.insert(Field::Status, "acknowledged".to_owned());
    let finding = find(&mut sides, vec![entry("L1", at, "acknowledged")]);
    take(&mut sides, &finding);
    let id = sides.only();
    sides.webhook_of(id, told_at, Some(Field::Status));
    let step = sides.last.clone().unwrap();
    assert_eq!((step.decisions.len(), step.desired.len()), (0, 0));
    assert_eq!(sides.value(Field::Status), Some("mitigated"));
}

#[test]
fn several_in_one_second_are_judged_in_their_order_and_found_once() {
    let mut sides = triggered();
    sides.later();
    let history = vec![
        entry("L1", second(&sides, 0), "acknowledged"),
        entry("L2", second(&sides, 1), "resolved"),
        entry("L3", second(&sides, 2), "triggered"),
    ];
    let finding = find(&mut sides, history);
    let step = take(&mut sides, &finding);
    assert_eq!(sides.value(Field::Status), Some("open"));
    assert_eq!(missed(&step), ["L1", "L2", "L3"]);
    assert!(step.desired.is_empty(), "nothing is sent out on the strength of what is past");
    let again = Finding { id: "again".to_owned(), ..finding };
    let step = take(&mut sides, &again);
    assert_eq!((missed(&step).len(), step.decisions.len(), step.desired.len()), (0, 0, 0));
}

#[test]
fn an_edit_that_a_write_of_ours_went_over_goes_to_the_strategy() {
    for (strategy, expected) in
        [(Strategy::LastWriteWins, "resolved"), (Strategy::OwnershipPriority, "mitigated")]
    {
        let mut sides = Sides::triggered(config(strategy, Side::External));
        sides.later();
        let at = second(&sides, 0);
        // Acknowledged over there, which nobody told; then resolved here, and written over it.
        sides.later();
        sides.ours(Field::Status, "resolved");
        sides.deliver();
        let finding = find(&mut sides, vec![entry("L1", at, "acknowledged")]);
        let step = take(&mut sides, &finding);
        assert_eq!(missed(&step), ["L1"], "{strategy:?}");
        assert_eq!(sides.value(Field::Status), Some(expected), "{strategy:?}");
    }
}

#[test]
fn what_an_entry_does_not_tell_is_shown_by_the_record_if_nothing_came_after() {
    let mut sides = triggered();
    sides.later();
    let at = second(&sides, 0);
    sides.far().fields.insert(Field::Severity, "low".to_owned());
    let of = |id: &str, place| Entry {
        edited: Some(Field::Severity),
        value: None,
        ..entry(id, at.checked_add(SignedDuration::from_micros(place)).unwrap(), "")
    };
    let finding = find(&mut sides, vec![of("L1", 0), of("L2", 1)]);
    let step = take(&mut sides, &finding);
    assert_eq!(sides.value(Field::Severity), Some("SEV-3"));
    let last = step.decisions.last().unwrap();
    assert_eq!(last.actor.name.as_deref(), Some("Dana"));
    assert_eq!(missed(&step), ["L1", "L2"]);
}

#[test]
fn a_title_that_has_no_history_arrives_and_nothing_was_missed() {
    let mut sides = triggered();
    sides.far().fields.insert(Field::Title, "disk on fire".to_owned());
    let finding = find(&mut sides, Vec::new());
    let step = take(&mut sides, &finding);
    assert_eq!(sides.value(Field::Title), Some("disk on fire"));
    assert!(step.missed.is_empty() && step.desired.is_empty());
}

#[test]
fn an_unknown_record_begins_an_incident_only_where_that_is_wanted() {
    let mut sides = Sides::new([config(Strategy::LastWriteWins, Side::Platform)]);
    let far = sides.far();
    far.record = Some("R9".to_owned());
    far.fields.insert(Field::Title, "never told".to_owned());
    far.fields.insert(Field::Status, "acknowledged".to_owned());
    sides.later();
    let began = Entry { begins: true, edited: None, ..entry("L1", second(&sides, 0), "") };
    let history = vec![began, entry("L2", second(&sides, 1), "acknowledged")];
    let finding = find(&mut sides, history);
    let step = take(&mut sides, &Finding { begins: false, ..finding.clone() });
    assert_eq!(step.effect, Effect::Ignored("the record is not linked".to_owned()));
    let step = take(&mut sides, &finding);
    assert_eq!(sides.value(Field::Title), Some("never told"));
    assert_eq!(sides.value(Field::Status), Some("mitigated"));
    assert_eq!(missed(&step), ["L1", "L2"]);
    sides.deliver();
    assert!(sides.far().writes.is_empty(), "what was found is not written back");
}

#[test]
fn a_note_that_was_never_told_is_found_once() {
    let mut sides = triggered();
    let note = |id: &str| FoundNote {
        note: ForeignNote { id: id.to_owned(), text: format!("said {id}"), trimmed: false },
        at: Timestamp::from_second(1_700_000_001).unwrap(),
        actor: None,
    };
    let told = note("N1").note;
    let id = sides.only();
    sides.note(id, told);
    let finding = Finding { notes: vec![note("N1"), note("N2")], ..find(&mut sides, Vec::new()) };
    let step = take(&mut sides, &finding);
    let texts: Vec<_> = step.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!((texts, missed(&step)), (vec!["said N2"], vec!["note N2"]));
    let again = Finding { id: "again".to_owned(), ..finding };
    assert!(take(&mut sides, &again).notes.is_empty());
}
