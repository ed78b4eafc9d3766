//! W3C trace context (<https://www.w3.org/TR/trace-context/>) in and out of spans, so that one
//! trace spans webhook, reconciler and outbound call.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header's name, in HTTP and in NATS.
pub const TRACEPARENT: &str = "traceparent";

/// The trace context of a span, to be sent along.
pub fn traceparent_of(span: &Span) -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// The trace context of the current span.
pub fn traceparent() -> Option<String> {
    traceparent_of(&Span::current())
}

/// Makes `span` a child of the trace context that came in; one that is malformed is left aside.
pub fn adopt(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if let Err(error) = span.set_parent(context) {
        tracing::debug!(%error, "a trace context could not be adopted");
    }
}
