//! `im conflict …`: list, show, resolve.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tandem_proto::{json, v1};

use super::{Context, PAGE, ended};
use crate::{
    args::conflict::{Choice, ConflictCommand, Of, Resolve},
    failure::Failure,
};

pub(super) async fn run(context: &Context, command: ConflictCommand) -> Result<(), Failure> {
    match command {
        ConflictCommand::List { of, limit, watch: true, .. } => watch(context, of, limit).await,
        ConflictCommand::List { of, standing, all, limit, watch: false } => {
            let standing = match (all, standing) {
                (true, _) => v1::ConflictStanding::Unspecified,
                (false, said) => said.unwrap_or(v1::ConflictStanding::Open),
            };
            context.show.list(&list(context, of, standing, limit).await?)
        }
        ConflictCommand::Show { conflict } => {
            let request = v1::GetConflictRequest { org: context.org()?, conflict };
            let found = context.client.conflicts().get_conflict(request).await?.into_inner();
            context.show.told(&json::Conflict::from(found))
        }
        ConflictCommand::Resolve(resolve) => match resolve.conflicts.as_slice() {
            [one] => self::one(context, one.clone(), resolve.choice).await,
            _ => many(context, resolve).await,
        },
    }
}

/// Prints the open conflicts, the newest last, and then each that opens or ends.
async fn watch(context: &Context, of: Of, limit: usize) -> Result<(), Failure> {
    let request = v1::WatchConflictsRequest {
        org: context.org.clone(),
        integration: of.integration.clone().unwrap_or_default(),
        incident: of.incident.clone().unwrap_or_default(),
        field: of.field.clone().unwrap_or_default(),
    };
    // Before it is listed what there is, so that nothing falls between the two.
    let mut stream = context.client.conflicts().watch_conflicts(request).await?.into_inner();
    for open in list(context, of, v1::ConflictStanding::Open, limit).await?.iter().rev() {
        context.show.next(open)?;
    }
    while let Some(change) = stream.message().await? {
        context.show.next(&json::Conflict::from(change.conflict.unwrap_or_default()))?;
    }
    Err(ended())
}

async fn list(
    context: &Context,
    of: Of,
    standing: v1::ConflictStanding,
    limit: usize,
) -> Result<Vec<json::Conflict>, Failure> {
    let mut client = context.client.conflicts();
    let mut found: Vec<json::Conflict> = Vec::new();
    let mut request = v1::ListConflictsRequest {
        org: context.org.clone(),
        integration: of.integration.unwrap_or_default(),
        incident: of.incident.unwrap_or_default(),
        field: of.field.unwrap_or_default(),
        standing: standing.into(),
        ..Default::default()
    };
    loop {
        let missing = limit.saturating_sub(found.len());
        request.page_size = i32::try_from(missing).unwrap_or(PAGE).clamp(1, PAGE);
        let page = client.list_conflicts(request.clone()).await?.into_inner();
        found.extend(page.conflicts.into_iter().map(Into::into));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}

/// Decides one, and shows it.
async fn one(context: &Context, conflict: String, choice: Choice) -> Result<(), Failure> {
    let (take, value) = taken(choice);
    let request = v1::ResolveConflictRequest {
        org: context.org()?,
        conflict,
        take: take.into(),
        value,
        request_id: String::new(),
    };
    let decided = context.client.conflicts().resolve_conflict(request).await?.into_inner();
    if decided.pending {
        eprintln!("note: accepted, but it has not taken effect yet; see im conflict show");
    }
    context.show.told(&json::Conflict::from(decided.conflict.unwrap_or_default()))
}

/// Decides many, page by page, and shows what became of each; one that failed is a failure.
async fn many(context: &Context, resolve: Resolve) -> Result<(), Failure> {
    if resolve.all && !resolve.yes && !agreed(&resolve)? {
        return Err(Failure::Usage("nothing was decided".to_owned()));
    }
    let (take, value) = taken(resolve.choice);
    let mut request = v1::ResolveConflictsRequest {
        org: if resolve.all { context.org.clone() } else { context.org()? },
        conflicts: resolve.conflicts,
        integration: resolve.of.integration.unwrap_or_default(),
        incident: resolve.of.incident.unwrap_or_default(),
        field: resolve.of.field.unwrap_or_default(),
        take: take.into(),
        value,
        page_token: String::new(),
    };
    let mut client = context.client.conflicts();
    let mut done: Vec<json::ConflictResolution> = Vec::new();
    loop {
        let page = client.resolve_conflicts(request.clone()).await?.into_inner();
        done.extend(page.resolutions.into_iter().map(Into::into));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    context.show.list(&done)?;
    match done.iter().filter(|one| one.problem.is_some()).count() {
        0 => Ok(()),
        failed => Err(anyhow::anyhow!("{failed} of {} could not be decided", done.len()).into()),
    }
}

fn taken(choice: Choice) -> (v1::ConflictTake, Option<String>) {
    match choice {
        Choice { value: Some(value), .. } => (v1::ConflictTake::Value, Some(value)),
        Choice { take, value: None } => (take.unwrap_or_default(), None),
    }
}

fn agreed(resolve: &Resolve) -> Result<bool, Failure> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(true);
    }
    let integration = resolve.of.integration.as_deref().unwrap_or_default();
    let asked = dialoguer::Confirm::new()
        .with_prompt(format!("Decide all open conflicts of {integration} that fit?"))
        .default(false);
    Ok(asked.interact().context("cannot ask; use --yes")?)
}
