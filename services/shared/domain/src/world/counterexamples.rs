//! The counterexamples that forced the rules, each as a script, by the number RULES.md gives them.
//!
//! Times are in milliseconds. What a script leaves out goes well: a call takes 20 ms each way, a
//! webhook 50 ms, a message 5 ms. Each ends with both sides equal and nothing wrongly taken.

use super::{
    Violation,
    plan::{Deed, Step},
    script::{Script, ends, side, slow},
    weather::{End, HookFate},
};
use crate::{
    event::{Event, Outcome, Reading},
    field::Field::{Severity, Status, Title},
    incident::Side::{External, Platform},
    integration::Strategy::{LastWriteWins, OwnershipPriority},
};

/// A world in which the external side's people win.
fn theirs() -> Script {
    Script::there(side(OwnershipPriority, External))
}

/// A world in which the urgency is low, and both sides know it.
fn low() -> Script {
    let mut script = theirs();
    script.their_urgency(0, "low").step(10, Step::Heal(0)).until(5000);
    script
}

const fn after(delay: i64) -> (i64, HookFate) {
    (delay, HookFate::Delivered)
}

#[test]
fn c01_a_call_whose_answer_was_lost_is_not_repeated_over_a_later_edit() {
    let mut script = theirs();
    script.calls([slow(20, 20), ends(End::Unanswered)]);
    script.ours(954, Status, "mitigated").their_status(1161, "resolved");
    script.ends_with(Status, "resolved", "resolved");
}

#[test]
fn c02_a_conflict_they_won_is_won_although_our_write_lands_later() {
    let mut script = Script::there(side(LastWriteWins, External));
    script.calls([slow(20, 20), slow(4000, 100)]);
    script.ours(600, Title, "B").their_title(1000, "C").their_status(1690, "acknowledged");
    script.ends_with(Title, "C", "C");
}

#[test]
fn c03_there_and_back_again_ends_where_it_began() {
    let mut script = Script::there(side(LastWriteWins, Platform));
    script.calls([slow(20, 20), slow(500, 500)]);
    script.ours(0, Title, "B").ours(300, Title, "disk full");
    script.ends_with(Title, "disk full", "disk full");
}

#[test]
fn c04_a_slow_read_is_older_than_the_write_that_followed_it() {
    let mut script = theirs();
    script.calls([slow(10, 2600)]);
    script.step(5089, Step::Heal(0)).ours(5200, Status, "closed");
    script.ends_with(Status, "closed", "resolved");
}

#[test]
fn c05_calls_of_one_link_never_overlap() {
    let mut script = theirs();
    script.calls([slow(10, 4000)]);
    script.step(1841, Step::Heal(0)).ours(1900, Title, "B").step(2000, Step::Heal(0));
    script.rest();
    let mut received = None;
    let messages = script.world.stream.iter();
    let receipts = messages.filter_map(|message| match &message.event {
        Event::Receipt(receipt) => Some(&receipt.outcome),
        Event::Observation(_) | Event::Edit(_) | Event::Finding(_) => None,
    });
    for outcome in receipts {
        let Outcome::Settled { before, after, .. } = outcome else { panic!("{outcome:?}") };
        for Reading { sent, received: at, .. } in before.iter().chain(after).map(|it| &**it) {
            assert!(received.is_none_or(|received| *sent >= received));
            received = Some(*at);
        }
    }
    script.ends_with(Title, "B", "B");
}

#[test]
fn c06_a_late_webhook_is_an_edit_although_its_state_is_past() {
    let mut script = theirs();
    script.calls([slow(20, 20), ends(End::Unanswered)]);
    script.hooks([after(50), after(5000)]);
    script.ours(1022, Status, "resolved").their_status(1456, "acknowledged");
    script.ends_with(Status, "mitigated", "acknowledged");
}

#[test]
fn c07_a_title_changed_between_our_read_and_our_write_cannot_be_seen() {
    let mut script = theirs();
    script.calls([slow(20, 20), slow(400, 20)]);
    script.ours(584, Title, "C").their_title(730, "A");
    script.counts(Violation::Unseeable, Title, "C", "C");
}

#[test]
fn c08_raising_the_urgency_does_not_undo_an_acknowledgement() {
    let mut script = low();
    script.calls([slow(20, 20), slow(200, 20)]);
    script.ours(6300, Severity, "SEV-1").their_status(6400, "acknowledged");
    script.ends_with(Status, "mitigated", "acknowledged");
}

#[test]
fn c09_raising_the_urgency_reopens_nothing() {
    let mut script = low();
    script.ours(5000, Status, "mitigated").until(6000);
    script.calls([slow(20, 20), slow(200, 20)]);
    script.ours(6500, Severity, "SEV-1").their_status(6562, "resolved");
    script.ends_with(Status, "resolved", "resolved");
}

#[test]
fn c10_an_edit_that_stays_in_its_class_has_moved() {
    let mut script = Script::there(side(OwnershipPriority, Platform));
    script.ours(0, Severity, "SEV-3").until(5000);
    script.their_urgency(5049, "high").ours(6265, Severity, "SEV-4");
    script.ends_with(Severity, "SEV-4", "low");
}

#[test]
fn c11_what_was_never_sent_explains_nobody() {
    let mut script = theirs();
    script.stream([5, 2000]);
    script.their_title(0, "B").ours(500, Title, "A").their_title(530, "A");
    script.step(5000, Step::Heal(0));
    script.ends_with(Title, "A", "A");
}

#[test]
fn c12_what_was_there_before_a_write_is_not_its_echo() {
    let mut script = low();
    script.hooks([after(4000)]);
    script.their_status(6000, "acknowledged").ours(6100, Severity, "SEV-1");
    script.ends_with(Status, "mitigated", "acknowledged");
}

#[test]
fn c13_webhooks_that_change_places_are_judged_in_their_order() {
    let mut script = theirs();
    script.stream([2000, 5]);
    script.their_status(320, "acknowledged").their_status(358, "triggered");
    script.ends_with(Status, "open", "triggered");
}

#[test]
fn c14_an_edit_counts_although_its_value_is_what_was_read_last() {
    for strategy in [OwnershipPriority, LastWriteWins] {
        let mut script = Script::there(side(strategy, External));
        script.ours(1000, Title, "X");
        script.their_status(1050, "resolved").their_status(1056, "triggered");
        script.ends_with(Status, "open", "triggered");
    }
}

#[test]
fn c15_an_exact_time_that_comes_late_still_decides() {
    let mut script = Script::there(side(LastWriteWins, External));
    script.hooks([after(17_000)]);
    script.their_status(16_300, "acknowledged").ours(18_300, Status, "open");
    script.ends_with(Status, "open", "triggered");
}

#[test]
fn c16_a_value_that_is_wanted_again_is_still_the_same_write() {
    let mut script = theirs();
    script.calls([slow(20, 20), slow(500, 600)]);
    script.ours(0, Title, "B").ours(100, Severity, "SEV-1").ours(200, Severity, "SEV-3");
    script.their_status(650, "acknowledged").ours(700, Severity, "SEV-4");
    script.ends_with(Title, "B", "B");
}

#[test]
fn c17_a_later_version_that_carries_a_value_keeps_it_open() {
    let mut script = theirs();
    script.calls([slow(20, 20), slow(20, 20), slow(300, 20)]);
    script.ours(0, Title, "B").ours(10, Severity, "SEV-4").their_title(150, "C");
    script.ends_with(Title, "C", "C");
}

#[test]
fn c18_a_fast_pair_of_edits_is_two_writes_and_nothing_wasted() {
    let mut script = Script::there(side(LastWriteWins, Platform));
    let published = script.world.near.published;
    script.ours(0, Title, "B").ours(60, Title, "C");
    script.rest();
    assert_eq!(script.world.near.published - published, 2);
    let report = script.ends_with(Title, "C", "C");
    assert_eq!(report.writes, 2);
}

#[test]
fn c19_the_order_of_delivery_does_not_decide() {
    for hook in [20, 60, 200, 1000, 4000] {
        for edit in [1, 30, 1500] {
            for call in [1, 20, 300] {
                let mut script = Script::there(side(LastWriteWins, External));
                script.calls([slow(call, call); 2]).hooks([after(hook)]).stream([edit]);
                script.ours(490, Status, "resolved").their_status(500, "acknowledged");
                script.ends_with(Status, "mitigated", "acknowledged");
            }
        }
    }
}

#[test]
fn c20_two_edits_of_one_millisecond_keep_their_order() {
    let mut script = Script::there(side(LastWriteWins, Platform));
    script.stream([1500, 5]);
    script.ours(100, Title, "B").ours(100, Title, "C");
    script.ends_with(Title, "C", "C");
}

#[test]
fn left_over_somebody_sets_the_very_value_our_write_carries() {
    let mut script = theirs();
    script.calls([slow(20, 20), slow(500, 20)]);
    script.ours(0, Title, "B").their_title(200, "B");
    script.ends_with(Title, "B", "B");
}

#[test]
fn left_over_an_acknowledgement_undone_by_our_urgency_and_never_told() {
    let mut script = low();
    script.calls([slow(20, 20), slow(200, 20)]).hooks([(50, HookFate::Dropped)]);
    script.ours(6300, Severity, "SEV-1").their_status(6400, "acknowledged");
    script.counts(Violation::Unseeable, Status, "open", "triggered");
}

#[test]
fn left_over_a_priority_that_changes_between_read_and_write_is_kept() {
    let mut script = theirs();
    script.calls([slow(20, 20), slow(400, 20)]);
    script.ours(0, Severity, "SEV-3").theirs(200, Deed::Priority("P1".to_owned()));
    script.ends_with(Severity, "SEV-1", "low+P1");
}

#[test]
fn a_creation_is_one_call_and_one_more_for_the_priority() {
    let report =
        Script::here(side(LastWriteWins, Platform)).ends_with(Severity, "SEV-2", "high+P2");
    assert_eq!(report.writes, 2);
}
