//! `im integration …`: list, get, delete, the switches, what was left out; the rest has files of its
//! own.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use prost_types::FieldMask;
use secrecy::{ExposeSecret as _, SecretString};
use tandem_proto::{json, v1};

use super::{
    Context, PAGE, configure, counterpart, dlq, document, field_mapping, field_ownership, links,
    plan, questions, scope, service_mapping, sync_status,
};
use crate::{
    args::integration::{IntegrationCommand, Named, Switch},
    failure::Failure,
    secret,
};

/// The switches, as a change names them.
const ENABLED: &str = "enabled";
const PAUSED: &str = "paused";

pub(super) async fn run(context: &Context, command: IntegrationCommand) -> Result<(), Failure> {
    match command {
        IntegrationCommand::Configure(configure) => configure::run(context, *configure).await,
        IntegrationCommand::List { integration: None } => list(context).await,
        IntegrationCommand::List { integration: Some(one) } => list_one(context, one).await,
        IntegrationCommand::Get(named) => get(context, named).await,
        IntegrationCommand::Delete { named, yes, etag } => {
            delete(context, named, yes, etag.unwrap_or_default()).await
        }
        IntegrationCommand::Enable(switch) => self::switch(context, switch, ENABLED, true).await,
        IntegrationCommand::Disable(switch) => self::switch(context, switch, ENABLED, false).await,
        IntegrationCommand::Pause(switch) => self::switch(context, switch, PAUSED, true).await,
        IntegrationCommand::Resume(switch) => self::switch(context, switch, PAUSED, false).await,
        IntegrationCommand::RotateSecrets { named, signing_secret } => {
            match secret::signing_secret(&signing_secret)? {
                Some(given) => replace(context, named, &given).await,
                None => rotate(context, named).await,
            }
        }
        IntegrationCommand::History(asked) => document::history(context, asked).await,
        IntegrationCommand::Rollback(asked) => document::roll_back(context, asked).await,
        IntegrationCommand::Links { named, watch: false } => links::list(context, named).await,
        IntegrationCommand::Links { named, watch: true } => links::watch(context, named).await,
        IntegrationCommand::Dlq { named, which } => {
            dlq::list(context, named.integration, which).await
        }
        IntegrationCommand::ServiceMapping(command) => service_mapping::run(context, command).await,
        IntegrationCommand::FieldOwnership(command) => field_ownership::run(context, command).await,
        IntegrationCommand::FieldMapping(command) => field_mapping::run(context, command).await,
        IntegrationCommand::UserMapping(command) => {
            counterpart::run(context, command, counterpart::USERS).await
        }
        IntegrationCommand::PolicyMapping(command) => {
            counterpart::run(context, command, counterpart::POLICIES).await
        }
        IntegrationCommand::Plan(asked) => plan::make(context, asked).await,
        IntegrationCommand::Apply(asked) => plan::apply(context, asked).await,
        IntegrationCommand::Scope(command) => scope::run(context, command).await,
        IntegrationCommand::Test(named) => sync_status::test(context, named).await,
        IntegrationCommand::SyncStatus(named) => sync_status::one(context, named).await,
        IntegrationCommand::Oncall(asked) => questions::on_call(context, asked).await,
        IntegrationCommand::Users(asked) => questions::users(context, asked).await,
        IntegrationCommand::Services(asked) => questions::services(context, asked).await,
        IntegrationCommand::EscalationPolicies(asked) => {
            questions::escalation_policies(context, asked).await
        }
        IntegrationCommand::Priorities(asked) => questions::priorities(context, asked).await,
        IntegrationCommand::Ignored { named, days } => ignored(context, named, days).await,
    }
}

/// Turns one switch and leaves the rest as it is.
async fn switch(
    context: &Context,
    switch: Switch,
    path: &'static str,
    on: bool,
) -> Result<(), Failure> {
    let changes = v1::Integration { enabled: on, paused: on, ..Default::default() };
    let etag = switch.etag.unwrap_or_default();
    update(context, switch.named, (changes, path), etag).await
}

/// Takes a signing secret in besides the one that is held.
async fn replace(context: &Context, named: Named, given: &SecretString) -> Result<(), Failure> {
    let signing_secret = given.expose_secret().to_owned();
    let credentials = Some(v1::Credentials { signing_secret, ..Default::default() });
    let changes = v1::Integration { credentials, ..Default::default() };
    let path = "credentials.signing_secret";
    update(context, named, (changes, path), String::new()).await
}

async fn update(
    context: &Context,
    named: Named,
    (changes, path): (v1::Integration, &'static str),
    etag: String,
) -> Result<(), Failure> {
    let request = v1::UpdateIntegrationRequest {
        org: context.org.clone(),
        integration: named.integration,
        changes: Some(changes),
        update_mask: Some(FieldMask { paths: vec![path.to_owned()] }),
        etag,
    };
    let after = context.client.integrations().update_integration(request).await?.into_inner();
    context.show.one(&json::Integration::from(after))
}

async fn rotate(context: &Context, named: Named) -> Result<(), Failure> {
    let request = v1::RotateSigningSecretsRequest {
        org: context.org.clone(),
        integration: named.integration,
    };
    let found = context.client.integrations().rotate_signing_secrets(request).await?;
    context.show.one(&json::Integration::from(found.into_inner()))
}

async fn list(context: &Context) -> Result<(), Failure> {
    let mut client = context.client.integrations();
    let mut found: Vec<json::Integration> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            v1::ListIntegrationsRequest { org: context.org.clone(), page_size: PAGE, page_token };
        let page = client.list_integrations(request).await?.into_inner();
        found.extend(page.integrations.into_iter().map(Into::into));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return context.show.list(&found);
        }
    }
}

async fn list_one(context: &Context, integration: String) -> Result<(), Failure> {
    let found = found(context, integration).await?;
    context.show.list(&[json::Integration::from(found)])
}

async fn found(context: &Context, integration: String) -> Result<v1::Integration, Failure> {
    let request = v1::GetIntegrationRequest { org: context.org.clone(), integration };
    Ok(context.client.integrations().get_integration(request).await?.into_inner())
}

async fn get(context: &Context, named: Named) -> Result<(), Failure> {
    let integration = found(context, named.integration).await?;
    context.show.one(&json::Integration::from(integration))
}

async fn delete(context: &Context, named: Named, yes: bool, etag: String) -> Result<(), Failure> {
    let somebody_is_there = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !yes && somebody_is_there {
        let agreed = dialoguer::Confirm::new()
            .with_prompt(format!(
                "Delete {}? Its webhooks are refused from then on",
                named.integration
            ))
            .default(false)
            .interact()
            .context("cannot ask; use --yes")?;
        if !agreed {
            return Err(Failure::Usage("not deleted".to_owned()));
        }
    }
    let request = v1::DeleteIntegrationRequest {
        org: context.org.clone(),
        integration: named.integration.clone(),
        etag,
    };
    let deleted = context.client.integrations().delete_integration(request).await?.into_inner();
    if !deleted.problem.is_empty() {
        eprintln!("warning: {}", deleted.problem);
    }
    context.show.done(&format!("deleted {}", named.integration))
}

async fn ignored(context: &Context, named: Named, days: i32) -> Result<(), Failure> {
    let request = v1::ListIgnoredEventsRequest {
        org: context.org.clone(),
        integration: named.integration,
        days,
    };
    let found = context.client.integrations().list_ignored_events(request).await?.into_inner();
    let found: Vec<json::IgnoredEvents> = found.reasons.into_iter().map(Into::into).collect();
    context.show.list(&found)
}
