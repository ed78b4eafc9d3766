//! Sending traces and metrics to an OpenTelemetry collector, off unless an endpoint is configured.
//!
//! A collector that is away or slow costs nothing but what it would have been told: both signals
//! leave from threads of their own, out of bounded queues that drop when full, an attempt has a
//! time-out, and ending waits for the last of it only so long. It is said once that a collector is
//! away, and once that it is back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig as _, WithTonicConfig,
    tonic_types::transport::ClientTlsConfig,
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{SdkMeterProvider, Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::{IdGenerator as _, RandomIdGenerator, SdkTracerProvider, SpanData},
};

use crate::settings::Otlp;

/// What makes traces, and what sends them and the metrics.
#[derive(Debug)]
pub(crate) struct Senders {
    /// Makes spans, also where they go nowhere: their contexts travel with the messages.
    pub(crate) traces: SdkTracerProvider,
    /// Sends metrics, if they go anywhere.
    pub(crate) metrics: Option<SdkMeterProvider>,
    given_up: Arc<AtomicBool>,
}

impl Senders {
    /// Starts what `settings` ask for. Must be called inside a runtime that outlives the result.
    pub(crate) fn start(
        service: &'static str,
        settings: &Otlp,
    ) -> Result<Self, ExporterBuildError> {
        let resource = resource(service, settings.service_name());
        let given_up = Arc::<AtomicBool>::default();
        let mut traces = SdkTracerProvider::builder().with_resource(resource.clone());
        if let Some(endpoint) = settings.traces() {
            let to = SpanExporter::builder().with_tonic().with_endpoint(endpoint);
            let to = secured(to, endpoint).build()?;
            traces = traces.with_batch_exporter(Watched::new("traces", to, &given_up));
        }
        let metrics = match settings.metrics() {
            None => None,
            Some(endpoint) => {
                let to = MetricExporter::builder().with_tonic().with_endpoint(endpoint);
                let to = secured(to, endpoint).build()?;
                let metrics = SdkMeterProvider::builder().with_resource(resource);
                let to = Watched::new("metrics", to, &given_up);
                Some(metrics.with_periodic_exporter(to).build())
            }
        };
        Ok(Self { traces: traces.build(), metrics, given_up })
    }

    /// Sends what is left and ends, or leaves it when that takes longer than `within`.
    pub(crate) fn finish(self, within: Duration) {
        let Self { traces, metrics, given_up } = self;
        let (done, ended) = mpsc::channel();
        let metrics_done = done.clone();
        // A thread each, left behind if need be: the SDK's own time-outs are not all kept.
        thread::spawn(move || done.send(traces.shutdown_with_timeout(within)));
        thread::spawn(move || {
            metrics_done.send(metrics.map_or(Ok(()), |metrics| metrics.shutdown()))
        });
        let deadline = Instant::now() + within;
        for _ in 0..2 {
            let left = deadline.saturating_duration_since(Instant::now());
            match ended.recv_timeout(left) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "the last telemetry could not be sent"),
                Err(_) => {
                    // Whatever these attempts still come to says nothing of the collector.
                    given_up.store(true, Relaxed);
                    tracing::warn!("the last telemetry was not taken in time and is lost");
                    return;
                }
            }
        }
    }
}

/// Who is sending: our defaults, then what the environment says, then the name that was set.
fn resource(service: &'static str, name: Option<&str>) -> Resource {
    // Copies of a service send the same metrics; without an id of each, sums would be nonsense.
    let instance = RandomIdGenerator::default().new_trace_id().to_string();
    let resource = Resource::builder_empty()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match name {
        Some(name) => resource.with_service_name(name.to_owned()).build(),
        None => resource.build(),
    }
}

/// TLS with the system's roots, unless the endpoint is plain.
fn secured<B: WithTonicConfig>(builder: B, endpoint: &str) -> B {
    if endpoint.starts_with("http://") {
        return builder;
    }
    builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots())
}

/// An exporter whose failures are told when they begin and when they end.
#[derive(Debug)]
struct Watched<E> {
    signal: &'static str,
    exporter: E,
    away: AtomicBool,
    given_up: Arc<AtomicBool>,
}

impl<E> Watched<E> {
    fn new(signal: &'static str, exporter: E, given_up: &Arc<AtomicBool>) -> Self {
        Self { signal, exporter, away: AtomicBool::new(false), given_up: Arc::clone(given_up) }
    }

    fn told(&self, sent: OTelSdkResult) -> OTelSdkResult {
        if self.given_up.load(Relaxed) {
            return sent;
        }
        let was_away = self.away.swap(sent.is_err(), Relaxed);
        match &sent {
            Err(error) if !was_away => tracing::warn!(
                signal = self.signal,
                %error,
                "telemetry cannot be sent and is dropped until it can"
            ),
            Ok(()) if was_away => {
                tracing::info!(signal = self.signal, "telemetry can be sent again");
            }
            _ => {}
        }
        sent
    }
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter
    for Watched<E>
{
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.told(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Watched<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.told(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

#[cfg(test)]
mod collector;
#[cfg(test)]
mod tests;
