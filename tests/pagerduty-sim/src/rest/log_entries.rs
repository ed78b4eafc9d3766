//! Owns the calls about log entries: of one incident, of the account, one by id; newest first.

use std::sync::Arc;

use serde_json::json;

use super::incidents::Reader;
use super::query::Page;
use super::{Answer, Asked};
use crate::incident::LogEntry;
use crate::refusal::Refusal;
use crate::shape::log;
use crate::world::World;

/// What `is_overview` leaves: the turns of an incident's life.
const OVERVIEW: &[&str] =
    &["trigger", "acknowledge", "unacknowledge", "assign", "escalate", "resolve", "annotate"];

pub(super) fn of_incident(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let incident = asked.incident(world)?;
    let entries = incident.log.iter().rev().filter_map(|position| world.log.get(*position));
    page(world, asked, entries)
}

pub(super) fn of_account(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    page(world, asked, world.log.iter().rev())
}

pub(super) fn one(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let entry = world.log.iter().find(|entry| entry.id == asked.id());
    let entry = entry.ok_or(Refusal::NoSuchLogEntry)?;
    Ok(Answer::ok(json!({ "log_entry": log::entry(world, entry, &asked.query.include()) })))
}

fn page<'w>(
    world: &'w World,
    asked: &Asked,
    entries: impl Iterator<Item = &'w Arc<LogEntry>>,
) -> Result<Answer, Refusal> {
    let page = Page::read(&asked.query)?;
    let reader = Reader::new(world, &asked.query)?;
    let (since, until) = (reader.read("since")?, reader.read("until")?);
    let teams = asked.query.all("team_ids[]");
    let of_teams = |incident: &str| {
        let of = world.incidents.get(incident).map_or(&[][..], |incident| &incident.teams);
        teams.is_empty() || of.iter().any(|id| teams.contains(&id.as_str()))
    };
    let overview = asked.query.flag("is_overview");
    let found: Vec<_> = entries
        .filter(|it| asked.view.shows(it.at))
        .filter(|it| since.is_none_or(|since| it.at >= since))
        .filter(|it| until.is_none_or(|until| it.at < until))
        .filter(|it| !overview || OVERVIEW.contains(&it.kind.as_ref()))
        .filter(|it| of_teams(&it.incident))
        .collect();
    let include = asked.query.include();
    Ok(Answer::ok(page.cut("log_entries", &found, |it| log::entry(world, it, &include))))
}
