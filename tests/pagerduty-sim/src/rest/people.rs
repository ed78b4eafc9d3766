//! Owns the calls about users. A search matches name and email; keys of the account have no `me`.

use serde_json::json;

use super::query::Page;
use super::{Answer, Asked, widen};
use crate::account::User;
use crate::refusal::Refusal;
use crate::shape::objects;
use crate::shape::reference::{Refs, Surface};
use crate::world::World;

pub(super) fn me(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    match &asked.acts_as {
        Some(id) if !asked.account_key => whole(world, asked, id),
        _ => Err(Refusal::NoUser),
    }
}

pub(super) fn one(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    whole(world, asked, asked.id())
}

fn whole(world: &World, asked: &Asked, id: &str) -> Result<Answer, Refusal> {
    let refs = Refs::new(world, Surface::Rest);
    let user = objects::user(refs, world, id).ok_or(Refusal::NotFound)?;
    Ok(Answer::ok(json!({ "user": widen::widened(refs, world, user, &asked.query.include()) })))
}

pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let page = Page::read(&asked.query)?;
    let wanted = asked.query.get("query").unwrap_or_default().to_lowercase();
    let matches = |user: &&User| {
        user.name.to_lowercase().contains(&wanted) || user.email.to_lowercase().contains(&wanted)
    };
    let teams = asked.query.all("team_ids[]");
    let of_team =
        |user: &&User| teams.is_empty() || user.teams.iter().any(|it| teams.contains(&it.as_str()));
    let users = world.account.users.iter().filter(|user| !user.deleted);
    let found: Vec<&User> = users.filter(matches).filter(of_team).collect();
    let refs = Refs::new(world, Surface::Rest);
    let include = asked.query.include();
    Ok(Answer::ok(page.cut("users", &found, |it| {
        let user = objects::user(refs, world, &it.id);
        user.map(|user| widen::widened(refs, world, user, &include)).into()
    })))
}
