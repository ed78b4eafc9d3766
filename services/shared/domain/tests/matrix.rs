//! MATRIX.md: what becomes of a field, for each way it can be configured and moved.
//!
//! The table is worked out by the rules themselves: one incident and its record in step, somebody
//! moves the status, messages pass until all is at rest. `UPDATE_DOCS=1` writes it anew.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod sides;

use std::fmt::Write as _;

use tandem_domain::{
    event::Reply,
    field::Field,
    incident::Side,
    integration::{Direction, Integration, Strategy},
};

use crate::sides::Sides;

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

/// Plays one way of moving; the answer to the platform's edit, where there was one.
fn play(sides: &mut Sides, moved: Moved) -> Option<Reply> {
    let (id, status) = (sides.only(), Field::Status);
    let mut reply = None;
    match moved {
        Moved::Platform => reply = sides.ours(status, "mitigated"),
        Moved::External => sides.theirs(id, status, "resolved"),
        Moved::PlatformFirst => {
            reply = sides.ours(status, "mitigated");
            sides.theirs(id, status, "resolved");
        }
        Moved::ExternalFirst => {
            sides.later();
            sides.far().fields.insert(status, "resolved".to_owned());
            let occurred_at = sides.now;
            reply = sides.ours(status, "mitigated");
            sides.later();
            sides.webhook_of(id, occurred_at, Some(status));
        }
    }
    sides.deliver();
    reply
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
                        let mut config = sides::integration("sim-pd", strategy, owner, direction);
                        config.fields.values_mut().for_each(|rule| rule.enforced = enforced);
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
    let mut sides = match config.direction {
        Direction::Outbound => Sides::created([config]),
        Direction::Inbound | Direction::Bidirectional => Sides::triggered(config),
    };
    let reply = play(&mut sides, moved);
    let held = sides.far().fields.get(&Field::Status).cloned();
    let theirs = held.unwrap_or_else(|| "no record".to_owned());
    let writes = sides.far().writes.len();
    let state = sides.state.as_ref().unwrap();
    let refused = matches!(reply, Some(Reply::Refused { .. }));
    let ours = state.incident.value(Field::Status).unwrap();
    let conflict = if state.conflicts.is_empty() { "" } else { ", conflict open" };
    let refused = if refused { " (edit refused)" } else { "" };
    let mut rules = sides.rules.clone();
    rules.dedup();
    let rules = rules.join(", ");
    format!("{ours}{refused}{conflict} | {theirs} | {rules} | {writes}")
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
