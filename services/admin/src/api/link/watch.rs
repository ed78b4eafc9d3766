//! Watching the links of an integration: each that became another one, as it is now.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use tandem_domain::{
    id::{IncidentId, LinkId},
    integration::Integration,
};
use tandem_proto::v1;
use tandem_store::{conflicts, links};

use super::link;
use crate::{Admin, api::watching::Source, refusal::Refusal};

/// What was written so long before the last look may have become visible only after it.
const OVERLAP: Duration = Duration::from_secs(30);
/// How many links one look takes in at most, the last written.
const MANY: u32 = 10_000;

/// The links of one integration.
pub(super) struct Links {
    pub(super) integration: Integration,
    /// What was told of the links that changed lately, and when.
    pub(super) told: HashMap<LinkId, (Instant, v1::Link)>,
    pub(super) looked_at: Option<Instant>,
}

impl Source for Links {
    type Item = v1::Link;

    async fn look(&mut self, admin: &Admin) -> Result<Vec<v1::Link>, Refusal> {
        let now = Instant::now();
        let since = self.looked_at.map_or(Duration::ZERO, |at| now.duration_since(at));
        let within = since.saturating_add(OVERLAP);
        let mut transaction = admin.store.begin().await?;
        let found = links::changed(&mut transaction, self.integration.id, within, MANY).await?;
        let incidents: Vec<IncidentId> = found.iter().map(|it| it.link.incident).collect();
        let open = conflicts::open_of(&mut transaction, &incidents).await?;
        drop(transaction);
        let mut changed = Vec::new();
        for stored in &found {
            let shown = link(stored, self.integration.handle.as_str(), &open);
            let held = self.told.insert(stored.link.id, (now, shown.clone()));
            if held.is_none_or(|(_, held)| !same(&held, &shown)) {
                changed.push(shown);
            }
        }
        let kept = within.saturating_mul(2);
        self.told.retain(|_, (at, _)| now.duration_since(*at) < kept);
        self.looked_at = Some(now);
        Ok(changed)
    }
}

/// Whether two say the same, whenever it was written or seen.
fn same(one: &v1::Link, other: &v1::Link) -> bool {
    let bare = |it: &v1::Link| v1::Link { update_time: None, seen_time: None, ..it.clone() };
    bare(one) == bare(other)
}
