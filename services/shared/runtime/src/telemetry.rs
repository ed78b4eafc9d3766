//! Logs and traces: one subscriber, JSON or text, with trace ids in every line of a request.
//!
//! Levels: error = somebody should look; warn = it will show up in somebody's day; info = life
//! cycle; debug = everything else. A failure is logged once, where it is handled. Bodies, secrets
//! and people's names are never logged.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::settings::{Common, LogFormat};

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
        source: tracing_subscriber::filter::ParseError,
    },
    /// It was set up before.
    #[error("telemetry is already set up")]
    Again(#[source] tracing_subscriber::util::TryInitError),
}

/// Flushes what is buffered when the process ends.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// Flushes and shuts down.
    pub fn shutdown(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::debug!(%error, "traces could not be flushed");
        }
    }
}

/// Sets up logs and trace contexts for `service`.
pub fn start(service: &'static str, common: &Common) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&common.log)
        .map_err(|source| TelemetryError::Filter { filter: common.log.clone(), source })?;
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let provider = SdkTracerProvider::builder().build();
    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer(service));
    // What is logged and what is traced are two questions: quieter logs must not cut a trace.
    let registry = tracing_subscriber::registry().with(traces.with_filter(LevelFilter::INFO));
    // Logs go to standard error: standard output belongs to what a command is asked for.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match common.log_format {
        LogFormat::Json => {
            registry.with(lines.json().flatten_event(true).with_filter(filter)).try_init()
        }
        LogFormat::Text => registry.with(lines.compact().with_filter(filter)).try_init(),
    }
    .map_err(TelemetryError::Again)?;
    Ok(Telemetry { provider })
}
