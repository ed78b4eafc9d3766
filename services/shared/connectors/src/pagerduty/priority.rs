//! An account's priorities: which of them there are decides which severities can be written.
//!
//! Priorities are the account's own and are found by name, never by position; an account without
//! the feature has none. A severity whose priority does not exist is written as its urgency alone.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tandem_domain::{field::Field, lens::parts, outbound::Want};

/// The priorities of an account: their ids by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priorities {
    ids: BTreeMap<String, String>,
}

/// The priorities in an answer; none where it is no list of them.
pub fn priorities(answer: &Json) -> Option<Priorities> {
    let all = answer.get("priorities")?.as_array()?;
    let one = |priority: &Json| {
        let text = |name| priority.get(name).and_then(Json::as_str).map(str::to_owned);
        Some((text("name").or_else(|| text("summary"))?, text("id")?))
    };
    // Of several with one name, the first is the most severe.
    Some(Priorities { ids: all.iter().rev().filter_map(one).collect() })
}

impl Priorities {
    /// The id of the priority in a severity, where there is such a priority.
    pub fn id(&self, severity: &str) -> Option<&str> {
        self.ids.get(parts(severity).1?).map(String::as_str)
    }

    /// What can be had of what is wanted: without a priority the account does not have.
    pub fn fit(&self, want: &BTreeMap<Field, Want>) -> BTreeMap<Field, Want> {
        let mut want = want.clone();
        if let Some(wanted) = want.get_mut(&Field::Severity)
            && let Some(severity) = wanted.value.as_deref()
            && parts(severity).1.is_some()
            && self.id(severity).is_none()
        {
            wanted.value = Some(parts(severity).0.to_owned());
        }
        want
    }
}

/// Whether a priority is among what is wanted.
pub fn is_wanted(want: &BTreeMap<Field, Want>) -> bool {
    let severity = want.get(&Field::Severity).and_then(|want| want.value.as_deref());
    severity.is_some_and(|severity| parts(severity).1.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_severity_keeps_the_priority_that_there_is_and_no_other() {
        let some = priorities(&json!({ "priorities": [
            { "id": "PA", "name": "P1" }, { "id": "PB", "summary": "P2" }, { "id": "PC", "name": "P1" },
        ]}))
        .unwrap();
        let want = |severity: &str| {
            let want = Want { value: Some(severity.to_owned()), expect: Vec::new() };
            BTreeMap::from([(Field::Severity, want)])
        };
        let fit = |severity: &str| some.fit(&want(severity))[&Field::Severity].value.clone();
        assert_eq!((some.id("high+P1"), some.id("high+P2")), (Some("PA"), Some("PB")));
        assert_eq!(fit("high+P1").as_deref(), Some("high+P1"));
        assert_eq!(fit("low+P4").as_deref(), Some("low"));
        assert_eq!(fit("low").as_deref(), Some("low"));
        assert!(is_wanted(&want("low+P4")) && !is_wanted(&want("low")));
        assert_eq!(priorities(&json!({ "error": {} })), None);
    }
}
