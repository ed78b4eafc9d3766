//! `im token …` and `im keys …`.

use std::time::{Duration, SystemTime};

use tandem_proto::{json, v1};

use super::{Context, PAGE};
use crate::{
    args::token::{KeysCommand, NewToken, TokenCommand},
    failure::Failure,
};

const DAY: Duration = Duration::from_hours(24);

pub(super) async fn run(context: &Context, command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(new) => create(context, new).await,
        TokenCommand::List { all } => list(context, all).await,
        TokenCommand::Revoke { token } => revoke(context, token).await,
    }
}

async fn create(context: &Context, new: NewToken) -> Result<(), Failure> {
    let expires = |days: u32| SystemTime::now().checked_add(DAY.saturating_mul(days));
    let request = v1::CreateTokenRequest {
        org: context.org()?,
        name: new.name,
        role: new.role.into(),
        acts_for_others: new.acts_for_others,
        expire_time: new.expires_in_days.and_then(expires).map(Into::into),
    };
    let made = context.client.tokens().create_token(request).await?.into_inner();
    context.show.one(&json::NewToken::from(made))?;
    eprintln!("note: the secret is shown this once; keep it where only its user can read it");
    Ok(())
}

async fn list(context: &Context, show_ended: bool) -> Result<(), Failure> {
    let mut client = context.client.tokens();
    let mut found: Vec<json::Token> = Vec::new();
    let mut page_token = String::new();
    loop {
        let org = context.org.clone();
        let request = v1::ListTokensRequest { org, show_ended, page_size: PAGE, page_token };
        let page = client.list_tokens(request).await?.into_inner();
        found.extend(page.tokens.into_iter().map(Into::into));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return context.show.list(&found);
        }
    }
}

async fn revoke(context: &Context, token: String) -> Result<(), Failure> {
    let request = v1::RevokeTokenRequest { org: context.org.clone(), token };
    let revoked = context.client.tokens().revoke_token(request).await?.into_inner();
    context.show.one(&json::Token::from(revoked))
}

pub(super) async fn keys(context: &Context, command: KeysCommand) -> Result<(), Failure> {
    let mut client = context.client.keys();
    match command {
        KeysCommand::List => {
            let request = v1::ListKeysRequest { key: String::new() };
            let listed = client.list_keys(request).await?.into_inner().keys;
            let keys: Vec<json::Key> = listed.into_iter().map(Into::into).collect();
            context.show.list(&keys)
        }
        KeysCommand::Rotate { key } => {
            let request = v1::RotateKeysRequest { key: key.unwrap_or_default() };
            let rotated = client.rotate_keys(request).await?.into_inner();
            let rotated = json::Rotation::from(rotated);
            context.show.one(&rotated)?;
            match rotated.unopened.len() {
                0 => Ok(()),
                left => Err(anyhow::anyhow!(
                    "{left} secrets lie under keys that admin does not hold: give them anew"
                )
                .into()),
            }
        }
    }
}
