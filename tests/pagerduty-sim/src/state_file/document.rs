//! Owns what is saved of an account, and how it is taken up again.
//!
//! Left out is what belongs to a run: the journal, the minute of the rate limits, the knobs. Whoever
//! changes the form of anything in here raises the version.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::account::Account;
use crate::incident::{Incident, LogEntry};
use crate::minter::Minter;
use crate::options::Options;
use crate::shared::Shared;
use crate::timers::Timers;
use crate::webhooks::{Delivery, Subscription};
use crate::world::{Incidents, World};

/// Everything that is saved of an account.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    version: u32,
    minter: Minter,
    account: Account,
    next_number: u64,
    #[serde(with = "shared")]
    incidents: Vec<Arc<Incident>>,
    #[serde(with = "shared")]
    log: Vec<Arc<LogEntry>>,
    subscriptions: Vec<Subscription>,
    timers: Timers,
    revoked_tokens: HashSet<String>,
    /// What is on its way; of one lane, the head first.
    webhooks: Vec<Delivery>,
}

impl Document {
    /// Takes a picture of one moment; incidents are shared rather than copied, so it takes no time.
    pub(super) fn of(shared: &Shared) -> Self {
        let world = shared.lock();
        let (next_number, incidents) = world.incidents.to_save();
        Self {
            version: VERSION,
            minter: world.minter.successor(),
            account: world.account.clone(),
            next_number,
            incidents,
            log: world.log.clone(),
            subscriptions: world.subscriptions.clone(),
            timers: world.timers.clone(),
            revoked_tokens: world.revoked_tokens.clone(),
            webhooks: shared.lanes().waiting().cloned().collect(),
        }
    }

    /// Gives the account, and the webhooks it owes.
    pub(crate) fn restore(self, options: Arc<Options>) -> (World, Vec<Delivery>) {
        let world = World {
            minter: self.minter,
            account: self.account,
            incidents: Incidents::restored(self.next_number, self.incidents),
            log: self.log,
            subscriptions: self.subscriptions,
            timers: self.timers,
            revoked_tokens: self.revoked_tokens,
            ..World::new(options)
        };
        (world, self.webhooks)
    }
}

/// Serde's view of what is shared: the thing itself.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        list: &[Arc<T>],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(Arc::as_ref))
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Arc<T>>, D::Error> {
        Ok(Vec::<T>::deserialize(from)?.into_iter().map(Arc::new).collect())
    }
}
