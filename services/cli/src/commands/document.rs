//! `im export`, `im apply`, `im integration history` and `rollback`.
//!
//! What would change is asked of the server and shown before anything does; what is then applied is
//! applied only if nobody changed it since.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tandem_proto::{json, v1};

use super::{Context, PAGE};
use crate::{
    args::{
        Output,
        document::{Agreed, Apply, Export, History, Rollback},
    },
    document::{self, Document},
    failure::Failure,
    show,
};

/// The etag of what is not there.
const ABSENT: &str = "0";

pub(super) async fn export(context: &Context, export: Export) -> Result<(), Failure> {
    let request = v1::ExportConfigurationRequest {
        org: context.org()?,
        integration: export.integration.unwrap_or_default(),
    };
    let exported = context.client.configurations().export_configuration(request).await?;
    let (document, held) = Document::of(exported.into_inner());
    match context.show.output() {
        Output::Json => context.show.value_of(&document),
        Output::Table | Output::Yaml => show::print(document.written(&held)?.as_bytes()),
    }
}

pub(super) async fn apply(context: &Context, apply: Apply) -> Result<(), Failure> {
    let read = document::read(&apply.file)?;
    let org = match (read.org, context.org.as_str()) {
        (Some(named), org) if !org.is_empty() && org != named => {
            return Err(Failure::Usage(format!(
                "the document is of {named}, and the organisation to act in is {org}: say --org {named}, \
                 or change the document"
            )));
        }
        (Some(named), _) => named,
        (None, _) => context.org()?,
    };
    let mut client = context.client.configurations();
    let mut request =
        v1::ApplyConfigurationRequest { org, integrations: read.integrations, validate_only: true };
    let previewed = client.apply_configuration(request.clone()).await?.into_inner().integrations;
    for one in &previewed {
        difference(context, one)?;
    }
    let changes = previewed.iter().filter(|one| one.changed).count();
    if !apply.agreed.dry_run && changes > 0 {
        agree(&apply.agreed, changes)?;
        for (asked, seen) in request.integrations.iter_mut().zip(&previewed) {
            if asked.etag.is_empty() {
                let held = seen.before.as_ref().map(|before| before.etag.clone());
                asked.etag = held.unwrap_or_else(|| ABSENT.to_owned());
            }
        }
        request.validate_only = false;
        let applied = client.apply_configuration(request).await?.into_inner().integrations;
        return told(context, applied, "applied");
    }
    let left = previewed.len() - changes;
    context.show.remark(&format!("{changes} to change, {left} as they are to be"))?;
    told_to_programs(context, previewed)
}

/// Shows how a configuration would change.
fn difference(context: &Context, one: &v1::AppliedConfiguration) -> Result<(), Failure> {
    let Some(after) = &one.after else { return Ok(()) };
    let handle = &after.handle;
    if !one.changed {
        return Ok(());
    }
    let text = |of: &v1::Configuration| document::yaml(&of.clone().into());
    let (from, before) = match &one.before {
        Some(before) => (format!("{} at version {}", before.handle, before.etag), text(before)?),
        None => ("nothing".to_owned(), String::new()),
    };
    context.show.difference((&from, &before), (handle, &text(after)?))?;
    if one.token_replaced {
        context.show.remark(&format!("{handle}: its token is replaced"))?;
    }
    if one.signing_secret_added {
        context.show.remark(&format!("{handle}: a signing secret is taken in"))?;
    }
    Ok(())
}

/// Asks whether it is meant, where there is somebody to ask.
fn agree(agreed: &Agreed, changes: usize) -> Result<(), Failure> {
    if agreed.yes {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Failure::Usage(
            "nothing was changed: there is nobody to ask; --yes applies, --dry-run only shows"
                .to_owned(),
        ));
    }
    let asked = dialoguer::Confirm::new()
        .with_prompt(format!("Change {changes} of them so?"))
        .default(false)
        .interact()
        .context("cannot ask; use --yes")?;
    if asked { Ok(()) } else { Err(Failure::Usage("nothing was changed".to_owned())) }
}

fn told(context: &Context, all: Vec<v1::AppliedConfiguration>, what: &str) -> Result<(), Failure> {
    for after in all.iter().filter(|one| one.changed).filter_map(|one| one.after.as_ref()) {
        context.show.remark(&format!("{what}: {} is at version {}", after.handle, after.etag))?;
    }
    told_to_programs(context, all)
}

fn told_to_programs(context: &Context, all: Vec<v1::AppliedConfiguration>) -> Result<(), Failure> {
    if context.show.output() == Output::Table {
        return Ok(());
    }
    let all: Vec<json::AppliedConfiguration> = all.into_iter().map(Into::into).collect();
    context.show.value_of(&all)
}

pub(super) async fn history(context: &Context, history: History) -> Result<(), Failure> {
    let History { named, limit, diff } = history;
    let mut request = v1::ListConfigurationVersionsRequest {
        org: context.org.clone(),
        integration: named.integration,
        ..Default::default()
    };
    let mut client = context.client.configurations();
    let mut found: Vec<v1::ConfigurationVersion> = Vec::new();
    // The last one is compared with the one before it.
    let wanted = limit.saturating_add(usize::from(diff));
    loop {
        let missing = wanted.saturating_sub(found.len());
        request.page_size = i32::try_from(missing).unwrap_or(PAGE).clamp(1, PAGE);
        let page = client.list_configuration_versions(request.clone()).await?.into_inner();
        found.extend(page.versions);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= wanted {
            break;
        }
    }
    found.truncate(wanted);
    if diff && context.show.output() == Output::Table {
        return differences(context, &found, limit);
    }
    found.truncate(limit);
    let found: Vec<json::ConfigurationVersion> = found.into_iter().map(Into::into).collect();
    context.show.list(&found)
}

fn differences(
    context: &Context,
    found: &[v1::ConfigurationVersion],
    limit: usize,
) -> Result<(), Failure> {
    let text = |of: &v1::ConfigurationVersion| {
        let held = of.configuration.clone().unwrap_or_default();
        document::yaml(&held.into())
    };
    for (place, version) in found.iter().take(limit).enumerate() {
        let at = version.time.as_ref().map(ToString::to_string).unwrap_or_default();
        let of = format!(
            "version {} of {at} by {} ({})",
            version.version, version.actor, version.action
        );
        let (from, before) = match found.get(place + 1) {
            Some(older) => (format!("version {}", older.version), text(older)?),
            None => ("nothing".to_owned(), String::new()),
        };
        let after = text(version)?;
        if before == after {
            context.show.remark(&format!("{of}: secrets or webhook subscriptions"))?;
        }
        context.show.difference((&from, &before), (&of, &after))?;
    }
    Ok(())
}

pub(super) async fn roll_back(context: &Context, rollback: Rollback) -> Result<(), Failure> {
    let Rollback { named, to_version, etag, agreed } = rollback;
    let mut request = v1::RollBackConfigurationRequest {
        org: context.org.clone(),
        integration: named.integration,
        version: to_version,
        etag: etag.unwrap_or_default(),
        validate_only: true,
    };
    let mut client = context.client.configurations();
    let previewed = client.roll_back_configuration(request.clone()).await?.into_inner();
    difference(context, &previewed)?;
    if agreed.dry_run || !previewed.changed {
        let what =
            if previewed.changed { "would be brought back" } else { "is what it is already" };
        context.show.remark(&format!("version {to_version} {what}"))?;
        return told_to_programs(context, vec![previewed]);
    }
    agree(&agreed, 1)?;
    request.etag = previewed.before.map(|before| before.etag).unwrap_or_default();
    request.validate_only = false;
    let back = client.roll_back_configuration(request).await?.into_inner();
    told(context, vec![back], "brought back")
}
