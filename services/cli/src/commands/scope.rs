//! `im integration scope …`.

use prost_types::FieldMask;
use tandem_proto::{json, v1, words::Word as _};

use super::Context;
use crate::{
    args::mapping::{ScopeCommand, ScopeSet},
    failure::Failure,
};

pub(super) async fn run(context: &Context, command: ScopeCommand) -> Result<(), Failure> {
    let org = context.org.clone();
    match command {
        ScopeCommand::Show(named) => {
            let request = v1::GetIntegrationRequest { org, integration: named.integration };
            let found = context.client.integrations().get_integration(request).await?.into_inner();
            context.show.one(&json::Scope::from(found.scope.unwrap_or_default()))
        }
        ScopeCommand::Set(set) => {
            let integration = set.named.integration.clone();
            let (scope, paths) = changes(*set)?;
            update(context, integration, scope, paths).await
        }
        ScopeCommand::Clear(named) => {
            let whole = vec!["scope".to_owned()];
            update(context, named.integration, v1::Scope::default(), whole).await
        }
    }
}

async fn update(
    context: &Context,
    integration: String,
    scope: v1::Scope,
    paths: Vec<String>,
) -> Result<(), Failure> {
    let request = v1::UpdateIntegrationRequest {
        org: context.org.clone(),
        integration,
        changes: Some(v1::Integration { scope: Some(scope), ..Default::default() }),
        update_mask: Some(FieldMask { paths }),
        etag: String::new(),
    };
    let changed = context.client.integrations().update_integration(request).await?.into_inner();
    context.show.one(&json::Scope::from(changed.scope.unwrap_or_default()))
}

/// What was said of a scope, and which parts that is.
fn changes(set: ScopeSet) -> Result<(v1::Scope, Vec<String>), Failure> {
    let said = [
        ("scope.services", !set.services.is_empty()),
        ("scope.teams", !set.teams.is_empty()),
        ("scope.labels", set.no_labels || !set.labels.is_empty()),
        ("scope.min_severity", set.no_min_severity || set.min_severity.is_some()),
        ("scope.expression", set.expression.is_some()),
    ];
    let paths: Vec<String> =
        said.into_iter().filter(|(_, is_said)| *is_said).map(|(path, _)| path.to_owned()).collect();
    if paths.is_empty() {
        return Err(Failure::Usage(
            "nothing to set: say what, see im integration scope set --help".to_owned(),
        ));
    }
    let given = |all: Vec<String>| all.into_iter().filter(|id| !id.is_empty()).collect();
    let severity = set.min_severity.and_then(v1::Severity::word);
    let scope = v1::Scope {
        services: given(set.services),
        teams: given(set.teams),
        labels: set.labels.into_iter().collect(),
        min_severity: severity.unwrap_or_default().to_owned(),
        expression: set.expression.unwrap_or_default(),
    };
    Ok((scope, paths))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command, integration::IntegrationCommand};

    fn set(args: &[&str]) -> ScopeSet {
        let line = ["im", "integration", "scope", "set", "prod-pd"].iter().chain(args);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Integration(IntegrationCommand::Scope(ScopeCommand::Set(set))) => *set,
            other => panic!("parsed as {other:?}"),
        }
    }

    #[test]
    fn only_what_was_said_is_in_the_mask_and_an_empty_text_lifts_it() {
        let (scope, paths) =
            changes(set(&["--service", "P1", "--service", "P2", "--min-severity", "sev-2"]))
                .unwrap();
        assert_eq!(paths, ["scope.services", "scope.min_severity"]);
        assert_eq!((scope.services.len(), scope.min_severity.as_str()), (2, "SEV-2"));
        let (scope, paths) = changes(set(&["--team", "", "--no-labels"])).unwrap();
        assert_eq!(paths, ["scope.teams", "scope.labels"]);
        assert_eq!(scope, v1::Scope::default());
        assert!(matches!(changes(set(&[])), Err(Failure::Usage(_))));
    }
}
