//! Which versions of a link's desired state were written last, as far as is remembered here.
//!
//! A report names the versions whose writes were attempted before its own, because their reports
//! may still be on their way. A few minutes are enough for that, so nothing is kept for long.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tandem_domain::id::LinkId;

/// How long a version is remembered.
const KEPT: Duration = Duration::from_mins(15);
/// How many versions of a link are remembered.
const LAST: usize = 4;
/// How many links are remembered before what is old is looked for.
const MANY: usize = 4096;

/// The versions that were attempted last.
#[derive(Debug, Default)]
pub struct Attempts {
    last: Mutex<HashMap<LinkId, Attempted>>,
}

#[derive(Debug)]
struct Attempted {
    /// Oldest first.
    versions: Vec<u64>,
    at: Instant,
}

impl Attempts {
    /// A version's writes were attempted.
    pub fn note(&self, link: LinkId, version: u64, now: Instant) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= MANY && !last.contains_key(&link) {
            last.retain(|_, attempted| now.saturating_duration_since(attempted.at) < KEPT);
        }
        let attempted =
            last.entry(link).or_insert_with(|| Attempted { versions: Vec::new(), at: now });
        attempted.at = now;
        if attempted.versions.last() != Some(&version) {
            attempted.versions.push(version);
            // One more than is told: a report does not name its own.
            let surplus = attempted.versions.len().saturating_sub(LAST + 1);
            attempted.versions.drain(..surplus);
        }
    }

    /// The last few versions that were attempted before `version`, oldest first.
    pub fn before(&self, link: LinkId, version: u64) -> Vec<u64> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let all = last.get(&link).into_iter().flat_map(|attempted| &attempted.versions);
        all.copied().filter(|attempted| *attempted < version).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_versions_before_are_known_through_repeated_attempts() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let link = LinkId::from_uuid(uuid::Uuid::from_u128(1));
        assert!(attempts.before(link, 3).is_empty());
        attempts.note(link, 3, now);
        assert_eq!((attempts.before(link, 3), attempts.before(link, 7)), (vec![], vec![3]));
        attempts.note(link, 7, now);
        attempts.note(link, 7, now);
        assert_eq!((attempts.before(link, 7), attempts.before(link, 8)), (vec![3], vec![3, 7]));
        (8..20).for_each(|version| attempts.note(link, version, now));
        assert_eq!(attempts.before(link, 19), [15, 16, 17, 18]);
    }
}
