//! Applying documents: every integration is locked, compared with the etag it was seen with, and
//! checked before the first is written, and all are written in one transaction.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret as _, SecretString};
use tandem_bus::config::{signing_secret_place, token_place};
use tandem_domain::id::{Handle, IntegrationId, Mint, Org};
use tandem_proto::v1;
use tandem_store::{
    PgConnection, Store,
    integrations::{self, Stored},
};
use uuid::Uuid;

use super::same;
use crate::{
    Admin,
    api::{
        change::{self, now},
        integration::seal,
    },
    caller::Caller,
    configuration::Secrets,
    convergence, document,
    refusal::{Checks, Refusal},
};

/// How many integrations one call applies at most.
const MANY: usize = 100;
/// The etag of what is not there.
const ABSENT: &str = "0";

/// An integration on its way to its configuration.
struct Target {
    before: Option<Stored>,
    after: Stored,
    token_replaced: bool,
    signing_secret_added: bool,
}

/// Brings integrations to their configurations, or says what that would change.
pub(crate) async fn apply(
    admin: &Admin,
    caller: &Caller,
    request: v1::ApplyConfigurationRequest,
) -> Result<v1::ApplyConfigurationResponse, Refusal> {
    let org = caller.org(&request.org)?;
    let handles = handles(&request.integrations)?;
    let mut transaction = admin.store.begin().await?;
    let mut held = lock(&mut transaction, &org, &handles).await?;
    for (asked, held) in request.integrations.iter().zip(&held) {
        unless_stale(asked, held.as_ref())?;
    }
    let mut targets = Vec::new();
    let mut wrong = Vec::new();
    for (asked, held) in request.integrations.into_iter().zip(held.drain(..)) {
        match target(admin, asked, &org, held) {
            Ok(target) => targets.push(target),
            // Everything that is wrong is told at once.
            Err(Refusal::Invalid(all)) => wrong.extend(all),
            Err(refusal) => return Err(refusal),
        }
    }
    if !wrong.is_empty() {
        return Err(Refusal::Invalid(wrong));
    }
    if !request.validate_only {
        for target in &mut targets {
            write(&mut transaction, caller, target).await?;
        }
        Store::commit(transaction).await?;
        admin.changed.notify_one();
        admin.subscribing.notify_one();
    }
    Ok(v1::ApplyConfigurationResponse { integrations: targets.iter().map(Target::shown).collect() })
}

/// The handles of what is asked for, each once.
fn handles(asked: &[v1::Configuration]) -> Result<Vec<Handle>, Refusal> {
    if asked.is_empty() || asked.len() > MANY {
        return Err(Refusal::invalid("integrations", format!("must be 1 to {MANY}")));
    }
    let mut checks = Checks::default();
    let (mut handles, mut known) = (Vec::new(), BTreeSet::new());
    for one in asked {
        let path = format!("integrations.{}.handle", one.handle);
        let Some(handle) = checks.take(&path, crate::check::handle(&one.handle)) else { continue };
        if !known.insert(one.handle.as_str()) {
            checks.refuse(&path, "is given twice");
        }
        handles.push(handle);
    }
    checks.finish()?;
    Ok(handles)
}

/// The integrations of these handles, in their order, locked in the order of their ids.
async fn lock(
    conn: &mut PgConnection,
    org: &Org,
    handles: &[Handle],
) -> Result<Vec<Option<Stored>>, Refusal> {
    let all = integrations::list(conn, Some(org)).await?;
    let id = |handle: &Handle| {
        let of_handle = |it: &&Stored| !it.deleted && it.integration.handle == *handle;
        all.iter().find(of_handle).map(|it| it.integration.id)
    };
    let ids: Vec<Option<IntegrationId>> = handles.iter().map(id).collect();
    let ordered: BTreeSet<IntegrationId> = ids.iter().flatten().copied().collect();
    let mut locked = Vec::new();
    for id in ordered {
        locked.extend(integrations::get(conn, id, true).await?.filter(|it| !it.deleted));
    }
    let of = |id: &Option<IntegrationId>| {
        locked.iter().find(|it| Some(it.integration.id) == *id).cloned()
    };
    Ok(ids.iter().map(of).collect())
}

fn unless_stale(asked: &v1::Configuration, held: Option<&Stored>) -> Result<(), Refusal> {
    let now = held.map_or_else(|| ABSENT.to_owned(), |it| it.integration.version.to_string());
    if asked.etag.is_empty() || asked.etag == now {
        return Ok(());
    }
    Err(Refusal::Stale { noun: "integration", name: asked.handle.clone() })
}

/// What one integration is to be.
fn target(
    admin: &Admin,
    asked: v1::Configuration,
    org: &Org,
    before: Option<Stored>,
) -> Result<Target, Refusal> {
    let at = now();
    let fresh: IntegrationId = Mint::new(at, Uuid::new_v4().as_bytes()).id();
    let like = before.as_ref().map(|before| &before.integration);
    let path = format!("integrations.{}", asked.handle);
    let (integration, secrets) = document::read(asked, org.as_str(), like, fresh)?;
    convergence::check(like, &integration).map_err(|refusal| document::below(&path, refusal))?;
    let mut after = before.clone().unwrap_or_else(|| Stored {
        integration: integration.clone(),
        token: None,
        signing_secrets: Vec::new(),
        subscriptions: Vec::new(),
        created_at: at,
        updated_at: at,
        deleted: false,
    });
    after.integration = integration;
    let secrets = unheld(admin, &after, secrets);
    let (token_replaced, signing_secret_added) =
        (secrets.token.is_some(), secrets.signing_secret.is_some());
    seal(admin, &mut after, secrets)?;
    Ok(Target { before, after, token_replaced, signing_secret_added })
}

/// The secrets that are not held already: giving them again is no change.
fn unheld(admin: &Admin, stored: &Stored, given: Secrets) -> Secrets {
    let id = stored.integration.id;
    let is_held = |place: &str, sealed: &str, given: &SecretString| {
        let held = admin.keyring.open(place, sealed);
        held.is_ok_and(|held| held.expose_secret() == given.expose_secret())
    };
    let token = given.token.filter(|given| {
        let held = stored.token.as_deref();
        !held.is_some_and(|held| is_held(&token_place(id), held, given))
    });
    let signing_secret = given.signing_secret.filter(|given| {
        let place = signing_secret_place(id);
        !stored.secrets().iter().any(|held| is_held(&place, held, given))
    });
    Secrets { token, signing_secret }
}

async fn write(
    conn: &mut PgConnection,
    caller: &Caller,
    target: &mut Target,
) -> Result<(), Refusal> {
    if target.before.as_ref() == Some(&target.after) {
        return Ok(());
    }
    let after = &mut target.after;
    if target.before.is_some() {
        after.integration.version += 1;
        after.updated_at = now();
    }
    match integrations::write(conn, after).await {
        Err(error) if error.is_taken() => {
            return Err(change::taken(after.integration.handle.as_str()));
        }
        written => written?,
    }
    let before = target.before.as_ref();
    Ok(change::record(conn, caller, "configuration.apply", before, after).await?)
}

impl Target {
    fn shown(&self) -> v1::AppliedConfiguration {
        let before = self.before.as_ref().map(document::of);
        let after = document::of(&self.after);
        let differs = before.as_ref().is_none_or(|before| !same(before, &after));
        v1::AppliedConfiguration {
            changed: differs || self.token_replaced || self.signing_secret_added,
            before,
            after: Some(after),
            token_replaced: self.token_replaced,
            signing_secret_added: self.signing_secret_added,
        }
    }
}
