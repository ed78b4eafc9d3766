//! One walk through a log that is told newest first, in pages, while it grows.
//!
//! What comes in meanwhile pushes what is known to later places, so that it is seen twice and
//! nothing is skipped; what is seen twice counts once. No page can be asked for beyond a certain
//! place: there the walk begins again from the second it has come to, as the end of a span. It has
//! seen everything when a page says that no other follows.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use tandem_connectors::pagerduty::{directory::Page, history::Line};
use tandem_domain::id::RecordId;

/// A line of a log, as far as walking needs to know it.
pub trait Dated {
    /// The same whenever it is seen.
    fn id(&self) -> &str;
    /// What it is about.
    fn record(&self) -> &RecordId;
    /// The second in which it happened.
    fn at(&self) -> Timestamp;
}

impl Dated for Line {
    fn id(&self) -> &str {
        &self.id
    }

    fn record(&self) -> &RecordId {
        &self.record
    }

    fn at(&self) -> Timestamp {
        self.at
    }
}

/// Where the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The end of the span; none for now.
    pub until: Option<Timestamp>,
    /// How many lines of it to leave out.
    pub offset: usize,
}

/// A walk under way.
#[derive(Debug)]
pub struct Walk<T> {
    place: Option<Place>,
    page: usize,
    last_offset: usize,
    seen: HashSet<String>,
    /// Newest first.
    lines: Vec<T>,
    whole: bool,
}

/// What a walk came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Walked<T> {
    /// Every line once, oldest first.
    pub lines: Vec<T>,
    /// Whether that is all there is: a single second can hold more than can be asked for.
    pub whole: bool,
}

impl<T: Dated> Walk<T> {
    /// A walk that has not begun, by pages of `page` lines of which none begins after `last_offset`.
    pub fn new(page: usize, last_offset: usize) -> Self {
        let place = Some(Place { until: None, offset: 0 });
        Self { place, page, last_offset, seen: HashSet::new(), lines: Vec::new(), whole: true }
    }

    /// The page to ask for next; none at the end.
    pub const fn next(&self) -> Option<Place> {
        self.place
    }

    /// Takes the page in that was asked for.
    pub fn take(&mut self, page: Page<T>) {
        let Some(place) = self.place else { return };
        for line in page.items {
            if self.seen.insert(line.id().to_owned()) {
                self.lines.push(line);
            }
        }
        self.place = if page.more { self.after(place) } else { None };
    }

    fn after(&mut self, place: Place) -> Option<Place> {
        let offset = place.offset + self.page;
        if offset <= self.last_offset {
            return Some(Place { offset, ..place });
        }
        let oldest = self.lines.iter().map(Dated::at).min()?;
        // The second it has come to may go on beyond what was seen of it.
        let next = oldest.checked_add(SignedDuration::from_secs(1)).ok()?;
        let until = if place.until.is_none_or(|until| next < until) {
            next
        } else {
            // That second alone is more than can be asked for: what lies before it still can.
            self.whole = false;
            oldest.min(place.until.unwrap_or(oldest))
        };
        // No way back: nothing earlier can be asked for.
        (place.until != Some(until)).then_some(Place { until: Some(until), offset: 0 })
    }

    /// What was seen.
    pub fn walked(mut self) -> Walked<T> {
        self.lines.reverse();
        // Pages that overlap can be out of order; what is of one second stays in its order.
        self.lines.sort_by_key(Dated::at);
        Walked { lines: self.lines, whole: self.whole }
    }
}
