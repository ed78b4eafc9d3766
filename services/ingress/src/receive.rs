//! One delivery: bounded body → configuration → signature over the raw bytes → decode → publish →
//! 202, in this order. Nothing is parsed before the signature is known to be right, and nothing is
//! answered 202 before JetStream has it on disk.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use tandem_bus::{publish::Outgoing, subjects};
use tandem_connectors::inbound::{Arrival, Refusal, Verified};
use tandem_domain::{
    event::{Event, Observation},
    id::RecordId,
    integration::Integration,
};
use tandem_runtime::{clock, process::chain, trace};
use tracing::{Instrument as _, Span, field::Empty};

use crate::{
    body,
    door::{Addressee, BODY_MAX, BODY_WITHIN, Door, WITHIN},
    rejection::Rejection,
};

/// A trace context is 55 characters long in the one version there is.
const TRACEPARENT_MAX: usize = 64;

/// What became of a delivery that was taken.
#[derive(Debug)]
struct Taken {
    event: String,
    label: &'static str,
    outcome: &'static str,
}

/// `POST /api/v1/webhooks/{integration}`.
pub(crate) async fn webhook(
    State(door): State<Arc<Door>>,
    Path(integration): Path<String>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let traceparent = traceparent(request.headers());
    let span = tracing::info_span!(
        "webhook",
        integration = Empty,
        delivery.id = Empty,
        event.id = Empty,
        event.r#type = Empty,
        record.id = Empty,
    );
    trace::adopt(&span, traceparent.as_deref());
    let extensions = request.extensions().clone();
    let taken = tokio::time::timeout(WITHIN, take(&door, &integration, request, traceparent));
    let taken = async { taken.await.unwrap_or(Err(Rejection::TimedOut)) };
    let taken = taken.instrument(span.clone()).await;
    metrics::histogram!("tandem_webhook_seconds").record(started.elapsed());
    // Whoever goes on being refused is counted and not told of line by line.
    let is_often = match &taken {
        Err(Rejection::TooMany { .. }) => true,
        Err(rejection) if rejection.status().is_client_error() => door.count(&extensions).is_err(),
        _ => false,
    };
    span.in_scope(|| answer(taken, is_often))
}

/// Counts, logs and answers.
fn answer(taken: Result<Taken, Rejection>, is_often: bool) -> Response {
    let (outcome, event_type) = match &taken {
        Ok(taken) => (taken.outcome, taken.label),
        Err(rejection) => (rejection.code(), "none"),
    };
    metrics::counter!("tandem_webhooks_total", "outcome" => outcome, "event_type" => event_type)
        .increment(1);
    match taken {
        Ok(taken) => {
            tracing::debug!(outcome, "webhook accepted");
            let body = Json(json!({"status": "accepted", "event": taken.event}));
            (StatusCode::ACCEPTED, body).into_response()
        }
        Err(rejection) => {
            let status = rejection.status();
            if status.is_server_error() {
                tracing::warn!(outcome, error = chain(&rejection), "webhook put off");
            } else if is_often {
                tracing::debug!(outcome, "webhook refused, as often before");
            } else {
                tracing::info!(outcome, error = %rejection, "webhook refused");
            }
            rejection.into_response()
        }
    }
}

async fn take(
    door: &Door,
    integration: &str,
    request: Request,
    traceparent: Option<String>,
) -> Result<Taken, Rejection> {
    admit(door, integration, &request)?;
    let _slot = door.slot(request.body())?;
    let (head, body) = request.into_parts();
    let body = body::read(body, BODY_MAX, BODY_WITHIN).await?;
    if !door.bus.connected() {
        return Err(Rejection::Disconnected);
    }
    let to = door.addressee(integration)?;
    let integration = &to.snapshot.integration;
    Span::current().record("integration", tracing::field::display(integration.id));
    let verified = verify(&to, &head.headers, &body, door.loaded())?;
    let arrival = Arrival { integration: integration.id, at: clock::now() };
    let observations = to.inbound.decode(&verified, &head.headers, arrival);
    let observations = observations.map_err(Rejection::NotADelivery)?;

    let mut taken = Taken { event: String::new(), label: "none", outcome: "accepted" };
    for observation in observations {
        record(&observation);
        taken.event.clone_from(&observation.event);
        taken.label = to.inbound.label(&observation.event_type);
        let message = message(integration, observation)?;
        let message = message.traced(trace::traceparent().or_else(|| traceparent.clone()));
        let stored = door.gathering.publish(message).await.map_err(Rejection::NotStored)?;
        taken.outcome = match (integration.enabled, stored.duplicate) {
            // Kept on record; the reconciler leaves it aside.
            (false, _) => "disabled",
            (true, true) => "duplicate",
            (true, false) => "accepted",
        };
    }
    Ok(taken)
}

/// Lets in what is signed, which alone can tell a good delivery: whoever floods the door may come from
/// where good ones come from. What is not signed is counted, and too much of it is not even read; for
/// an integration that may be known soon it is put off as ever.
fn admit(door: &Door, integration: &str, request: &Request) -> Result<(), Rejection> {
    match door.addressee(integration) {
        Ok(to) if to.inbound.is_signed(request.headers()) => Ok(()),
        Ok(_) => door.count(request.extensions()),
        Err(unknown) => door.count(request.extensions()).map_err(|_| unknown),
    }
}

/// Judges the signature; it is wrong only if every secret that might fit was tried.
pub(crate) fn verify<'a>(
    to: &Addressee,
    headers: &HeaderMap,
    body: &'a [u8],
    loaded: bool,
) -> Result<Verified<'a>, Rejection> {
    if to.opened.opens.is_empty() {
        return Err(Rejection::NoSecret);
    }
    to.inbound.verify(headers, body, &to.opened.secrets).map_err(|refusal| match refusal {
        Refusal::Wrong if !loaded => Rejection::NotLoaded,
        Refusal::Wrong if to.opened.is_partial() => Rejection::Unjudged,
        Refusal::Wrong if to.is_news(headers) => Rejection::NewSender,
        refusal => Rejection::Signature(refusal),
    })
}

/// The message for the reconciler. The delivery's id is not signed, so the event's id stands beside
/// it: nobody can spend a delivery id that is still to come on an event that was seen before.
fn message(integration: &Integration, observation: Observation) -> Result<Outgoing, Rejection> {
    let record = observation.record.as_ref().map(RecordId::as_str);
    let subject = subjects::observed(&integration.connector, integration.id, record);
    let [delivery, event] =
        [&observation.delivery, &observation.event].map(|id| subjects::token(id));
    let id = format!("{}.{delivery}.{event}", integration.id);
    Outgoing::json(subject, id, &Event::Observation(Box::new(observation)))
        .map_err(Rejection::Unwritable)
}

fn record(observation: &Observation) {
    let span = Span::current();
    span.record("delivery.id", &observation.delivery);
    span.record("event.id", &observation.event);
    span.record("event.type", &observation.event_type);
    span.record("record.id", observation.record.as_ref().map(RecordId::as_str));
}

fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(trace::TRACEPARENT)?.to_str().ok()?;
    (value.len() <= TRACEPARENT_MAX).then(|| value.to_owned())
}
