//! What an account has that seldom changes, remembered for a while so that it costs few calls.
//!
//! Read only when it is needed, under the version of the configuration it is needed for: another
//! key may open another account.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tandem_connectors::pagerduty::{
    priority::{self, Priorities},
    record,
    refusal::Class,
    rest,
};
use tandem_domain::{field::Field, outbound::Want};

use crate::call::{Caller, Trouble};

/// How long what was read is good for.
const GOOD_FOR: Duration = Duration::from_mins(10);

/// What is remembered of one account.
#[derive(Debug, Default)]
pub struct Catalog {
    priorities: Mutex<Option<Known<Priorities>>>,
    /// The ids of users by their addresses; none for one that is not known over there.
    users: Mutex<HashMap<String, Known<Option<String>>>>,
}

#[derive(Debug)]
struct Known<T> {
    version: u64,
    until: Instant,
    value: Arc<T>,
}

impl<T> Known<T> {
    fn good(&self, version: u64, now: Instant) -> Option<Arc<T>> {
        (self.version == version && now < self.until).then(|| Arc::clone(&self.value))
    }
}

impl Catalog {
    /// The account's priorities, where one of them is wanted; none where it has none.
    pub async fn priorities_for(
        &self,
        caller: &mut Caller<'_>,
        want: &BTreeMap<Field, Want>,
    ) -> Result<Arc<Priorities>, Trouble> {
        if !priority::is_wanted(want) {
            return Ok(Arc::default());
        }
        let (version, now) = (caller.version(), Instant::now());
        let known = || self.priorities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(good) = known().as_ref().and_then(|known| known.good(version, now)) {
            return Ok(good);
        }
        let value = match caller.call(rest::priorities(), priority::priorities).await {
            Ok(answer) => Arc::new(answer.value),
            // An account without the feature answers 402; nobody is helped by giving up over it.
            Err(Trouble::Failed(failure)) if failure.class == Class::Refused => Arc::default(),
            Err(trouble) => return Err(trouble),
        };
        *known() = Some(Known { version, until: now + GOOD_FOR, value: Arc::clone(&value) });
        Ok(value)
    }

    /// The id of the user with an address; none where there is no such user.
    pub async fn user(
        &self,
        caller: &mut Caller<'_>,
        email: &str,
    ) -> Result<Arc<Option<String>>, Trouble> {
        let (version, now) = (caller.version(), Instant::now());
        let known = || self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(good) = known().get(email).and_then(|known| known.good(version, now)) {
            return Ok(good);
        }
        let found =
            caller.call(rest::find_user(email), |answer| record::user_of(answer, email)).await?;
        let value = Arc::new(found.value);
        let fresh = Known { version, until: now + GOOD_FOR, value: Arc::clone(&value) };
        let mut known = known();
        known.retain(|_, known| known.version == version && now < known.until);
        known.insert(email.to_owned(), fresh);
        Ok(value)
    }
}
