//! Owns the calls about what seldom changes: services, policies, teams, priorities, abilities.

use serde_json::{Value, json};

use super::query::Page;
use super::{Answer, Asked};
use crate::refusal::Refusal;
use crate::shape::objects;
use crate::shape::reference::{Refs, Surface};
use crate::world::World;

/// Writes the full form of one object.
type Write = fn(Refs<'_>, &World, &str) -> Option<Value>;

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
    let found: Vec<_> = items
        .filter(|(_, name)| name.to_lowercase().contains(&wanted))
        .filter(|(_, name)| exact.is_none_or(|exact| exact == *name))
        .collect();
    let refs = Refs::new(world, Surface::Rest);
    Ok(Answer::ok(page.cut(name, &found, |(id, _)| write(refs, world, id).into())))
}

fn whole(
    world: &World,
    asked: &Asked,
    name: &str,
    write: Write,
    missing: Refusal,
) -> Result<Answer, Refusal> {
    let found = write(Refs::new(world, Surface::Rest), world, asked.id());
    Ok(Answer::ok(json!({ name: found.ok_or(missing)? })))
}

pub(super) fn services(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let teams = asked.query.all("team_ids[]");
    let of_team = |it: &&crate::account::Service| {
        teams.is_empty() || it.teams.iter().any(|team| teams.contains(&team.as_str()))
    };
    let items = world.account.services.iter().filter(of_team);
    let items = items.map(|it| (it.id.as_str(), it.name.as_str()));
    page(world, asked, "services", items, objects::service)
}

pub(super) fn service(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    whole(world, asked, "service", objects::service, Refusal::NoSuchService)
}

pub(super) fn policies(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let items = world.account.policies.iter().map(|it| (it.id.as_str(), it.name.as_str()));
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
