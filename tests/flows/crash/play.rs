//! Plays a script on a stack, with or without crashes, and says how it ended.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tandem_dev::Service;
use tandem_tests::{Stack, eventually};

use super::{
    ledger::Ledger,
    script::{Crash, Step, Victim, crashes, steps},
};

/// How many steps a play has.
const STEPS: usize = 30;

/// How a play ended: both sides, and what was called to get there.
#[derive(Debug)]
pub(super) struct Ending {
    /// The platform's incidents.
    platform: Vec<String>,
    /// PagerDuty's records.
    records: Vec<String>,
    /// How many notes the timelines hold.
    timeline_notes: i64,
    /// What the calls came to.
    ledger: Ledger,
}

impl Ending {
    /// In what this ending differs from a calm one; nothing, when it is the same.
    pub(super) fn differences(&self, calm: &Self) -> Vec<String> {
        let mut found = self.ledger.differences(&calm.ledger);
        for (what, here, there) in
            [("incident", &self.platform, &calm.platform), ("record", &self.records, &calm.records)]
        {
            let only = |of: &[String], other: &[String], word: &str| -> Vec<String> {
                let lines = of.iter().filter(|line| !other.contains(line));
                lines.map(|line| format!("{word} {what}: {line}")).collect()
            };
            found.extend(only(here, there, "unexpected"));
            found.extend(only(there, here, "missing"));
            if here.len() != there.len() {
                found.push(format!("{} {what}s instead of {}", here.len(), there.len()));
            }
        }
        if self.timeline_notes != calm.timeline_notes {
            let (here, there) = (self.timeline_notes, calm.timeline_notes);
            found.push(format!("{here} notes on timelines instead of {there}"));
        }
        found
    }
}

/// Plays calmly: each step has settled before the next.
pub(super) async fn calmly(seed: u64) -> Ending {
    let (stack, mut cast) = (Stack::start().await, Cast::default());
    for step in steps(seed, STEPS) {
        cast.act(&stack, &step).await;
        stack.at_rest().await;
    }
    ending(&stack, &cast).await
}

/// Plays without a pause, and services die.
pub(super) async fn with_crashes(seed: u64) -> Ending {
    let (mut stack, mut cast) = (Stack::start().await, Cast::default());
    for (step, crash) in steps(seed, STEPS).iter().zip(crashes(seed, STEPS)) {
        // Who a step is about is found out while everybody lives.
        cast.meet(&stack, step).await;
        if let Crash::Through(victim) = crash {
            tokio::task::block_in_place(|| service(&mut stack, victim).kill9()).unwrap();
        }
        cast.act(&stack, step).await;
        if let Crash::After(victim, moment_ms) = crash {
            // The moment is arbitrary; nothing is awaited by this.
            tokio::time::sleep(Duration::from_millis(moment_ms)).await;
            tokio::task::block_in_place(|| service(&mut stack, victim).kill9()).unwrap();
        }
        if let Crash::Through(victim) | Crash::After(victim, _) = crash {
            tokio::task::block_in_place(|| service(&mut stack, victim).resume()).unwrap();
        }
    }
    ending(&stack, &cast).await
}

fn service(stack: &mut Stack, victim: Victim) -> &mut Service {
    match victim {
        Victim::Ingress => &mut stack.ingress,
        Victim::Reconciler => &mut stack.reconciler,
        Victim::Egress => &mut stack.egress,
        Victim::Admin => &mut stack.admin,
    }
}

/// What a play has brought into being.
#[derive(Debug, Default)]
struct Cast {
    /// The records of alarms.
    alarms: Vec<String>,
    /// The incidents of alarms, as far as they were met.
    incidents: BTreeMap<usize, String>,
    /// The incidents that began on the platform.
    created: Vec<String>,
    /// What the alarms were called at first, by record.
    names: BTreeMap<String, String>,
}

impl Cast {
    /// Finds the incident that a step on the platform is about; one that was taken while nobody could
    /// judge it is there only after a while.
    async fn meet(&mut self, stack: &Stack, step: &Step) {
        match step {
            Step::Rename { alarm, .. } | Step::OurNote { alarm, .. }
                if !self.incidents.contains_key(alarm) =>
            {
                let record = self.alarms[*alarm].clone();
                let incident = stack.incident_of(&record, "it arrives", |_| true).await;
                self.incidents.insert(*alarm, incident["id"].as_str().unwrap().to_owned());
            }
            Step::Status { made, .. } | Step::Severity { made, .. } => {
                let words = ["incident", "get", &self.created[*made]];
                eventually("it is there", Duration::from_secs(10), || stack.im.json(&words)).await;
            }
            _ => {}
        }
    }

    async fn act(&mut self, stack: &Stack, step: &Step) {
        self.meet(stack, step).await;
        match step {
            Step::Alarm { title } => {
                let made = stack.act(json!({"action": "trigger", "title": title}));
                let record = made["id"].as_str().unwrap().to_owned();
                self.names.insert(record.clone(), title.clone());
                self.alarms.push(record);
            }
            Step::There { alarm, action } => self.there(stack, *alarm, action, json!({})),
            Step::Hand { alarm, to } => {
                self.there(stack, *alarm, "reassign", json!({"assignees": [to]}));
            }
            Step::TheirNote { alarm, text } => {
                self.there(stack, *alarm, "annotate", json!({"content": text}));
            }
            Step::Rename { alarm, title } => {
                im(stack, &["incident", "update", &self.incidents[alarm], "--title", title]).await;
            }
            Step::OurNote { alarm, text } => {
                im(stack, &["note", "add", &self.incidents[alarm], text]).await;
            }
            Step::Create { title, severity } => {
                let words = ["incident", "create", "--title", title, "--severity", severity];
                let words = [&words[..], &["--type", "infrastructure"]].concat();
                let made = im(stack, &words).await;
                self.created.push(made["id"].as_str().unwrap().to_owned());
            }
            Step::Status { made, status } => {
                im(stack, &["incident", "update", &self.created[*made], "--status", status]).await;
            }
            Step::Severity { made, severity } => {
                let id = &self.created[*made];
                im(stack, &["incident", "update", id, "--severity", severity]).await;
            }
        }
    }

    /// Somebody's action in PagerDuty, which may refuse it: what is acknowledged stays so.
    fn there(&self, stack: &Stack, alarm: usize, action: &str, mut details: Value) {
        details["action"] = json!(action);
        details["incident"] = json!(self.alarms[alarm]);
        stack.pagerduty.act(details).ok();
    }
}

async fn im(stack: &Stack, words: &[&str]) -> Value {
    stack.im.json(words).await.unwrap()
}

async fn ending(stack: &Stack, cast: &Cast) -> Ending {
    stack.at_rest().await;
    let records = stack.pagerduty.incidents();
    let notes = "select count(*) from timeline where kind = 'noted'";
    Ending {
        platform: words(&stack.incidents().await, |one| {
            ["title", "status", "severity", "assigned_to"].map(|name| one[name].to_string()).into()
        }),
        records: words(&records, |one| {
            let list = |name: &str| one[name].as_array().cloned().unwrap_or_default();
            let assignees = list("assignments").into_iter().map(|it| it["assignee"]["id"].clone());
            let mut notes: Vec<_> =
                list("notes").iter().map(|it| it["content"].to_string()).collect();
            notes.sort();
            let members = ["title", "status", "urgency"].map(|name| one[name].to_string());
            let assignees = assignees.map(|it| it.to_string());
            members.into_iter().chain(assignees).chain(notes).collect()
        }),
        timeline_notes: stack.count(notes).await,
        ledger: Ledger::read(&stack.pagerduty.calls(0), &cast.names),
    }
}

/// Each of a list in a line of its own, sorted.
fn words(all: &[Value], word: impl Fn(&Value) -> Vec<String>) -> Vec<String> {
    let mut words: Vec<_> = all.iter().map(|one| word(one).join(" ")).collect();
    words.sort();
    words
}
