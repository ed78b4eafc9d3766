//! Watching dead letters: each that comes, and each that was dealt with.

use std::collections::HashSet;

use tandem_domain::id::DeadLetterId;
use tandem_proto::v1;
use tandem_store::dead_letters::{self, Filter, Page, State};

use super::shown;
use crate::{Admin, api::watching::Source, caller::Caller, refusal::Refusal};

/// How many open ones are watched at most, the newest.
const MANY: u32 = 10_000;

/// The dead letters of an organisation, or of one of its integrations.
pub(super) struct Letters {
    pub(super) caller: Caller,
    pub(super) filter: Filter,
    /// Those that were open when they were last looked at.
    pub(super) open: HashSet<DeadLetterId>,
}

impl Source for Letters {
    type Item = v1::DeadLetter;

    async fn look(&mut self, admin: &Admin) -> Result<Vec<v1::DeadLetter>, Refusal> {
        let filter = Filter { state: Some(State::Open), ..self.filter.clone() };
        let mut transaction = admin.store.begin().await?;
        let page = Page { after: None, limit: MANY };
        let found = dead_letters::list(&mut transaction, &filter, page).await?;
        let open: HashSet<DeadLetterId> = found.iter().map(|it| it.letter.id).collect();
        // The oldest first, as they came.
        let new = found.iter().rev().map(|it| it.letter.id).filter(|id| !self.open.contains(id));
        let changed: Vec<DeadLetterId> = self.open.difference(&open).copied().chain(new).collect();
        let mut letters = Vec::new();
        for id in changed {
            letters.push(shown(&mut transaction, &self.caller, id).await?);
        }
        self.open = open;
        Ok(letters)
    }
}
