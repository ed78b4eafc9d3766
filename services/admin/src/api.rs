//! The calls, one file per proto service, and what several of them need.

mod apply_plan;
pub mod audit;
pub(crate) mod change;
pub mod configuration;
pub mod conflict;
pub mod dead_letter;
pub mod directory;
pub mod edit;
mod explain;
pub mod field_mapping;
pub mod incident;
pub mod integration;
pub mod key;
pub mod link;
pub mod ownership;
pub mod plan;
pub mod service_mapping;
pub mod sync_status;
pub mod token;
mod watch;
mod watching;

use tandem_domain::id::{IncidentId, IntegrationId, Org};
use tandem_store::{
    PgConnection, StoreError,
    integrations::{self, Stored},
};

use crate::{caller::Caller, refusal::Refusal};

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if error.is_poison() {
            Self::Broken { what: "the database refused", source: Box::new(error) }
        } else {
            Self::Unavailable { what: "the database", source: Box::new(error) }
        }
    }
}

/// The incident's id; a text that is none is like the id of no incident.
fn incident_id(text: &str) -> Result<IncidentId, Refusal> {
    if text.is_empty() {
        return Err(Refusal::invalid("incident", "must be the id of an incident (inc_…)"));
    }
    text.parse().map_err(|_| Refusal::unknown("incident", text))
}

/// The integration that is called `reference` (handle, id or exact name). A handle goes before a
/// name; several organisations, or several integrations of one name, are not chosen between. What
/// the caller does not see is not found.
async fn find(
    conn: &mut PgConnection,
    caller: &Caller,
    org: &str,
    reference: &str,
) -> Result<Stored, Refusal> {
    if reference.is_empty() {
        return Err(Refusal::invalid("integration", "must be a handle, an id or a name"));
    }
    let found = match caller.org_or_all(org)? {
        None => anywhere(conn, reference).await?,
        Some(org) => {
            let found = integrations::named(conn, &org, reference).await?;
            if found.is_empty() {
                return Err(elsewhere(conn, &org, reference).await?);
            }
            found
        }
    };
    choose(found, reference)
}

/// The same, and where there is none any more, the one that was called so last: what is on record of it
/// is there to be read.
async fn find_ever(
    conn: &mut PgConnection,
    caller: &Caller,
    org: &str,
    reference: &str,
) -> Result<Stored, Refusal> {
    let unknown = match find(conn, caller, org, reference).await {
        Err(refusal @ (Refusal::Unknown { .. } | Refusal::NotAmong { .. })) => refusal,
        found => return found,
    };
    let org = caller.org_or_all(org)?;
    let all = integrations::list(conn, org.as_ref()).await?;
    let id = reference.parse::<IntegrationId>().ok();
    let was_meant =
        |stored: &Stored| Some(stored.integration.id) == id || is_called(stored, reference);
    let ended = all.into_iter().filter(|stored| stored.deleted && was_meant(stored));
    ended.max_by_key(|stored| stored.updated_at).ok_or(unknown)
}

/// Says which integrations the organisation has: it may have been taken from a setting unseen.
async fn elsewhere(
    conn: &mut PgConnection,
    org: &Org,
    reference: &str,
) -> Result<Refusal, StoreError> {
    let all = integrations::list(conn, Some(org)).await?;
    let there = all.iter().filter(|stored| !stored.deleted);
    let there = there.map(|stored| format!("{} in {org}", stored.integration.handle)).collect();
    Ok(Refusal::NotAmong { noun: "integration", name: reference.to_owned(), there })
}

async fn anywhere(conn: &mut PgConnection, reference: &str) -> Result<Vec<Stored>, StoreError> {
    if let Ok(id) = reference.parse::<IntegrationId>() {
        let found = integrations::get(conn, id, false).await?;
        return Ok(found.into_iter().filter(|stored| !stored.deleted).collect());
    }
    let all = integrations::list(conn, None).await?;
    let is_meant = |stored: &Stored| !stored.deleted && is_called(stored, reference);
    Ok(all.into_iter().filter(is_meant).collect())
}

/// Whether an integration goes by that handle or name.
fn is_called(stored: &Stored, reference: &str) -> bool {
    let integration = &stored.integration;
    integration.handle.as_str() == reference || integration.name == reference
}

fn choose(mut found: Vec<Stored>, reference: &str) -> Result<Stored, Refusal> {
    let id = reference.parse::<IntegrationId>().ok();
    let exact = |stored: &Stored| {
        Some(stored.integration.id) == id || stored.integration.handle.as_str() == reference
    };
    if found.iter().any(exact) {
        found.retain(exact);
    }
    if found.len() > 1 {
        let names: Vec<String> = found
            .iter()
            .map(|stored| format!("{} in {}", stored.integration.handle, stored.integration.org))
            .collect();
        let problem = format!("{reference:?} could be any of: {}", names.join(", "));
        return Err(Refusal::invalid("integration", problem));
    }
    found.pop().ok_or_else(|| Refusal::unknown("integration", reference))
}
