//! Master keys: which are in use, and every secret moved to the newest one, while all goes on.
//!
//! Each integration is moved in a transaction of its own, under its lock, as a new version of its
//! configuration: the services get it like any other, and hold the older keys until then.

use std::collections::BTreeMap;

use tandem_bus::config::{signing_secret_place, token_place};
use tandem_domain::id::IntegrationId;
use tandem_proto::v1::{self, key_service_server::KeyService};
use tandem_seal::{SealError, key_of};
use tandem_store::{
    Store,
    integrations::{self, Stored},
};
use tonic::{Request, Response, Status};

use super::change;
use crate::{Admin, caller::Caller, refusal::Refusal, wire};

/// What a key of an unreadable sealed text is shown as.
const DAMAGED: &str = "(damaged)";

/// Lists the keys, newest first, and how many secrets lie under each.
pub(crate) async fn list(
    admin: &Admin,
    _: &Caller,
    request: v1::ListKeysRequest,
) -> Result<v1::ListKeysResponse, Refusal> {
    let asked = key_id(&request.key)?;
    admin.keyring.renew().map_err(|error| unusable(&error))?;
    let held = admin.keyring.ids();
    let mut under: BTreeMap<String, i64> = BTreeMap::new();
    let mut transaction = admin.store.begin().await?;
    for stored in integrations::list(&mut transaction, None).await? {
        for sealed in stored.token.iter().chain(&stored.secrets()) {
            *under.entry(key_of(sealed).unwrap_or(DAMAGED).to_owned()).or_default() += 1;
        }
    }
    let of_held = held.iter().enumerate().map(|(place, id)| v1::Key {
        id: id.clone(),
        is_newest: place == 0,
        secrets: under.get(id).copied().unwrap_or_default(),
        is_held: true,
    });
    let lost = under.iter().filter(|(id, _)| !held.contains(id)).map(|(id, secrets)| v1::Key {
        id: id.clone(),
        secrets: *secrets,
        ..v1::Key::default()
    });
    let keys: Vec<v1::Key> =
        of_held.chain(lost).filter(|key| asked.is_none_or(|asked| key.id == asked)).collect();
    match asked {
        Some(asked) if keys.is_empty() => Err(Refusal::unknown("master key", asked)),
        _ => Ok(v1::ListKeysResponse { keys }),
    }
}

/// Moves every secret to the newest key.
pub(crate) async fn rotate(
    admin: &Admin,
    caller: &Caller,
    request: v1::RotateKeysRequest,
) -> Result<v1::RotateKeysResponse, Refusal> {
    let expected = key_id(&request.key)?;
    admin.keyring.renew().map_err(|error| unusable(&error))?;
    let newest = admin.keyring.ids().into_iter().next().unwrap_or_default();
    if let Some(expected) = expected.filter(|expected| *expected != newest) {
        let name = expected.to_owned();
        return Err(Refusal::Stale { noun: "newest master key", name });
    }
    let all = {
        let mut transaction = admin.store.begin().await?;
        integrations::list(&mut transaction, None).await?
    };
    let mut moved = Moved::default();
    for stored in all {
        one(admin, caller, &newest, stored.integration.id, &mut moved).await?;
    }
    admin.changed.notify_one();
    Ok(v1::RotateKeysResponse {
        key: newest,
        moved: wire::number(moved.count),
        unmoved: wire::number(moved.left),
        unopened: moved.unopened,
    })
}

/// What became of the secrets.
#[derive(Debug, Default)]
struct Moved {
    count: u64,
    left: u64,
    unopened: Vec<String>,
}

/// Moves the secrets of one integration.
async fn one(
    admin: &Admin,
    caller: &Caller,
    newest: &str,
    id: IntegrationId,
    moved: &mut Moved,
) -> Result<(), Refusal> {
    let mut transaction = admin.store.begin().await?;
    let Some(before) = integrations::get(&mut transaction, id, true).await? else { return Ok(()) };
    let mut after = before.clone();
    let places = [token_place(id), signing_secret_place(id)];
    let [token, signing_secret] = &places;
    let sealed = after.token.iter_mut().map(|sealed| (token, sealed));
    let managed = after.subscriptions.iter_mut().map(|held| &mut held.secret);
    let signing = after.signing_secrets.iter_mut().chain(managed);
    let sealed = sealed.chain(signing.map(|held| (signing_secret, held)));
    for (place, sealed) in sealed {
        if key_of(sealed) == Some(newest) {
            moved.left += 1;
            continue;
        }
        match again(admin, place, sealed) {
            Ok(text) => {
                *sealed = text;
                moved.count += 1;
            }
            Err(error) => {
                tracing::warn!(place, %error, "a secret cannot be moved to the newest key");
                moved.unopened.push(place.clone());
            }
        }
    }
    if after == before {
        return Ok(());
    }
    store(&mut transaction, caller, &before, after).await?;
    Ok(Store::commit(transaction).await?)
}

fn again(admin: &Admin, place: &str, sealed: &str) -> Result<String, SealError> {
    let secret = admin.keyring.open(place, sealed)?;
    admin.keyring.seal(place, &secret)
}

async fn store(
    conn: &mut tandem_store::PgConnection,
    caller: &Caller,
    before: &Stored,
    mut after: Stored,
) -> Result<(), Refusal> {
    after.integration.version += 1;
    after.updated_at = change::now();
    integrations::write(conn, &after).await?;
    Ok(change::record(conn, caller, "keys.rotate", Some(before), &after).await?)
}

/// A key's id; none where it was left out.
fn key_id(text: &str) -> Result<Option<&str>, Refusal> {
    let is_id = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text {
        "" => Ok(None),
        text if is_id => Ok(Some(text)),
        _ => Err(Refusal::invalid("key", "must be the id of a key: 8 hexadecimal digits")),
    }
}

/// What the key file holds by now is of no use; what was read before stays in force.
fn unusable(error: &SealError) -> Refusal {
    let message = format!("the key file that admin was given cannot be used: {error}");
    Refusal::Precluded { kind: "KEY_FILE", name: "TANDEM_MASTER_KEY_FILE".to_owned(), message }
}

#[tonic::async_trait]
impl KeyService for Admin {
    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Result<Response<v1::ListKeysResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn rotate_keys(
        &self,
        request: Request<v1::RotateKeysRequest>,
    ) -> Result<Response<v1::RotateKeysResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(rotate(self, &caller, request.into_inner()).await?))
    }
}
