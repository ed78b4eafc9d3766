//! What people see of a plan: what it comes to, whom it would notify, and line by line.

use serde::Serialize;
use tandem_proto::json::{Plan, PlanChange, PlanLine, PlanWithLines};

use super::{
    Told,
    rows::{Rows, text, word},
    said,
};

/// A plan with as many of its lines as are to be shown to people.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    #[serde(skip)]
    pub(crate) most: usize,
    #[serde(flatten)]
    pub(crate) whole: PlanWithLines,
}

impl Rows for Plan {
    const COLUMNS: &'static [&'static str] = &["id", "state", "done", "total"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let progress = &self.progress;
        vec![
            ("id", self.id.clone()),
            ("integration", self.integration_handle.clone()),
            ("state", word(self.state)),
            ("total", progress.total.to_string()),
            ("done", progress.done.to_string()),
            ("moved", progress.moved.to_string()),
            ("failed", progress.failed.to_string()),
            ("notifications", self.paging.notifications.to_string()),
            ("problem", text(self.problem.as_ref())),
            ("made_by", self.actor.clone()),
            ("read", text(self.read_time.as_ref())),
            ("begun", text(self.apply_time.as_ref())),
            ("finished", text(self.finish_time.as_ref())),
        ]
    }
}

impl Told for Shown {
    fn told(&self) -> Vec<String> {
        let PlanWithLines { plan, lines } = &self.whole;
        let mut told = vec![format!(
            "{} of {}, {}: both sides as they were at {}",
            plan.id,
            plan.integration_handle,
            word(plan.state),
            text(plan.read_time.as_ref())
        )];
        told.extend(plan.problem.iter().cloned());
        if !plan.complete {
            told.push("not all: the account lets nobody list more open records".to_owned());
        }
        told.push(String::new());
        told.extend(counts(plan));
        told.push(String::new());
        told.extend(paging(plan));
        told.extend(partners(plan));
        told.extend(section(
            "left as it is",
            plan.left_out.iter().map(|left| format!("{:>6}  {}", left.count, left.reason)),
        ));
        let shown = lines.iter().take(self.most).flat_map(line);
        told.extend(section("lines", shown));
        let more = lines.len().saturating_sub(self.most);
        if more > 0 {
            told.push(format!("        and {more} more: --lines {}", lines.len()));
        }
        told
    }
}

fn counts(plan: &Plan) -> Vec<String> {
    let progress = &plan.progress;
    let mut counts = vec![
        (plan.links, "link an incident and the record that belongs to it"),
        (plan.updates, "update a linked pair that differs"),
        (plan.creates_here, "create an incident for a record"),
        (plan.creates_there, "create a record for an incident"),
        (plan.in_step, "linked already and the same"),
    ];
    let rare = [
        (plan.under_way, "being brought into step anyhow"),
        (plan.conflicts, "fields for somebody to decide about"),
        (progress.done, "lines done"),
        (progress.moved, "lines left alone, since a side had moved"),
        (progress.failed, "lines that failed"),
    ];
    counts.extend(rare.into_iter().filter(|(count, _)| *count > 0));
    counts.into_iter().map(|(count, what)| format!("{count:>6}  {what}")).collect()
}

fn paging(plan: &Plan) -> Vec<String> {
    let paging = &plan.paging;
    if paging.notifications == 0 {
        return vec!["nobody would be paged".to_owned()];
    }
    let people = paging.people.len();
    let whom = if people == 1 { "person" } else { "people" };
    let mut told = vec![format!(
        "{people} {whom} would be paged, by {} notifications; an estimate, without escalations",
        paging.notifications
    )];
    told.extend(
        paging.people.iter().map(|person| {
            format!("{:>6}  {} ({})", person.notifications, person.name, person.user)
        }),
    );
    if paging.unknown > 0 {
        let reason = text(paging.reason.as_ref());
        told.push(format!("{:>6}  nobody knows whom: {reason}", paging.unknown));
    }
    told
}

fn partners(plan: &Plan) -> Vec<String> {
    let one = |lone: &tandem_proto::json::WithoutPartner| {
        let name = match lone.name.as_str() {
            "" => "(none)",
            name => name,
        };
        let id = lone.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        format!("{:>6}  {} {name}{id}", lone.count, word(lone.kind))
    };
    section("without a partner", plan.without_partner.iter().map(one))
}

fn section(name: &str, lines: impl Iterator<Item = String>) -> Vec<String> {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    [String::new(), format!("{name}:")].into_iter().chain(lines).collect()
}

/// A line, and below it what would change.
fn line(line: &PlanLine) -> Vec<String> {
    let record = match (&line.record, line.number) {
        (Some(record), Some(number)) => format!(" {record} (#{number})"),
        (Some(record), None) => format!(" {record}"),
        (None, _) => String::new(),
    };
    let incident = line.incident.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
    let service = line.service.as_ref().map(|id| format!(" in {id}")).unwrap_or_default();
    let became = match (line.state, &line.reason) {
        (Some("planned") | None, _) => String::new(),
        (Some(state), None) => format!(": {state}"),
        (Some(state), Some(reason)) => format!(": {state}, {reason}"),
    };
    let title = said(Some(&line.title));
    let head = format!(
        "{:>6}  {}{record}{incident}{service} {title}{became}",
        line.position,
        word(line.kind)
    );
    let creates = matches!(line.kind, Some("create-here" | "create-there"));
    let changes = line.changes.iter().filter(|_| !creates).map(change);
    let conflicts =
        line.conflicts.iter().map(|field| format!("          {field}: somebody has to decide"));
    [head].into_iter().chain(changes).chain(conflicts).collect()
}

fn change(change: &PlanChange) -> String {
    let side = match change.side {
        Some("platform") => "here",
        _ => "there",
    };
    let (before, after) = (said(change.before.as_deref()), said(change.after.as_deref()));
    format!("          {side} {}: {before} → {after}", change.field)
}
