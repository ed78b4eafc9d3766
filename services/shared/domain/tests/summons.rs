//! Bringing people in: asked for once, told once, and whoever asked for it did it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod sides;

use jiff::{SignedDuration, Timestamp};
use tandem_domain::{
    event::{Change, Event, Outcome, Reading, Receipt, Refusal, Reply, Summoned},
    feed::Happening,
    field::Field,
    id::{EditId, IntegrationId},
    incident::{Actor, Side},
    integration::{Direction, Integration, Strategy},
    lens::{Foreign, Lens, Row},
    outbound::ActKind,
};

use crate::sides::{Sides, integration};

fn pd(strategy: Strategy) -> Integration {
    integration("sim-pd", strategy, Side::Platform, Direction::Bidirectional)
}

fn carrying() -> Integration {
    let row = |platform: &str, external: &str| Row {
        platform: platform.to_owned(),
        external: external.to_owned(),
        fresh: false,
    };
    let mut config = pd(Strategy::LastWriteWins);
    config.sync_escalations = true;
    let rule = config.fields.get_mut(&Field::AssignedTo).unwrap();
    rule.lens = Lens::Reference {
        rows: vec![row("Priya Raman", "U1")],
        by_email: vec![row("dana@acme.test", "U2")],
    };
    config
}

fn escalate(level: u32) -> Change {
    Change::Escalate { level, integration: None }
}

fn page(users: &[&str]) -> Change {
    Change::Page {
        message: "please join".to_owned(),
        users: users.iter().map(|&user| user.to_owned()).collect(),
        policies: Vec::new(),
        integration: None,
    }
}

/// The lines of the last step's timeline that are no change of a field.
fn lines(sides: &Sides) -> Vec<String> {
    let lines = sides.last.as_ref().unwrap().timeline.iter();
    let remarks = lines.filter(|line| line.kind.name() == "remarked");
    remarks.map(|line| line.text.clone()).collect()
}

fn told(sides: &Sides) -> usize {
    let feed = sides.last.as_ref().unwrap().feed.iter();
    feed.filter(|event| event.happening == Happening::Escalated).count()
}

fn problem(sides: &Sides) -> String {
    match sides.last.as_ref().unwrap().reply.clone().unwrap() {
        Reply::Refused { refusal: Refusal::Unfit, message } => message,
        other => panic!("{other:?}"),
    }
}

/// The external side says that people were brought in.
fn hears(sides: &mut Sides, at: Timestamp, summons: Summoned, by: Option<&str>) {
    let id = sides.only();
    let mut observation = sides.observation(id, at, None);
    observation.actor =
        by.map(|by| Actor { id: Some(by.to_owned()), ..Actor::unnamed(Side::External) });
    observation.remark = Some("escalated to Dana".to_owned());
    observation.summons = Some(summons);
    sides.apply(&Event::Observation(Box::new(observation)));
}

fn request(sides: &Sides) -> EditId {
    let act = &sides.last.as_ref().unwrap().acts[0];
    match &act.kind {
        ActKind::Escalate { request, .. } | ActKind::Respond { request, .. } => *request,
        ActKind::Note { .. } => panic!("{act:?}"),
    }
}

fn report(sides: &mut Sides, id: IntegrationId, outcome: Outcome, receipt: String) {
    let link = sides.link_id();
    sides.apply(&Event::Receipt(Receipt { id: receipt, integration: id, link, outcome }));
}

#[test]
fn an_escalation_is_asked_for_once_and_its_event_is_neither_an_edit_nor_a_second_line() {
    let mut sides = Sides::triggered(carrying());
    sides.edit(escalate(2));
    let step = sides.last.as_ref().unwrap();
    assert!(
        matches!(step.acts[..], [ref act] if matches!(act.kind, ActKind::Escalate { level: 2, .. }))
    );
    assert_eq!((lines(&sides).len(), told(&sides)), (1, 1), "{:?}", lines(&sides));
    let asker = sides.last.as_ref().unwrap().timeline[0].actor.clone();

    let u2 = Foreign { value: Some("U2".to_owned()), label: Some("Dana".to_owned()) };
    let id = sides.only();
    sides.far().fields.insert(Field::AssignedTo, "U2".to_owned());
    let at = sides.now;
    hears(&mut sides, at, Summoned::Escalated, None);
    assert_eq!((lines(&sides), told(&sides)), (Vec::<String>::new(), 0));
    let decision = sides.last.as_ref().unwrap().decisions.clone().remove(0);
    assert_eq!((decision.field, decision.external), (Field::AssignedTo, u2.value));
    assert_eq!(decision.actor, asker, "whoever asked for it did it");
    assert!(sides.last.as_ref().unwrap().acts.is_empty(), "{id}: nothing is asked again");
}

#[test]
fn the_answer_shows_who_has_it_then_and_what_others_do_later_is_news() {
    let mut sides = Sides::triggered(carrying());
    sides.edit(escalate(2));
    let (request, id) = (request(&sides), sides.only());
    let asker = sides.last.as_ref().unwrap().timeline[0].actor.clone();
    sides.far().fields.insert(Field::AssignedTo, "U2".to_owned());
    let sent = sides.now;
    let received = sent.checked_add(SignedDuration::from_millis(50)).unwrap();
    let snapshot = sides.snapshot(id);
    let after = Some(Box::new(Reading { sent, received, date: None, snapshot }));
    report(
        &mut sides,
        id,
        Outcome::Summoned { request, received, after },
        format!("{request}-summoned"),
    );
    let decision = &sides.last.as_ref().unwrap().decisions[0];
    assert_eq!((decision.field, &decision.actor), (Field::AssignedTo, &asker));
    assert_eq!(
        sides.state.as_ref().unwrap().incident.value(Field::AssignedTo),
        Some("dana@acme.test")
    );

    hears(&mut sides, received, Summoned::Escalated, None);
    assert_eq!(lines(&sides), Vec::<String>::new(), "that is still ours");
    let later = received.checked_add(SignedDuration::from_mins(5)).unwrap();
    sides.now = later;
    hears(&mut sides, later, Summoned::Escalated, None);
    assert_eq!((lines(&sides), told(&sides)), (vec!["escalated to Dana".to_owned()], 1));
}

#[test]
fn people_are_asked_by_their_ids_there_and_each_telling_of_it_is_ours() {
    let mut sides = Sides::triggered(carrying());
    sides.edit(page(&["dana@acme.test", "U1"]));
    let act = sides.last.as_ref().unwrap().acts[0].clone();
    let ActKind::Respond { users, message, .. } = act.kind else { panic!("{act:?}") };
    assert_eq!((users, &*message), (vec!["U2".to_owned(), "U1".to_owned()], "please join"));
    assert_eq!(lines(&sides), ["dana@acme.test, U1 were asked to respond: please join"]);
    let at = sides.now;
    let asked = |message: &str| Summoned::Asked { message: Some(message.to_owned()) };
    for _ in 0..2 {
        hears(&mut sides, at, asked("please  join"), None);
        assert_eq!(lines(&sides), Vec::<String>::new());
    }
    hears(&mut sides, at, asked("somebody else's words"), None);
    assert_eq!((lines(&sides).len(), told(&sides)), (1, 1));
}

#[test]
fn what_cannot_be_asked_for_is_refused_with_the_way_out() {
    let mut sides = Sides::triggered(carrying());
    sides.edit(escalate(0));
    assert!(problem(&sides).starts_with("level: "));
    sides.edit(page(&[]));
    assert!(problem(&sides).starts_with("users: "));
    sides.edit(page(&["Nobody"]));
    assert!(problem(&sides).contains("user-mapping set"), "{}", problem(&sides));
    let asked = |message: &str| match page(&["U1"]) {
        Change::Page { users, policies, integration, .. } => {
            Change::Page { message: message.to_owned(), users, policies, integration }
        }
        other => other,
    };
    for bad in ["", " ", "a\0b", &"x".repeat(4098)] {
        sides.edit(asked(bad));
        assert!(problem(&sides).starts_with("message: "), "{}", problem(&sides));
    }
    sides.edit(asked(&"x".repeat(4096)));
    assert_eq!(lines(&sides).len(), 1);
    sides.ours(Field::Status, "resolved");
    sides.edit(escalate(2));
    assert!(problem(&sides).starts_with("incident: it is over"));

    let mut silent = Sides::triggered(pd(Strategy::LastWriteWins));
    silent.edit(escalate(2));
    assert!(problem(&silent).contains("--sync-escalations true"), "{}", problem(&silent));
    let at = silent.now;
    hears(&mut silent, at, Summoned::Escalated, None);
    assert_eq!((lines(&silent).len(), told(&silent)), (1, 0), "logged, and not carried over");
}

#[test]
fn a_refusal_is_told_on_the_timeline_and_explains_nothing_any_more() {
    let mut sides = Sides::triggered(carrying());
    sides.edit(escalate(2));
    let (request, id) = (request(&sides), sides.only());
    let reason = "Cannot Escalate".to_owned();
    let outcome = Outcome::refused(None, reason);
    report(&mut sides, id, outcome, format!("{request}-refused"));
    assert!(lines(&sides)[0].contains("Cannot Escalate"), "{:?}", lines(&sides));
    let at = sides.now;
    hears(&mut sides, at, Summoned::Escalated, None);
    assert_eq!(lines(&sides).len(), 1, "somebody else did");
}
