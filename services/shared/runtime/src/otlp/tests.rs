//! What leaves for a collector, and what happens when there is none.

use std::sync::Mutex;

use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry::{metrics::MeterProvider as _, trace::TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkError;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{collector::Collector, *};
use crate::{meters::Both, trace};

const SOON: Duration = Duration::from_secs(10);
const CAME_IN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn to(endpoint: &str) -> Otlp {
    Otlp { otlp_endpoint: Some(endpoint.to_owned()), ..Otlp::default() }
}

/// A span that continues a trace, and one of each kind of metric.
fn work(senders: &Senders) {
    let tracer = senders.traces.tracer("test");
    let spans = tracing_opentelemetry::layer().with_tracer(tracer);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(spans), || {
        let span = tracing::info_span!("webhook", integration = "int_1");
        trace::adopt(&span, Some(CAME_IN));
        span.in_scope(|| tracing::info_span!("inner").in_scope(|| {}));
        // Never entered, as work in a batch is.
        let held = tracing::info_span!("held");
        trace::adopt(&held, trace::traceparent_of(&span).as_deref());
        assert!(trace::traceparent_of(&held).unwrap().starts_with(&CAME_IN[..36]));
    });
    let Some(metrics) = &senders.metrics else { return };
    let recorder = Both::new(PrometheusBuilder::new().build_recorder(), metrics.meter("test"));
    metrics::with_local_recorder(&recorder, count);
}

fn count() {
    metrics::counter!("tandem_calls_total", "outcome" => "taken").increment(2);
    metrics::counter!("tandem_calls_total", "outcome" => "refused").increment(1);
    metrics::counter!("tandem_calls_total", "outcome" => "taken").increment(3);
    metrics::gauge!("tandem_waiting").increment(7.5);
    metrics::gauge!("tandem_waiting").decrement(0.5);
    metrics::histogram!("tandem_call_seconds").record(0.004);
    metrics::histogram!("tandem_call_seconds").record(0.3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_that_came_in_goes_on_under_the_services_name() {
    let (collector, endpoint) = Collector::start();
    let senders = Senders::start("tandem-test", &to(&endpoint)).unwrap();
    work(&senders);
    senders.finish(SOON);

    let spans = collector.spans();
    let named = |name| spans.iter().find(|(_, span)| span.name == name).unwrap();
    let (sender, webhook) = named("webhook");
    assert_eq!(hex(&webhook.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&webhook.parent_span_id), "00f067aa0ba902b7");
    let (_, inner) = named("inner");
    assert_eq!(inner.trace_id, webhook.trace_id);
    assert_eq!(inner.parent_span_id, webhook.span_id);
    assert_eq!(named("held").1.parent_span_id, webhook.span_id);
    assert!(sender.contains(&("service.name".to_owned(), "tandem-test".to_owned())), "{sender:?}");
    assert!(sender.iter().any(|(key, id)| key == "service.instance.id" && id.len() == 32));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_metric_arrives_with_its_labels() {
    let (collector, endpoint) = Collector::start();
    let settings = Otlp { otel_service_name: Some("billing".to_owned()), ..to(&endpoint) };
    let senders = Senders::start("tandem-test", &settings).unwrap();
    work(&senders);
    senders.finish(SOON);

    assert_eq!(collector.number("tandem_calls_total", &[("outcome", "taken")]), Some(5.0));
    assert_eq!(collector.number("tandem_calls_total", &[("outcome", "refused")]), Some(1.0));
    assert_eq!(collector.number("tandem_waiting", &[]), Some(7.0));
    let (bounds, counts) = collector.buckets("tandem_call_seconds").unwrap();
    let met = |at: f64| counts[bounds.iter().position(|bound| *bound >= at).unwrap()];
    assert_eq!((met(0.004), met(0.3), counts.iter().sum::<u64>()), (1, 1, 2));
    let (sender, _) = &collector.metrics()[0];
    assert!(sender.contains(&("service.name".to_owned(), "billing".to_owned())), "{sender:?}");
}

#[test]
fn what_is_shown_does_not_depend_on_what_is_sent() {
    let alone = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&alone, count);
    let (shown, meters) = (PrometheusBuilder::new().build_recorder(), SdkMeterProvider::default());
    let handle = shown.handle();
    metrics::with_local_recorder(&Both::new(shown, meters.meter("test")), count);
    let lines = |rendered: String| {
        let mut lines: Vec<_> = rendered.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let sent = lines(handle.render());
    assert_eq!(sent, lines(alone.handle().render()));
    assert!(sent.contains(&"tandem_waiting 7".to_owned()), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_has_an_endpoint_is_sent() {
    let (collector, endpoint) = Collector::start();
    let traces = Otlp { otlp_traces_endpoint: Some(endpoint), ..Otlp::default() };
    let senders = Senders::start("traces-only", &traces).unwrap();
    assert!(senders.metrics.is_none());
    work(&senders);
    senders.finish(SOON);
    assert!(!collector.spans().is_empty());
    assert!(collector.metrics().is_empty());

    let (collector, endpoint) = Collector::start();
    let metrics = Otlp { otlp_metrics_endpoint: Some(endpoint), ..Otlp::default() };
    let senders = Senders::start("metrics-only", &metrics).unwrap();
    work(&senders);
    senders.finish(SOON);
    assert!(collector.spans().is_empty());
    assert!(!collector.metrics().is_empty());
}

/// Outside a runtime: whatever would connect anywhere would panic.
#[test]
fn nothing_is_set_up_to_be_sent_unless_configured() {
    let nowhere = Otlp { otlp_endpoint: Some(String::new()), ..Otlp::default() };
    for settings in [Otlp::default(), nowhere] {
        assert_eq!((settings.traces(), settings.metrics()), (None, None));
        let senders = Senders::start("tandem-test", &settings).unwrap();
        assert!(senders.metrics.is_none());
        work(&senders);
        senders.finish(SOON);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_never_answers_holds_the_end_up_only_so_long() {
    // Connections are taken by the system and never spoken on.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let senders = Senders::start("tandem-test", &to(&endpoint)).unwrap();
    let began = Instant::now();
    work(&senders);
    assert!(began.elapsed() < Duration::from_secs(1), "work waited for the collector");
    senders.finish(Duration::from_millis(300));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300), "nothing was tried: {took:?}");
    assert!(took < Duration::from_secs(2), "ending took {took:?}");
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_refused() {
    assert!(Senders::start("tandem-test", &to("http://not an address")).is_err());
    assert!(Senders::start("tandem-test", &to("https://collector:4317")).is_ok());
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn that_a_collector_is_away_is_said_once_and_that_it_is_back_once() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let away = || Err(OTelSdkError::InternalFailure("nobody there".to_owned()));
    let exporter = Watched::new("traces", (), &Arc::default());
    tracing::subscriber::with_default(subscriber, || {
        for sent in [Ok(()), away(), away(), away(), Ok(()), Ok(()), away()] {
            drop(exporter.told(sent));
        }
    });
    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(lines.matches("nobody there").count(), 2, "{lines}");
    assert_eq!(lines.matches("can be sent again").count(), 1, "{lines}");
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
