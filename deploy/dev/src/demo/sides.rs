//! The two sides, as seen and moved from outside.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_dev::http;

use crate::stack::configure::Im;
use crate::stack::state::Addresses;

/// The simulated PagerDuty, through its control API.
#[derive(Clone)]
pub(super) struct PagerDuty {
    url: String,
}

impl PagerDuty {
    pub(super) fn new(addresses: &Addresses) -> Self {
        Self { url: addresses.pagerduty.clone() }
    }

    /// Lets a person do something; returns the record as it is then.
    pub(super) fn act(&self, action: &str, details: Value) -> anyhow::Result<Value> {
        let mut body = details;
        if let Some(members) = body.as_object_mut() {
            members.insert("action".to_owned(), json!(action));
        }
        let url = format!("{}/_sim/act", self.url);
        let response = http::request("POST", &url, &[], &body.to_string())?;
        ensure!(response.is_success(), "PagerDuty refused to {action}: {}", response.body);
        let answer: Value = serde_json::from_str(&response.body)?;
        answer.get("incident").cloned().context("the simulator showed no incident")
    }

    /// A record in full.
    pub(super) fn record(&self, id: &str) -> anyhow::Result<Value> {
        let answer = self.read(&format!("incidents/{id}"))?;
        answer.get("incident").cloned().context("the simulator showed no incident")
    }

    /// All records in full.
    pub(super) fn records(&self) -> anyhow::Result<Vec<Value>> {
        let answer = self.read("incidents")?;
        Ok(list(&answer, "incidents"))
    }

    /// What the journal of calls or deliveries tells after a number.
    pub(super) fn journal(&self, name: &str, since: u64) -> anyhow::Result<Vec<Value>> {
        let answer = self.read(&format!("{name}?since_seq={since}"))?;
        Ok(list(&answer, name))
    }

    /// Has so many of the next webhooks lost for good.
    pub(super) fn lose_next(&self, webhooks: u32) -> anyhow::Result<()> {
        let knobs = json!({ "webhooks": { "drop_next": webhooks } });
        let url = format!("{}/_sim/faults", self.url);
        let response = http::request("PUT", &url, &[], &knobs.to_string())?;
        ensure!(response.is_success(), "the simulator refused the knob: {}", response.body);
        Ok(())
    }

    /// How many webhooks are still on their way.
    pub(super) fn pending(&self) -> anyhow::Result<u64> {
        Ok(self.read("pending")?.get("pending").and_then(Value::as_u64).unwrap_or(0))
    }

    fn read(&self, path: &str) -> anyhow::Result<Value> {
        let response = http::get(&format!("{}/_sim/{path}", self.url))?;
        ensure!(response.is_success(), "the simulator answers {} to {path}", response.status);
        Ok(serde_json::from_str(&response.body)?)
    }
}

fn list(answer: &Value, name: &str) -> Vec<Value> {
    answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The platform, through `im`.
pub(super) struct Platform<'a> {
    im: Im<'a>,
}

impl<'a> Platform<'a> {
    pub(super) fn new(addresses: &'a Addresses) -> Self {
        Self { im: Im { addresses } }
    }

    /// Runs `im incident` with these words.
    pub(super) fn incident(&self, words: &[&str]) -> anyhow::Result<Value> {
        self.im.ask(&[&["incident"], words].concat())
    }

    /// The link of a record or of an incident, in the given integration.
    pub(super) fn link(&self, handle: &str, key: &str, id: &str) -> anyhow::Result<Option<Value>> {
        let links = self.im.ask(&["integration", "links", handle])?;
        let links = links.as_array().cloned().unwrap_or_default();
        Ok(links.into_iter().find(|link| text(link, key) == id))
    }

    /// How many incidents there are.
    pub(super) fn count(&self) -> anyhow::Result<usize> {
        let incidents = self.incident(&["list", "--limit", "1000000"])?;
        Ok(incidents.as_array().map_or(0, Vec::len))
    }

    /// How many lines that hold a text are on an incident's timeline.
    pub(super) fn lines(&self, id: &str, content: &str) -> anyhow::Result<usize> {
        let timeline = self.incident(&["timeline", id])?;
        Ok(count(timeline.as_array(), "text", content))
    }
}

/// How many notes that hold a text are on a record.
pub(super) fn notes_on(record: &Value, content: &str) -> usize {
    count(record.get("notes").and_then(Value::as_array), "content", content)
}

fn count(entries: Option<&Vec<Value>>, name: &str, content: &str) -> usize {
    let is_it = |entry: &&Value| text(entry, name).contains(content);
    entries.map_or(0, |entries| entries.iter().filter(is_it).count())
}

/// The first assignee of a record: id and name.
pub(super) fn assignee(record: &Value) -> (&str, &str) {
    let assignee = record.pointer("/assignments/0/assignee").unwrap_or(&Value::Null);
    (text(assignee, "id"), text(assignee, "summary"))
}

/// A member that is a text; empty when it is missing or null.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The name of a record's priority; empty when it has none.
pub(super) fn priority(record: &Value) -> &str {
    record.get("priority").map(|priority| text(priority, "summary")).unwrap_or_default()
}
