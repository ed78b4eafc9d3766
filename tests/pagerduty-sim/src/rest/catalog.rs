//! Owns the calls about what seldom changes: services, policies, teams, priorities, abilities.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::query::Page;
use super::{Answer, Asked, widen};
use crate::account::{Policy, Target};
use crate::refusal::Refusal;
use crate::shape::objects;
use crate::shape::reference::{Refs, Surface};
use crate::world::World;

/// Writes the full form of one object.
type Write = fn(Refs<'_>, &World, &str) -> Option<Value>;

/// Whether something of these teams is asked for.
fn of_teams(asked: &Asked, teams: &[String]) -> bool {
    let wanted = asked.query.all("team_ids[]");
    wanted.is_empty() || teams.iter().any(|team| wanted.contains(&team.as_str()))
}

fn page<'w>(
    world: &'w World,
    asked: &Asked,
    name: &str,
    items: impl Iterator<Item = (&'w str, &'w str)>,
    write: Write,
) -> Result<Answer, Refusal> {
    let page = Page::read(&asked.query)?;
    let wanted = asked.query.get("query").unwrap_or_default().to_lowercase();
    let exact = asked.query.get("name");
    let mut found: Vec<_> = items
        .filter(|(_, name)| name.to_lowercase().contains(&wanted))
        .filter(|(_, name)| exact.is_none_or(|exact| exact == *name))
        .collect();
    match asked.query.get("sort_by") {
        None => {}
        Some("name" | "name:asc") => found.sort_by_key(|(_, name)| name.to_lowercase()),
        Some("name:desc") => found.sort_by_key(|(_, name)| Reverse(name.to_lowercase())),
        Some(_) => return Err(Refusal::invalid("Unknown sort key.")),
    }
    let refs = Refs::new(world, Surface::Rest);
    let include = asked.query.include();
    Ok(Answer::ok(page.cut(name, &found, |(id, _)| {
        write(refs, world, id).map(|whole| widen::widened(refs, world, whole, &include)).into()
    })))
}

fn whole(
    world: &World,
    asked: &Asked,
    name: &str,
    write: Write,
    missing: Refusal,
) -> Result<Answer, Refusal> {
    let refs = Refs::new(world, Surface::Rest);
    let found = write(refs, world, asked.id()).ok_or(missing)?;
    let whole = widen::widened(refs, world, found, &asked.query.include());
    Ok(Answer::ok(json!({ name: whole })))
}

pub(super) fn services(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let items = world.account.services.iter().filter(|it| of_teams(asked, &it.teams));
    let items = items.map(|it| (it.id.as_str(), it.name.as_str()));
    page(world, asked, "services", items, objects::service)
}

pub(super) fn service(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    whole(world, asked, "service", objects::service, Refusal::NoSuchService)
}

pub(super) fn policies(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let users = asked.query.all("user_ids[]");
    let names_user = |policy: &Policy| {
        let mut targets = policy.levels.iter().flat_map(|level| &level.targets);
        users.is_empty()
            || targets.any(|it| matches!(it, Target::User(id) if users.contains(&id.as_str())))
    };
    let policies = world.account.policies.iter();
    let found = policies.filter(|it| of_teams(asked, &it.teams) && names_user(it));
    let items = found.map(|it| (it.id.as_str(), it.name.as_str()));
    page(world, asked, "escalation_policies", items, objects::policy)
}

pub(super) fn policy(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    whole(world, asked, "escalation_policy", objects::policy, Refusal::NoSuchPolicy)
}

pub(super) fn teams(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let items = world.account.teams.iter().map(|it| (it.id.as_str(), it.name.as_str()));
    page(world, asked, "teams", items, objects::team)
}

pub(super) fn team(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    whole(world, asked, "team", objects::team, Refusal::NoSuchTeam)
}

/// From most to least severe; an account without the feature has no priorities and answers 402.
pub(super) fn priorities(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    if world.account.priorities.is_empty() {
        return Err(Refusal::MissingAbility);
    }
    let items = world.account.priorities.iter().map(|it| (it.id.as_str(), it.name.as_str()));
    page(world, asked, "priorities", items, objects::priority)
}

#[expect(clippy::unnecessary_wraps, reason = "a handler has this type")]
pub(super) fn abilities(world: &mut World, _: &Asked) -> Result<Answer, Refusal> {
    Ok(Answer::ok(json!({ "abilities": world.account.abilities })))
}

pub(super) fn ability(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    if world.account.abilities.contains(asked.id()) {
        Ok(Answer::empty(204))
    } else {
        Err(Refusal::MissingAbility)
    }
}
