//! Logs and traces: one subscriber, JSON or text, with trace ids in every line of a request.
//!
//! Levels: error = somebody should look; warn = it will show up in somebody's day; info = life
//! cycle; debug = everything else. A failure is logged once, where it is handled. Bodies, secrets
//! and people's names are never logged.

use std::time::Duration;

use opentelemetry::{metrics::MeterProvider as _, trace::TracerProvider as _};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{LevelFilter, ParseError},
    fmt::{MakeWriter, format::JsonFields},
    layer::SubscriberExt,
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

/// What to log. The SDK repeats every failed attempt to send; those are told once elsewhere, and
/// who wants to see them all says `opentelemetry=debug`.
fn filter(log: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(format!("opentelemetry=off,{log}"))
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
    // What is logged and what is traced are two questions: quieter logs must not cut a trace.
    tracing_subscriber::registry()
        .with(spans.with_filter(LevelFilter::INFO))
        .with(lines.with_filter(filter))
}

#[cfg(test)]
mod tests;
