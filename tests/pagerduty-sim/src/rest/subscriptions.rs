//! Owns the calls about webhook subscriptions. The secret shows in the answer that creates one only.

use serde_json::{Value, json};

use super::query::Page;
use super::{Answer, Asked};
use crate::change::patch::text_at;
use crate::incident::Agent;
use crate::minter::Kind;
use crate::refusal::Refusal;
use crate::webhooks::{Filter, Subscription, emit};
use crate::world::World;

/// So many per service, per team and for the account.
const MAX_PER_SCOPE: usize = 10;

/// Every event type that can be subscribed to.
pub(crate) const EVENTS: &[&str] = &[
    "incident.triggered",
    "incident.acknowledged",
    "incident.unacknowledged",
    "incident.escalated",
    "incident.reassigned",
    "incident.delegated",
    "incident.priority_updated",
    "incident.service_updated",
    "incident.incident_type.changed",
    "incident.resolved",
    "incident.reopened",
    "incident.annotated",
    "incident.status_update_published",
    "incident.conference_bridge.updated",
    "incident.custom_field_values.updated",
    "incident.responder.added",
    "incident.responder.replied",
    "incident.role.assigned",
    "incident.task.created",
    "incident.task.updated",
    "incident.task.completed",
    "incident.action_invocation.created",
    "incident.action_invocation.updated",
    "incident.action_invocation.terminated",
    "incident.workflow.started",
    "incident.workflow.completed",
    "service.created",
    "service.updated",
    "service.deleted",
    "service.custom_field_values.updated",
];

pub(super) fn create(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let object = asked.body.get("webhook_subscription").unwrap_or(&Value::Null);
    let mut made = read(world, object)?;
    if world.subscriptions.iter().filter(|it| it.filter == made.filter).count() >= MAX_PER_SCOPE {
        return Err(Refusal::SubscriptionLimit);
    }
    if world.knobs.behaviour.inactive_ignored_on_create {
        made.active = true;
    }
    let shown = json!({ "webhook_subscription": made.shape(true) });
    world.subscriptions.push(made);
    let status = if world.knobs.behaviour.subscription_created_201 { 201 } else { 200 };
    Ok(Answer { status, body: Some(shown) })
}

/// Makes a subscription of what a request says, with a secret of its own.
pub(crate) fn read(world: &mut World, object: &Value) -> Result<Subscription, Refusal> {
    let url = text_at(object, &["delivery_method", "url"]).unwrap_or_default();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Refusal::invalid("Delivery method url is invalid."));
    }
    let filter = read_filter(world, object.get("filter"))?;
    Ok(Subscription {
        events: read_events(object)?,
        headers: read_headers(object)?,
        id: new_id(world),
        method_id: world.minter.short_id(Kind::DeliveryMethod),
        url: url.to_owned(),
        description: text_at(object, &["description"]).map(str::to_owned),
        filter,
        active: object.get("active").and_then(Value::as_bool).unwrap_or(true),
        secrets: vec![world.minter.secret()],
        drops: 0,
        disabled_until: None,
    })
}

/// Reads what a subscription is about, which has to exist.
fn read_filter(world: &World, object: Option<&Value>) -> Result<Filter, Refusal> {
    let filter = object.and_then(Filter::read);
    let filter = filter.ok_or_else(|| Refusal::invalid("Filter is invalid."))?;
    let exists = match &filter {
        Filter::Account => true,
        Filter::Service(id) => world.account.service(id).is_some(),
        Filter::Team(id) => world.account.team(id).is_some(),
    };
    if exists { Ok(filter) } else { Err(Refusal::NotFound) }
}

/// Subscriptions kept over a reset have ids that the fresh sequence would give again.
fn new_id(world: &mut World) -> String {
    loop {
        let id = world.minter.short_id(Kind::Subscription);
        if world.subscriptions.iter().all(|it| it.id != id) {
            return id;
        }
    }
}

fn read_events(object: &Value) -> Result<Vec<String>, Refusal> {
    let list = object.get("events").and_then(Value::as_array);
    let events: Vec<_> =
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if events.is_empty() || events.iter().any(|it| !EVENTS.contains(&it.as_str())) {
        return Err(Refusal::invalid("Events are invalid."));
    }
    Ok(events)
}

fn read_headers(object: &Value) -> Result<Vec<(String, String)>, Refusal> {
    let list = object.pointer("/delivery_method/custom_headers").and_then(Value::as_array);
    let mut headers = Vec::<(String, String)>::new();
    for header in list.into_iter().flatten() {
        let (name, value) = (text_at(header, &["name"]), text_at(header, &["value"]));
        let (Some(name), Some(value)) = (name, value) else {
            return Err(Refusal::invalid("Custom headers are invalid."));
        };
        let sendable = reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && reqwest::header::HeaderValue::from_str(value).is_ok();
        if !sendable || headers.iter().any(|(taken, _)| taken.eq_ignore_ascii_case(name)) {
            return Err(Refusal::invalid("Custom headers are invalid."));
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    Ok(headers)
}

pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let page = Page::read(&asked.query)?;
    let id = || {
        let id = asked.query.get("filter_id").filter(|id| !id.is_empty());
        id.map(str::to_owned).ok_or_else(|| Refusal::invalid("Filter id is required."))
    };
    let wanted = match asked.query.get("filter_type") {
        None => None,
        Some("account") => Some(Filter::Account),
        Some("service") => Some(Filter::Service(id()?)),
        Some("team") => Some(Filter::Team(id()?)),
        Some(_) => return Err(Refusal::invalid("Filter type is invalid.")),
    };
    let matches = |it: &&Subscription| wanted.as_ref().is_none_or(|wanted| it.filter == *wanted);
    let found: Vec<_> = world.subscriptions.iter().filter(matches).collect();
    Ok(Answer::ok(page.cut("webhook_subscriptions", &found, |it| it.shape(false))))
}

pub(super) fn one(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    Ok(shown(find(world, asked.id())?))
}

/// URL, headers and secret cannot be changed.
pub(super) fn update(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let object = asked.body.get("webhook_subscription").unwrap_or(&Value::Null);
    let events = object.get("events").map(|_| read_events(object)).transpose()?;
    let filter = object.get("filter").map(|it| read_filter(world, Some(it))).transpose()?;
    let found = find(world, asked.id())?;
    found.events = events.unwrap_or_else(|| std::mem::take(&mut found.events));
    if let Some(filter) = filter {
        found.filter = filter;
    }
    if let Some(active) = object.get("active").and_then(Value::as_bool) {
        found.active = active;
    }
    if let Some(description) = object.get("description") {
        found.description = description.as_str().map(str::to_owned);
    }
    Ok(shown(found))
}

pub(super) fn delete(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    find(world, asked.id())?;
    world.subscriptions.retain(|it| it.id != asked.id());
    Ok(Answer::empty(204))
}

pub(super) fn enable(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let found = find(world, asked.id())?;
    found.enable();
    Ok(shown(found))
}

pub(super) fn ping(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    find(world, asked.id())?;
    let agent = asked.acts_as.clone().map_or(Agent::Automation, Agent::User);
    let agent = emit::ping_agent(world, &agent);
    emit::ping(world, asked.id(), &agent, asked.now);
    Ok(Answer::empty(202))
}

fn find<'w>(world: &'w mut World, id: &str) -> Result<&'w mut Subscription, Refusal> {
    world.subscriptions.iter_mut().find(|it| it.id == id).ok_or(Refusal::NotFound)
}

fn shown(subscription: &Subscription) -> Answer {
    Answer::ok(json!({ "webhook_subscription": subscription.shape(false) }))
}
