//! Changes of an integration's configuration: under its lock, checked whole, in the audit, and
//! published. Optimistic: whoever gives an etag changes what they saw, or nothing.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use tandem_runtime::clock;
use tandem_store::{
    PgConnection, Store, StoreError, audit, history,
    integrations::{self, Stored},
};

use super::find;
use crate::{Admin, caller::Caller, convergence, refusal::Refusal};

/// What is to be changed, and by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// What it is called in the audit.
    pub(crate) action: &'static str,
    /// The organisation; may be empty.
    pub(crate) org: &'a str,
    /// Handle, id or exact name.
    pub(crate) integration: &'a str,
    /// The etag the caller saw; empty for any.
    pub(crate) etag: &'a str,
}

/// Changes a stored integration, and has the change published.
///
/// A change that leaves everything as it was makes no new version.
pub(crate) async fn edit<F>(admin: &Admin, asked: Asked<'_>, change: F) -> Result<Stored, Refusal>
where
    F: FnOnce(&mut Stored) -> Result<(), Refusal>,
{
    let mut transaction = admin.store.begin().await?;
    let (before, mut after) = begin(&mut transaction, &asked, change).await?;
    if after == before {
        return Ok(before);
    }
    after.integration.version += 1;
    after.updated_at = now();
    match integrations::write(&mut transaction, &after).await {
        Err(error) if error.is_taken() => return Err(taken(after.integration.handle.as_str())),
        written => written?,
    }
    record(&mut transaction, asked.caller, asked.action, Some(&before), &after).await?;
    Store::commit(transaction).await?;
    admin.changed.notify_one();
    Ok(after)
}

/// Whether an integration is still what its author saw.
pub(super) fn check_etag(stored: &Stored, asked: Asked<'_>) -> Result<(), Refusal> {
    let seen = asked.etag.is_empty() || asked.etag == stored.integration.version.to_string();
    let stale = || Refusal::Stale { noun: "integration", name: asked.integration.to_owned() };
    if seen { Ok(()) } else { Err(stale()) }
}

/// What a change would come to; nothing is changed.
pub(crate) async fn preview<F>(
    admin: &Admin,
    asked: Asked<'_>,
    change: F,
) -> Result<Stored, Refusal>
where
    F: FnOnce(&mut Stored) -> Result<(), Refusal>,
{
    let mut transaction = admin.store.begin().await?;
    Ok(begin(&mut transaction, &asked, change).await?.1)
}

/// The integration as it is, locked, and as the change makes it.
async fn begin<F>(
    conn: &mut PgConnection,
    asked: &Asked<'_>,
    change: F,
) -> Result<(Stored, Stored), Refusal>
where
    F: FnOnce(&mut Stored) -> Result<(), Refusal>,
{
    let name = asked.integration;
    let id = find(conn, asked.caller, asked.org, name).await?.integration.id;
    let found = integrations::get(conn, id, true).await?;
    let found = found.filter(|stored| !stored.deleted);
    let before = found.ok_or_else(|| Refusal::unknown("integration", name))?;
    check_etag(&before, *asked)?;
    let mut after = before.clone();
    change(&mut after)?;
    convergence::check(Some(&before.integration), &after.integration)?;
    Ok((before, after))
}

/// Tells the audit what was changed, and keeps the new version, in the transaction that changes it.
pub(super) async fn record(
    conn: &mut PgConnection,
    caller: &Caller,
    action: &'static str,
    before: Option<&Stored>,
    after: &Stored,
) -> Result<(), StoreError> {
    let mut now = members(after)?;
    let before = before.map(|before| {
        let secrets = [
            ("token", before.token == after.token),
            ("signing_secrets", before.signing_secrets == after.signing_secrets),
        ];
        // That a secret is there says nothing of whether it became another one.
        for (name, _) in secrets.into_iter().filter(|(_, same)| !same) {
            let left = now.remove(name).unwrap_or_default();
            now.insert(name.to_owned(), json!({ "replaced": true, "held": left }));
        }
        members(before)
    });
    let (before, now) = match before.transpose()? {
        None => (None, now),
        Some(before) => {
            let (before, now) = difference(before, now);
            (Some(before), now)
        }
    };
    let entry = audit::Entry {
        at: after.updated_at,
        actor: caller.name(),
        org: Some(after.integration.org.as_str()),
        action,
        target: &after.integration.id.to_string(),
        reason: None,
        before: before.map(Json::Object),
        after: Some(Json::Object(now)),
    };
    audit::add(conn, entry).await?;
    history::add(conn, &after.integration, after.updated_at, caller.name(), action).await
}

/// What the audit may show of an integration: of its secrets, only which are there.
fn members(stored: &Stored) -> Result<Map<String, Json>, StoreError> {
    let mut members = match serde_json::to_value(&stored.integration).map_err(StoreError::Json)? {
        Json::Object(members) => members,
        _ => Map::new(),
    };
    members.insert("token".to_owned(), stored.token.is_some().into());
    members.insert("signing_secrets".to_owned(), stored.signing_secrets.len().into());
    let subscriptions: Vec<_> =
        stored.subscriptions.iter().map(|held| (held.id.as_str(), held.confirmed_at)).collect();
    let ids = subscriptions.iter().map(|(id, at)| json!({ "id": id, "confirmed_at": at }));
    members.insert("subscriptions".to_owned(), ids.collect());
    members.insert("deleted".to_owned(), stored.deleted.into());
    Ok(members)
}

/// The members that differ, as they were and as they are.
fn difference(
    mut before: Map<String, Json>,
    mut after: Map<String, Json>,
) -> (Map<String, Json>, Map<String, Json>) {
    let same: Vec<String> =
        after.iter().filter(|(name, now)| before.get(*name) == Some(now)).map(own_name).collect();
    for name in same {
        before.remove(&name);
        after.remove(&name);
    }
    (before, after)
}

fn own_name((name, _): (&String, &Json)) -> String {
    name.clone()
}

/// The handle is in use.
pub(super) fn taken(handle: &str) -> Refusal {
    Refusal::Exists {
        noun: "integration",
        name: handle.to_owned(),
        way_out: "choose another handle, or change that one".to_owned(),
    }
}

/// The time now, as fine as Postgres keeps it: what is answered first is what is read later.
pub(crate) fn now() -> Timestamp {
    let now = clock::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_shows_what_differs_and_no_more() {
        let of = |json: Json| match json {
            Json::Object(members) => members,
            other => panic!("{other}"),
        };
        let before = of(json!({"rate_limit": 900, "name": "P"}));
        let after = of(json!({"rate_limit": 100, "name": "P", "scope": {}}));
        let (before, after) = difference(before, after);
        assert_eq!(before, of(json!({"rate_limit": 900})));
        assert_eq!(after, of(json!({"rate_limit": 100, "scope": {}})));
    }
}
