//! A whole process, from its settings to its end, seen from the collector.

#[cfg(test)]
#[path = "../src/otlp/collector.rs"]
#[expect(dead_code, reason = "other tests look at more of it")]
mod collector;

use std::process::ExitCode;

use clap::Parser as _;
use collector::Collector;
use tandem_runtime::{ops, process, settings::Common, trace};

#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    common: Common,
}

#[test]
fn what_a_process_did_reaches_the_collector_before_it_ends() {
    let (collector, endpoint) = Collector::start();
    let args = ["test", "--otlp-endpoint", &endpoint, "--log", "warn"];
    let settings = Settings::try_parse_from(args).unwrap();
    let code = process::run("tandem-test", &settings.common, |stop| async move {
        let free = "127.0.0.1:0".parse().unwrap();
        ops::serve(free, ops::Readiness::default(), &stop).await?;
        let span = tracing::info_span!("deliver");
        trace::adopt(&span, Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        span.in_scope(|| metrics::counter!("tandem_calls_total").increment(1));
        stop.ask();
        anyhow::Ok(())
    });
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
    let spans = collector.spans();
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(spans[0].1.name, "deliver");
    assert_eq!(spans[0].1.trace_id[..2], [0x4b, 0xf9]);
    assert_eq!(collector.number("tandem_calls_total", &[]), Some(1.0));
}
