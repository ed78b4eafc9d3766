//! What people see of links and of conflicts about them.

use tandem_proto::json::{
    ChangedLink, Conflict, ConflictCandidate, ConflictChoice, ConflictResolution, Link,
};

use super::{
    Told,
    questions::span,
    rows::{Rows, text, word},
    said, somebody, when,
};

impl Rows for Link {
    const COLUMNS: &'static [&'static str] =
        &["id", "incident", "record", "number", "state", "eta", "seen", "problem", "url"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id", self.id.clone()),
            ("integration", self.integration_handle.clone()),
            ("incident", self.incident.clone()),
            ("record", text(self.record.as_ref())),
            ("number", text(self.number.as_ref())),
            ("url", text(self.url.as_ref())),
            ("state", word(self.state)),
            ("eta", self.eta_s.map(span).unwrap_or_default()),
            ("seen", moment(self.seen_time.as_ref())),
            ("conflicts", self.conflicts.join(", ")),
            ("desired_version", self.desired_version.to_string()),
            ("applied_version", self.applied_version.to_string()),
            ("problem", text(self.problem.as_ref())),
            ("created", text(self.create_time.as_ref())),
            ("updated", text(self.update_time.as_ref())),
        ]
    }
}

impl Rows for ChangedLink {
    const COLUMNS: &'static [&'static str] = Link::COLUMNS;

    fn rows(&self) -> Vec<(&'static str, String)> {
        self.link.as_ref().map(Rows::rows).unwrap_or_default()
    }
}

impl Rows for Conflict {
    const COLUMNS: &'static [&'static str] =
        &["id", "field", "platform", "external", "opened", "standing", "incident", "record"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let value = |side: Option<&ConflictCandidate>| side.map(shown).unwrap_or_default();
        vec![
            ("id", self.id.clone()),
            ("field", self.field.clone()),
            ("platform", value(self.platform.as_ref())),
            ("external", value(self.external.as_ref())),
            ("opened", moment(self.open_time.as_ref())),
            ("standing", word(self.standing)),
            ("reason", word(self.reason)),
            ("integration", self.integration_handle.clone()),
            ("incident", self.incident.clone()),
            ("record", text(self.record.as_ref())),
        ]
    }
}

impl Rows for ConflictResolution {
    const COLUMNS: &'static [&'static str] = &["conflict", "field", "result", "value"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let resolved = self.resolved.as_ref();
        let ended = resolved.and_then(|conflict| conflict.ending.as_ref());
        let result = match (&self.problem, self.pending) {
            (Some(problem), _) => problem.clone(),
            (None, true) => "pending".to_owned(),
            (None, false) => word(resolved.and_then(|conflict| conflict.standing)),
        };
        vec![
            ("conflict", self.conflict.clone()),
            ("field", resolved.map(|conflict| conflict.field.clone()).unwrap_or_default()),
            ("result", result),
            ("value", ended.map(|ended| said(ended.value.as_deref())).unwrap_or_default()),
        ]
    }
}

/// A candidate's value as the platform has it, else as the external side does.
fn shown(candidate: &ConflictCandidate) -> String {
    match (&candidate.value, &candidate.external_label) {
        (None, Some(label)) => said(Some(label)),
        (None, None) => said(candidate.external_value.as_deref()),
        (value, _) => said(value.as_deref()),
    }
}

impl Told for Conflict {
    fn told(&self) -> Vec<String> {
        let record = self.record.as_deref().unwrap_or("a record that is not there yet");
        let url = self.url.as_ref().map(|url| format!("  {url}")).unwrap_or_default();
        let (field, incident, handle) = (&self.field, &self.incident, &self.integration_handle);
        let mut told = vec![
            format!("{}  {}", self.id, word(self.standing)),
            format!("{field} of {incident} and {handle} {record}{url}"),
            format!("opened {}: {}", moment(self.open_time.as_ref()), reason(self)),
            String::new(),
        ];
        let wide = handle.chars().count().max("platform".len());
        let sides =
            [("platform", self.platform.as_ref()), (handle.as_str(), self.external.as_ref())];
        told.extend(sides.into_iter().filter_map(|(name, candidate)| {
            let candidate = candidate?;
            let (value, at) = (shown(candidate), moment(candidate.time.as_ref()));
            Some(format!(
                "  {name:wide$}  {value}  by {} at {at}",
                somebody(candidate.author.as_ref())
            ))
        }));
        told.extend(ended(self));
        told.extend(choices(self));
        told
    }
}

fn moment(at: Option<&String>) -> String {
    at.map(|at| when(at)).unwrap_or_default()
}

/// Why it was opened.
fn reason(conflict: &Conflict) -> String {
    match (conflict.reason, &conflict.base) {
        (Some("flapping"), _) => {
            "it went back and forth between the platform and another writer".to_owned()
        }
        (_, Some(base)) => {
            format!("both sides had moved since they agreed on {}", said(Some(base)))
        }
        (_, None) => "both sides had moved".to_owned(),
    }
}

/// How it ended, where it did.
fn ended(conflict: &Conflict) -> Vec<String> {
    let Some(ending) = &conflict.ending else { return Vec::new() };
    let how = match ending.take {
        Some(take) => format!("{} decided ({take})", somebody(ending.author.as_ref())),
        None => "nobody had to decide".to_owned(),
    };
    let (at, value) = (moment(ending.time.as_ref()), said(ending.value.as_deref()));
    vec![String::new(), format!("ended {at}: {how}: {value}")]
}

/// What each choice would do, as it is typed.
fn choices(conflict: &Conflict) -> Vec<String> {
    if conflict.choices.is_empty() {
        return Vec::new();
    }
    let choice = |choice: &ConflictChoice| {
        let option = match choice.take? {
            "value" => "--value X".to_owned(),
            side => format!("--take {side}"),
        };
        Some(format!("  {option:15}  {}", choice.effect))
    };
    let head = [String::new(), format!("im conflict resolve {} …", conflict.id)];
    head.into_iter().chain(conflict.choices.iter().filter_map(choice)).collect()
}
