//! Logs and traces: one subscriber, JSON or text, with trace ids in every line of a request.
//!
//! Levels: error = somebody should look; warn = it will show up in somebody's day; info = life
//! cycle; debug = everything else. A failure is logged once, where it is handled. Bodies, secrets
//! and people's names are never logged.

use std::time::Duration;

use opentelemetry::{metrics::MeterProvider as _, trace::TracerProvider as _};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{
    Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, ParseError},
    fmt::{MakeWriter, format::JsonFields},
    layer::{self, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::{
    lines::Line,
    meters,
    otlp::Senders,
    settings::{Common, LogFormat},
};

/// How long the last traces and metrics may take to leave when the process ends.
const LAST: Duration = Duration::from_secs(3);

/// What spans and metrics are filed under, besides the service's name.
const SCOPE: &str = "tandem";

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter cannot be understood.
    #[error(
        "--log {filter:?} is not a filter: write a level, or target=level, separated by commas"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: ParseError,
    },
    /// Telemetry cannot be sent where it was told to go.
    #[error("traces and metrics cannot be sent as --otlp-endpoint and the like say")]
    Otlp(#[source] opentelemetry_otlp::ExporterBuildError),
    /// It was set up before.
    #[error("telemetry is already set up")]
    Again(#[source] tracing_subscriber::util::TryInitError),
}

/// Flushes what is buffered when the process ends.
#[derive(Debug)]
pub struct Telemetry {
    senders: Senders,
}

impl Telemetry {
    /// Sends what is left, within a bound, and ends.
    pub fn finish(self) {
        self.senders.finish(LAST);
    }
}

/// Sets up logs, trace contexts and, where configured, what is sent to a collector for `service`.
/// Must be called inside a Tokio runtime that is still there for [`Telemetry::finish`].
pub fn start(service: &'static str, common: &Common) -> Result<Telemetry, TelemetryError> {
    let filter = filter(&common.log)
        .map_err(|source| TelemetryError::Filter { filter: common.log.clone(), source })?;
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let senders = Senders::start(service, &common.otlp).map_err(TelemetryError::Otlp)?;
    // Logs go to standard error: standard output belongs to what a command is asked for.
    subscriber(filter, common.log_format, &senders.traces, std::io::stderr)
        .try_init()
        .map_err(TelemetryError::Again)?;
    if let Some(metrics) = &senders.metrics {
        meters::send_through(metrics.meter(SCOPE));
    }
    Ok(Telemetry { senders })
}

/// What to log. The SDK repeats every failed attempt to send and the NATS client every attempt to
/// connect; both are told once elsewhere, and who wants to see them all says so:
/// `opentelemetry=debug,async_nats=info`.
fn filter(log: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(format!("opentelemetry=off,async_nats=off,{log}"))
}

fn subscriber<W>(
    filter: EnvFilter,
    format: LogFormat,
    traces: &SdkTracerProvider,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let spans = tracing_opentelemetry::layer()
        .with_tracer(traces.tracer(SCOPE))
        .with_threads(false)
        .with_tracked_inactivity(false);
    let lines =
        tracing_subscriber::fmt::layer().with_writer(writer).event_format(Line::new(format));
    let lines = match format {
        LogFormat::Json => lines.fmt_fields(JsonFields::new()).boxed(),
        LogFormat::Text => lines.boxed(),
    };
    tracing_subscriber::registry().with(Gate { filter }).with(spans).with(lines)
}

/// Lets events through as the log filter says, and spans from INFO on whatever it says: what is
/// logged and what is traced are two questions, and quieter logs must not cut a trace.
///
/// One filter for all layers. Filters per layer lose the next event after each `enabled!` that one
/// of them denied (they remember the denial for an event that never comes), and the SQL driver
/// asks so around every statement.
struct Gate {
    filter: EnvFilter,
}

impl Gate {
    fn traces(metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && *metadata.level() <= Level::INFO
    }
}

impl<S: Subscriber> Layer<S> for Gate {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Asked in any case: it takes down which spans its directives name.
        let logged = Layer::<S>::register_callsite(&self.filter, metadata);
        if Self::traces(metadata) { Interest::always() } else { logged }
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: layer::Context<'_, S>) -> bool {
        Self::traces(metadata) || self.filter.enabled(metadata, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let logged = Layer::<S>::max_level_hint(&self.filter)?;
        Some(logged.max(LevelFilter::INFO))
    }

    // The rest is for directives that name a span, such as `[webhook{integration=int_1}]=debug`.

    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        Layer::<S>::on_new_span(&self.filter, span, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: layer::Context<'_, S>) {
        Layer::<S>::on_record(&self.filter, id, values, context);
    }

    fn on_enter(&self, id: &Id, context: layer::Context<'_, S>) {
        Layer::<S>::on_enter(&self.filter, id, context);
    }

    fn on_exit(&self, id: &Id, context: layer::Context<'_, S>) {
        Layer::<S>::on_exit(&self.filter, id, context);
    }

    fn on_close(&self, id: Id, context: layer::Context<'_, S>) {
        Layer::<S>::on_close(&self.filter, id, context);
    }
}

#[cfg(test)]
mod tests;
