//! Integrations: created, read, changed, deleted. Secrets are sealed before they are stored, and
//! each change is in the audit of admin.

use jiff::{SignedDuration, Timestamp};
use prost_types::FieldMask;
use secrecy::{ExposeSecret as _, SecretString};
use tandem_bus::config::{signing_secret_place, token_place};
use tandem_domain::id::{IntegrationId, Mint};
use tandem_proto::v1::{self, integration_service_server::IntegrationService};
use tandem_runtime::clock;
use tandem_seal::SealError;
use tandem_store::{
    Store, clocks, inbox,
    integrations::{self, Stored},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    change::{self, Asked, edit, now},
    find,
};
use crate::{
    Admin,
    caller::Caller,
    configuration::{self, Naming, Secrets},
    page,
    refusal::Refusal,
    subscriptions::ending::{self, Ending},
    wire,
};

/// Secrets in force at once: the present one, and the one before it while senders are switched.
const SIGNING_SECRETS: usize = 2;
/// How often another caller may take the handle we had chosen before we give up.
const ATTEMPTS: u32 = 5;
/// How far back it is looked for what was left out, in days.
const IGNORED_DAYS: i32 = 7;
const IGNORED_DAYS_MAX: i32 = 90;
/// How many reasons, and how many events of each, are shown.
const REASONS: usize = 50;
const EXAMPLES: u32 = 5;

/// Configures a new integration.
pub(crate) async fn create(
    admin: &Admin,
    caller: &Caller,
    request: v1::CreateIntegrationRequest,
) -> Result<v1::Integration, Refusal> {
    let now = now();
    let id: IntegrationId = Mint::new(now, Uuid::new_v4().as_bytes()).id();
    let asked = request.integration.unwrap_or_default();
    let asked = v1::Integration { org: caller.org_of_new(&asked.org)?, ..asked };
    let (integration, naming, secrets) = configuration::creation(asked, id)?;
    let mut stored = Stored {
        integration,
        token: None,
        signing_secrets: Vec::new(),
        subscriptions: Vec::new(),
        created_at: now,
        updated_at: now,
        deleted: false,
    };
    seal(admin, &mut stored, secrets)?;
    for _ in 0..ATTEMPTS {
        match insert(admin, caller, &mut stored, &naming).await {
            Err(Insertion::Taken) => {}
            Err(Insertion::Refused(refusal)) => return Err(refusal),
            Ok(()) => {
                admin.changed.notify_one();
                admin.subscribing.notify_one();
                return Ok(wire::integration(&stored));
            }
        }
    }
    Err(change::taken(stored.integration.handle.as_str()))
}

/// Why a new integration was not stored.
enum Insertion {
    /// Somebody took the handle since we looked.
    Taken,
    /// Anything else.
    Refused(Refusal),
}

async fn insert(
    admin: &Admin,
    caller: &Caller,
    stored: &mut Stored,
    naming: &Naming,
) -> Result<(), Insertion> {
    let refused = |error| Insertion::Refused(Refusal::from(error));
    let mut transaction = admin.store.begin().await.map_err(refused)?;
    let org = &stored.integration.org;
    let in_use = integrations::handles(&mut transaction, org).await.map_err(refused)?;
    let free = (1..)
        .map_while(|n| naming.attempt(n))
        .find(|handle| in_use.iter().all(|used| used != handle.as_str()));
    let Some(handle) = free else {
        return Err(Insertion::Refused(change::taken(stored.integration.handle.as_str())));
    };
    stored.integration.handle = handle;
    match integrations::write(&mut transaction, stored).await {
        Err(error) if error.is_taken() => return Err(Insertion::Taken),
        written => written.map_err(refused)?,
    }
    let recorded = change::record(&mut transaction, caller, "integration.create", None, stored);
    recorded.await.map_err(refused)?;
    Store::commit(transaction).await.map_err(refused)
}

/// Answers one integration, and how far its clock is from ours.
pub(crate) async fn get(
    admin: &Admin,
    caller: &Caller,
    request: v1::GetIntegrationRequest,
) -> Result<v1::Integration, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let found = find(&mut transaction, caller, &request.org, &request.integration).await?;
    let offset = clocks::at(&mut transaction, found.integration.id, clock::now()).await?;
    let clock_difference = wire::clock_difference(offset);
    Ok(v1::Integration { clock_difference, ..wire::integration(&found) })
}

/// Lists integrations by organisation and handle.
pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListIntegrationsRequest,
) -> Result<v1::ListIntegrationsResponse, Refusal> {
    let size = page::size(request.page_size)?;
    let after = page::after::<(String, String)>(&request.page_token)?;
    let org = caller.org_or_all(&request.org)?;
    let mut transaction = admin.store.begin().await?;
    let all = integrations::list(&mut transaction, org.as_ref()).await?;
    let place = |stored: &Stored| {
        let integration = &stored.integration;
        (integration.org.to_string(), integration.handle.to_string())
    };
    let mut page: Vec<Stored> = all
        .into_iter()
        .filter(|stored| !stored.deleted)
        .filter(|stored| after.as_ref().is_none_or(|after| place(stored) > *after))
        .take(size.saturating_add(1))
        .collect();
    let next_page_token = page::next(&mut page, size, place);
    Ok(v1::ListIntegrationsResponse {
        integrations: page.iter().map(wire::integration).collect(),
        next_page_token,
    })
}

/// Changes what the mask names.
pub(crate) async fn update(
    admin: &Admin,
    caller: &Caller,
    request: v1::UpdateIntegrationRequest,
) -> Result<v1::Integration, Refusal> {
    let v1::UpdateIntegrationRequest { org, integration, changes, update_mask, etag } = request;
    let changes = changes.unwrap_or_default();
    let asked = Asked {
        caller,
        action: "integration.update",
        org: &org,
        integration: &integration,
        etag: &etag,
    };
    let stored = edit(admin, asked, |stored| apply(admin, stored, changes, update_mask)).await?;
    admin.subscribing.notify_one();
    Ok(wire::integration(&stored))
}

fn apply(
    admin: &Admin,
    stored: &mut Stored,
    changes: v1::Integration,
    mask: Option<FieldMask>,
) -> Result<(), Refusal> {
    let (integration, secrets) = configuration::change(&stored.integration, changes, mask)?;
    stored.integration = integration;
    seal(admin, stored, secrets)
}

/// Deletes an integration and forgets its secrets; its row stays, since decisions refer to it. What
/// sends to it is unsubscribed first, for nobody can call its account afterwards.
pub(crate) async fn delete(
    admin: &Admin,
    caller: &Caller,
    request: v1::DeleteIntegrationRequest,
) -> Result<v1::DeleteIntegrationResponse, Refusal> {
    let v1::DeleteIntegrationRequest { org, integration, etag } = request;
    let asked = Asked {
        caller,
        action: "integration.delete",
        org: &org,
        integration: &integration,
        etag: &etag,
    };
    let mut transaction = admin.store.begin().await?;
    let found = find(&mut transaction, caller, &org, &integration).await?;
    drop(transaction);
    change::check_etag(&found, asked)?;
    let ending = ending::end(admin, found.integration.id).await?;
    edit(admin, asked, |stored| {
        stored.deleted = true;
        stored.token = None;
        stored.signing_secrets.clear();
        stored.subscriptions.clear();
        Ok(())
    })
    .await?;
    let Ending { left, problem, .. } = ending;
    Ok(v1::DeleteIntegrationResponse { left_subscriptions: left, problem })
}

/// Has new signing secrets made for what is managed.
pub(crate) async fn rotate(
    admin: &Admin,
    caller: &Caller,
    request: v1::RotateSigningSecretsRequest,
) -> Result<v1::Integration, Refusal> {
    let v1::RotateSigningSecretsRequest { org, integration } = request;
    let asked = Asked {
        caller,
        action: "integration.rotate_signing_secrets",
        org: &org,
        integration: &integration,
        etag: "",
    };
    let stored = edit(admin, asked, |stored| {
        let handle = &stored.integration.handle;
        if stored.subscriptions.is_empty() {
            return Err(Refusal::Precluded {
                kind: "NOT_MANAGED",
                name: handle.to_string(),
                message: format!(
                    "no webhook subscription of {handle} is seen to here: make another one in the \
                     account and give its secret (im integration configure {handle} \
                     --signing-secret-file <FILE>), or have it done (--public-url <URL>)"
                ),
            });
        }
        stored.subscriptions.iter_mut().for_each(|held| held.replaced = true);
        Ok(())
    })
    .await?;
    admin.subscribing.notify_one();
    Ok(wire::integration(&stored))
}

/// Counts what an integration was told of and left out, by reason, with the last examples.
pub(crate) async fn ignored(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListIgnoredEventsRequest,
) -> Result<v1::ListIgnoredEventsResponse, Refusal> {
    let days = if request.days == 0 { IGNORED_DAYS } else { request.days };
    if !(1..=IGNORED_DAYS_MAX).contains(&days) {
        let problem = format!("must be 1 to {IGNORED_DAYS_MAX}");
        return Err(Refusal::invalid("days", problem));
    }
    let span = SignedDuration::from_hours(i64::from(days).saturating_mul(24));
    let since = clock::now().checked_sub(span).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut transaction = admin.store.begin().await?;
    let found =
        find(&mut transaction, caller, &request.org, &request.integration).await?.integration;
    let counted = inbox::ignored(&mut transaction, found.id, since).await?;
    let mut reasons = Vec::new();
    for one in counted.into_iter().take(REASONS) {
        let reason = Some(one.reason.as_str());
        let examples =
            inbox::list_ignored(&mut transaction, found.id, reason, None, EXAMPLES).await?;
        reasons.push(wire::ignored(one, examples));
    }
    Ok(v1::ListIgnoredEventsResponse { reasons })
}

/// Puts sealed secrets in their places.
pub(super) fn seal(admin: &Admin, stored: &mut Stored, secrets: Secrets) -> Result<(), Refusal> {
    let id = stored.integration.id;
    if let Some(token) = secrets.token {
        stored.token = Some(admin.keyring.seal(&token_place(id), &token).map_err(unsealed)?);
    }
    if let Some(secret) = secrets.signing_secret {
        let place = signing_secret_place(id);
        let sealed = admin.keyring.seal(&place, &secret).map_err(unsealed)?;
        stored.signing_secrets.retain(|held| !is_same(admin, &place, held, &secret));
        stored.signing_secrets.insert(0, sealed);
        stored.signing_secrets.truncate(SIGNING_SECRETS);
    }
    Ok(())
}

/// Whether a held secret is this one, so that giving it again does not push another one out.
fn is_same(admin: &Admin, place: &str, held: &str, secret: &SecretString) -> bool {
    let held = admin.keyring.open(place, held);
    held.is_ok_and(|held| held.expose_secret() == secret.expose_secret())
}

fn unsealed(error: SealError) -> Refusal {
    Refusal::Broken { what: "the secret could not be sealed", source: Box::new(error) }
}

#[tonic::async_trait]
impl IntegrationService for Admin {
    async fn create_integration(
        &self,
        request: Request<v1::CreateIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(create(self, &caller, request.into_inner()).await?))
    }

    async fn get_integration(
        &self,
        request: Request<v1::GetIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(get(self, &caller, request.into_inner()).await?))
    }

    async fn list_integrations(
        &self,
        request: Request<v1::ListIntegrationsRequest>,
    ) -> Result<Response<v1::ListIntegrationsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn update_integration(
        &self,
        request: Request<v1::UpdateIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(update(self, &caller, request.into_inner()).await?))
    }

    async fn delete_integration(
        &self,
        request: Request<v1::DeleteIntegrationRequest>,
    ) -> Result<Response<v1::DeleteIntegrationResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(delete(self, &caller, request.into_inner()).await?))
    }

    async fn rotate_signing_secrets(
        &self,
        request: Request<v1::RotateSigningSecretsRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(rotate(self, &caller, request.into_inner()).await?))
    }

    async fn list_ignored_events(
        &self,
        request: Request<v1::ListIgnoredEventsRequest>,
    ) -> Result<Response<v1::ListIgnoredEventsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(ignored(self, &caller, request.into_inner()).await?))
    }
}
