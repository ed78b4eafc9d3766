//! Owns the turning of knobs while the simulator runs.
//!
//! Whatever section a request names is merged into what is set: members it does not name stay, and the
//! list of REST faults is replaced as a whole.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{refused, shown};
use crate::knobs::Knobs;
use crate::shared::Shared;

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Response {
    let knobs = shared.peek(|world| json!(world.knobs));
    shown(StatusCode::OK, &knobs)
}

pub(super) async fn turn(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(patch) = serde_json::from_slice::<Value>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "the body is not JSON");
    };
    match shared.with(|world| merged(&world.knobs, &patch).map(|knobs| world.knobs = knobs)) {
        Ok(()) => show(State(shared)).await,
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

pub(super) async fn restore(State(shared): State<Arc<Shared>>) -> Response {
    shared.with(|world| world.knobs = shared.options.knobs.clone());
    show(State(shared)).await
}

/// Lays a patch over knobs; a member that does not exist is refused.
pub(crate) fn merged(knobs: &Knobs, patch: &Value) -> Result<Knobs, serde_json::Error> {
    let mut whole = serde_json::to_value(knobs)?;
    lay(&mut whole, patch);
    serde_json::from_value(whole)
}

fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                lay(under.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_keeps_what_it_does_not_name() {
        let first = merged(&Knobs::default(), &json!({ "webhooks": { "duplicate": 2 } })).unwrap();
        let second = merged(&first, &json!({ "webhooks": { "drop": true } })).unwrap();
        assert_eq!((second.webhooks.duplicate, second.webhooks.drop), (2, true));
    }

    #[test]
    fn a_knob_that_does_not_exist_is_refused() {
        assert!(merged(&Knobs::default(), &json!({ "webhooks": { "duplicates": 2 } })).is_err());
        let unknown = json!({ "rest": [{ "effect": { "kind": "explode" } }] });
        assert!(merged(&Knobs::default(), &unknown).is_err());
    }
}
