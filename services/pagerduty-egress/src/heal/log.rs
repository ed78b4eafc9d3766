//! A round through the account's log: what it names is read and reported, step by step, and after
//! each step it is told how far that got us.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tandem_bus::heal::{Known, Progress, Step};
use tandem_connectors::pagerduty::{
    directory::{LAST_OFFSET, PAGE, Page},
    history::{self, Line},
    rest::Request,
};
use tandem_domain::{
    clock::{DIFFERENCE_MAX, Offset},
    finding::{Cursor, Owed},
    id::RecordId,
};
use tandem_runtime::clock;

use super::{
    Cut, Healer,
    course::{self, Touched},
    look::Looked,
    walk::{Place, Walk, Walked},
};
use crate::call::Trouble;

/// About how many records a step has: so much is done again when it is cut short.
const STEP: usize = 100;

/// A log as it was read.
struct Had {
    walked: Walked<Line>,
    /// When its last page was had, on our clock.
    heard: Timestamp,
    /// The far side's clock when its first page was had.
    now: Timestamp,
    /// How far that is from ours.
    clock: Offset,
}

impl Healer<'_> {
    /// Looks through the log from where it is known to have been dealt with.
    pub(super) async fn log(&mut self, known: &Known) -> Result<(), Cut> {
        let mut cursor = known.cursor.clone();
        let since = course::since(&cursor);
        let had = self.walk(|place| history::log(since, place.until, place.offset)).await?;
        if !had.walked.whole {
            tracing::error!(
                integration = %self.id,
                "a second of the log holds more than can be read; what is open is looked at all the same"
            );
        }
        let mut paid = self.pay(&cursor).await?;
        let horizon = course::horizon(had.now, self.delivery.rhythm.ripe);
        let span = (course::earliest_there(known.began, had.clock), horizon);
        for step in course::steps(had.walked.lines, span, &self.reported, STEP) {
            let owed = self.report_all(&step.records, had.heard).await?;
            self.dealt_with().await?;
            let from = cursor.reached;
            let to = course::advance(&cursor, step.to, &std::mem::take(&mut paid), owed);
            for (_, lines) in &step.records {
                self.reported.add(lines);
            }
            if to != cursor {
                let step = Some(Step { from, to });
                let known = self.tell(Progress { step, swept: None }).await;
                cursor = known.ok_or(Cut::Waiting)?.cursor;
            }
        }
        self.reported.forget_before(course::since(&cursor));
        self.delivery.shown.logged(clock::now());
        Ok(())
    }

    /// Reads a log to its end.
    async fn walk(&self, request: impl Fn(Place) -> Request + Send) -> Result<Had, Cut> {
        let mut walk = Walk::new(PAGE, LAST_OFFSET);
        let (mut began, mut clock) = (None, Offset::default());
        let mut heard = clock::now();
        while let Some(place) = walk.next() {
            let page = self.call(request(place), history::read_log).await;
            let page = page.map_err(|_| Cut::Away)?;
            heard = page.received;
            // The far side tells its time; without that, the earliest it can be counts.
            let latest = page.sent.checked_sub(DIFFERENCE_MAX).unwrap_or(page.sent);
            began.get_or_insert_with(|| page.date.unwrap_or(latest));
            clock = page.measure(clock);
            let value: Page<Line> = page.value;
            walk.take(value);
        }
        Ok(Had { walked: walk.walked(), heard, now: began.unwrap_or(heard), clock })
    }

    /// Reports records; gives those that could not be read.
    async fn report_all(
        &self,
        records: &[Touched<Line>],
        heard: Timestamp,
    ) -> Result<Vec<Owed>, Cut> {
        let (mut owed, mut failed) = (Vec::new(), 0);
        for (record, lines) in records {
            match self.look(record, (lines, heard), |_| true).await? {
                Looked::Reported | Looked::Gone => failed = 0,
                Looked::Failed => {
                    self.bear(&mut failed).await?;
                    let since = lines.first().map_or(heard, |line| line.at);
                    owed.push(Owed { record: record.clone(), since });
                }
            }
        }
        if !owed.is_empty() {
            tracing::warn!(integration = %self.id, records = owed.len(), "not readable; owed");
        }
        Ok(owed)
    }

    /// Looks again at what is owed; gives what is not any more.
    async fn pay(&self, cursor: &Cursor) -> Result<BTreeSet<RecordId>, Cut> {
        let (mut paid, mut in_a_row) = (BTreeSet::new(), 0);
        for Owed { record, since } in &cursor.owed {
            let mut walk = Walk::new(PAGE, LAST_OFFSET);
            let mut heard = clock::now();
            let mut failed = false;
            while let Some(place) = walk.next() {
                let request = history::record_log(record, *since, place.offset);
                match self.call(request, history::read_log).await {
                    Ok(page) => {
                        heard = page.received;
                        walk.take(page.value);
                    }
                    Err(Trouble::CalledOff(_)) => return Err(Cut::Away),
                    Err(Trouble::Failed(_)) => {
                        failed = true;
                        break;
                    }
                }
            }
            let lines = walk.walked().lines;
            let looked = self.look(record, (&lines, heard), |_| !lines.is_empty()).await?;
            match looked {
                Looked::Failed => self.bear(&mut in_a_row).await?,
                Looked::Reported | Looked::Gone => in_a_row = 0,
            }
            // Without its history, what it holds now is better than nothing, and not enough.
            if looked == Looked::Gone || (looked == Looked::Reported && !failed) {
                paid.insert(record.clone());
            }
        }
        Ok(paid)
    }
}
