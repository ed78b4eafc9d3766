//! Owns the calls about users. A search matches name and email; keys of the account have no `me`.

use serde_json::json;

use super::query::Page;
use super::{Answer, Asked};
use crate::account::User;
use crate::refusal::Refusal;
use crate::shape::objects;
use crate::shape::reference::{Refs, Surface};
use crate::world::World;

pub(super) fn me(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    match &asked.acts_as {
        Some(id) if !asked.account_key => whole(world, id),
        _ => Err(Refusal::NoUser),
    }
}

pub(super) fn one(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    whole(world, asked.id())
}

fn whole(world: &World, id: &str) -> Result<Answer, Refusal> {
    let user = objects::user(Refs::new(world, Surface::Rest), world, id);
    Ok(Answer::ok(json!({ "user": user.ok_or(Refusal::NotFound)? })))
}

pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let page = Page::read(&asked.query)?;
    let wanted = asked.query.get("query").unwrap_or_default().to_lowercase();
    let matches = |user: &&User| {
        user.name.to_lowercase().contains(&wanted) || user.email.to_lowercase().contains(&wanted)
    };
    let users = world.account.users.iter().filter(|user| !user.deleted);
    let found: Vec<&User> = users.filter(matches).collect();
    let refs = Refs::new(world, Surface::Rest);
    Ok(Answer::ok(page.cut("users", &found, |it| objects::user(refs, world, &it.id).into())))
}
