//! `im integration configure`: a new integration, or changes to one; only what was said is sent.

use std::time::{Duration, Instant};

use prost_types::FieldMask;
use secrecy::{ExposeSecret as _, SecretString};
use tandem_proto::{json, v1};

use super::Context;
use crate::{args::integration::Configure, failure::Failure, secret};

/// How long a subscription is waited for that is being made.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked whether it is.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

pub(super) async fn run(context: &Context, configure: Configure) -> Result<(), Failure> {
    let token = secret::token(&configure.token, configure.integration.is_none())?;
    let signing_secret = secret::signing_secret(&configure.signing_secret)?;
    let mut client = context.client.integrations();
    let is_new = configure.integration.is_none();
    let subscribes = configure.public_url.as_ref().is_some_and(|url| !url.is_empty());
    let integration = if let Some(integration) = configure.integration.clone() {
        let etag = configure.etag.clone().unwrap_or_default();
        let (changes, update_mask) = changes(configure, token, signing_secret)?;
        let request = v1::UpdateIntegrationRequest {
            org: context.org.clone(),
            integration,
            changes: Some(changes),
            update_mask: Some(update_mask),
            etag,
        };
        client.update_integration(request).await?
    } else {
        let integration = creation(configure, context.org()?, token, signing_secret)?;
        let request = v1::CreateIntegrationRequest { integration: Some(integration) };
        client.create_integration(request).await?
    };
    let mut integration = json::Integration::from(integration.into_inner());
    if subscribes {
        integration = subscribed(context, integration).await?;
    }
    context.show.one(&integration)?;
    if is_new {
        // Nothing was asked of the account for it, so that it works while that is away.
        context.show.next_step(&format!(
            "it is unverified; ask the account whether the connection works:\n  \
             im integration test {}",
            integration.handle
        ));
    }
    if subscribes && !is_confirmed(&integration) {
        context.show.next_step(&format!(
            "the webhook subscription is not confirmed yet; see what it waits for:\n  \
             im integration sync-status {}",
            integration.handle
        ));
    } else if is_new && integration.signing_secrets == 0 {
        context.show.next_step(&format!(
            "have webhooks sent to https://<ingress>{}, then say what they are signed with:\n  \
             im integration configure {} --signing-secret-file <FILE>",
            integration.webhook_path, integration.handle
        ));
    }
    Ok(())
}

/// Whether every subscription that is seen to has sent a ping that came in.
fn is_confirmed(integration: &json::Integration) -> bool {
    let mut all = integration.subscriptions.iter().filter(|it| !it.replaced).peekable();
    all.peek().is_some() && all.all(|it| it.confirm_time.is_some())
}

/// Waits a while until the subscriptions are made and confirmed; gives the integration as it is then.
async fn subscribed(
    context: &Context,
    mut integration: json::Integration,
) -> Result<json::Integration, Failure> {
    let until = Instant::now() + CONFIRMED_WITHIN;
    while !is_confirmed(&integration) && Instant::now() < until {
        tokio::time::sleep(LOOK_AGAIN).await;
        let request = v1::GetIntegrationRequest {
            org: context.org.clone(),
            integration: integration.id.clone(),
        };
        let found = context.client.integrations().get_integration(request).await?;
        integration = found.into_inner().into();
    }
    Ok(integration)
}

/// What a new integration shall be.
fn creation(
    configure: Configure,
    org: String,
    token: Option<SecretString>,
    signing_secret: Option<SecretString>,
) -> Result<v1::Integration, Failure> {
    let required = |value: Option<String>, option: &str| {
        value.ok_or_else(|| {
            Failure::Usage(format!(
                "a new integration needs {option}; to change an existing one, name it: \
                 im integration configure <INTEGRATION> …"
            ))
        })
    };
    Ok(v1::Integration {
        org,
        name: required(configure.name, "--name")?,
        r#type: required(configure.r#type, "--type")?,
        base_url: required(configure.base_url, "--base-url")?,
        handle: configure.handle.unwrap_or_default(),
        direction: configure.direction.unwrap_or_default().into(),
        enabled: configure.enabled.unwrap_or(true),
        conflict_strategy: configure.conflict_strategy.unwrap_or_default().into(),
        rate_limit: configure.rate_limit.map(nonzero("--rate-limit")).transpose()?.unwrap_or(0),
        headroom: configure.headroom.unwrap_or_default(),
        backoff_multiplier: configure.backoff_multiplier.unwrap_or_default(),
        from_email: configure.from_email.unwrap_or_default(),
        sync_escalations: configure.sync_escalations.unwrap_or_default(),
        public_url: configure.public_url.unwrap_or_default(),
        credentials: credentials(token, signing_secret),
        ..Default::default()
    })
}

/// In a creation, 0 on the wire means "not said"; said on the command line it is a mistake.
fn nonzero(option: &'static str) -> impl Fn(u32) -> Result<u32, Failure> {
    move |value| match value {
        0 => Err(Failure::Usage(format!("{option} must not be 0"))),
        _ => Ok(value),
    }
}

/// What was said about an existing integration, and which fields that is.
fn changes(
    configure: Configure,
    token: Option<SecretString>,
    signing_secret: Option<SecretString>,
) -> Result<(v1::Integration, FieldMask), Failure> {
    if configure.r#type.is_some() {
        return Err(Failure::Usage(
            "the type of an integration is fixed: delete it and configure a new one".to_owned(),
        ));
    }
    let said = [
        ("name", configure.name.is_some()),
        ("base_url", configure.base_url.is_some()),
        ("handle", configure.handle.is_some()),
        ("direction", configure.direction.is_some()),
        ("enabled", configure.enabled.is_some()),
        ("conflict_strategy", configure.conflict_strategy.is_some()),
        ("rate_limit", configure.rate_limit.is_some()),
        ("headroom", configure.headroom.is_some()),
        ("backoff_multiplier", configure.backoff_multiplier.is_some()),
        ("from_email", configure.from_email.is_some()),
        ("sync_escalations", configure.sync_escalations.is_some()),
        ("public_url", configure.public_url.is_some()),
        ("credentials.token", token.is_some()),
        ("credentials.signing_secret", signing_secret.is_some()),
    ];
    let paths: Vec<String> =
        said.into_iter().filter(|(_, is_said)| *is_said).map(|(path, _)| path.to_owned()).collect();
    if paths.is_empty() {
        return Err(Failure::Usage(
            "nothing to change: say what, see im integration configure --help".to_owned(),
        ));
    }
    let changes = v1::Integration {
        name: configure.name.unwrap_or_default(),
        base_url: configure.base_url.unwrap_or_default(),
        handle: configure.handle.unwrap_or_default(),
        direction: configure.direction.unwrap_or_default().into(),
        enabled: configure.enabled.unwrap_or_default(),
        conflict_strategy: configure.conflict_strategy.unwrap_or_default().into(),
        rate_limit: configure.rate_limit.unwrap_or_default(),
        headroom: configure.headroom.unwrap_or_default(),
        backoff_multiplier: configure.backoff_multiplier.unwrap_or_default(),
        from_email: configure.from_email.unwrap_or_default(),
        sync_escalations: configure.sync_escalations.unwrap_or_default(),
        public_url: configure.public_url.unwrap_or_default(),
        credentials: credentials(token, signing_secret),
        ..Default::default()
    };
    Ok((changes, FieldMask { paths }))
}

fn credentials(
    token: Option<SecretString>,
    signing_secret: Option<SecretString>,
) -> Option<v1::Credentials> {
    let exposed =
        |secret: Option<SecretString>| secret.map(|secret| secret.expose_secret().to_owned());
    (token.is_some() || signing_secret.is_some()).then(|| v1::Credentials {
        token: exposed(token).unwrap_or_default(),
        signing_secret: exposed(signing_secret).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command, integration::IntegrationCommand};

    fn configure(args: &[&str]) -> Configure {
        let line = ["im", "integration", "configure"].iter().chain(args);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Integration(IntegrationCommand::Configure(configure)) => *configure,
            other => panic!("parsed as {other:?}"),
        }
    }

    #[test]
    fn only_what_was_said_is_in_the_mask() {
        let said = configure(&["prod-pd", "--rate-limit", "100", "--backoff-multiplier", "2"]);
        let (changes, mask) = changes(said, None, None).unwrap();
        assert_eq!(mask.paths, ["rate_limit", "backoff_multiplier"]);
        assert_eq!(changes.rate_limit, 100);
    }

    #[test]
    fn a_token_is_put_into_the_mask_by_its_path() {
        let (changes, mask) = changes(configure(&["prod-pd"]), Some("t".into()), None).unwrap();
        assert_eq!(mask.paths, ["credentials.token"]);
        assert_eq!(changes.credentials.unwrap().token, "t");
    }

    #[test]
    fn saying_nothing_is_wrong_usage() {
        let failure = changes(configure(&["prod-pd"]), None, None).unwrap_err();
        assert!(matches!(failure, Failure::Usage(_)));
    }

    #[test]
    fn a_new_integration_is_enabled_unless_told_otherwise() {
        let args = ["--name", "P", "--type", "pagerduty", "--base-url", "https://x.test"];
        let new = creation(configure(&args), "acme".to_owned(), None, None).unwrap();
        assert!(new.enabled && new.credentials.is_none());

        let args = [args.as_slice(), &["--enabled", "false"]].concat();
        let new = creation(configure(&args), "acme".to_owned(), None, None).unwrap();
        assert!(!new.enabled);
    }

    #[test]
    fn what_a_new_integration_lacks_is_named() {
        let Err(Failure::Usage(told)) =
            creation(configure(&["--name", "P"]), "acme".to_owned(), None, None)
        else {
            panic!("it must be refused");
        };
        assert!(told.contains("--type"), "{told}");
    }
}
