//! A sweep: what is open is listed, and whatever is not what it was is read and reported.
//!
//! A list is a hint and no observation. What it no longer holds is read, too: it may have been
//! resolved with nobody told. After a restart nothing is remembered; then what has changed since the
//! last sweep that is known is read, by the time the list shows.

use std::{collections::HashMap, ops::Range};

use jiff::{SignedDuration, Timestamp};
use tandem_bus::heal::{Known, Progress, Swept};
use tandem_connectors::pagerduty::{
    directory::{LAST_OFFSET, PAGE},
    history::{self, Glimpse},
};
use tandem_domain::{clock::Offset, id::RecordId};
use tandem_runtime::clock;

use super::{Cut, Healer, course, look::Looked};

/// The two clocks may differ, and a list may lag behind.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);

/// What is open, as it was listed.
struct Listed {
    glimpses: Vec<Glimpse>,
    calls: u32,
    /// Whether that is all of it.
    whole: bool,
    /// How far the far side's clock is from ours.
    clock: Offset,
}

impl Healer<'_> {
    /// Sweeps; gives how many calls the list took.
    pub(super) async fn sweep(&mut self, known: &Known) -> Result<u32, Cut> {
        let since = clock::now();
        let listed = self.list().await?;
        let records = listed.glimpses.len();
        let before = known.swept.unwrap_or(known.began);
        let before = before.checked_sub(MARGIN).unwrap_or(before);
        let mut all_seen = listed.whole;
        let mut prints = HashMap::with_capacity(records);
        let mut stale: Vec<(RecordId, Option<u64>)> = Vec::new();
        for glimpse in listed.glimpses {
            let held = self.prints.get(&glimpse.record);
            if is_news(held, &glimpse, before) {
                stale.push((glimpse.record, Some(glimpse.print)));
            } else {
                prints.insert(glimpse.record, glimpse.print);
            }
        }
        if listed.whole {
            let is_listed = |record: &RecordId| {
                prints.contains_key(record) || stale.iter().any(|(listed, _)| listed == record)
            };
            let gone: Vec<_> =
                self.prints.keys().filter(|record| !is_listed(record)).cloned().collect();
            stale.extend(gone.into_iter().map(|record| (record, None)));
        } else {
            let left = self.prints.drain().filter(|(record, _)| !prints.contains_key(record));
            let left: Vec<_> = left.collect();
            prints.extend(left);
        }
        self.prints = prints;
        let began = course::earliest_there(known.began, listed.clock);
        // A record nobody knows is the log's to find, which tells its history; only one that the log
        // has passed over begins with what a sweep shows.
        let passed = began..course::since(&known.cursor);
        all_seen &= self.read_all(stale, &passed).await?;
        if all_seen {
            self.dealt_with().await?;
            let records = u64::try_from(records).unwrap_or(u64::MAX);
            let swept = Some(Swept { since, records, calls: listed.calls.into() });
            self.tell(Progress { step: None, swept }).await;
            self.delivery.shown.swept(since);
        }
        Ok(listed.calls)
    }

    /// Reads what is not what it was; says whether all of it could be read. Of what came to be in the
    /// time that is `passed`, an incident may begin.
    async fn read_all(
        &mut self,
        stale: Vec<(RecordId, Option<u64>)>,
        passed: &Range<Timestamp>,
    ) -> Result<bool, Cut> {
        let (mut all, mut failed) = (true, 0);
        for (record, print) in stale {
            let begins = |at: Option<Timestamp>| at.is_some_and(|at| passed.contains(&at));
            let looked =
                self.look(&record, (&[], clock::now()), |seen| begins(seen.created_at)).await?;
            match (looked, print) {
                (Looked::Failed, _) => {
                    all = false;
                    self.bear(&mut failed).await?;
                }
                (Looked::Reported | Looked::Gone, Some(print)) => {
                    failed = 0;
                    self.prints.insert(record, print);
                }
                (Looked::Reported | Looked::Gone, None) => {
                    failed = 0;
                    self.prints.remove(&record);
                }
            }
        }
        Ok(all)
    }

    async fn list(&self) -> Result<Listed, Cut> {
        let (mut glimpses, mut calls, mut offset) = (Vec::new(), 0, 0);
        let mut clock = Offset::default();
        loop {
            let page = self.call(history::open(offset), history::read_open).await;
            let page = page.map_err(|_| Cut::Away)?;
            clock = page.measure(clock);
            let page = page.value;
            calls += 1;
            glimpses.extend(page.items);
            offset += PAGE;
            let whole = !page.more;
            if whole || offset > LAST_OFFSET {
                if !whole {
                    tracing::warn!(integration = %self.id, "more is open than can be listed");
                }
                return Ok(Listed { glimpses, calls, whole, clock });
            }
        }
    }
}

/// Whether a record is not what it was when it was last reported.
fn is_news(held: Option<&u64>, glimpse: &Glimpse, before: Timestamp) -> bool {
    match held {
        Some(print) => *print != glimpse.print,
        None => glimpse.updated_at.is_none_or(|at| at >= before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_decides_and_else_when_it_changed() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let glimpse = |print, updated: Option<i64>| Glimpse {
            record: "Q1".parse().unwrap(),
            print,
            updated_at: updated.map(at),
            created_at: None,
        };
        assert!(!is_news(Some(&7), &glimpse(7, Some(100)), at(50)));
        assert!(is_news(Some(&7), &glimpse(8, Some(1)), at(50)));
        assert!(is_news(None, &glimpse(8, Some(50)), at(50)));
        assert!(!is_news(None, &glimpse(8, Some(49)), at(50)));
        assert!(is_news(None, &glimpse(8, None), at(50)));
    }
}
