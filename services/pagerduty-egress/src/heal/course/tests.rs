//! No window, page size, equal second, late line, restart, lost broker or failing record loses a line.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use proptest::prelude::*;
use tandem_connectors::pagerduty::directory::Page;

use super::{super::walk::Walk, *};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    id: String,
    record: RecordId,
    at: Timestamp,
}

impl Dated for Rc<Line> {
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

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// A line of the log, and from when on it shows.
#[derive(Debug, Clone)]
struct Written {
    second: i64,
    late: i64,
    record: u8,
}

/// The far side: a log that grows, told newest first, and records that cannot be read for a while.
struct Far {
    log: Vec<(Rc<Line>, i64)>,
    now: i64,
    page: usize,
    last_offset: usize,
    failing: BTreeMap<RecordId, u8>,
}

impl Far {
    fn new(written: &[Written], page: usize, last_offset: usize, failing: &[(u8, u8)]) -> Self {
        let record = |record: u8| format!("Q{record}").parse::<RecordId>().unwrap();
        let mut log: Vec<_> = written
            .iter()
            .enumerate()
            .map(|(number, it)| {
                let id = format!("L{number}");
                let line = Line { id, record: record(it.record), at: second(it.second) };
                (Rc::new(line), it.second + it.late)
            })
            .collect();
        log.sort_by_key(|(line, _)| line.at);
        let failing = failing.iter().map(|(of, times)| (record(*of), *times)).collect();
        Self { log, now: 0, page, last_offset, failing }
    }

    fn page(&self, since: Timestamp, until: Option<Timestamp>, offset: usize) -> Page<Rc<Line>> {
        assert!(offset <= self.last_offset, "no page begins there");
        let shown = self.log.iter().rev().filter(|(line, shows)| {
            *shows <= self.now && line.at >= since && until.is_none_or(|until| line.at < until)
        });
        let shown: Vec<_> = shown.map(|(line, _)| Rc::clone(line)).collect();
        let items: Vec<_> = shown.iter().skip(offset).take(self.page).cloned().collect();
        Page { more: offset + items.len() < shown.len(), items }
    }

    fn reads(&mut self, record: &RecordId) -> bool {
        match self.failing.get_mut(record) {
            Some(0) | None => true,
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }
}

/// The healer without its calls: what is kept of it survives a restart, the rest does not.
struct Healer {
    cursor: Cursor,
    reported: Reported,
    /// Everything that was ever reported.
    told: BTreeSet<String>,
}

/// What cuts a round short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The process dies before it could tell how far it has come.
    Crash,
    /// The broker loses what was reported since that was last dealt with.
    Loss,
}

impl Healer {
    /// One round, cut short after so many steps. The log grows by a second after each page.
    fn round(&mut self, far: &mut Far, ripe: i64, size: usize, cut: Option<(usize, Cut)>) {
        let since = since(&self.cursor);
        let horizon = horizon(second(far.now), SignedDuration::from_secs(ripe));
        let mut walk = Walk::new(far.page, far.last_offset);
        while let Some(place) = walk.next() {
            let page = far.page(since, place.until, place.offset);
            walk.take(page);
            far.now += 1;
        }
        let walked = walk.walked();
        let (mut paid, mut waiting) = self.pay(far);
        let steps = steps(walked.lines, (second(-9), horizon), &self.reported, size);
        for (number, step) in steps.into_iter().enumerate() {
            let mut owed = Vec::new();
            for (record, lines) in &step.records {
                if far.reads(record) {
                    waiting.extend(lines.iter().cloned());
                } else {
                    let since = lines.first().unwrap().at;
                    owed.push(Owed { record: record.clone(), since });
                }
            }
            match cut.filter(|(after, _)| number >= *after) {
                // What was reported before the end is dealt with all the same.
                Some((_, Cut::Crash)) => {
                    self.tell(&waiting);
                    return self.restart();
                }
                Some((_, Cut::Loss)) => return self.restart(),
                None => self.tell(&std::mem::take(&mut waiting)),
            }
            for (_, lines) in &step.records {
                // It is owed and not looked for again, or it was told.
                self.reported.add(lines);
            }
            self.cursor = advance(&self.cursor, step.to, &std::mem::take(&mut paid), owed);
            self.check(far);
        }
        self.reported.forget_before(super::since(&self.cursor));
    }

    /// Looks again at what is owed; gives the records that are not any more, and what was reported.
    fn pay(&self, far: &mut Far) -> (BTreeSet<RecordId>, Vec<Rc<Line>>) {
        let (mut paid, mut reported) = (BTreeSet::new(), Vec::new());
        for Owed { record, since } in self.cursor.owed.clone() {
            if far.reads(&record) {
                let shown = far.log.iter().filter(|(line, shows)| {
                    line.record == record && line.at >= since && *shows <= far.now
                });
                reported.extend(shown.map(|(line, _)| Rc::clone(line)));
                paid.insert(record);
            }
        }
        (paid, reported)
    }

    fn tell(&mut self, lines: &[Rc<Line>]) {
        self.told.extend(lines.iter().map(|line| line.id.clone()));
    }

    fn restart(&mut self) {
        self.reported = Reported::default();
    }

    /// What lies before the cursor and has shown for long enough was told, or its record is owed.
    fn check(&self, far: &Far) {
        let overlap = OVERLAP.as_secs();
        for (line, shows) in &far.log {
            let passed = line.at < earlier(self.cursor.reached, OVERLAP);
            let owed = self.cursor.owed.iter().any(|owed| owed.record == line.record);
            assert!(
                !passed
                    || owed
                    || self.told.contains(&line.id)
                    || *shows > far.now
                    || shows - (line.at.as_second() - 1_700_000_000) > overlap,
                "{line:?} was passed over at {:?}",
                self.cursor
            );
        }
    }
}

fn written() -> impl Strategy<Value = Vec<Written>> {
    let seconds = prop_oneof![3 => 0..400_i64, 2 => Just(7_i64), 1 => Just(8_i64)];
    let late = prop_oneof![4 => Just(0_i64), 1 => 0..60_i64];
    let line = (seconds, late, 0..9_u8);
    let line = line.prop_map(|(second, late, record)| Written { second, late, record });
    prop::collection::vec(line, 0..120)
}

fn cut() -> impl Strategy<Value = Cut> {
    prop_oneof![Just(Cut::Crash), Just(Cut::Loss)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost(
        written in written(),
        page in 1..12_usize,
        pages in 4..12_usize,
        failing in prop::collection::vec((0..9_u8, 1..4_u8), 0..4),
        size in 1..6_usize,
        ripe in 0..40_i64,
        cuts in prop::collection::vec(prop::option::weighted(0.5, (0..4_usize, cut())), 12),
        pauses in prop::collection::vec(1..90_i64, 12),
    ) {
        // No single second holds more than can be asked for.
        let mut held = BTreeMap::<i64, usize>::new();
        let fits = |it: &&Written| {
            let held = held.entry(it.second).or_default();
            *held += 1;
            *held <= page * pages
        };
        let written: Vec<_> = written.iter().filter(fits).cloned().collect();
        let mut far = Far::new(&written, page, page * pages, &failing);
        let cursor = Cursor { reached: second(-1), owed: Vec::new() };
        let mut healer =
            Healer { cursor, reported: Reported::default(), told: BTreeSet::new() };
        for (cut, pause) in cuts.into_iter().zip(pauses) {
            healer.round(&mut far, ripe, size, cut);
            far.now += pause;
        }
        // In the end everything works for a while.
        far.now = far.now.max(700);
        for _ in 0..6 {
            healer.round(&mut far, ripe, size, None);
            far.now += 50;
        }
        let all: BTreeSet<_> = far.log.iter().map(|(line, _)| line.id.clone()).collect();
        prop_assert_eq!(&healer.told, &all);
        prop_assert!(healer.cursor.owed.is_empty());
    }

    #[test]
    fn what_happens_once_it_is_looked_for_is_told_later_than_that_whatever_the_clocks(
        began in 0..5_000_000_i64,
        after in 0..5_000_000_i64,
        apart in -50_000_000..50_000_000_i64,
        asked in 0..2_000_000_i64,
        way in (0..900_000_i64, 0..900_000_i64),
    ) {
        let at = |micros: i64| {
            Timestamp::from_microsecond(1_700_000_000_000_000 + micros).unwrap()
        };
        let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap();
        let (sent, received) = (at(asked), at(asked + way.0 + way.1));
        let date = whole(at(asked + way.0 + apart));
        let clock = Offset::default().answered(date, sent, received);
        let told = whole(at(began + after + apart));
        prop_assert!(earliest_there(at(began), clock) <= told);
        prop_assert!(earliest_there(at(began), Offset::default()) <= told);
        // What was there long before is not brought in.
        let long_before = whole(at(began + apart - 4_000_000));
        prop_assert!(earliest_there(at(began), clock) > long_before);
    }

    #[test]
    fn a_walk_sees_everything_that_was_there_when_it_began(
        written in written(),
        page in 1..7_usize,
        reach in 1..9_usize,
    ) {
        let mut far = Far::new(&written, page, page * reach, &[]);
        far.now = 200;
        let there: BTreeSet<_> =
            far.log.iter().filter(|(_, shows)| *shows <= 200).map(|(it, _)| it.id.clone()).collect();
        let mut walk = Walk::new(far.page, far.last_offset);
        while let Some(place) = walk.next() {
            walk.take(far.page(second(-1), place.until, place.offset));
            far.now += 1;
        }
        let walked = walk.walked();
        let seen: BTreeSet<_> = walked.lines.iter().map(|line| line.id.clone()).collect();
        let lost: Vec<_> = there.difference(&seen).collect();
        prop_assert!(lost.is_empty() || !walked.whole, "{lost:?} were skipped without a word");
        prop_assert_eq!(seen.len(), walked.lines.len(), "each once");
        prop_assert!(walked.lines.is_sorted_by_key(|line| line.at));
    }
}

#[test]
fn a_record_comes_once_with_all_its_lines_and_steps_end_where_the_next_begins() {
    let line = |id: &str, record: &str, at: i64| {
        Rc::new(Line { id: id.to_owned(), record: record.parse().unwrap(), at: second(at) })
    };
    let lines = vec![
        line("a", "Q1", 1),
        line("b", "Q2", 2),
        line("c", "Q3", 2),
        line("d", "Q1", 5),
        line("e", "Q4", 6),
        line("young", "Q1", 9),
    ];
    let steps = steps(lines, (second(0), second(9)), &Reported::default(), 2);
    let told: Vec<_> = steps
        .iter()
        .map(|step| {
            let of = |(record, lines): &Touched<Rc<Line>>| {
                let ids: Vec<_> = lines.iter().map(|line| line.id.as_str()).collect();
                format!("{record}:{}", ids.concat())
            };
            (step.records.iter().map(of).collect::<Vec<_>>().join(" "), step.to)
        })
        .collect();
    let expected = [("Q1:ad Q2:b", 2), ("Q3:c Q4:e", 9)];
    assert_eq!(told, expected.map(|(records, to)| (records.to_owned(), second(to))));
}

#[test]
fn what_is_owed_stays_owed_from_its_first_line_until_it_is_paid() {
    let record = |id: &str| id.parse::<RecordId>().unwrap();
    let owed = |id: &str, at: i64| Owed { record: record(id), since: second(at) };
    let cursor = Cursor { reached: second(5), owed: vec![owed("Q1", 1), owed("Q2", 2)] };
    let paid = BTreeSet::from([record("Q2")]);
    let after = advance(&cursor, second(9), &paid, [owed("Q1", 7), owed("Q3", 8)]);
    assert_eq!(after, Cursor { reached: second(9), owed: vec![owed("Q1", 1), owed("Q3", 8)] });
    let many = (0..OWED_MAX).map(|number| owed(&format!("R{number}"), 8));
    assert_eq!(advance(&after, second(10), &BTreeSet::new(), many), after, "it stays");
}
