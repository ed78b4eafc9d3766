//! Tokens: made, listed, revoked. Of a token's text nothing is kept, and each change is in the audit
//! of admin.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tandem_domain::id::{Org, TokenId};
use tandem_proto::{
    v1::{self, token_service_server::TokenService},
    words::Word as _,
};
use tandem_runtime::clock;
use tandem_store::{
    PgConnection, Store, audit,
    tokens::{self, Filter, Role, Token},
};
use tonic::{Request, Response, Status};

use super::change::now;
use crate::{
    Admin,
    access::token,
    caller::Caller,
    page,
    refusal::{Checks, Refusal},
    wire,
};

const NAME_MAX: usize = 63;

/// A token to be made.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) org: Option<Org>,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) acts_for_others: bool,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Makes a token in an organisation, and answers its text this once.
pub(crate) async fn create(
    admin: &Admin,
    caller: &Caller,
    request: v1::CreateTokenRequest,
) -> Result<v1::CreateTokenResponse, Refusal> {
    let org = caller.org(&request.org)?;
    let mut checks = Checks::default();
    let role = checks.take("role", role(request.role()));
    let expires_at = checks.take("expire_time", request.expire_time.map(time).transpose());
    let name = checks.take("name", name(&request.name));
    checks.finish()?;
    let (Some(role), Some(expires_at), Some(name)) = (role, expires_at, name) else {
        return Err(Refusal::Invalid(Vec::new()));
    };
    let acts_for_others = request.acts_for_others;
    let asked = Asked { org: Some(org), name, role, acts_for_others, expires_at };
    let (token, text) = create_in(&admin.store, caller, asked, now()).await?;
    Ok(v1::CreateTokenResponse {
        token: Some(wire::token(&token)),
        secret: text.expose_secret().to_owned(),
    })
}

/// Makes a token, and gives its text.
pub(crate) async fn create_in(
    store: &Store,
    caller: &Caller,
    asked: Asked,
    now: Timestamp,
) -> Result<(Token, SecretString), Refusal> {
    let mut checks = Checks::default();
    let name = checks.take("name", name(&asked.name)).unwrap_or_default();
    if asked.expires_at.is_some_and(|at| at <= now) {
        checks.refuse("expire_time", "must be later than now");
    }
    checks.finish()?;
    let (id, text, digest) = token::mint(now);
    let token = Token {
        id,
        org: asked.org,
        name,
        role: asked.role,
        acts_for_others: asked.acts_for_others,
        created_at: now,
        created_by: caller.name().to_owned(),
        expires_at: asked.expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    let in_use = || Refusal::Exists {
        noun: "token",
        name: token.name.clone(),
        way_out: "choose another name, or revoke that one first".to_owned(),
    };
    let mut transaction = store.begin().await?;
    // One that opens every organisation must not be mistaken for one that opens a single one.
    let all = tokens::named(&mut transaction, None, &token.name).await?;
    if all.iter().any(|other| other.org.is_none() || token.org.is_none()) {
        return Err(in_use());
    }
    match tokens::add(&mut transaction, &token, &digest).await {
        Err(error) if error.is_taken() => return Err(in_use()),
        added => added?,
    }
    record(&mut transaction, caller, "token.create", &token, now).await?;
    Store::commit(transaction).await?;
    Ok((token, text))
}

/// Lists tokens, newest first.
pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListTokensRequest,
) -> Result<v1::ListTokensResponse, Refusal> {
    let size = page::size(request.page_size)?;
    let filter = Filter {
        org: caller.org_or_all(&request.org)?,
        in_force_at: (!request.show_ended).then(clock::now),
        after: page::after::<(Timestamp, TokenId)>(&request.page_token)?,
        limit: page::with_one_more(size),
    };
    let mut transaction = admin.store.begin().await?;
    let mut page = tokens::list(&mut transaction, &filter).await?;
    let next_page_token = page::next(&mut page, size, |token| (token.created_at, token.id));
    Ok(v1::ListTokensResponse { tokens: page.iter().map(wire::token).collect(), next_page_token })
}

/// Revokes a token.
pub(crate) async fn revoke(
    admin: &Admin,
    caller: &Caller,
    request: v1::RevokeTokenRequest,
) -> Result<v1::Token, Refusal> {
    let revoked = revoke_in(&admin.store, caller, &request.org, &request.token).await?;
    Ok(wire::token(&revoked))
}

/// Revokes the token of this id or name.
pub(crate) async fn revoke_in(
    store: &Store,
    caller: &Caller,
    org: &str,
    reference: &str,
) -> Result<Token, Refusal> {
    let org = caller.org_or_all(org)?;
    if reference.is_empty() {
        return Err(Refusal::invalid("token", "must be the id (tok_…) or the name of a token"));
    }
    let now = now();
    let mut transaction = store.begin().await?;
    let found = find(&mut transaction, org.as_ref(), reference).await?;
    if !tokens::revoke(&mut transaction, found.id, now).await? {
        let name = found.name;
        return Err(Refusal::Settled { noun: "token", name, state: "revoked" });
    }
    let revoked = Token { revoked_at: Some(now), ..found };
    record(&mut transaction, caller, "token.revoke", &revoked, now).await?;
    Store::commit(transaction).await?;
    Ok(revoked)
}

/// The token of this id, whatever its state, or the one of this name that is in force.
async fn find(
    conn: &mut PgConnection,
    org: Option<&Org>,
    reference: &str,
) -> Result<Token, Refusal> {
    let unknown = || Refusal::unknown("token", reference);
    if let Ok(id) = reference.parse::<TokenId>() {
        let found = tokens::get(conn, id).await?.map(|(token, _)| token);
        let is_meant = |token: &Token| org.is_none_or(|org| token.org.as_ref() == Some(org));
        return found.filter(is_meant).ok_or_else(unknown);
    }
    let mut found = tokens::named(conn, org, reference).await?;
    if found.len() > 1 {
        let orgs = found.iter().filter_map(|token| token.org.as_ref()).map(Org::as_str);
        let problem = format!("{reference:?} is in {}", orgs.collect::<Vec<_>>().join(", "));
        return Err(Refusal::invalid("org", problem));
    }
    found.pop().ok_or_else(unknown)
}

async fn record(
    conn: &mut PgConnection,
    caller: &Caller,
    action: &'static str,
    token: &Token,
    now: Timestamp,
) -> Result<(), Refusal> {
    let after = json!({
        "name": token.name, "role": token.role.name(), "acts_for_others": token.acts_for_others,
        "expires_at": token.expires_at, "revoked_at": token.revoked_at,
    });
    let entry = audit::Entry {
        at: now,
        actor: caller.name(),
        org: token.org.as_ref().map(Org::as_str),
        action,
        target: &token.id.to_string(),
        reason: None,
        before: None,
        after: Some(after),
    };
    Ok(audit::add(conn, entry).await?)
}

fn role(from: v1::Role) -> Result<Role, String> {
    match from {
        v1::Role::Viewer => Ok(Role::Viewer),
        v1::Role::Operator => Ok(Role::Operator),
        v1::Role::Admin => Ok(Role::Admin),
        v1::Role::Unspecified => Err(format!("must be one of {}", v1::Role::choices())),
    }
}

/// An instant of the contract.
pub(super) fn time(from: prost_types::Timestamp) -> Result<Timestamp, String> {
    Timestamp::new(from.seconds, from.nanos).map_err(|_| "is not a time".to_owned())
}

/// What a token may be called: it stands in the audit, and may be an email address.
fn name(text: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
    if (1..=NAME_MAX).contains(&text.len()) && text.chars().all(is_fine) && !is_id(text) {
        return Ok(text.to_owned());
    }
    Err(format!("must be 1 to {NAME_MAX} letters, digits and any of . _ @ + -, and no id"))
}

fn is_id(text: &str) -> bool {
    text.parse::<TokenId>().is_ok()
}

#[tonic::async_trait]
impl TokenService for Admin {
    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(create(self, &caller, request.into_inner()).await?))
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::Token>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(revoke(self, &caller, request.into_inner()).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_typed_and_is_no_id() {
        for good in ["ada", "ada@acme.test", "chat-bot.2", "A_b+c"] {
            assert!(name(good).is_ok(), "{good}");
        }
        let id = format!("tok_{}", "0".repeat(32));
        for bad in ["", "a b", "a\nb", "é", &"a".repeat(64), &id, "(by x)"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
