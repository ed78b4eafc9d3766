//! `POST /api/v1/webhooks/{integration}/test`: what would become of a delivery. Changes nothing.
//!
//! Without a signature it is a self-check: each secret we hold signs a sample and verifies it. With
//! one, the delivery is judged, and what its event would do is told to whoever could sign it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
    http::HeaderMap,
};
use serde_json::{Value, json};
use tandem_connectors::inbound::Arrival;
use tandem_domain::{event::Observation, id::RecordId};
use tandem_runtime::clock;

use crate::{
    body,
    door::{Addressee, BODY_MAX, BODY_WITHIN, Door},
    receive,
    rejection::Rejection,
};

/// The test's answer: a report, or why there is nothing to report on.
pub(crate) async fn test(
    State(door): State<Arc<Door>>,
    Path(integration): Path<String>,
    request: Request,
) -> Result<Json<Value>, Rejection> {
    door.count(request.extensions())?;
    let _slot = door.slot(request.body())?;
    let (head, body) = request.into_parts();
    let body = body::read(body, BODY_MAX, BODY_WITHIN).await?;
    let to = door.addressee(&integration)?;
    let report = if to.inbound.is_signed(&head.headers) {
        judge(&to, &head.headers, &body, door.loaded())
    } else {
        self_check(&to)
    };
    Ok(Json(report))
}

fn self_check(to: &Addressee) -> Value {
    let mut opened = to.opened.secrets.iter();
    let secrets: Vec<_> = to
        .opened
        .opens
        .iter()
        .enumerate()
        .map(|(index, opens)| {
            let secret = if *opens { opened.next() } else { None };
            let status = secret.map_or("does not open", |secret| {
                let sample = to.inbound.sample(secret);
                let held = std::slice::from_ref(secret);
                let verified = to.inbound.verify(&sample.headers, sample.body, held);
                if verified.is_ok() { "ok" } else { "does not verify" }
            });
            json!({"secret": index + 1, "status": status})
        })
        .collect();
    let ok = !secrets.is_empty() && secrets.iter().all(|secret| secret["status"] == "ok");
    json!({
        "integration": to.snapshot.integration.id,
        "enabled": to.snapshot.integration.enabled,
        "version": to.snapshot.integration.version,
        "ok": ok,
        "secrets": secrets,
    })
}

fn judge(to: &Addressee, headers: &HeaderMap, body: &[u8], loaded: bool) -> Value {
    let integration = &to.snapshot.integration;
    let mut report = json!({
        "integration": integration.id,
        "enabled": integration.enabled,
        "version": integration.version,
        "ok": false,
        "verified": false,
    });
    let told = match receive::verify(to, headers, body, loaded) {
        Err(rejection) => json!({"code": rejection.code(), "problem": rejection.to_string()}),
        Ok(verified) => {
            let arrival = Arrival { integration: integration.id, at: clock::now() };
            let secret = verified.secret() + 1;
            match to.inbound.decode(&verified, headers, arrival) {
                Err(error) => {
                    json!({"verified": true, "secret": secret, "problem": error.to_string()})
                }
                Ok(observations) => {
                    let known = |it: &Observation| to.inbound.label(&it.event_type) != "other";
                    let events: Vec<_> =
                        observations.iter().map(|it| effect(it, known(it))).collect();
                    json!({"ok": true, "verified": true, "secret": secret, "events": events})
                }
            }
        }
    };
    if let (Value::Object(report), Value::Object(told)) = (&mut report, told) {
        report.extend(told);
    }
    report
}

/// What an event would do.
fn effect(observation: &Observation, known: bool) -> Value {
    let snapshot = observation.snapshot.as_ref();
    json!({
        "event": observation.event,
        "event_type": observation.event_type,
        "known": known,
        "occurred_at": observation.occurred_at,
        "delivery": observation.delivery,
        "record": observation.record.as_ref().map(RecordId::as_str),
        "title": observation.record_title,
        "changes": observation.edited,
        "shows": snapshot.map(|snapshot| &snapshot.fields),
        "note": observation.note,
        "remark": observation.remark,
    })
}
