//! Which incident of a batch a link or a record leads to, as far as the batch has come.

use std::collections::HashMap;

use tandem_domain::{
    id::{IncidentId, IntegrationId, LinkId, RecordId},
    reconcile::State,
};

type Records = HashMap<IntegrationId, HashMap<RecordId, IncidentId>>;

/// Where links and records lead to. A record that was taken apart from an incident still leads
/// there, after all others.
#[derive(Debug, Default)]
pub(crate) struct Index {
    links: HashMap<LinkId, IncidentId>,
    attached: Records,
    detached: Records,
}

impl Index {
    /// The index of some incidents.
    pub(crate) fn of<'a>(states: impl Iterator<Item = &'a State>) -> Self {
        let mut index = Self::default();
        for state in states {
            index.see(state);
        }
        index
    }

    /// Takes in an incident, new or changed.
    pub(crate) fn see(&mut self, state: &State) {
        let id = state.incident.id;
        for link in &state.links {
            self.links.insert(link.id, id);
            let Some(record) = &link.record else { continue };
            let attached = self.attached.entry(link.integration).or_default();
            if !link.detached {
                attached.insert(record.clone(), id);
                continue;
            }
            if attached.get(record) == Some(&id) {
                attached.remove(record);
            }
            self.detached.entry(link.integration).or_default().insert(record.clone(), id);
        }
    }

    /// The incident of a link.
    pub(crate) fn of_link(&self, link: LinkId) -> Option<IncidentId> {
        self.links.get(&link).copied()
    }

    /// The incident a record is joined to.
    pub(crate) fn attached(
        &self,
        integration: IntegrationId,
        record: &RecordId,
    ) -> Option<IncidentId> {
        self.attached.get(&integration)?.get(record).copied()
    }

    /// An incident a record was joined to.
    pub(crate) fn detached(
        &self,
        integration: IntegrationId,
        record: &RecordId,
    ) -> Option<IncidentId> {
        self.detached.get(&integration)?.get(record).copied()
    }
}
