//! Owns the calls about who is on call: `/oncalls` and schedules.
//!
//! A turn is an interval of the schedule's rotation; a person directly in a policy has no schedule,
//! no start and no end.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::incidents::{Reader, bad_range};
use super::query::Page;
use super::{Answer, Asked};
use crate::account::{Schedule, Shift, Target};
use crate::clock;
use crate::refusal::Refusal;
use crate::shape::objects;
use crate::shape::reference::{Refs, Surface};
use crate::world::World;

const MAX_AHEAD_H: i64 = 90 * 24;
const TWO_WEEKS_H: i64 = 14 * 24;

fn plus(at: Timestamp, hours: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(hours)).unwrap_or(at)
}

pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let reader = Reader::new(world, &asked.query)?;
    let since = reader.read("since")?.unwrap_or(asked.now);
    let until = reader.read("until")?.unwrap_or_else(|| since.max(asked.now));
    if until < since || until > plus(asked.now, MAX_AHEAD_H) {
        return Err(bad_range());
    }
    let page = Page::read(&asked.query)?;
    let turns = turns(world, asked, (since, until));
    let include = asked.query.include();
    let refs = Refs::new(world, Surface::Rest);
    Ok(Answer::ok(page.cut("oncalls", &turns, |(policy, level, schedule, user, shift)| {
        let mut out = Map::new();
        out.insert(
            "user".to_owned(),
            full_if(&include, "users", refs.user(user), || objects::user(refs, world, user)),
        );
        out.insert(
            "schedule".to_owned(),
            match *schedule {
                "null" => Value::Null,
                id => full_if(&include, "schedules", refs.schedule(id), || {
                    world.account.schedule(id).map(|it| shown(world, it))
                }),
            },
        );
        let policy_ref = refs.policy(policy);
        out.insert(
            "escalation_policy".to_owned(),
            full_if(&include, "escalation_policies", policy_ref, || {
                objects::policy(refs, world, policy)
            }),
        );
        out.insert("escalation_level".to_owned(), json!(level));
        let shift = shift.as_ref();
        out.insert("start".to_owned(), json!(shift.map(|it| clock::seconds(it.start))));
        out.insert("end".to_owned(), json!(shift.map(|it| clock::seconds(it.end))));
        Value::Object(out)
    })))
}

/// A turn: policy, level, schedule (or `null`), person, and from when to when.
type Turn<'w> = (&'w str, u32, &'w str, String, Option<Shift>);

/// Every turn in a span that was asked for.
fn turns<'w>(
    world: &'w World,
    asked: &Asked,
    (since, until): (Timestamp, Timestamp),
) -> Vec<Turn<'w>> {
    let wanted = |name: &str, id: &str| {
        let ids = asked.query.all(name);
        ids.is_empty() || ids.contains(&id)
    };
    let earliest = asked.query.flag("earliest");
    let mut turns = Vec::new();
    for policy in &world.account.policies {
        for (level, rule) in (1_u32..).zip(&policy.levels) {
            for target in &rule.targets {
                let (schedule, shifts) = match target {
                    Target::User(user) => ("null", vec![(user.clone(), None)]),
                    Target::Schedule(id) => (id.as_str(), scheduled(world, id, since, until)),
                };
                let shifts = shifts.into_iter().take(if earliest { 1 } else { usize::MAX });
                for (user, shift) in shifts {
                    if wanted("user_ids[]", &user)
                        && wanted("escalation_policy_ids[]", &policy.id)
                        && wanted("schedule_ids[]", schedule)
                    {
                        turns.push((policy.id.as_str(), level, schedule, user, shift));
                    }
                }
            }
        }
    }
    turns
}

fn full_if(
    include: &[&str],
    name: &str,
    reference: Value,
    full: impl FnOnce() -> Option<Value>,
) -> Value {
    if include.contains(&name) { full().unwrap_or(reference) } else { reference }
}

fn scheduled(
    world: &World,
    id: &str,
    since: Timestamp,
    until: Timestamp,
) -> Vec<(String, Option<Shift>)> {
    let shifts = world.account.schedule(id).map(|it| shifts(it, since, until)).unwrap_or_default();
    shifts.into_iter().map(|shift| (shift.user.clone(), Some(shift))).collect()
}

/// All turns that touch a span.
fn shifts(schedule: &Schedule, since: Timestamp, until: Timestamp) -> Vec<Shift> {
    let mut out = Vec::new();
    let mut at = since;
    while let Some(shift) = schedule.shift_at(at) {
        at = shift.end;
        out.push(shift);
        if at >= until {
            break;
        }
    }
    out
}

pub(super) fn schedules(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let page = Page::read(&asked.query)?;
    let wanted = asked.query.get("query").unwrap_or_default().to_lowercase();
    let all = world.account.schedules.iter();
    let found: Vec<_> = all.filter(|it| it.name.to_lowercase().contains(&wanted)).collect();
    Ok(Answer::ok(page.cut("schedules", &found, |it| shown(world, it))))
}

pub(super) fn schedule(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let schedule = world.account.schedule(asked.id()).ok_or(Refusal::NoSuchSchedule)?;
    let mut out = shown(world, schedule);
    let entries = match span(world, asked)? {
        Some((since, until)) => {
            let overflow = asked.query.flag("overflow");
            let refs = Refs::new(world, Surface::Rest);
            let entry = |shift: Shift| {
                let start = if overflow { shift.start } else { shift.start.max(since) };
                let end = if overflow { shift.end } else { shift.end.min(until) };
                let (start, end) = (clock::seconds(start), clock::seconds(end));
                json!({ "start": start, "end": end, "user": refs.user(&shift.user) })
            };
            shifts(schedule, since, until).into_iter().map(entry).collect()
        }
        // Entries are rendered only for a span that was asked for.
        None => Vec::new(),
    };
    if let Some(members) = out.as_object_mut() {
        let rendered = json!({ "name": "Final Schedule", "rendered_schedule_entries": entries });
        members.insert("final_schedule".to_owned(), rendered);
    }
    Ok(Answer::ok(json!({ "schedule": out })))
}

/// The span asked for; where one end is missing it is two weeks from the other.
fn span(world: &World, asked: &Asked) -> Result<Option<(Timestamp, Timestamp)>, Refusal> {
    let reader = Reader::new(world, &asked.query)?;
    Ok(match (reader.read("since")?, reader.read("until")?) {
        (None, None) => None,
        (Some(since), None) => Some((since, plus(since, TWO_WEEKS_H))),
        (None, Some(until)) => Some((plus(until, -TWO_WEEKS_H), until)),
        (Some(since), Some(until)) => Some((since, until)),
    })
}

pub(super) fn people(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let schedule = world.account.schedule(asked.id()).ok_or(Refusal::NoSuchSchedule)?;
    let in_span: Option<Vec<_>> = span(world, asked)?.map(|(since, until)| {
        shifts(schedule, since, until).into_iter().map(|it| it.user).collect()
    });
    let on = |id: &&String| in_span.as_ref().is_none_or(|users| users.contains(id));
    let refs = Refs::new(world, Surface::Rest);
    let users = schedule.users.iter().filter(on);
    let users: Vec<_> = users.filter_map(|id| objects::user(refs, world, id)).collect();
    Ok(Answer::ok(json!({ "users": users })))
}

/// A schedule without its entries.
pub(super) fn shown(world: &World, schedule: &Schedule) -> Value {
    let refs = Refs::new(world, Surface::Rest);
    let policies = world.account.policies.iter().filter(|policy| {
        let mut targets = policy.levels.iter().flat_map(|level| &level.targets);
        targets.any(|it| matches!(it, Target::Schedule(id) if *id == schedule.id))
    });
    let users: Vec<_> = schedule.users.iter().map(|id| refs.user(id)).collect();
    let members: Vec<_> = users.iter().map(|user| json!({ "user": user })).collect();
    let mut out = refs.schedule(&schedule.id);
    if let Some(own) = out.as_object_mut() {
        own.insert("type".to_owned(), json!("schedule"));
        own.insert("name".to_owned(), json!(schedule.name));
        own.insert("time_zone".to_owned(), json!(world.knobs.behaviour.account_time_zone));
        own.insert("description".to_owned(), Value::Null);
        own.insert("users".to_owned(), json!(users));
        own.insert("teams".to_owned(), json!([]));
        let policies: Vec<_> = policies.map(|policy| refs.policy(&policy.id)).collect();
        own.insert("escalation_policies".to_owned(), json!(policies));
        let layers = json!([{
            "id": "PLAYER1",
            "name": "Layer 1",
            "rotation_turn_length_seconds": schedule.shift_s,
            "users": members,
            "restrictions": [],
        }]);
        own.insert("schedule_layers".to_owned(), layers);
        let none = json!({ "name": "Overrides", "rendered_schedule_entries": [] });
        own.insert("overrides_subschedule".to_owned(), none);
    }
    out
}
