//! One trace leads from a webhook to the call it causes.
//!
//! The webhook that announces an incident is lost, so a note is the first thing heard of it: the platform begins the
//! incident from that and reads the rest. Log, messages and call must then name the same trace.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tandem_dev::workspace;

use super::Pair;
use crate::commands::told;
use crate::demo::scene::{Act, Scene};
use crate::demo::sides::text;
use crate::demo::witness::{Call, Seen};
use crate::feed::Message;
use crate::stack::configure::{HANDLE, SERVICE};

/// The note.
pub(super) const NOTE: &str = "Cart sessions are lost, see the graphs";
/// What the incident is called.
const TITLE: &str = "Cart service restarts in a loop";
/// What ingress says of every webhook it takes, under [`Scene::LOG`].
const ACCEPTED: &str = "webhook accepted";
/// The length of a trace id.
const TRACE: usize = 32;

pub(super) fn play(scene: &mut Scene<'_>) -> anyhow::Result<Pair> {
    scene.chapter("One trace, from a webhook to the call it causes")?;
    let record = lost(scene)?;
    let messages = Arc::new(Mutex::new(Vec::new()));
    let hear = || {
        let heard = Arc::clone(&messages);
        move |message| heard.lock().unwrap_or_else(PoisonError::into_inner).push(message)
    };
    let _inside = scene.listen("tandem.>", hear())?;
    let _public = scene.listen("incidents.v1.>", hear())?;
    let (act, pair) = noted(scene, record)?;
    let messages = messages.lock().unwrap_or_else(PoisonError::into_inner).clone();
    one_trace(scene, act, &pair, &messages)?;
    Ok(pair)
}

/// An incident whose webhook never arrives; returns its record.
fn lost(scene: &mut Scene<'_>) -> anyhow::Result<String> {
    scene.until("every webhook so far has arrived", |scene| Ok(scene.pagerduty.pending()? == 0))?;
    let act = scene.act("PagerDuty", "an incident is triggered, and its webhook is lost")?;
    scene.pagerduty.lose_next(1)?;
    let details =
        json!({ "title": TITLE, "service": SERVICE, "urgency": "high", "automatic": true });
    let acted = scene.pagerduty.act("trigger", details);
    // Whatever became of the act, no later webhook is to be lost.
    scene.pagerduty.lose_next(0)?;
    let record = text(&acted?, "id").to_owned();
    scene.hop(
        act,
        "webhook incident.triggered lost for good",
        |seen| matches!(seen, Seen::Delivery(it) if it.record == record && it.outcome == "lost"),
    )?;
    let link = scene.platform.link(HANDLE, "record", &record)?;
    scene.holds("the platform knows nothing of it", link.is_none())?;
    Ok(record)
}

/// The note that makes it known.
fn noted(scene: &mut Scene<'_>, record: String) -> anyhow::Result<(Act, Pair)> {
    let act = scene.act("PagerDuty", &format!("Priya notes: {NOTE}"))?;
    scene.pagerduty.act("annotate", json!({ "incident": record, "content": NOTE }))?;
    scene.webhook(act, "incident.annotated", &record)?;
    let incident = scene.linked("record", &record, "incident")?;
    scene.event(act, "created", &incident)?;
    scene.hop(
        act,
        &format!("GET /incidents/{record} answered by PagerDuty"),
        |seen| matches!(seen, Seen::Call(call) if is_read(call, &record)),
    )?;
    scene.until("the platform has it open, SEV-2, under its title", |scene| {
        let seen = scene.incident(&incident)?;
        let is = |field, value| text(&seen, field) == value;
        Ok(is("title", TITLE) && is("severity", "SEV-2") && is("status", "open"))
    })?;
    Ok((act, Pair { record, incident }))
}

fn is_read(call: &Call, record: &str) -> bool {
    call.method == "GET" && call.status == 200 && call.path == format!("/incidents/{record}")
}

/// Shows the trace at every stop and notes whether it is the same.
fn one_trace(
    scene: &mut Scene<'_>,
    act: Act,
    pair: &Pair,
    messages: &[Message],
) -> anyhow::Result<()> {
    let seen = scene.witness.since(act.mark);
    let event = seen.iter().find_map(|(_, seen)| match seen {
        Seen::Delivery(it) if it.record == pair.record => Some(it.event.as_str()),
        _ => None,
    });
    let call = seen.iter().find_map(|(_, seen)| match seen {
        Seen::Call(call) if is_read(call, &pair.record) => Some(call),
        _ => None,
    });
    let (Some(event), Some(call)) = (event, call) else {
        return scene.wrong("there is no webhook or no call to compare");
    };
    let link = scene.platform.link(HANDLE, "record", &pair.record)?.unwrap_or_default();
    let state = format!(".{}.state", text(&link, "id"));
    let created = format!(".{}.created", pair.incident);
    let log = workspace::dev_dir(&workspace::root()?).join("log/tandem-ingress.log");
    let log = fs::read_to_string(log).unwrap_or_default();
    // A stack that somebody else started may log less.
    let is_logged = log.contains(ACCEPTED);
    let of = |is_it: &dyn Fn(&Message) -> bool| {
        let found = messages.iter().find(|message| is_it(message));
        found.map_or("", |message| trace_of(message.header("traceparent")))
    };
    let stops = [
        (format!("ingress' log, webhook {event}"), trace_in(&log, event)),
        (
            "message to the reconciler".to_owned(),
            of(&|it| it.header("Nats-Msg-Id").ends_with(event)),
        ),
        ("message to the egress".to_owned(), of(&|it| it.subject.ends_with(&state))),
        ("public event".to_owned(), of(&|it| it.subject.ends_with(&created))),
        (format!("GET {}", call.path), trace_of(&call.traceparent)),
    ];
    let told = stops.get(usize::from(!is_logged)..).unwrap_or_default();
    for (stop, trace) in told {
        let trace = if trace.is_empty() { "(none)" } else { trace };
        told::line(format_args!("            {trace:TRACE$}  {stop}"))?;
    }
    if !is_logged {
        told::line(format_args!(
            "            (ingress tells with `cargo dev up --log {}`)",
            Scene::LOG
        ))?;
    }
    let ids: BTreeSet<&str> = told.iter().map(|(_, trace)| *trace).collect();
    scene.holds("it is one trace", ids.len() == 1 && ids.into_iter().all(is_trace))
}

/// The trace id in a `traceparent`.
fn trace_of(traceparent: &str) -> &str {
    traceparent.split('-').nth(1).unwrap_or_default()
}

/// The trace id of the log line about an event, in either format of the logs; empty when there is none.
fn trace_in<'l>(log: &'l str, event: &str) -> &'l str {
    let mut lines = log.lines().filter(|line| line.contains(event));
    let after = lines.find_map(|line| Some(line.rsplit_once("trace_id")?.1)).unwrap_or_default();
    let trace = after.trim_start_matches(['"', ':', '=']);
    trace.get(..TRACE).unwrap_or_default()
}

fn is_trace(id: &str) -> bool {
    id.len() == TRACE && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && id != "0".repeat(TRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn the_trace_is_found_in_both_formats_of_the_log() {
        let text = format!(
            "DEBUG webhook: other trace_id=0 span_id=1\n\
             DEBUG webhook: webhook accepted event.id=\"01AB\" trace_id={ID} span_id=b7ad6b7169203331\n"
        );
        let json = format!(
            r#"{{"message":"webhook accepted","event.id":"01AB","trace_id":"{ID}","span_id":"b7"}}"#
        );
        assert_eq!((trace_in(&text, "01AB"), trace_in(&json, "01AB")), (ID, ID));
        assert_eq!((trace_in(&text, "01CD"), trace_in("", "01AB")), ("", ""));
    }

    #[test]
    fn a_missing_trace_is_none() {
        assert!(is_trace(trace_of(&format!("00-{ID}-b7ad6b7169203331-01"))));
        assert!(!is_trace(trace_of("")) && !is_trace(&"0".repeat(TRACE)) && !is_trace("4bf9"));
    }
}
