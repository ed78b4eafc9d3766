//! Owns the setting of what the account's plan includes: abilities, priorities, and how many users.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{refused, shown};
use crate::account::{Account, User};
use crate::shared::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Abilities {
    abilities: BTreeSet<String>,
}

/// Sets what the account's plan can do.
pub(super) async fn abilities(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<Abilities>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "the body is not understood");
    };
    shared.with(|world| world.account.abilities.clone_from(&asked.abilities));
    shown(StatusCode::OK, &json!({ "abilities": asked.abilities }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Priorities {
    priorities: BTreeSet<String>,
}

/// Sets which of the priorities the account has; without any it does not have the feature.
pub(super) async fn priorities(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<Priorities>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "the body is not understood");
    };
    let mut known = Account::northwind().priorities;
    known.retain(|it| asked.priorities.contains(&it.name));
    let names: Vec<_> = known.iter().map(|it| it.name.clone()).collect();
    if names.len() < asked.priorities.len() {
        return refused(StatusCode::BAD_REQUEST, "priorities are P1 to P5");
    }
    shared.with(|world| world.account.priorities = known);
    shown(StatusCode::OK, &json!({ "priorities": names }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Crowd {
    count: usize,
}

/// Has so many more users join the account, so that lists of them have pages.
pub(super) async fn users(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<Crowd>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "the body is not understood");
    };
    let user = |serial: usize| User {
        id: format!("PU{serial:05}"),
        name: format!("User {serial:05}"),
        email: format!("user{serial:05}@example.com"),
        role: "limited_user".to_owned(),
        deleted: false,
        read_only: false,
        teams: Vec::new(),
    };
    let total = shared.with(|world| {
        let users = &mut world.account.users;
        let first = users.len();
        users.extend((first..first.saturating_add(asked.count)).map(user));
        users.len()
    });
    shown(StatusCode::OK, &json!({ "users": total }))
}
