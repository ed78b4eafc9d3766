//! Log lines as they are written, and traces behind them.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{Level, Metadata, callsite::Callsite, metadata::Kind, subscriber::Interest};

use super::*;
use crate::trace;

const CAME_IN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

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

/// What `work` logs.
fn logged(log: &str, format: LogFormat, work: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let traces = SdkTracerProvider::builder().build();
    let to = move || writer.clone();
    let subscriber = subscriber(filter(log).unwrap(), format, &traces, to);
    tracing::subscriber::with_default(subscriber, work);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn json(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_json_line_names_its_trace_and_its_spans_once() {
    let mut sent = None;
    let lines = logged("info", LogFormat::Json, || {
        let span = tracing::info_span!("webhook", integration = "int_1");
        trace::adopt(&span, Some(CAME_IN));
        span.in_scope(|| {
            tracing::info!(outcome = "taken", "done with \"it\"}}");
            sent = trace::traceparent();
        });
    });
    let [line] = json(&lines).try_into().unwrap();
    assert_eq!(line["trace_id"], TRACE);
    let span_id = line["span_id"].as_str().unwrap();
    assert_eq!(sent, Some(format!("00-{TRACE}-{span_id}-01")));
    assert_eq!(line["message"], "done with \"it\"}");
    assert_eq!(line["outcome"], "taken");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["spans"], serde_json::json!([{"name": "webhook", "integration": "int_1"}]));
    assert_eq!(line.get("span"), None);
}

#[test]
fn a_text_line_names_its_trace() {
    let lines = logged("info", LogFormat::Text, || {
        let span = tracing::info_span!("webhook", integration = "int_1");
        trace::adopt(&span, Some(CAME_IN));
        span.in_scope(|| tracing::info!("done"));
    });
    assert!(lines.contains("done") && lines.contains("int_1"), "{lines}");
    let (_, ids) = lines.trim_end().split_once(" trace_id=").unwrap();
    let (trace_id, span_id) = ids.split_once(" span_id=").unwrap();
    assert_eq!((trace_id, span_id.len()), (TRACE, 16));
    assert_eq!(lines.matches('\n').count(), 1);
}

#[test]
fn a_line_outside_of_spans_names_no_trace() {
    for format in [LogFormat::Json, LogFormat::Text] {
        let lines = logged("info", format, || tracing::info!("started"));
        assert!(lines.contains("started") && !lines.contains("trace_id"), "{lines}");
    }
}

#[test]
fn quieter_logs_cut_no_trace() {
    let mut sent = None;
    let lines = logged("warn", LogFormat::Json, || {
        let span = tracing::info_span!("webhook");
        trace::adopt(&span, Some(CAME_IN));
        sent = trace::traceparent_of(&span);
        span.in_scope(|| {
            tracing::info!("not shown");
            tracing::warn!("shown");
        });
    });
    let sent = sent.unwrap();
    assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent != CAME_IN, "{sent}");
    let [line] = json(&lines).try_into().unwrap();
    assert_eq!((&line["message"], &line["trace_id"]), (&"shown".into(), &TRACE.into()));
}

#[test]
fn what_the_sdk_says_of_each_attempt_is_shown_to_who_asks_for_it() {
    let fail = || tracing::error!(target: "opentelemetry_sdk", "an attempt failed");
    assert_eq!(logged("info", LogFormat::Json, fail), "");
    let asked = logged("info,opentelemetry=debug", LogFormat::Json, fail);
    assert!(asked.contains("an attempt failed"), "{asked}");
}

/// Asks whether a line would be written and writes none, as `log::log_enabled!` does.
struct Asker;

static ASKED: Metadata<'static> = tracing::metadata! {
    name: "query", target: "sqlx::query", level: Level::DEBUG, fields: &[], callsite: &Asker,
    kind: Kind::EVENT
};

impl Callsite for Asker {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &ASKED
    }
}

#[test]
fn whoever_only_asks_takes_nobodys_line_nor_span() {
    let ask = || tracing::dispatcher::get_default(|dispatch| dispatch.enabled(&ASKED));
    let mut sent = None;
    let lines = logged("info,tandem=debug", LogFormat::Json, || {
        ask();
        let span = tracing::info_span!("apply");
        sent = trace::traceparent_of(&span);
        ask();
        tracing::info!("written");
    });
    assert!(sent.is_some(), "the span was lost");
    assert!(lines.contains("written"), "the line was lost");
}

#[test]
fn one_request_can_be_logged_in_more_detail_than_others() {
    let lines = logged("warn,[webhook{integration=int_1}]=debug", LogFormat::Json, || {
        for integration in ["int_1", "int_2"] {
            let span = tracing::info_span!("webhook", integration);
            span.in_scope(|| tracing::debug!("in detail"));
        }
    });
    let [line] = json(&lines).try_into().unwrap();
    assert_eq!(line["spans"][0]["integration"], "int_1");
}
