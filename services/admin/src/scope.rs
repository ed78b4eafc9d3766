//! From a request to a scope: each part checked, and named where it cannot be used.

use tandem_domain::{
    field::LabelName,
    scope::{Scope, Unusable},
};
use tandem_proto::v1;

use crate::{check, refusal::Checks};

/// What one part of a scope may list at most.
const LIST_MAX: usize = 1000;

/// Whether a path of a mask is the scope or a part of it.
pub(crate) fn is_part(path: &str) -> bool {
    const PARTS: [&str; 5] = ["services", "teams", "labels", "min_severity", "expression"];
    path.strip_prefix("scope").is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('.').is_some_and(|part| PARTS.contains(&part))
    })
}

/// Puts the part that a path names into a scope.
pub(crate) fn change(to: &mut Scope, from: &v1::Scope, path: &str) {
    let whole = path == "scope";
    let said = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
    if whole || path == "scope.services" {
        to.services.clone_from(&from.services);
    }
    if whole || path == "scope.teams" {
        to.teams.clone_from(&from.teams);
    }
    if whole || path == "scope.labels" {
        to.labels = from.labels.clone().into_iter().collect();
    }
    if whole || path == "scope.min_severity" {
        to.min_severity = said(&from.min_severity);
    }
    if whole || path == "scope.expression" {
        to.expression = said(&from.expression);
    }
}

/// The scope of a new integration.
pub(crate) fn given(checks: &mut Checks, from: &v1::Scope) -> Scope {
    let mut scope = Scope::default();
    change(&mut scope, from, "scope");
    check(checks, &scope);
    scope
}

/// Notes what of a scope cannot be used.
pub(crate) fn check(checks: &mut Checks, scope: &Scope) {
    for (path, list) in [("scope.services", &scope.services), ("scope.teams", &scope.teams)] {
        if list.len() > LIST_MAX {
            checks.refuse(path, format!("must not be more than {LIST_MAX}"));
        } else if let Some((id, Err(problem))) =
            list.iter().map(|id| (id, check::service(id))).find(|(_, checked)| checked.is_err())
        {
            checks.refuse(path, format!("{id:?} {problem}"));
        }
    }
    for name in scope.labels.keys() {
        if let Err(problem) = name.parse::<LabelName>() {
            checks.refuse("scope.labels", problem.to_string());
        }
    }
    if scope.labels.len() > LIST_MAX {
        checks.refuse("scope.labels", format!("must not be more than {LIST_MAX}"));
    }
    match scope.check() {
        Ok(()) => {}
        Err(problem @ Unusable::Severity { .. }) => {
            checks.refuse("scope.min_severity", told(&problem, "min_severity: "));
        }
        Err(problem @ Unusable::Expression { .. }) => {
            checks.refuse("scope.expression", told(&problem, "expression: "));
        }
    }
}

/// The problem without the name of the part, which the violation tells.
fn told(problem: &Unusable, part: &str) -> String {
    let told = problem.to_string();
    told.strip_prefix(part).map(str::to_owned).unwrap_or(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    fn violated(scope: &v1::Scope) -> Vec<String> {
        let mut checks = Checks::default();
        given(&mut checks, scope);
        match checks.finish() {
            Ok(()) => Vec::new(),
            Err(Refusal::Invalid(all)) => all.into_iter().map(|one| one.field).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_part_that_cannot_be_used_is_named() {
        let bad = v1::Scope {
            services: vec!["P 1".to_owned()],
            labels: [("a b".to_owned(), "x".to_owned())].into(),
            min_severity: "SEV-9".to_owned(),
            ..Default::default()
        };
        assert_eq!(violated(&bad), ["scope.services", "scope.labels", "scope.min_severity"]);
        for expression in ["severity ==", "colour == \"red\"", "title"] {
            let bad = v1::Scope { expression: expression.to_owned(), ..Default::default() };
            assert_eq!(violated(&bad), ["scope.expression"], "{expression}");
        }
        let good = v1::Scope {
            teams: vec!["PT1".to_owned()],
            min_severity: "SEV-2".to_owned(),
            expression: "labels.region == \"eu\"".to_owned(),
            ..Default::default()
        };
        assert_eq!(violated(&good), Vec::<String>::new());
    }

    #[test]
    fn a_part_is_changed_and_the_others_stay() {
        let mut scope = Scope { services: vec!["P1".to_owned()], ..Scope::default() };
        let from = v1::Scope { min_severity: "SEV-1".to_owned(), ..Default::default() };
        change(&mut scope, &from, "scope.min_severity");
        assert_eq!((scope.services.len(), scope.min_severity.as_deref()), (1, Some("SEV-1")));
        change(&mut scope, &v1::Scope::default(), "scope");
        assert_eq!(scope, Scope::default());
        assert!(is_part("scope.teams") && !is_part("scope.nonsense") && !is_part("scoped"));
    }
}
