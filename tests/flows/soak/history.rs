//! What came of what people did, and whether it is right.
//!
//! No two titles are the same, so each can be followed: who set it, whether it was written, what was
//! decided on it, and what followed.

use std::{collections::BTreeSet, time::SystemTime};

use jiff::Timestamp;
use serde_json::Value;
use tandem_pagerduty_sim::Call;
use tandem_tests::Stack;

use super::people::{Pair, People};

/// So close to one another two edits may be taken for either order: PagerDuty shows whole seconds.
const UNSURE_S: f64 = 3.0;

/// The side on which somebody did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Here,
    There,
}

/// A title that somebody set.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pair: usize,
    side: Side,
    title: String,
    at: Timestamp,
}

impl Edit {
    /// One that is made now.
    pub(super) fn now(pair: usize, side: Side, title: String) -> Self {
        Self { pair, side, title, at: Timestamp::try_from(SystemTime::now()).unwrap() }
    }

    /// By how many seconds it was made after another one.
    fn after(&self, other: &Self) -> f64 {
        self.at.duration_since(other.at).as_secs_f64()
    }
}

/// A decision about a title that the external side showed.
#[derive(Debug, sqlx::FromRow)]
struct Judged {
    external: String,
    /// The rule, and what stood afterwards.
    verdict: String,
}

/// Everything that is known afterwards.
#[derive(Debug)]
pub(super) struct History {
    people: People,
    /// The titles in the end, which both sides say.
    titles: Vec<String>,
    judged: Vec<Judged>,
    calls: Vec<Call>,
}

impl History {
    pub(super) async fn read(stack: &Stack, people: People) -> Self {
        let calls = stack.pagerduty.calls(0);
        let records = stack.pagerduty.incidents();
        let title = |pair: &Pair| {
            let record = records.iter().find(|record| record["id"] == pair.record).unwrap();
            record["title"].as_str().unwrap().to_owned()
        };
        let titles = people.pairs.iter().map(title).collect();
        let sql = "select external, rule || ': ' || coalesce(after, '') as verdict from decisions \
                   where field = 'title' and link is not null and external is not null";
        let judged = sqlx::query_as(sql).fetch_all(&stack.database).await.unwrap();
        Self { people, titles, judged, calls }
    }

    /// What happened, in a line.
    pub(super) fn told(&self) -> String {
        let People { changes, kills, titles, .. } = &self.people;
        let writes = self.calls.iter().filter(|call| call.method != "GET").count();
        let unseen = (0..self.titles.len()).filter(|pair| self.is_unseen(*pair)).count();
        format!(
            "{changes} changes, {} of titles, {kills} kills, {writes} writes, {} decisions on \
             titles seen there, {unseen} edits that PagerDuty could not show",
            titles.len(),
            self.judged.len(),
        )
    }

    /// What should not be.
    pub(super) fn wrongs(&self) -> Vec<String> {
        let pairs = 0..self.titles.len();
        let lost = pairs.clone().filter_map(|pair| self.lost(pair));
        let often = pairs.filter_map(|pair| self.too_often(pair));
        self.echoes().into_iter().chain(lost).chain(often).collect()
    }

    /// Titles of ours that were taken for somebody's edit when they came back.
    fn echoes(&self) -> Vec<String> {
        let here: BTreeSet<&str> =
            self.of(|edit| edit.side == Side::Here).map(|edit| edit.title.as_str()).collect();
        let echoes = self.judged.iter().filter(|judged| here.contains(judged.external.as_str()));
        echoes
            .map(|it| format!("{:?} came back and was judged: {}", it.external, it.verdict))
            .collect()
    }

    /// An edit that was the last one by more than a doubt and is gone all the same.
    fn lost(&self, pair: usize) -> Option<String> {
        let (here, there) = (self.last(pair, Side::Here), self.last(pair, Side::There));
        let title = self.titles[pair].as_str();
        let stands = |edit: Option<&Edit>| edit.is_some_and(|edit| edit.title == title);
        let of_pair = self.of(|edit| edit.pair == pair).count();
        let told = |what: &str| {
            Some(format!("{what}: {title:?} stands; last here {here:?}, last there {there:?}"))
        };
        match (here, there) {
            _ if of_pair == 0 => None,
            _ if !stands(here) && !stands(there) => told("an older title stands"),
            (Some(here), Some(there)) if stands(Some(there)) && here.after(there) > UNSURE_S => {
                told("an edit made here is gone")
            }
            (Some(here), Some(there)) if stands(Some(here)) && there.after(here) > UNSURE_S => {
                if self.is_unseen(pair) {
                    None
                } else {
                    told("an edit made there is gone")
                }
            }
            _ => None,
        }
    }

    /// Whether the last title set there was written over before anything could show it: PagerDuty
    /// has no condition on a write.
    fn is_unseen(&self, pair: usize) -> bool {
        let Some(there) = self.last(pair, Side::There) else { return false };
        let record = &self.people.pairs[pair].record;
        let since: Vec<&Call> = self.calls.iter().filter(|call| time(call) > there.at).collect();
        let writes = |call: &&Call| changes_title(call, record);
        let Some(written) = since.iter().position(writes) else { return false };
        !since[..written]
            .iter()
            .any(|call| call.method == "GET" && call.path.starts_with("/incidents"))
    }

    /// A title is written once for each edit at most, and once again for each edit there that lost.
    fn too_often(&self, pair: usize) -> Option<String> {
        let record = &self.people.pairs[pair].record;
        let writes = self.calls.iter().filter(|call| changes_title(call, record)).count();
        let edits = self.of(|edit| edit.pair == pair).count();
        (writes > edits).then(|| format!("{writes} writes for {edits} edits of pair {pair}"))
    }

    fn of<'a>(&'a self, is_it: impl Fn(&Edit) -> bool + 'a) -> impl Iterator<Item = &'a Edit> + 'a {
        self.people.titles.iter().filter(move |edit| is_it(edit))
    }

    fn last(&self, pair: usize, side: Side) -> Option<&Edit> {
        self.of(move |edit| edit.pair == pair && edit.side == side).last()
    }
}

fn time(call: &Call) -> Timestamp {
    call.time.parse().unwrap()
}

fn changes_title(call: &Call, record: &str) -> bool {
    let is_it = |changed: &tandem_pagerduty_sim::Changed| {
        changed.incident == record && changed.field == "title" && changed.value != Value::Null
    };
    call.changed.iter().any(is_it)
}
