//! What the calls of one play came to, and how another play's calls differ from that.
//!
//! A call counts by what it changed in PagerDuty, not by how it was put, so three things count for
//! nothing: a read, a write of what was so already, and the refusal of a repetition (a key that is
//! taken, an incident that is acknowledged or resolved already). Of the rest, two kinds are told apart.
//! *Facts* are there or not and add up when repeated: a record created, a note, any other refusal, a
//! write that concerns no record. *Values* replace one another: a member of a record that was set.
//!
//! The measure is a calm play, in which every step has settled before the next: its facts are all that
//! are wanted, and its values are all that were wanted, each once and in order. Another play has the
//! same facts, as often. Of the values of a member it may leave out some that were overtaken, for several
//! changes may leave as one; but it sets nothing else, nothing again, nothing out of order, and the
//! last one is the same. Records go by names, because the ids of two plays differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tandem_pagerduty_sim::{Call, Changed};

/// What the calls of a play came to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    facts: BTreeMap<String, usize>,
    values: BTreeMap<(String, String), Vec<Value>>,
}

impl Ledger {
    /// Reads the calls of a play, oldest first; `names` knows the records that no call created.
    pub(crate) fn read(calls: &[Call], names: &BTreeMap<String, String>) -> Self {
        let (mut ledger, mut names) = (Self::default(), names.clone());
        for call in calls.iter().filter(|call| call.method != "GET") {
            ledger.enter(call, &mut names);
        }
        ledger
    }

    fn enter(&mut self, call: &Call, names: &mut BTreeMap<String, String>) {
        for changed in &call.changed {
            if changed.field == "incident" {
                let name = changed.value["title"].as_str().unwrap_or_default().to_owned();
                names.insert(changed.incident.clone(), name);
            }
            let name = names.get(&changed.incident).unwrap_or(&changed.incident).clone();
            self.change(call, &name, changed);
        }
        let of_record = call.path.starts_with("/incidents");
        // What changed something is entered by that, whatever became of the answer.
        if call.changed.is_empty() && (!of_record || call.status >= 400) && !is_repetition(call) {
            self.fact(format!("{} {}: {} {}", call.method, call.path, call.status, call.answer));
        }
    }

    fn change(&mut self, call: &Call, name: &str, changed: &Changed) {
        let Changed { field, value, .. } = changed;
        let by = call.from.as_deref().unwrap_or("nobody");
        match field.as_str() {
            "incident" => {
                self.fact(format!("{name} created by {by}"));
                for (member, value) in value.as_object().into_iter().flatten() {
                    self.value(name, member, value);
                }
            }
            "note" | "note_edited" | "note_deleted" | "status_update" | "responder" => {
                self.fact(format!("{name}: {field} by {by}: {value}"));
            }
            "custom_field" => self.value(name, &value["id"].to_string(), &value["value"]),
            member => self.value(name, member, value),
        }
    }

    fn fact(&mut self, fact: String) {
        *self.facts.entry(fact).or_default() += 1;
    }

    fn value(&mut self, name: &str, member: &str, value: &Value) {
        let key = (name.to_owned(), member.to_owned());
        self.values.entry(key).or_default().push(value.clone());
    }

    /// In what this play differs from a calm one; nothing, when it came to the same.
    pub(crate) fn differences(&self, calm: &Self) -> Vec<String> {
        let facts: BTreeSet<_> = self.facts.keys().chain(calm.facts.keys()).collect();
        let facts = facts.into_iter().filter_map(|fact| {
            let times = |of: &Self| of.facts.get(fact).copied().unwrap_or_default();
            let (here, there) = (times(self), times(calm));
            (here != there).then(|| format!("{here} times instead of {there}: {fact}"))
        });
        let members: BTreeSet<_> = self.values.keys().chain(calm.values.keys()).collect();
        let values = members.into_iter().filter_map(|member| {
            let of = |of: &Self| of.values.get(member).cloned().unwrap_or_default();
            let (here, wanted) = (of(self), of(calm));
            let same = here.last() == wanted.last() && is_part(&here, &wanted);
            (!same).then(|| format!("{} of {}: {here:?} of {wanted:?}", member.1, member.0))
        });
        facts.chain(values).collect()
    }
}

/// Whether a call was refused because it, or its like, had been made already.
fn is_repetition(call: &Call) -> bool {
    let error = &call.answer["error"];
    match error["code"].as_u64() {
        Some(1001 | 1002) => true,
        Some(2002) => error.to_string().contains("matching dedup key"),
        _ => false,
    }
}

/// Whether values are some of those that were wanted, in their order.
fn is_part(values: &[Value], wanted: &[Value]) -> bool {
    let mut wanted = wanted.iter();
    values.iter().all(|value| wanted.any(|one| one == value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A call that changed things: an incident's id, a field, a value each.
    fn call(method: &str, path: &str, changed: &[(&str, &str, Value)]) -> Call {
        let told = |(incident, field, value): &(&str, &str, Value)| json!({"incident": incident, "field": field, "value": value});
        let changed: Vec<_> = changed.iter().map(told).collect();
        let call = json!({
            "seq": 1, "time": "2026-03-02T09:14:07.412Z", "method": method, "path": path,
            "query": "", "token": "user", "from": "bot@example.com", "status": 200, "body": null,
            "answer": null, "changed": changed, "traceparent": null, "violations": [],
            "fault": null,
        });
        serde_json::from_value(call).unwrap()
    }

    fn created(id: &str) -> Call {
        let members = json!({"title": "made", "urgency": "high", "status": "triggered"});
        call("POST", "/incidents", &[(id, "incident", members)])
    }

    fn noted(id: &str, text: &str) -> Call {
        call("POST", &format!("/incidents/{id}/notes"), &[(id, "note", json!(text))])
    }

    fn set(id: &str, member: &str, value: &str) -> Call {
        call("PUT", &format!("/incidents/{id}"), &[(id, member, json!(value))])
    }

    fn refused(method: &str, path: &str, code: u16, text: &str) -> Call {
        let error = json!({"error": {"code": code, "message": text, "errors": [text]}});
        Call { status: 400, answer: error, ..call(method, path, &[]) }
    }

    /// The calls of a calm play, as if the record's id were that.
    fn calm(id: &str) -> Vec<Call> {
        vec![
            created(id),
            set(id, "title", "first"),
            set(id, "title", "second"),
            noted(id, "a note"),
            set(id, "status", "resolved"),
        ]
    }

    /// In what calls differ from those of the calm play.
    fn differences(calls: &[Call]) -> Vec<String> {
        let names = BTreeMap::new();
        Ledger::read(calls, &names).differences(&Ledger::read(&calm("Q0"), &names))
    }

    /// The calm play with a call more, put in before the one at that place.
    fn with(place: usize, call: Call) -> Vec<String> {
        let mut calls = calm("Q1");
        calls.insert(place, call);
        differences(&calls)
    }

    /// The calm play without the call at that place.
    fn without(place: usize) -> Vec<String> {
        let mut calls = calm("Q1");
        calls.remove(place);
        differences(&calls)
    }

    #[test]
    fn the_same_calls_about_another_id_come_to_the_same() {
        assert_eq!(differences(&calm("Q1")), Vec::<String>::new());
    }

    #[test]
    fn what_changes_nothing_counts_for_nothing() {
        let none = Vec::<String>::new();
        assert_eq!(with(2, call("GET", "/incidents/Q1", &[])), none);
        assert_eq!(with(3, call("PUT", "/incidents/Q1", &[])), none, "it was so already");
        let taken = "Open incident with matching dedup key already exists on this service";
        assert_eq!(with(1, refused("POST", "/incidents", 2002, taken)), none);
        assert_eq!(with(5, refused("PUT", "/incidents/Q1", 1001, "Already Resolved")), none);
    }

    #[test]
    fn a_value_that_was_overtaken_may_be_left_out() {
        assert_eq!(without(1), Vec::<String>::new());
    }

    #[test]
    fn a_doubled_create_is_a_difference() {
        let found = with(1, created("Q2"));
        assert!(found[0].contains("2 times instead of 1: made created"), "{found:?}");
    }

    #[test]
    fn a_doubled_note_is_a_difference() {
        let found = with(5, noted("Q1", "a note"));
        assert!(found[0].contains("2 times instead of 1: made: note"), "{found:?}");
    }

    #[test]
    fn a_note_by_somebody_else_is_a_difference() {
        let mut calls = calm("Q1");
        calls[3].from = Some("priya@example.com".to_owned());
        assert_eq!(differences(&calls).len(), 2, "one too many, one too few");
    }

    #[test]
    fn what_is_missing_is_a_difference() {
        for place in [0, 2, 3, 4] {
            assert_ne!(without(place), Vec::<String>::new(), "{place}");
        }
    }

    #[test]
    fn a_write_that_was_never_wanted_is_a_difference() {
        assert_ne!(with(2, set("Q1", "title", "third")), Vec::<String>::new(), "another value");
        assert_ne!(with(2, set("Q1", "urgency", "low")), Vec::<String>::new(), "another member");
        assert_ne!(with(2, set("Q9", "title", "first")), Vec::<String>::new(), "another record");
        let elsewhere = call("DELETE", "/webhook_subscriptions/PSUB", &[]);
        assert_ne!(with(2, elsewhere), Vec::<String>::new(), "no record at all");
    }

    #[test]
    fn an_old_value_set_again_is_a_difference_even_when_the_end_is_right() {
        let mut calls = calm("Q1");
        calls.splice(3..3, [set("Q1", "title", "first"), set("Q1", "title", "second")]);
        assert_eq!(differences(&calls).len(), 1);
    }

    #[test]
    fn a_side_effect_counts_like_what_was_asked_for() {
        let raised = [("Q1", "urgency", json!("high")), ("Q1", "status", json!("triggered"))];
        assert_ne!(with(5, call("PUT", "/incidents/Q1", &raised)), Vec::<String>::new());
    }

    #[test]
    fn a_refusal_that_is_no_repetition_is_a_difference() {
        let found = with(2, refused("PUT", "/incidents/Q1", 2001, "Title cannot be empty."));
        assert!(found[0].contains("2001"), "{found:?}");
        let found = with(2, refused("PUT", "/incidents/Q1/merge", 2002, "cannot be merged"));
        assert!(found[0].contains("2002"), "{found:?}");
    }

    #[test]
    fn a_write_whose_answer_was_lost_counts_by_what_it_changed() {
        let mut calls = calm("Q1");
        calls[3].status = 0;
        assert_eq!(differences(&calls), Vec::<String>::new());
    }
}
