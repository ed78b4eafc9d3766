//! Watching the conflicts of an organisation: each that opens, and each that has ended.

use std::collections::HashSet;

use tandem_domain::{
    conflict::{Conflict, Standing},
    id::{ConflictId, Org},
};
use tandem_proto::v1;
use tandem_store::conflicts::{self, Filter};

use super::lines;
use crate::{Admin, api::watching::Source, refusal::Refusal};

/// How many open ones are watched at most, the newest.
pub(super) const MANY: u32 = 10_000;

/// The conflicts of one organisation.
pub(super) struct Conflicts {
    pub(super) org: Org,
    pub(super) filter: Filter,
    /// Those that were open when they were last looked at.
    pub(super) open: HashSet<ConflictId>,
}

impl Source for Conflicts {
    type Item = v1::Conflict;

    async fn look(&mut self, admin: &Admin) -> Result<Vec<v1::Conflict>, Refusal> {
        let filter = Filter { standing: Some(Standing::Open), limit: MANY, ..self.filter.clone() };
        let mut transaction = admin.store.begin().await?;
        let found = conflicts::list(&mut transaction, &self.org, &filter).await?;
        let open: HashSet<ConflictId> = found.iter().map(|it| it.id).collect();
        let mut changed: Vec<Conflict> = Vec::new();
        for id in self.open.difference(&open) {
            changed.extend(conflicts::get(&mut transaction, &self.org, *id).await?);
        }
        // The oldest first, as they came.
        let is_new = |it: &Conflict| !self.open.contains(&it.id);
        changed.extend(found.into_iter().rev().filter(is_new));
        let lines = lines(&mut transaction, &self.org, &changed).await?;
        self.open = open;
        Ok(lines)
    }
}
