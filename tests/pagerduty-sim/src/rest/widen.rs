//! Owns `include[]` of users, services and policies: a reference becomes the object it stands for.

use serde_json::{Map, Value, json};

use super::on_call;
use crate::account::Service;
use crate::shape::objects;
use crate::shape::reference::Refs;
use crate::world::World;

/// Puts in place of references what they stand for, as far as `include[]` asks for it.
pub(super) fn widened(refs: Refs<'_>, world: &World, whole: Value, include: &[&str]) -> Value {
    let Value::Object(mut members) = whole else { return whole };
    for asked in include {
        match *asked {
            "teams" => each(&mut members, "teams", |id| objects::team(refs, world, id)),
            "services" => each(&mut members, "services", |id| objects::service(refs, world, id)),
            "escalation_policies" => {
                if let Some(policy) = members.get_mut("escalation_policy") {
                    replace(policy, |id| objects::policy(refs, world, id));
                }
            }
            "contact_methods" => {
                let user = members.get("id").and_then(Value::as_str).map(str::to_owned);
                each(&mut members, "contact_methods", |_| {
                    objects::contact_method(refs, world, user.as_deref()?)
                });
            }
            "integrations" => each(&mut members, "integrations", |id| {
                let of = |service: &&Service| service.integration_id == id;
                world.account.services.iter().find(of).map(|it| objects::integration(refs, it))
            }),
            "targets" => targets(refs, world, &mut members),
            _ => {}
        }
    }
    Value::Object(members)
}

/// The people and schedules of a policy's levels.
fn targets(refs: Refs<'_>, world: &World, members: &mut Map<String, Value>) {
    let rules = members.get_mut("escalation_rules").and_then(Value::as_array_mut);
    let targets = rules
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.get_mut("targets").and_then(Value::as_array_mut))
        .flatten();
    for target in targets {
        let of_schedule = target.get("type") == Some(&json!("schedule_reference"));
        replace(target, |id| {
            if of_schedule {
                world.account.schedule(id).map(|it| on_call::shown(world, it))
            } else {
                objects::user(refs, world, id)
            }
        });
    }
}

fn each(members: &mut Map<String, Value>, name: &str, full: impl Fn(&str) -> Option<Value>) {
    for reference in members.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
        replace(reference, &full);
    }
}

fn replace(reference: &mut Value, full: impl Fn(&str) -> Option<Value>) {
    if let Some(whole) = reference.get("id").and_then(Value::as_str).and_then(full) {
        *reference = whole;
    }
}
