//! Which incidents and records take part in an integration.
//!
//! The scope is asked when an incident and a record are about to be joined. A pair that is joined
//! stays so: what falls outside later is still kept in step, because half a story is worse than
//! either.

use std::collections::BTreeMap;

use cel::{Context, Program, Value as Cel};
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
    let program = Program::compile(expression).map_err(|error| error.to_string())?;
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
    match program.execute(&context).map_err(|error| error.to_string())? {
        Cel::Bool(answer) => Ok(answer),
        other => Err(format!("it gives {:?}, not true or false", other.type_of())),
    }
}
