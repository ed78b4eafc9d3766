//! What people see of dead letters and their replays.

use serde_json::Value;
use tandem_proto::json::{DeadLetter, DeadLetterCall, DeadLetterGroup, Replay, ReplayedLetter};

use super::rows::{Rows, text, word};

impl Rows for DeadLetter {
    const COLUMNS: &'static [&'static str] =
        &["id", "when", "direction", "cause", "group", "link", "state"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let answer = self.answer.as_ref();
        vec![
            ("id", self.id.clone()),
            ("when", text(self.time.as_ref())),
            ("integration", text(self.integration_handle.as_ref())),
            ("direction", word(self.direction)),
            ("kind", word(self.kind)),
            ("cause", self.cause.clone()),
            ("group", self.group.clone()),
            ("attempts", self.attempts.to_string()),
            ("link", text(self.link.as_ref())),
            ("record", text(self.record.as_ref())),
            ("subject", self.subject.clone()),
            ("original", value(&self.original)),
            ("request", self.request.as_ref().map(call).unwrap_or_default()),
            (
                "answer",
                answer
                    .map(|answer| format!("{} {}", answer.status, value(&answer.body)))
                    .unwrap_or_default(),
            ),
            ("state", word(self.state)),
            ("reason", text(self.reason.as_ref())),
            ("edited", value(&self.edited)),
            ("follows", text(self.follows.as_ref())),
            ("replay", text(self.replay.as_ref())),
            ("trace", text(self.traceparent.as_ref())),
            ("updated", text(self.update_time.as_ref())),
        ]
    }
}

impl Rows for DeadLetterGroup {
    const COLUMNS: &'static [&'static str] =
        &["count", "direction", "group", "first", "last", "cause"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("count", self.count.to_string()),
            ("direction", word(self.direction)),
            ("group", self.group.clone()),
            ("first", text(self.first_time.as_ref())),
            ("last", text(self.last_time.as_ref())),
            ("cause", self.cause.clone()),
        ]
    }
}

impl Rows for ReplayedLetter {
    const COLUMNS: &'static [&'static str] = &["id", "state", "effect"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        if let Some(letter) = &self.dead_letter {
            rows.push(("id", letter.id.clone()));
            rows.push(("state", word(letter.state)));
            rows.push(("reason", text(letter.reason.as_ref())));
        }
        if let Some(preview) = &self.preview {
            rows.push(("subject", preview.subject.clone()));
            rows.push(("message", value(&preview.message)));
            rows.push(("effect", preview.effect.clone()));
            rows.extend(preview.calls.iter().map(|one| ("call", call(one))));
        }
        rows
    }
}

impl Rows for Replay {
    const COLUMNS: &'static [&'static str] = &["id", "done", "total", "rate", "finished"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id", self.id.clone()),
            ("done", self.done.to_string()),
            ("total", self.total.to_string()),
            ("sent", self.sent.to_string()),
            ("superseded", self.superseded.to_string()),
            ("failed", self.failed.to_string()),
            ("rate", format!("{:.1}/min", self.rate_per_minute)),
            ("asked_for_by", self.actor.clone()),
            ("begun", text(self.create_time.as_ref())),
            ("finished", text(self.finish_time.as_ref())),
        ]
    }
}

/// `PUT /incidents/Q1 {…}`
fn call(call: &DeadLetterCall) -> String {
    let body = value(&call.body);
    let head = format!("{} {}", call.method, call.path);
    if body.is_empty() { head } else { format!("{head} {body}") }
}

/// Text as it is, everything else as JSON, nothing as nothing.
fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
