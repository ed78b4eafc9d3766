//! Where metrics go: always to `/metrics`, and besides to a collector where one is configured.
//!
//! Services count through the `metrics` facade and know of neither. What `/metrics` shows does not
//! depend on whether a collector is configured. Counters and gauges are read when it is time to
//! send, so counting costs the service an addition more and never waits for anybody.

use std::sync::{
    Arc, OnceLock,
    atomic::Ordering::{Acquire, Relaxed},
};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit, atomics::AtomicU64,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::registry::{Registry, Storage};
use opentelemetry::{KeyValue, metrics::Meter};

/// The bounds between which durations are counted; the usual ones are meant for milliseconds.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Telemetry starts before the ops port, where the one recorder of the process is installed.
static METER: OnceLock<Meter> = OnceLock::new();

/// Sends through `meter` what is counted once [`install`] was called.
pub(crate) fn send_through(meter: Meter) {
    if METER.set(meter).is_err() {
        tracing::debug!("metrics are already sent somewhere");
    }
}

/// Installs the recorder of this process and gives what `/metrics` shows, unless there is one.
pub(crate) fn install() -> Option<PrometheusHandle> {
    let prometheus = PrometheusBuilder::new().build_recorder();
    let shown = prometheus.handle();
    let installed = match METER.get() {
        None => metrics::set_global_recorder(prometheus).is_ok(),
        Some(meter) => metrics::set_global_recorder(Both::new(prometheus, meter.clone())).is_ok(),
    };
    installed.then_some(shown)
}

/// Records everything twice: to be shown and to be sent.
pub(crate) struct Both {
    shown: PrometheusRecorder,
    sent: Registry<Key, Instruments>,
}

impl Both {
    pub(crate) fn new(shown: PrometheusRecorder, meter: Meter) -> Self {
        Self { shown, sent: Registry::new(Instruments(meter)) }
    }
}

impl Recorder for Both {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.shown.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.shown.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.shown.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let shown = self.shown.register_counter(key, metadata);
        let sent = self.sent.get_or_create_counter(key, Arc::clone);
        Counter::from_arc(Arc::new(Twice { shown, sent }))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        let shown = self.shown.register_gauge(key, metadata);
        let sent = self.sent.get_or_create_gauge(key, Arc::clone);
        Gauge::from_arc(Arc::new(Twice { shown, sent }))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let shown = self.shown.register_histogram(key, metadata);
        let sent = self.sent.get_or_create_histogram(key, Arc::clone);
        Histogram::from_arc(Arc::new(Twice { shown, sent }))
    }
}

struct Twice<Shown, Sent> {
    shown: Shown,
    sent: Sent,
}

impl CounterFn for Twice<Counter, Arc<AtomicU64>> {
    fn increment(&self, value: u64) {
        self.shown.increment(value);
        CounterFn::increment(&self.sent, value);
    }

    fn absolute(&self, value: u64) {
        self.shown.absolute(value);
        CounterFn::absolute(&self.sent, value);
    }
}

impl GaugeFn for Twice<Gauge, Arc<AtomicU64>> {
    fn increment(&self, value: f64) {
        self.shown.increment(value);
        GaugeFn::increment(&self.sent, value);
    }

    fn decrement(&self, value: f64) {
        self.shown.decrement(value);
        GaugeFn::decrement(&self.sent, value);
    }

    fn set(&self, value: f64) {
        self.shown.set(value);
        GaugeFn::set(&self.sent, value);
    }
}

impl HistogramFn for Twice<Histogram, Arc<Sampled>> {
    fn record(&self, value: f64) {
        self.shown.record(value);
        HistogramFn::record(&self.sent, value);
    }
}

/// Makes the instruments of a name and its labels, once each.
struct Instruments(Meter);

impl Storage<Key> for Instruments {
    type Counter = Arc<AtomicU64>;
    type Gauge = Arc<AtomicU64>;
    type Histogram = Arc<Sampled>;

    fn counter(&self, key: &Key) -> Self::Counter {
        let (value, attributes) = (Arc::new(AtomicU64::new(0)), attributes(key));
        let read = Arc::clone(&value);
        self.0
            .u64_observable_counter(key.name().to_owned())
            .with_callback(move |asked| asked.observe(read.load(Acquire), &attributes))
            .build();
        value
    }

    fn gauge(&self, key: &Key) -> Self::Gauge {
        let (bits, attributes) = (Arc::new(AtomicU64::new(0)), attributes(key));
        let read = Arc::clone(&bits);
        self.0
            .f64_observable_gauge(key.name().to_owned())
            .with_callback(move |asked| {
                asked.observe(f64::from_bits(read.load(Relaxed)), &attributes);
            })
            .build();
        bits
    }

    fn histogram(&self, key: &Key) -> Self::Histogram {
        let mut histogram = self.0.f64_histogram(key.name().to_owned());
        if key.name().ends_with("_seconds") {
            histogram = histogram.with_unit("s").with_boundaries(SECONDS.to_vec());
        }
        Arc::new(Sampled { histogram: histogram.build(), attributes: attributes(key) })
    }
}

/// A histogram with the labels of one series.
struct Sampled {
    histogram: opentelemetry::metrics::Histogram<f64>,
    attributes: Vec<KeyValue>,
}

impl HistogramFn for Sampled {
    fn record(&self, value: f64) {
        self.histogram.record(value, &self.attributes);
    }
}

fn attributes(key: &Key) -> Vec<KeyValue> {
    key.labels()
        .map(|label| KeyValue::new(label.key().to_owned(), label.value().to_owned()))
        .collect()
}
