//! Log lines that name their trace: `trace_id` and `span_id` at the end of every line that was
//! written inside a span, whether or not the span itself is shown or sent anywhere.
//!
//! The ids come from the active trace context and not from the spans the log filter lets through,
//! so that a warning keeps its trace under `--log warn`.

use std::fmt;

use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt as _},
};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Compact, Format, Json, Writer},
    },
    registry::LookupSpan,
};

use crate::settings::LogFormat;

/// How a line is written.
pub(crate) enum Line {
    /// One JSON object.
    Json(Format<Json>),
    /// For people.
    Text(Format<Compact>),
}

impl Line {
    pub(crate) fn new(format: LogFormat) -> Self {
        let line = tracing_subscriber::fmt::format();
        match format {
            // The list holds the innermost span too, so that one is not repeated.
            LogFormat::Json => Self::Json(line.json().flatten_event(true).with_current_span(false)),
            LogFormat::Text => Self::Text(line.compact()),
        }
    }

    /// What comes before the ids, between them and after them.
    fn frame(&self) -> [&'static str; 3] {
        match self {
            Self::Json(_) => [r#","trace_id":""#, r#"","span_id":""#, "\"}\n"],
            Self::Text(_) => [" trace_id=", " span_id=", "\n"],
        }
    }
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        let to = Writer::new(&mut line);
        match self {
            Self::Json(format) => format.format_event(ctx, to, event)?,
            Self::Text(format) => {
                // A writer into memory has forgotten whether there are colours.
                let format = format.clone().with_ansi(writer.has_ansi_escapes());
                format.format_event(ctx, to, event)?;
            }
        }
        let [before, between, after] = self.frame();
        // A line ends the way the frame does, but for the quote that closes the last id.
        match (active(), line.strip_suffix(after.trim_start_matches('"'))) {
            (Some(span), Some(line)) => {
                let (trace, span) = (span.trace_id(), span.span_id());
                write!(writer, "{line}{before}{trace}{between}{span}{after}")
            }
            _ => writer.write_str(&line),
        }
    }
}

/// The span in hand, where there is one.
fn active() -> Option<SpanContext> {
    let span = Context::map_current(|context| context.span().span_context().clone());
    span.is_valid().then_some(span)
}
