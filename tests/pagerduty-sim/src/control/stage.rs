//! Owns the setting of the stage: start over, subscribe with a known secret, rotate it, take people
//! and services out of play, revoke keys.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{refused, shown};
use crate::account::ServiceState;
use crate::clock;
use crate::incident::{Actor, Agent};
use crate::minter::Minter;
use crate::options::Grant;
use crate::rest::subscriptions;
use crate::shared::Shared;
use crate::webhooks::emit;
use crate::world::World;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Reset {
    keep_subscriptions: bool,
    /// Another seed than that of the start, so that ids are not repeated.
    seed: Option<u64>,
}

/// Starts over, as if just started.
pub(super) async fn reset(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let asked = if body.is_empty() { Ok(Reset::default()) } else { serde_json::from_slice(&body) };
    let Ok(Reset { keep_subscriptions, seed }) = asked else {
        return refused(StatusCode::BAD_REQUEST, "the body is not understood");
    };
    let mut world = shared.lock();
    shared.lanes().reset();
    let mut fresh = World::new(Arc::clone(&shared.options));
    if let Some(seed) = seed {
        fresh.minter = Minter::new(seed);
    }
    if keep_subscriptions {
        fresh.subscriptions = std::mem::take(&mut world.subscriptions);
        fresh.subscriptions.iter_mut().for_each(crate::webhooks::Subscription::enable);
    }
    *world = fresh;
    shared.changed.notify_one();
    shown(StatusCode::OK, &json!({ "reset": true }))
}

/// Subscriptions with what only the simulator knows: secrets and drops.
pub(super) async fn subscriptions(State(shared): State<Arc<Shared>>) -> Response {
    let list = shared.peek(|world| {
        let full = |it: &crate::webhooks::Subscription| {
            json!({ "subscription": it.shape(true), "secrets": it.secrets, "drops": it.drops })
        };
        world.subscriptions.iter().map(full).collect::<Vec<_>>()
    });
    shown(StatusCode::OK, &json!({ "subscriptions": list }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscribe {
    url: String,
    secret: Option<String>,
    filter: Option<Value>,
    events: Option<Vec<String>>,
    #[serde(default)]
    custom_headers: Vec<Value>,
}

/// Subscribes, by default to everything of the account, with a secret of the caller's choice.
pub(super) async fn subscribe(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let asked = match serde_json::from_slice::<Subscribe>(&body) {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let object = json!({
        "type": "webhook_subscription",
        "delivery_method": {
            "type": "http_delivery_method",
            "url": asked.url,
            "custom_headers": asked.custom_headers,
        },
        "events": asked.events.map_or_else(|| json!(subscriptions::EVENTS), |it| json!(it)),
        "filter": asked.filter.unwrap_or_else(|| json!({ "type": "account_reference" })),
    });
    let made = shared.with(|world| {
        let mut made = subscriptions::read(world, &object)?;
        if let Some(secret) = asked.secret {
            made.secrets = vec![secret];
        }
        let out = made.shape(true);
        world.subscriptions.push(made);
        Ok::<_, crate::refusal::Refusal>(out)
    });
    match made {
        Ok(out) => shown(StatusCode::OK, &json!({ "webhook_subscription": out })),
        Err(refusal) => shown(StatusCode::BAD_REQUEST, &refusal.body()),
    }
}

/// Adds a secret: from now on each webhook carries a signature of each.
pub(super) async fn rotate(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let secret = shared.with(|world| {
        let secret = world.minter.secret();
        let found = world.subscriptions.iter_mut().find(|it| it.id == id)?;
        found.secrets.insert(0, secret.clone());
        Some(secret)
    });
    match secret {
        Some(secret) => shown(StatusCode::OK, &json!({ "secret": secret })),
        None => refused(StatusCode::NOT_FOUND, "no such subscription"),
    }
}

/// Forgets all secrets but the newest.
pub(super) async fn retire(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let left = shared.with(|world| {
        let found = world.subscriptions.iter_mut().find(|it| it.id == id)?;
        found.secrets.truncate(1);
        Some(found.secrets.len())
    });
    match left {
        Some(left) => shown(StatusCode::OK, &json!({ "secrets": left })),
        None => refused(StatusCode::NOT_FOUND, "no such subscription"),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserChange {
    deleted: Option<bool>,
    read_only: Option<bool>,
    name: Option<String>,
    email: Option<String>,
}

/// Deletes, restores, renames a user, or takes and gives the right to change anything.
pub(super) async fn user(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(asked) = serde_json::from_slice::<UserChange>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "the body is not understood");
    };
    let done = shared.with(|world| {
        let user = world.account.users.iter_mut().find(|it| it.id == id)?;
        user.deleted = asked.deleted.unwrap_or(user.deleted);
        user.read_only = asked.read_only.unwrap_or(user.read_only);
        user.name = asked.name.unwrap_or_else(|| std::mem::take(&mut user.name));
        user.email = asked.email.unwrap_or_else(|| std::mem::take(&mut user.email));
        Some(json!({ "id": user.id, "name": user.name, "deleted": user.deleted }))
    });
    match done {
        Some(user) => shown(StatusCode::OK, &json!({ "user": user })),
        None => refused(StatusCode::NOT_FOUND, "no such user"),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceChange {
    state: Option<ServiceState>,
    name: Option<String>,
    /// 0 is none.
    acknowledgement_timeout_s: Option<u64>,
    /// 0 is none.
    auto_resolve_timeout_s: Option<u64>,
    /// The event told, `service.updated` unless said otherwise.
    event: Option<ServiceEvent>,
}

/// What can be told about a service.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum ServiceEvent {
    #[serde(rename = "service.created")]
    Created,
    #[default]
    #[serde(rename = "service.updated")]
    Updated,
    #[serde(rename = "service.deleted")]
    Deleted,
    #[serde(rename = "service.custom_field_values.updated")]
    Fields,
}

fn tell(world: &mut World, id: &str, event: ServiceEvent) -> Option<()> {
    let nobody = Actor { agent: Agent::Automation, channel: "auto", client: None };
    let (data, now) = (crate::shape::webhook::service(world, id)?, clock::now());
    let mut emit = |name: &str| emit::service(world, id, name, &nobody, now, &data);
    match event {
        ServiceEvent::Created => emit("service.created"),
        ServiceEvent::Updated => emit("service.updated"),
        ServiceEvent::Deleted => emit("service.deleted"),
        ServiceEvent::Fields => {
            let data = crate::shape::webhook::service_fields(world, id);
            let name = "service.custom_field_values.updated";
            emit::service(world, id, name, &nobody, now, &data);
        }
    }
    Some(())
}

/// Changes a service and tells subscribers.
pub(super) async fn service(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(asked) = serde_json::from_slice::<ServiceChange>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "the body is not understood");
    };
    let some = |seconds: u64| (seconds > 0).then_some(seconds);
    let done = shared.with(|world| {
        let service = world.account.services.iter_mut().find(|it| it.id == id)?;
        service.state = asked.state.unwrap_or(service.state);
        service.name = asked.name.unwrap_or_else(|| std::mem::take(&mut service.name));
        if let Some(seconds) = asked.acknowledgement_timeout_s {
            service.acknowledgement_timeout_s = some(seconds);
        }
        if let Some(seconds) = asked.auto_resolve_timeout_s {
            service.auto_resolve_timeout_s = some(seconds);
        }
        let out = json!({ "id": service.id, "name": service.name, "state": service.state });
        tell(world, &id, asked.event.unwrap_or_default())?;
        Some(out)
    });
    match done {
        Some(service) => shown(StatusCode::OK, &json!({ "service": service })),
        None => refused(StatusCode::NOT_FOUND, "no such service"),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenChange {
    revoked: bool,
}

/// Revokes or restores all keys of one kind: `user`, `account` or `read_only`.
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    Path(grant): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(asked) = serde_json::from_slice::<TokenChange>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "the body is not understood");
    };
    let word = |grant: &Grant| match grant {
        Grant::User(_) => "user",
        Grant::Account => "account",
        Grant::ReadOnly => "read_only",
    };
    let tokens = shared.options.tokens.iter().filter(|it| word(&it.grant) == grant);
    let tokens: Vec<_> = tokens.map(|it| it.token.clone()).collect();
    shared.with(|world| {
        for token in &tokens {
            if asked.revoked {
                world.revoked_tokens.insert(token.clone());
            } else {
                world.revoked_tokens.remove(token);
            }
        }
    });
    shown(StatusCode::OK, &json!({ "changed": tokens.len() }))
}
