//! The table of events as people read it.

use std::fmt::Write as _;

use tandem_dev::workspace;

use super::{
    bodies,
    row::{Case, Does, Edit, Row, Shows, Told},
    table::rows,
};

/// Where it is kept.
const PLACE: &str = "services/shared/connectors/EVENTS.md";

const HEAD: &str = "\
# What each event does

<!-- Rendered from tests/flows/events/table.rs. To renew it: UPDATE_DOCS=1 cargo dev test --no-check -p tandem-tests -E 'test(events)' -->

One row for each type of event that PagerDuty's webhooks v3 tell. Each row is played by a test against the
simulated PagerDuty, and names, texts and values are those of the test. The last column is the other direction:
the edit on the platform that makes PagerDuty tell the same, and the one call it costs; its event then changes nothing
any more. Who is assigned, and by which policy, is PagerDuty's own: those are not written. Bringing people in is asked
for, where `--sync-escalations true` says so.

What PagerDuty has no event for shows with the next event that shows the incident. `incident.priority_changed` is an
older name of `incident.priority_updated`. A type that is not known is never refused.

| PagerDuty tells | on the platform | the edit on the platform, and its call |
|---|---|---|
";

fn document() -> String {
    rows().fold(HEAD.to_owned(), |mut text, row| {
        let (told, cases, edits) = (told(row), each(row.cases, case), each(row.edits, edit));
        writeln!(text, "| {told} | {cases} | {edits} |").expect("a string takes it");
        text
    })
}

fn each<T>(of: &[T], show: fn(&T) -> String) -> String {
    if of.is_empty() {
        return "–".to_owned();
    }
    of.iter().map(show).collect::<Vec<_>>().join("<br>")
}

fn told(row: &Row) -> String {
    match row.told {
        Told::As(event) => format!("`{event}`"),
        Told::AsUnknown(event) => format!("an unknown type, such as `{event}`"),
        Told::Later(what) => format!("no event: {what}"),
    }
}

fn case(case: &Case) -> String {
    let tell = |shows: &Shows| match shows {
        Shows::Field(name, value) => format!("{name} is `{value}`"),
        Shows::Line(text) => format!("timeline: “{text}”"),
        Shows::Note(text) => format!("note: `{text}`"),
    };
    let shown: Vec<_> = case.shows.iter().map(tell).collect();
    let shown = if shown.is_empty() { "on record only".to_owned() } else { shown.join(", ") };
    if matches!(case.does, Does::Merge) { format!("when merged: {shown}") } else { shown }
}

fn edit(edit: &Edit) -> String {
    let words = edit.words.iter().filter(|word| **word != "{id}");
    let words = words
        .map(|word| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() });
    let words = words.collect::<Vec<_>>().join(" ");
    let Some(call) = edit.call else { return format!("`{words}`: none") };
    let writes = call.writes.iter().map(|(name, value)| match *value {
        "" => name.to_string(),
        value => format!("{name} `{value}`"),
    });
    format!("`{words}`: `{}` with {}", call.request, writes.collect::<Vec<_>>().join(", "))
}

#[test]
fn every_type_there_is_an_example_of_has_a_row() {
    let is_told = |event: &str| {
        rows()
            .any(|row| matches!(row.told, Told::As(told) | Told::AsUnknown(told) if told == event))
    };
    for example in bodies::examples() {
        let event = example["event"]["event_type"].as_str().unwrap();
        assert!(is_told(event), "{event}");
    }
}

#[test]
fn the_documentation_says_what_the_tests_play() {
    let path = workspace::root().unwrap().join(PLACE);
    let document = document();
    if renews() {
        std::fs::write(&path, &document).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == document, "{PLACE} is out of date; UPDATE_DOCS=1 renews it:\n{document}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by its environment, not by arguments"
)]
fn renews() -> bool {
    std::env::var("UPDATE_DOCS").is_ok_and(|value| value == "1")
}
