//! Which incidents and records take part in an integration.
//!
//! The scope is asked when an incident and a record are about to be joined. A pair that is joined
//! stays so: what falls outside later is still kept in step, because half a story is worse than
//! either.

mod expression;

use std::collections::BTreeMap;

use cel::Context;
use serde::{Deserialize, Serialize};

use crate::{
    event::Snapshot,
    field::{Field, SEVERITIES},
    incident::Incident,
};

/// The conditions an incident or a record has to meet, all of them; an empty scope takes everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Only records of these services, by id; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Only records of these teams, by id; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// Only incidents with these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Only this severity or worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<String>,
    /// Only where this expression is true; see [`Scope::check`] for what it may speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

/// Why a scope cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// There is no such severity.
    #[error("min_severity: {given:?} is not one of {}", SEVERITIES.join(", "))]
    Severity {
        /// What was given.
        given: String,
    },
    /// The expression cannot be read, or does not work on an incident.
    #[error(
        "expression: {problem}; it may use title, description, severity, status, incident_type, service, teams and labels, as in 'severity in [\"SEV-1\", \"SEV-2\"] && labels.region == \"eu\"'"
    )]
    Expression {
        /// What is wrong.
        problem: String,
    },
}

/// The longest expression, in bytes.
pub const EXPRESSION_MAX: usize = 2048;

impl Scope {
    /// Refuses a scope that cannot be used: the expression is tried on an incident without labels.
    pub fn check(&self) -> Result<(), Unusable> {
        if let Some(given) = self.min_severity.as_ref().filter(|given| rank(given).is_none()) {
            return Err(Unusable::Severity { given: given.clone() });
        }
        let Some(expression) = &self.expression else { return Ok(()) };
        if expression.len() > EXPRESSION_MAX {
            let problem = format!("it is longer than {EXPRESSION_MAX} bytes");
            return Err(Unusable::Expression { problem });
        }
        let sample = Subject {
            fields: [(Field::Title, "x"), (Field::Severity, "SEV-1"), (Field::Status, "open")]
                .into(),
            ..Subject::default()
        };
        // A label the sample lacks is no fault of the expression.
        match evaluate(expression, &sample) {
            Err(problem) if !problem.contains("No such key") => {
                Err(Unusable::Expression { problem })
            }
            _ => Ok(()),
        }
    }

    /// Why an incident, and its record as far as shown, fall outside; none when they take part.
    pub fn excludes(&self, incident: &Incident, snapshot: Option<&Snapshot>) -> Option<String> {
        if self == &Self::default() {
            return None;
        }
        let subject = Subject::of(incident, snapshot);
        self.outside(&subject).map(|reason| format!("outside the scope: {reason}"))
    }

    fn outside(&self, subject: &Subject<'_>) -> Option<String> {
        if let Some(service) = subject.service
            && !self.services.is_empty()
            && !self.services.iter().any(|wanted| wanted == service)
        {
            return Some(format!("service {service} is not among those that take part"));
        }
        let known = !subject.teams.is_empty() || subject.service.is_some();
        if known
            && !self.teams.is_empty()
            && !subject.teams.iter().any(|team| self.teams.iter().any(|wanted| wanted == team))
        {
            return Some("none of its teams takes part".to_owned());
        }
        let lacks = |(name, value): &(&String, &String)| {
            subject.labels.get(name.as_str()) != Some(&value.as_str())
        };
        if let Some((name, value)) = self.labels.iter().find(lacks) {
            return Some(format!("it lacks the label {name}={value}"));
        }
        let severity = subject.fields.get(&Field::Severity).copied().unwrap_or_default();
        if let Some(least) = &self.min_severity
            && rank(severity) > rank(least)
        {
            return Some(format!("severity {severity} is below {least}"));
        }
        match self.expression.as_ref().map(|expression| evaluate(expression, subject)) {
            None | Some(Ok(true)) => None,
            Some(Ok(false)) => Some("the expression is false".to_owned()),
            Some(Err(problem)) => Some(format!("the expression has no answer: {problem}")),
        }
    }
}

/// What a scope is asked about.
#[derive(Debug, Default)]
struct Subject<'a> {
    fields: BTreeMap<Field, &'a str>,
    incident_type: Option<&'a str>,
    labels: BTreeMap<&'a str, &'a str>,
    service: Option<&'a str>,
    teams: Vec<&'a str>,
}

impl<'a> Subject<'a> {
    fn of(incident: &'a Incident, snapshot: Option<&'a Snapshot>) -> Self {
        let value = |field| incident.value(field).map(|value| (field, value));
        let service = snapshot.and_then(|snapshot| snapshot.service.as_ref()?.value.as_deref());
        let teams = snapshot.map_or(&[][..], |snapshot| &snapshot.teams);
        Self {
            fields: Field::ALL.into_iter().filter_map(value).collect(),
            incident_type: incident.incident_type.as_deref(),
            labels: incident.labels().collect(),
            service,
            teams: teams.iter().filter_map(|team| team.value.as_deref()).collect(),
        }
    }
}

fn rank(severity: &str) -> Option<usize> {
    SEVERITIES.iter().position(|known| *known == severity)
}

fn evaluate(expression: &str, subject: &Subject<'_>) -> Result<bool, String> {
    expression::answer(expression, || context(subject))
}

/// What an expression may speak of.
fn context(subject: &Subject<'_>) -> Context<'static, 'static> {
    let mut context = Context::default();
    for field in [Field::Title, Field::Description, Field::Severity, Field::Status] {
        let value = subject.fields.get(&field).copied().unwrap_or_default();
        context.add_variable_from_value(field.name().to_owned(), value.to_owned());
    }
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    context.add_variable_from_value("incident_type", text(subject.incident_type));
    context.add_variable_from_value("service", text(subject.service));
    let teams: Vec<String> = subject.teams.iter().map(|&team| team.to_owned()).collect();
    context.add_variable_from_value("teams", teams);
    let labels: std::collections::HashMap<String, String> =
        subject.labels.iter().map(|(&name, &value)| (name.to_owned(), value.to_owned())).collect();
    context.add_variable_from_value("labels", labels);
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject<'a>() -> Subject<'a> {
        Subject {
            fields: BTreeMap::from([(Field::Severity, "SEV-2"), (Field::Title, "slow")]),
            incident_type: Some("infrastructure"),
            labels: BTreeMap::from([("region", "eu"), ("team", "search")]),
            service: Some("P1"),
            teams: vec!["T1", "T2"],
        }
    }

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|&one| one.to_owned()).collect()
    }

    #[track_caller]
    fn out(scope: &Scope, subject: &Subject<'_>, why: Option<&str>) {
        assert_eq!(scope.outside(subject).as_deref(), why);
    }

    #[test]
    fn a_service_takes_part_that_is_named_and_one_that_is_not_known_yet() {
        let scope = |all: &[&str]| Scope { services: texts(all), ..Scope::default() };
        out(&scope(&[]), &subject(), None);
        out(&scope(&["P2", "P1"]), &subject(), None);
        let why = "service P1 is not among those that take part";
        out(&scope(&["P2"]), &subject(), Some(why));
        out(&scope(&["P2"]), &Subject { service: None, ..subject() }, None);
    }

    #[test]
    fn one_of_the_teams_is_enough_once_any_are_known() {
        let scope = |all: &[&str]| Scope { teams: texts(all), ..Scope::default() };
        out(&scope(&[]), &subject(), None);
        out(&scope(&["T9", "T2"]), &subject(), None);
        let why = Some("none of its teams takes part");
        out(&scope(&["T9"]), &subject(), why);
        out(&scope(&["T9"]), &Subject { service: None, ..subject() }, why);
        out(&scope(&["T9"]), &Subject { teams: vec![], ..subject() }, why);
        out(&scope(&["T9"]), &Subject { teams: vec![], service: None, ..subject() }, None);
    }

    #[test]
    fn every_label_must_be_there_with_its_value() {
        let scope = |all: &[(&str, &str)]| {
            let labels = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Scope { labels: labels.collect(), ..Scope::default() }
        };
        out(&scope(&[("region", "eu"), ("team", "search")]), &subject(), None);
        out(&scope(&[("region", "us")]), &subject(), Some("it lacks the label region=us"));
        out(&scope(&[("tier", "1")]), &subject(), Some("it lacks the label tier=1"));
    }

    #[test]
    fn a_severity_is_in_from_the_least_one_upwards() {
        let scope =
            |least: &str| Scope { min_severity: Some(least.to_owned()), ..Scope::default() };
        out(&scope("SEV-3"), &subject(), None);
        out(&scope("SEV-2"), &subject(), None);
        out(&scope("SEV-1"), &subject(), Some("severity SEV-2 is below SEV-1"));
    }

    #[test]
    fn an_expression_sees_everything_and_must_say_yes() {
        let scope = |text: &str| Scope { expression: Some(text.to_owned()), ..Scope::default() };
        for yes in [
            "title == 'slow'",
            "severity == 'SEV-2' && description == '' && status == ''",
            "incident_type == 'infrastructure' && service == 'P1'",
            "'T2' in teams && labels.region == 'eu'",
        ] {
            out(&scope(yes), &subject(), None);
        }
        out(&scope("labels.region == 'us'"), &subject(), Some("the expression is false"));
        let without = scope("labels.tier == '1'").outside(&subject()).unwrap();
        assert!(without.starts_with("the expression has no answer: "), "{without}");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_what_is_wrong() {
        let expression = |text: String| Scope { expression: Some(text), ..Scope::default() };
        let padded = |length: usize| format!("{:<length$}", "true");
        assert_eq!(expression(padded(EXPRESSION_MAX)).check(), Ok(()));
        assert_eq!(expression("labels.nobody_has_it == 'x'".to_owned()).check(), Ok(()));
        for bad in [padded(EXPRESSION_MAX + 1), "severity ==".to_owned(), "title".to_owned()] {
            assert!(matches!(expression(bad).check(), Err(Unusable::Expression { .. })));
        }
        let least = |text: &str| Scope { min_severity: Some(text.to_owned()), ..Scope::default() };
        assert_eq!(least("SEV-1").check(), Ok(()));
        assert_eq!(least("SEV-9").check(), Err(Unusable::Severity { given: "SEV-9".to_owned() }));
    }
}
