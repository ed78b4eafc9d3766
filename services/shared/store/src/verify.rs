//! Whether what was decided is still what it was: every chain, every seal, recomputed from the rows.
//!
//! Everything is read as it is at one moment, a page of incidents at a time, so the check can run
//! beside the services and over any number of rows.

mod chains;

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::PgConnection;
use tandem_domain::{
    decision::Head,
    id::{DecisionId, IncidentId},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    decisions::Row,
    rows::Place,
    seals::{self, Leaf},
};

use chains::{Chains, Sealed};

/// How many incidents are looked at together.
const PAGE: i64 = 500;
/// The most breaks that are told.
const BREAKS_MAX: usize = 100;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A row says something else than it said when it was added.
    #[error("{incident}: decision {position} ({decision}) was changed")]
    Changed {
        /// The incident.
        incident: IncidentId,
        /// Its place in the chain.
        position: u64,
        /// The decision.
        decision: DecisionId,
    },
    /// A row is missing, or is there twice.
    #[error("{incident}: decision {expected} is missing, {found} was found in its place")]
    Missing {
        /// The incident.
        incident: IncidentId,
        /// The place that should come next.
        expected: u64,
        /// The place that comes.
        found: u64,
    },
    /// A row does not follow from the one before it.
    #[error("{incident}: decision {position} ({decision}) does not follow from the one before it")]
    Unchained {
        /// The incident.
        incident: IncidentId,
        /// Its place in the chain.
        position: u64,
        /// The decision.
        decision: DecisionId,
    },
    /// The chain does not end where the incident says.
    #[error(
        "{incident}: the chain has {found} decisions and does not end as the incident says, which counts {expected}"
    )]
    End {
        /// The incident.
        incident: IncidentId,
        /// How many decisions the incident counts.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// There are decisions about an incident that is not there.
    #[error("{incident}: there are decisions about it, but it is gone")]
    Gone {
        /// The incident.
        incident: IncidentId,
    },
    /// What was sealed is not what is there.
    #[error("{incident}: seal {seal} covers decision {position}, which is not what was sealed")]
    Unsealed {
        /// The incident.
        incident: IncidentId,
        /// The seal.
        seal: u64,
        /// The place in the chain that was sealed.
        position: u64,
    },
    /// A seal says something else than it said when it was made.
    #[error("seal {seal} was changed")]
    Seal {
        /// The seal.
        seal: u64,
    },
    /// A seal is missing.
    #[error("seal {seal} is missing")]
    NoSeal {
        /// The seal.
        seal: u64,
    },
    /// A seal does not follow from the one before it.
    #[error("seal {seal} does not follow from the one before it")]
    SealUnchained {
        /// The seal.
        seal: u64,
    },
}

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many incidents have a chain.
    pub incidents: u64,
    /// How many decisions were recomputed.
    pub decisions: u64,
    /// How many seals were recomputed.
    pub seals: u64,
    /// The hash of the last seal, to compare with one that was noted elsewhere.
    pub last_seal: Option<String>,
    /// What is not as it was written: of each incident and each seal the first, and of all of them
    /// the first hundred.
    pub breaks: Vec<Break>,
}

impl Report {
    fn broken(&mut self, found: Break) {
        if self.breaks.len() < BREAKS_MAX {
            self.breaks.push(found);
        }
    }
}

/// Recomputes everything, or one incident's chain.
pub async fn verify(store: &Store, incident: Option<IncidentId>) -> Result<Report, StoreError> {
    let mut transaction = store.begin().await?;
    sqlx::query!("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await
        .map_err(StoreError::doing("looking at one moment"))?;
    let mut report = Report::default();
    if let Some(incident) = incident {
        let range = Range { after: incident.uuid(), until: incident.uuid(), closed: true };
        verify_range(&mut transaction, &range, &mut report).await?;
    } else {
        verify_chains(&mut transaction, &mut report).await?;
        verify_seals(&mut transaction, &mut report).await?;
    }
    Ok(report)
}

/// Incidents by id: after one (or from it on, where `closed`), until another.
struct Range {
    after: Uuid,
    until: Uuid,
    closed: bool,
}

async fn verify_chains(conn: &mut PgConnection, report: &mut Report) -> Result<(), StoreError> {
    let mut range = Range { after: Uuid::nil(), until: Uuid::nil(), closed: true };
    while range.until != Uuid::max() {
        let last = sqlx::query_scalar!(
            "select id from incidents where id > $1 order by id offset $2 limit 1",
            range.after,
            PAGE
        )
        .fetch_optional(&mut *conn)
        .await
        .map_err(StoreError::doing("finding the next incidents"))?;
        range.until = last.unwrap_or_else(Uuid::max);
        verify_range(conn, &range, report).await?;
        range = Range { after: range.until, closed: false, ..range };
    }
    Ok(())
}

async fn verify_range(
    conn: &mut PgConnection,
    range: &Range,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut chains = Chains::new(heads(conn, range).await?, sealed(conn, range).await?, report);
    let mut rows = sqlx::query!(
        r#"
        select
            id, incident, link, field, before, after, external, rule, cause, actor, at,
            config_version, position, previous, before_by, before_at, authored_at, hash
        from decisions
        where
            (incident > $1 or (incident = $1 and $3)) and incident <= $2 and position > 0
        order by incident, position
        "#,
        range.after,
        range.until,
        range.closed
    )
    .fetch(conn);
    while let Some(row) = rows.try_next().await.map_err(StoreError::doing("reading decisions"))? {
        let decision = Row {
            id: row.id,
            incident: row.incident,
            link: row.link,
            field: row.field,
            before: row.before,
            after: row.after,
            external: row.external,
            rule: row.rule,
            cause: row.cause,
            actor: row.actor,
            at: row.at,
            config_version: row.config_version,
            position: row.position,
            previous: row.previous,
            before_by: row.before_by,
            before_at: row.before_at,
            authored_at: row.authored_at,
        };
        chains.see(decision, &row.hash);
    }
    chains.finish();
    Ok(())
}

async fn heads(
    conn: &mut PgConnection,
    range: &Range,
) -> Result<BTreeMap<IncidentId, Head>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select id, chain_length, chain_hash
        from incidents
        where (id > $1 or (id = $1 and $3)) and id <= $2
        "#,
        range.after,
        range.until,
        range.closed
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading the ends of chains"))?;
    let head = |(id, length, hash): (Uuid, i64, String)| {
        let length = Place { table: "incidents", row: id }.count("chain_length", length)?;
        Ok((IncidentId::from_uuid(id), Head { length, hash }))
    };
    rows.into_iter().map(|row| head((row.id, row.chain_length, row.chain_hash))).collect()
}

async fn sealed(conn: &mut PgConnection, range: &Range) -> Result<Sealed, StoreError> {
    let rows = sqlx::query!(
        r#"
        select seal, incident, length, head
        from seal_leaves
        where (incident > $1 or (incident = $1 and $3)) and incident <= $2
        order by incident, length, seal
        "#,
        range.after,
        range.until,
        range.closed
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading what was sealed"))?;
    let mut sealed = Sealed::new();
    for row in rows {
        let place = Place { table: "seal_leaves", row: row.incident };
        let incident = IncidentId::from_uuid(row.incident);
        let head = Head { length: place.count("length", row.length)?, hash: row.head };
        let leaf = (place.count("seal", row.seal)?, Leaf { incident, head });
        sealed.entry(incident).or_default().push_back(leaf);
    }
    Ok(sealed)
}

async fn verify_seals(conn: &mut PgConnection, report: &mut Report) -> Result<(), StoreError> {
    let (mut number, mut hash) = (0, String::new());
    loop {
        let page = seals::list(conn, number, 100).await?;
        if page.is_empty() {
            break;
        }
        for seal in page {
            report.seals += 1;
            let leaves = seals::leaves(conn, seal.number).await?;
            let changed = seal.hash != seal.expected_hash()
                || seal.leaves != leaves.len() as u64
                || seal.tree != seals::tree(&leaves);
            if seal.number != number + 1 {
                report.broken(Break::NoSeal { seal: number + 1 });
            } else if changed {
                report.broken(Break::Seal { seal: seal.number });
            } else if seal.previous != hash {
                report.broken(Break::SealUnchained { seal: seal.number });
            }
            (number, hash) = (seal.number, seal.hash);
        }
    }
    report.last_seal = (number > 0).then_some(hash);
    Ok(())
}
