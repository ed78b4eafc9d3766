//! The table of calls as people read it: CALLS.md, rendered from what calls are checked with.

use std::fmt::Write as _;
use std::path::Path;

use super::routes::{Cap, ROUTES, Route};
use super::strict::Shape;

const HEAD: &str = "\
# What each call takes

<!-- Rendered from src/rest/routes.rs. To renew it: UPDATE_DOCS=1 cargo nextest run -p tandem-pagerduty-sim document -->

Whatever is not named here is a violation: PagerDuty would silently ignore it, or miss it. A `*` marks what has to be
there. A reference is `{\"id\"*, \"type\"*, \"summary\", \"self\", \"html_url\"}`, with one of the types that are named. Lists
take `limit` (25, at most 100), `offset` (with the limit at most 10000) and `total`.

";

fn document() -> String {
    ROUTES.iter().fold(HEAD.to_owned(), |mut text, route| {
        text.push_str(&section(route));
        text
    })
}

fn section(route: &Route) -> String {
    let mut text = format!("## `{} {}`\n\n", route.method, route.path);
    let mut line = |what: &str| writeln!(text, "- {what}").expect("a string takes it");
    if route.open {
        line("no key: the routing key in the body is the credential");
    }
    if route.from {
        line("`From` with keys of the account");
    }
    match route.cap {
        Some(Cap::BulkUpdate) => line("a limit of its own, `bulk_updates_per_minute`"),
        Some(Cap::Create) => line("a limit of its own, `creates_per_minute`"),
        Some(Cap::OnCalls) => line("a limit of its own, `oncalls_per_minute`"),
        None => {}
    }
    if !route.query.is_empty() {
        line(&format!("query: {}", list(route.query)));
    }
    if !route.include.is_empty() {
        line(&format!("`include[]`: {}", list(route.include)));
    }
    match route.body {
        None if route.method == "GET" => {}
        None => line("no body"),
        Some(Shape::Any) => line("body: any object"),
        Some(shape) => {
            line("body:");
            write!(text, "\n```\n{}\n```\n", of(shape, 0)).expect("a string takes it");
        }
    }
    // A call that takes nothing at all has only its heading.
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    text
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn of(shape: Shape, depth: usize) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Int => "integer".to_owned(),
        Shape::Bool => "true | false".to_owned(),
        Shape::Any => "anything".to_owned(),
        Shape::Word(words) if words.len() > 6 => "one of the event types".to_owned(),
        Shape::Word(words) => {
            words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" | ")
        }
        Shape::Required(inner) => of(*inner, depth),
        Shape::Nullable(inner) => format!("{} | null", of(*inner, depth)),
        Shape::Either(one, other) => format!("{} | {}", of(*one, depth), of(*other, depth)),
        Shape::List(inner) => format!("[ {} ]", of(*inner, depth)),
        Shape::Object(members) => object(members, depth),
    }
}

fn object(members: &[(&str, Shape)], depth: usize) -> String {
    if let [("id", _), ("type", Shape::Required(Shape::Word(words))), .., ("html_url", _)] = members
    {
        return format!("reference ({})", words.join(" | "));
    }
    let indent = "  ".repeat(depth + 1);
    let lines = members.iter().map(|(name, shape)| {
        let star = if matches!(shape, Shape::Required(_)) { "*" } else { "" };
        format!("{indent}\"{name}\"{star}: {}\n", of(*shape, depth + 1))
    });
    format!("{{\n{}{}}}", lines.collect::<String>(), "  ".repeat(depth))
}

#[test]
fn the_document_says_what_calls_are_checked_with() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CALLS.md");
    let document = document();
    if renews() {
        std::fs::write(&path, &document).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == document, "CALLS.md is out of date; UPDATE_DOCS=1 renews it");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by its environment, not by arguments"
)]
fn renews() -> bool {
    std::env::var("UPDATE_DOCS").is_ok_and(|value| value == "1")
}
