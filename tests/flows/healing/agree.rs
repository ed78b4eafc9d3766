//! Whether both sides say the same of everything, by looking at all of it.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tandem_pagerduty_sim::USER_TOKEN;
use tandem_tests::{Stack, eventually};

/// Has so many records triggered, and waits until each is linked; gives their ids.
pub(crate) async fn records(stack: &Stack, title: &str, count: usize) -> Vec<String> {
    let mut records = Vec::new();
    for number in 0..count {
        let title = format!("{title} {number}");
        let made = stack.act(json!({"action": "trigger", "title": title}));
        records.push(made["id"].as_str().unwrap().to_owned());
    }
    for record in &records {
        stack.incident_of(record, "it arrives", |_| true).await;
    }
    stack.at_rest().await;
    records
}

/// Waits until what happens next cannot be taken for a part of how the records came to be.
pub(super) async fn settled_in(stack: &Stack) {
    let all = stack.pagerduty.incidents();
    let made = all.iter().filter_map(|it| it["created_at"].as_str()?.parse::<Timestamp>().ok());
    let made = made.max().unwrap();
    eventually("seconds have passed", Duration::from_secs(20), || async {
        let now = Timestamp::try_from(SystemTime::now()).unwrap();
        let passed = now.duration_since(made);
        if passed.as_secs() > 3 { Ok(()) } else { Err(passed) }
    })
    .await;
}

/// Waits until every record has one incident that says the same.
pub(crate) async fn agree(stack: &Stack) {
    eventually("both sides say the same", Duration::from_secs(90), || async {
        let (here, there) = (stack.incidents().await, stack.pagerduty.incidents());
        let differing: Vec<_> = there.iter().filter_map(|record| differs(&here, record)).collect();
        let notes = missing_notes(stack, &there).await;
        if differing.is_empty() && notes.is_empty() { Ok(()) } else { Err((differing, notes)) }
    })
    .await;
}

fn differs(here: &[Value], record: &Value) -> Option<String> {
    let linked = |incident: &&Value| {
        let links = incident["links"].as_array().into_iter().flatten();
        links.into_iter().any(|link| link["record"] == record["id"])
    };
    let all: Vec<_> = here.iter().filter(linked).collect();
    let [ours] = all.as_slice() else {
        return Some(format!("{} has {} incidents", record["id"], all.len()));
    };
    // A priority decides before the urgency.
    let (severity, urgency) = match ours["severity"].as_str() {
        Some("SEV-1") => ("P1", "high"),
        Some("SEV-2") => ("P2", "high"),
        Some("SEV-3") => ("P3", "low"),
        _ => ("P4", "low"),
    };
    let severe = match record["priority"]["summary"].as_str() {
        Some(priority) => priority == severity,
        None => record["urgency"] == urgency,
    };
    let status = match ours["status"].as_str() {
        Some("open") => "triggered",
        Some("mitigated") => "acknowledged",
        _ => "resolved",
    };
    let responder = &record["assignments"][0]["assignee"]["summary"];
    let assigned = record["status"] == "resolved" || ours["assigned_to"] == *responder;
    let same = ours["title"] == record["title"] && severe && record["status"] == status && assigned;
    (!same).then(|| format!("{ours} is not {record}"))
}

/// The notes over there that are not here exactly once.
async fn missing_notes(stack: &Stack, there: &[Value]) -> Vec<String> {
    let here: Vec<String> =
        sqlx::query_scalar("select text from notes").fetch_all(&stack.database).await.unwrap();
    let mut there: Vec<_> = there
        .iter()
        .flat_map(|record| record["notes"].as_array().into_iter().flatten())
        .filter_map(|note| note["content"].as_str())
        .map(str::to_owned)
        .collect();
    let mut here = here;
    here.sort();
    there.sort();
    let mut odd = Vec::new();
    if here != there {
        let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
            (here.iter().cloned().collect(), there.iter().cloned().collect());
        odd.push(format!("{} here, {} there", here.len(), there.len()));
        odd.extend(theirs.symmetric_difference(&ours).cloned());
    }
    odd
}

/// PagerDuty's log, newest first.
pub(super) async fn log(stack: &Stack) -> Vec<Value> {
    let mut entries = Vec::new();
    loop {
        let url = format!("{}/log_entries", stack.pagerduty.url);
        let offset = entries.len().to_string();
        let query = [("limit", "100"), ("offset", &offset), ("include[]", "channels")];
        let answer = stack
            .http
            .get(url)
            .query(&query)
            .header("authorization", format!("Token token={USER_TOKEN}"))
            .send()
            .await
            .unwrap();
        let page: Value = answer.json().await.unwrap();
        entries.extend(page["log_entries"].as_array().unwrap().iter().cloned());
        if page["more"] == false {
            return entries;
        }
    }
}

/// How many ends of a page of a log lie between two entries of one second.
pub(super) fn split_seconds(log: &[Value]) -> usize {
    let pages: Vec<_> = log.chunks(100).collect();
    let splits = pages.windows(2).filter(|pages| {
        let [earlier, later] = pages else { return false };
        earlier.last().unwrap()["created_at"] == later[0]["created_at"]
    });
    splits.count()
}

/// How many webhooks should have come since the subscription was switched off, by PagerDuty's log:
/// one for each entry of a kind that has one, but for those of before.
pub(super) async fn announced(stack: &Stack, before: &[String]) -> i64 {
    let entries = log(stack).await;
    let is_told = |entry: &&Value| {
        let old = before.iter().any(|record| entry["incident"]["id"] == **record);
        let kind = entry["type"].as_str().unwrap().trim_end_matches("_log_entry");
        match kind {
            "acknowledge" | "unacknowledge" | "resolve" | "annotate" | "delegate" => true,
            "trigger" => entry["channel"]["reopened"] == true || !old,
            "assign" => {
                old && entry["created_at"].as_str() > first_second(&entries, entry).as_str()
            }
            "field_value_change" => entry["channel"]["name"] == "priority",
            _ => false,
        }
    };
    i64::try_from(entries.iter().filter(is_told).count()).unwrap()
}

/// When the record of an entry came to be.
fn first_second<'a>(entries: &'a [Value], entry: &Value) -> &'a Value {
    let same = |other: &&Value| other["incident"]["id"] == entry["incident"]["id"];
    &entries.iter().rev().find(same).unwrap()["created_at"]
}
