//! What people see of decisions: lists, proofs, and the story of a field for somebody who was just
//! woken up.

use tandem_proto::json::{AdminAuditEntry, Decision, Explanation, FieldStory, Verification};

use super::{
    Told,
    rows::{Rows, text, yes},
    said, somebody, when,
};

impl Rows for Decision {
    const COLUMNS: &'static [&'static str] =
        &["time", "incident", "field", "before", "after", "external", "rule", "author"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("time", self.time.as_deref().map(when).unwrap_or_default()),
            ("incident", self.incident.clone()),
            ("field", self.field.clone()),
            ("before", said(self.before.as_deref())),
            ("after", said(self.after.as_deref())),
            ("external", self.external.as_deref().map(|it| said(Some(it))).unwrap_or_default()),
            ("rule", format!("{} {}", self.rule_number, self.rule)),
            ("author", text(self.author.as_ref())),
            ("integration", text(self.integration_handle.as_ref())),
        ]
    }
}

impl Rows for AdminAuditEntry {
    const COLUMNS: &'static [&'static str] =
        &["time", "actor", "action", "target", "before", "after"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let json = |it: Option<&serde_json::Value>| {
            it.map(|it| shortened(&it.to_string())).unwrap_or_default()
        };
        vec![
            ("time", self.time.as_deref().map(when).unwrap_or_default()),
            ("actor", self.actor.clone()),
            ("org", text(self.org.as_ref())),
            ("action", self.action.clone()),
            ("target", self.target.clone()),
            ("reason", text(self.reason.as_ref())),
            ("before", json(self.before.as_ref())),
            ("after", json(self.after.as_ref())),
        ]
    }
}

/// As much of a text as a line of a list has room for; programs get the whole.
fn shortened(text: &str) -> String {
    const LONG: usize = 120;
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Rows for Verification {
    const COLUMNS: &'static [&'static str] = &["intact", "chains", "decisions", "seals"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("intact", yes(self.intact)),
            ("chains", self.chains.to_string()),
            ("decisions", self.decisions.to_string()),
            ("seals", self.seals.to_string()),
            ("last_seal", text(self.last_seal.as_ref())),
        ];
        rows.extend(self.faults.iter().map(|fault| ("fault", fault.problem.clone())));
        rows
    }
}

impl Told for Explanation {
    fn told(&self) -> Vec<String> {
        let mut told = vec![format!("{}  {}", self.incident, said(Some(&self.title)))];
        for field in &self.fields {
            told.push(String::new());
            told.extend(story(field));
        }
        told
    }
}

/// As wide as an instant.
const INSTANT: usize = 24;

fn story(story: &FieldStory) -> Vec<String> {
    let (field, author) = (&story.field, somebody(story.author.as_ref()));
    let mut told = vec![match story.time.as_deref().map(when) {
        Some(at) => format!("{field} is {}, set by {author} at {at}", said(story.value.as_deref())),
        None => format!("{field} was never set"),
    }];
    if story.earlier > 0 {
        told.push(format!("  … {} earlier (see --steps)", story.earlier));
    }
    for step in &story.steps {
        let at = step.time.as_deref().map(when).unwrap_or_default();
        told.push(format!("  {at:INSTANT$}  {}", step.what));
        told.extend(step.why.as_ref().map(|why| format!("  {:INSTANT$}  {why}", "")));
    }
    told.extend(story.sides.iter().map(|side| {
        let record = side.record.as_ref().map(|record| format!(" {record}")).unwrap_or_default();
        let seen = side.seen_time.as_deref().map(|at| format!(" (seen {})", when(at)));
        let seen = seen.unwrap_or_default();
        format!("  {:INSTANT$}  {}{record} {}{seen}", "now", side.integration_handle, side.standing)
    }));
    told
}
